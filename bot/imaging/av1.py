"""What an AV1 stream says of its colours by number: an AVIF may leave that to it and not say it in its boxes.

Only the beginning of the stream is read, bit by bit, as far as there is anything.
"""

from __future__ import annotations

from typing import Final

from bot.imaging.boxes import item_data, items

_SEQUENCE_HEADER: Final = 1
_PRIMARY_AV1: Final = b"av01"
_HEAD: Final = 4096
"""Bytes of a stream that are looked at: its header has some twenty and stands first."""


def numbers(data: bytes) -> tuple[int, int] | None:
    """The numbers of primaries and transfer that an AVIF's first picture says; None where it says nothing.

    Raises IndexError, ValueError and struct.error where it makes no sense.
    """
    first = next((number for number, kind in items(data) if kind == _PRIMARY_AV1), None)
    header = None if first is None else _sequence_header(item_data(data, first)[:_HEAD])
    return None if header is None else _colours(_Bits(header))


def _sequence_header(stream: bytes) -> bytes | None:
    at = 0
    while at < len(stream):
        head = stream[at]
        at += 2 if head & 4 else 1
        length, shift = len(stream) - at, 0
        if head & 2:
            length = 0
            while True:
                byte = stream[at]
                at += 1
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128 or shift > 56:
                    break
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            return stream[at : at + length]
        at += length
    return None


class _Bits:
    """Reads numbers of some bits each. Raises ValueError at the end."""

    def __init__(self, data: bytes) -> None:
        self._whole, self._left = int.from_bytes(data, "big"), len(data) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError("the header ends early")
        self._left -= count
        return self._whole >> self._left & ((1 << count) - 1)

    def flag(self) -> bool:
        return bool(self.take(1))


def _colours(bits: _Bits) -> tuple[int, int] | None:
    """Everything up to the colours is read over: the AV1 specification, 5.5.1 and 5.5.2."""
    profile = bits.take(3)
    bits.take(1)
    reduced = bits.flag()
    if reduced:
        bits.take(5)
    else:
        _operating_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    bits.take(wide + high)
    if not reduced and bits.flag():
        bits.take(7)
    bits.take(3)
    if not reduced:
        _tools(bits)
    bits.take(3)
    if bits.flag() and profile == 2:
        bits.take(1)
    if profile != 1:
        bits.take(1)
    return (bits.take(8), bits.take(8)) if bits.flag() else None


def _operating_points(bits: _Bits) -> None:
    delay = 0
    if bits.flag():
        bits.take(64)
        if bits.flag():
            zeros = 0
            while not bits.flag():
                zeros += 1
            bits.take(zeros)
        if bits.flag():
            delay = bits.take(5) + 1
            bits.take(42)
    shown = bits.flag()
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay and bits.flag():
            bits.take(2 * delay + 1)
        if shown and bits.flag():
            bits.take(4)


def _tools(bits: _Bits) -> None:
    bits.take(4)
    ordered = bits.flag()
    if ordered:
        bits.take(2)
    forced = True if bits.flag() else bits.flag()
    if forced and not bits.flag():
        bits.take(1)
    if ordered:
        bits.take(3)

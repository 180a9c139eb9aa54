"""Reads the boxes that HEIC and AVIF files are made of, as far as they are whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_META: Final = 4
"""Bytes at the beginning of a box that has a version."""


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each box by its name, up to one that is not whole."""
    at = 0
    while at + 8 <= len(data):
        length, head = int.from_bytes(data[at : at + 4], "big"), 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        length = length or len(data) - at
        if length < head or at + length > len(data):
            return
        yield data[at + 4 : at + 8], data[at + head : at + length]
        at += length


def within(data: bytes, name: bytes) -> bytes:
    """What is in the first box of that name; nothing where there is none."""
    return next((body for found, body in boxes(data) if found == name), b"")


def meta(data: bytes) -> bytes:
    """The boxes that describe what is in the file."""
    return within(data, b"meta")[_META:]


def codings(data: bytes) -> set[bytes]:
    """In what ways the items of the file are coded: pictures, and what is told of them."""
    return {kind for _, kind in items(data)}


def items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The number of each item, and in what way it is coded."""
    listed = within(meta(data), b"iinf")
    for name, body in boxes(listed[_META + (4 if listed[:1] > b"\0" else 2) :]):
        if name == b"infe" and body[:1] >= b"\2":
            wide = 2 if body[:1] == b"\2" else 4
            at = _META + wide + 2
            yield int.from_bytes(body[_META : _META + wide], "big"), body[at : at + 4]


def item_data(data: bytes, item: int) -> bytes:
    """The first piece of what an item is, where the file holds it as it is. Raises IndexError.

    Empty where the file says nothing of it, or keeps it elsewhere.
    """
    iloc = _Numbers(within(meta(data), b"iloc"))
    version = iloc.take(1)
    iloc.take(3)
    sizes, more = iloc.take(1), iloc.take(1)
    offset, length, base, index = sizes >> 4, sizes & 15, more >> 4, more & 15 if version else 0
    for _ in range(iloc.take(2 if version < 2 else 4)):
        number = iloc.take(2 if version < 2 else 4)
        here = iloc.take(2) & 15 == 0 if version else True
        iloc.take(2)
        start, pieces = iloc.take(base), iloc.take(2)
        if number == item and here and pieces:
            iloc.take(index)
            at, size = start + iloc.take(offset), iloc.take(length)
            return data[at : at + size] if size else data[at:]
        # At once: a file may promise thousands of pieces that are described in no bytes.
        iloc.take(pieces * (index + offset + length))
    return b""


class _Numbers:
    """Reads numbers of some bytes each."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        """The next number; 0 of no bytes. Raises IndexError at the end."""
        if self._at + count > len(self._data):
            raise IndexError("the box ends early")
        self._at += count
        return int.from_bytes(self._data[self._at - count : self._at], "big")

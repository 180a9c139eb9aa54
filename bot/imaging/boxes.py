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
    found = set()
    listed = within(meta(data), b"iinf")
    for name, body in boxes(listed[_META + (4 if listed[:1] > b"\0" else 2) :]):
        if name == b"infe" and body[:1] >= b"\2":
            at = _META + (2 if body[:1] == b"\2" else 4) + 2
            found.add(body[at : at + 4])
    return found

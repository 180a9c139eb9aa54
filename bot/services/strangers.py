"""What is no photo, by how it begins: said of each kind in the words that help whoever posted it."""

from __future__ import annotations

import re

from bot.imaging.kinds import Kind, recognise
from storage.records.media import Refusal

_OTHER_ARCHIVES = (b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh")
_TAR = slice(257, 262)
_OFFICE = (b"[Content_Types].xml", b"_rels/", b"mimetype", b"META-INF/")
"""Names with which the zips begin that are documents and programs."""
_NAME = slice(30, 60)
"""Where the first name in a zip stands."""
_SVG = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_PAGE = re.compile(rb"^\s*(<!doctype html|<html|<head|<body)", re.IGNORECASE)


def no_photo(head: bytes) -> Refusal | None:
    """Why a file that begins like this is no photo; None where it may be one."""
    if not head:
        return Refusal.EMPTY
    match recognise(head):
        case Kind.PDF:
            return Refusal.DOCUMENT
        case Kind.VIDEO:
            return Refusal.IS_A_VIDEO
        case Kind.RAW:
            return Refusal.RAW
        case Kind.ZIP:
            return Refusal.NOT_A_PHOTO
        case Kind.OTHER:
            return _other(head)
        case _:
            return None


def _other(head: bytes) -> Refusal:
    if head.startswith(_OTHER_ARCHIVES) or head[_TAR] == b"ustar":
        return Refusal.ARCHIVE_PACKED
    # A page may show a drawing, so it is asked for first; what a drawing begins with is no page.
    if _PAGE.search(head):
        return Refusal.WEB_PAGE
    return Refusal.DRAWING if _SVG.search(head) else Refusal.NOT_A_PHOTO


def is_office(head: bytes) -> bool:
    """Whether a zip is a document or a program, whatever pictures it has inside."""
    return head[_NAME].startswith(_OFFICE)

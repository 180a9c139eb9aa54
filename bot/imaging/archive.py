"""Reads a zip of photos without believing a word of it.

Nothing is ever written to a path the archive names: members are yielded one at a time, each as bytes and a
name that is fit to be shown, or with the reason why not. Blocking. Unfolding is counted as it goes, so that a
bomb costs no more than a photo may.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from bot.imaging.faults import Fault, Unusable
from bot.imaging.kinds import Kind, recognise

_END: Final = b"PK\x05\x06"
_END_SIZE: Final = 22
_COMMENT: Final = 0xFFFF
_PER_ENTRY: Final = 512
"""Bytes of the directory per entry that are plenty: it is held in memory whole."""
_CHUNK: Final = 256 * 1024
_UNSUSPICIOUS: Final = 1024 * 1024
"""Bytes up to which it does not matter how small they were."""
_NAME: Final = 80
_HIDDEN: Final = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
"""What computers put into archives unasked: nothing is said of it."""
_UNSAFE: Final = re.compile(r"^(/|[A-Za-z]:)|(^|/)\.\.(/|$)")
_STRONG: Final = 0x0040
_MASKED: Final = 0x2000
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The others either unfold with gigabytes of memory or are not read by everybody."""
_FAILURES: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an archive may hold."""

    entries: int = 1000
    """Names in it, folders and all; past this it is refused unread."""
    photos: int = 100
    member_bytes: int = 30 * 1024 * 1024
    total_bytes: int = 1024 * 1024 * 1024
    """Of everything unfolded."""
    ratio: int = 200
    """How many times its own size a member may unfold to. Photos hardly shrink at all."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its bytes, or why not."""

    name: str
    """Fit to be shown: without folders, control characters and length."""
    data: bytes | None = None
    fault: Fault | None = None
    of: int = field(default=0, compare=False)
    """How many there are in the archive."""


def members(file: BinaryIO, allowance: Allowance) -> Iterator[Member]:
    """Each file of a zip, in the order of its directory. Raises Unusable where the whole cannot be read."""
    _refuse_crowd(file, allowance)
    try:
        archive = zipfile.ZipFile(file)
    except _FAILURES as error:
        raise Unusable(Fault.DAMAGED) from error
    with archive:
        entries = [one for one in archive.infolist() if not one.is_dir() and not _HIDDEN.search(_path(one))]
        if len(archive.infolist()) > allowance.entries:
            raise Unusable(Fault.ARCHIVE_CROWDED)
        if not entries:
            raise Unusable(Fault.ARCHIVE_EMPTY)
        if sum(one.file_size for one in entries) > allowance.total_bytes:
            raise Unusable(Fault.ARCHIVE_BOMB)
        yield from _each(archive, entries, allowance)


def look_through(file: BinaryIO, allowance: Allowance) -> None:
    """Unpack each file of a zip, and keep none. Raises Unusable for the first that is at fault."""
    for member in members(file, allowance):
        if member.fault is not None:
            raise Unusable(member.fault)


def _refuse_crowd(file: BinaryIO, allowance: Allowance) -> None:
    """Look at the end of the file before the whole directory is read: Python believes the size told there."""
    length = file.seek(0, 2)
    file.seek(max(0, length - _END_SIZE - _COMMENT))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise Unusable(Fault.DAMAGED)
    entries, size = struct.unpack_from("<HI", tail, at + 10)
    file.seek(0)
    # All ones point to a longer directory elsewhere: over 65,534 entries, or over four gigabytes.
    if entries > allowance.entries or size > allowance.entries * _PER_ENTRY:
        raise Unusable(Fault.ARCHIVE_CROWDED)


def _each(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], allowance: Allowance) -> Iterator[Member]:
    seen: set[str] = set()
    taken = unfolded = 0
    for entry in entries:
        path = _path(entry)
        fault = Fault.ARCHIVE_TWICE if path in seen else _fault_of(entry, path, allowance)
        seen.add(path)
        if fault is None and taken >= allowance.photos:
            fault = Fault.TOO_MANY
        data = None
        if fault is None:
            data, fault, read = _unfold(
                archive, entry, min(allowance.member_bytes, allowance.total_bytes - unfolded), allowance
            )
            unfolded += read
            taken += data is not None
        yield Member(_shown(path), data, fault, len(entries))


def _fault_of(entry: zipfile.ZipInfo, path: str, allowance: Allowance) -> Fault | None:
    """What is wrong with a member by what the directory says of it."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind and not stat.S_ISREG(kind):
        return Fault.ARCHIVE_LINK
    if _UNSAFE.search(path):
        return Fault.ARCHIVE_PATH
    if entry.flag_bits & (1 | _STRONG | _MASKED):
        return Fault.ARCHIVE_ENCRYPTED
    if entry.compress_type not in _METHODS:
        return Fault.ARCHIVE_PACKED
    if entry.file_size > max(_UNSUSPICIOUS, entry.compress_size * allowance.ratio):
        return Fault.ARCHIVE_BOMB
    return Fault.TOO_LARGE if entry.file_size > allowance.member_bytes else None


def _unfold(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int, allowance: Allowance
) -> tuple[bytes | None, Fault | None, int]:
    """The bytes of a member or what is wrong with it, and how many were unfolded to know."""
    data = bytearray()
    try:
        with archive.open(entry) as source:
            while chunk := source.read(_CHUNK):
                data += chunk
                if len(data) > max(_UNSUSPICIOUS, entry.compress_size * allowance.ratio):
                    return None, Fault.ARCHIVE_BOMB, len(data)
                if len(data) > most:
                    return None, Fault.TOO_LARGE, len(data)
    except _FAILURES:
        return None, Fault.DAMAGED, len(data)
    if recognise(bytes(data[:64])) is Kind.ZIP:
        return None, Fault.ARCHIVE_NESTED, len(data)
    return bytes(data), None, len(data)


def _path(entry: zipfile.ZipInfo) -> str:
    return entry.filename.replace("\\", "/")


def _shown(path: str) -> str:
    last = "".join(letter for letter in path.rsplit("/", 1)[-1] if letter.isprintable()).strip()
    return last[-_NAME:] or "file"

"""A zip of photos gives its photos, and for everything else the reason."""

from __future__ import annotations

import io
import itertools
import stat
import struct
import zipfile
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.imaging.archive import Allowance, Member, members
from bot.imaging.faults import Fault, Unusable
from tests.imaging.made import corners, file_of

PHOTO = file_of(corners(), "JPEG")
USUAL = Allowance()


def zipped(files: Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data, method if isinstance(name, str) else None)
    return out.getvalue()


def read(data: bytes, allowance: Allowance = USUAL) -> list[Member]:
    return list(members(io.BytesIO(data), allowance))


def faults(data: bytes, allowance: Allowance = USUAL) -> list[Fault | None]:
    return [member.fault for member in read(data, allowance)]


def refused(data: bytes, allowance: Allowance = USUAL) -> Fault:
    with pytest.raises(Unusable) as unusable:
        read(data, allowance)
    return unusable.value.fault


def entry(name: str, mode: int = 0) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    return made


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_photos_come_out_as_they_went_in_from_any_folder(method: int) -> None:
    found = read(
        zipped([("a.jpg", PHOTO), ("holiday/2024/b.jpg", PHOTO + b"b"), ("win\\c.jpg", PHOTO)], method)
    )
    assert found == [
        Member("a.jpg", PHOTO),
        Member("b.jpg", PHOTO + b"b"),
        Member("c.jpg", PHOTO),
    ]


def test_the_same_name_in_two_folders_is_two_files_and_twice_in_one_is_not() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zipped([("a/1.jpg", PHOTO), ("b/1.jpg", PHOTO), ("a/1.jpg", PHOTO)])
    assert faults(data) == [None, None, Fault.ARCHIVE_TWICE]


def test_what_computers_put_in_unasked_is_not_spoken_of() -> None:
    hidden = ("__MACOSX/._a.jpg", "._b.jpg", "photos/.DS_Store", "Thumbs.db", "x/desktop.ini")
    found = read(zipped([("photos/", b""), ("a.jpg", PHOTO), *((name, b"?") for name in hidden)]))
    assert [member.name for member in found] == ["a.jpg"]


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../../a.jpg", "x/../../a.jpg", "C:\\a.jpg", "..\\a.jpg", "c:a.jpg", "x/.."]
)
def test_a_name_that_leads_out_of_the_archive_is_refused(name: str) -> None:
    (found,) = read(zipped([(name, PHOTO)]))
    assert (found.fault, found.data) == (Fault.ARCHIVE_PATH, None)
    assert "/" not in found.name
    assert "\\" not in found.name


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_devices_are_no_photos(mode: int) -> None:
    assert faults(zipped([(entry("a.jpg", mode), b"/etc/passwd")])) == [Fault.ARCHIVE_LINK]


def test_common_rights_are_no_reason() -> None:
    assert faults(zipped([(entry("a.jpg", stat.S_IFREG | 0o644), PHOTO), (entry("b.jpg"), PHOTO)])) == [
        None,
        None,
    ]


@pytest.mark.parametrize("inner", [zipped([("a.jpg", PHOTO)]), zipped([])])
def test_an_archive_in_an_archive_is_not_opened_whatever_it_is_called(inner: bytes) -> None:
    assert faults(zipped([("a.jpg", inner)])) == [Fault.ARCHIVE_NESTED]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_is_packed_in_an_uncommon_way_is_not_unfolded(method: int) -> None:
    assert faults(zipped([("a.jpg", PHOTO)], method)) == [Fault.ARCHIVE_PACKED]


def flagged(data: bytes, flag: int) -> bytes:
    """The same with a flag set on the first member, in both places where it stands."""
    made, at = bytearray(data), data.index(b"PK\x01\x02")
    for place in (6, at + 8):
        struct.pack_into("<H", made, place, struct.unpack_from("<H", made, place)[0] | flag)
    return bytes(made)


@pytest.mark.parametrize("flag", [1, 0x41, 0x2000])
def test_a_member_with_a_password_says_so(flag: int) -> None:
    assert faults(flagged(zipped([("a.jpg", PHOTO), ("b.jpg", PHOTO)]), flag)) == [
        Fault.ARCHIVE_ENCRYPTED,
        None,
    ]


def test_a_bomb_is_known_by_what_it_says() -> None:
    assert faults(zipped([("a.jpg", bytes(20_000_000)), ("b.jpg", PHOTO)])) == [Fault.ARCHIVE_BOMB, None]


def test_a_bomb_that_says_it_is_small_is_known_as_it_unfolds() -> None:
    data = bytearray(zipped([("a.jpg", bytes(20_000_000)), ("b.jpg", PHOTO)]))
    at = data.index(b"PK\x01\x02")
    for place in (22, at + 24):
        struct.pack_into("<I", data, place, 1000)
    (bomb, photo) = read(bytes(data))
    assert bomb.data is None
    assert bomb.fault in {Fault.ARCHIVE_BOMB, Fault.DAMAGED}
    assert photo.fault is None


def test_an_archive_that_unfolds_to_too_much_in_all_is_refused_unread() -> None:
    data = zipped([(f"{n}.jpg", PHOTO) for n in range(9)])
    assert refused(data, Allowance(total_bytes=5 * len(PHOTO))) is Fault.ARCHIVE_BOMB


def test_a_photo_larger_than_may_be_is_refused_by_itself() -> None:
    data = zipped([("a.jpg", PHOTO), ("b.jpg", PHOTO[:200])])
    assert faults(data, Allowance(member_bytes=1000)) == [Fault.TOO_LARGE, None]


def test_ten_thousand_entries_are_refused_unread() -> None:
    assert refused(zipped([(f"{n}.jpg", b"") for n in range(10_000)])) is Fault.ARCHIVE_CROWDED


def test_a_directory_longer_than_it_says_is_not_read() -> None:
    data = bytearray(zipped([(f"{n}.jpg", b"") for n in range(1200)]))
    struct.pack_into("<HH", data, data.rindex(b"PK\x05\x06") + 8, 1, 1)
    assert refused(bytes(data)) is Fault.ARCHIVE_CROWDED


def test_more_photos_than_a_post_may_carry_are_named_and_not_taken() -> None:
    data = zipped([(f"{n}.jpg", PHOTO + bytes([n])) for n in range(5)])
    assert faults(data, Allowance(photos=3)) == [None, None, None, Fault.TOO_MANY, Fault.TOO_MANY]


def test_an_empty_archive_says_so() -> None:
    assert refused(zipped([])) is Fault.ARCHIVE_EMPTY
    assert refused(zipped([("folder/", b""), ("__MACOSX/x", b"")])) is Fault.ARCHIVE_EMPTY


def test_a_member_that_is_damaged_does_not_take_the_others_with_it() -> None:
    data = bytearray(zipped([("a.jpg", PHOTO), ("b.jpg", PHOTO)], zipfile.ZIP_STORED))
    data[len(PHOTO) // 2] ^= 0xFF
    assert faults(bytes(data)) == [Fault.DAMAGED, None]


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_an_archive_cut_off_anywhere_is_damaged(part: float) -> None:
    data = zipped([("a.jpg", PHOTO), ("b.jpg", PHOTO)])
    assert refused(data[: int(len(data) * part)]) is Fault.DAMAGED


def test_names_are_fit_to_be_shown() -> None:
    names = ["a\x07\u202eb.jpg", "x/" + "y" * 300 + ".jpg", "\n"]
    found = read(zipped((name, PHOTO) for name in names))
    assert [member.name for member in found] == ["ab.jpg", "y" * 76 + ".jpg", "file"]


WHOLE = zipped([("a.jpg", PHOTO[:900]), ("b/c.png", b"123" * 99), (entry("l", stat.S_IFLNK), b"x")])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_whatever_is_changed_in_an_archive_it_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE)
    for at, value in changes:
        data[at] = value
    try:
        found = list(itertools.islice(members(io.BytesIO(bytes(data)), USUAL), 100))
    except Unusable:
        return
    assert all((member.data is None) == (member.fault is not None) for member in found)

"""What is posted is taken for what its bytes say, and an archive for the photos in it."""

from __future__ import annotations

import asyncio
import io
import zipfile
from pathlib import Path

import pytest

from bot.services.errors import PhotoRefused
from bot.services.inputs import Role
from bot.services.sorting import Room
from storage.errors import StoreFull
from storage.records.media import Medium, Refusal
from storage.records.trays import TrayEntry
from tests.imaging.test_video import film
from tests.stand_ins import MOST, Engine, incoming, picture, zipped

PDF = b"%PDF-1.7\n1 0 obj\nendobj\ntrailer\n%%EOF\n"


async def take(
    house: Engine, data: bytes, role: Role | None = None, *, room: int = 100, size: int = 0
) -> list[TrayEntry]:
    return await house.services.sorter.take("F1", "any.name", role, incoming(data, size), Room(room))


async def refused(house: Engine, data: bytes, role: Role | None = None, size: int = 0) -> Refusal:
    with pytest.raises(PhotoRefused) as why:
        await take(house, data, role, size=size)
    assert house.rows("SELECT * FROM medium") == []
    return why.value.refusal


def said(entries: list[TrayEntry]) -> list[tuple[str, str | None]]:
    return [(one.name, one.refusal and one.refusal.value) for one in entries]


def files(house: Engine) -> list[Path]:
    return [path for path in (house.data_dir / "media").rglob("*") if path.is_file()]


async def test_a_photo_a_film_and_a_zip_are_known_by_their_bytes(house: Engine) -> None:
    (photo,) = await take(house, picture())
    assert (photo.role, photo.refusal, photo.source) == ("photo", None, "F1")
    (video,) = await take(house, film())
    assert (video.role, video.refusal) == ("video", None)
    (member,) = await take(house, zipped({"a.jpg": picture()}))
    assert (member.role, member.medium, member.source) == ("photo", photo.medium, "F1#1")


async def test_photos_of_an_archive_have_their_names_and_its_order(house: Engine) -> None:
    photos = {f"holiday/{name}.jpg": picture(n) for n, name in enumerate(("zoe", "ana", "lee"))}
    entries = await take(house, zipped(photos))
    assert [one.name for one in entries] == ["zoe.jpg", "ana.jpg", "lee.jpg"]
    assert len({one.medium for one in entries}) == 3
    assert len({one.source for one in entries}) == 3


async def test_what_is_wrong_with_one_file_of_an_archive_is_said_of_it_alone(house: Engine) -> None:
    entries = await take(
        house,
        zipped(
            {
                "good.jpg": picture(1),
                "__MACOSX/._good.jpg": b"a shadow",
                ".DS_Store": b"a window's place",
                "Thumbs.db": b"small ones",
                "notes.txt": b"dear diary",
                "nothing.jpg": b"",
                "film.mp4": film(),
                "../../etc/evil.jpg": picture(2),
                "inner.zip": zipped({"a.jpg": picture()}),
                "bomb.png": bytes(4_000_000),
                "letter.pdf": PDF,
                "cut.jpg": picture(3)[:300],
                "last.jpg": picture(4),
            }
        ),
    )
    assert said(entries) == [
        ("good.jpg", None),
        ("notes.txt", "not_a_photo"),
        ("nothing.jpg", "empty"),
        ("film.mp4", "is_a_video"),
        ("evil.jpg", "archive_path"),
        ("inner.zip", "archive_nested"),
        ("bomb.png", "archive_bomb"),
        ("letter.pdf", "document"),
        ("cut.jpg", "damaged"),
        ("last.jpg", None),
    ]
    assert len(files(house)) == 2


async def test_a_photo_of_an_archive_that_is_too_small_is_told_with_its_size(house: Engine) -> None:
    (entry,) = await take(house, zipped({"small.jpg": picture(1, size=(200, 240))}))
    assert (entry.refusal, entry.width, entry.height) == (Refusal.TOO_SMALL, 200, 240)


async def test_an_archive_is_read_from_the_disk_and_nothing_of_it_stays_there(house: Engine) -> None:
    await take(house, zipped({"a.jpg": picture(1), "b.jpg": picture(2)}))
    await take(house, zipped({"a.jpg": picture(1), "b.jpg": b"words"}))
    with pytest.raises(PhotoRefused):
        await take(house, zipped({"a.jpg": picture(3)})[:-10])
    assert len(files(house)) == 2
    assert house.rows("SELECT count(*) FROM medium") == [(2,)]


async def test_an_archive_that_is_larger_than_it_may_be_is_cut_off(house: Engine) -> None:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        archive.writestr("a.jpg", bytes(MOST))
    assert await refused(house, stored.getvalue()) is Refusal.TOO_LARGE
    assert files(house) == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (zipped({}), Refusal.ARCHIVE_EMPTY),
        (zipped({"__MACOSX/._a.jpg": b"a shadow"}), Refusal.ARCHIVE_EMPTY),
        (zipped({f"{n}.jpg": b"" for n in range(1001)}), Refusal.ARCHIVE_CROWDED),
        (b"PK\x03\x04" + bytes(999), Refusal.DAMAGED),
        (zipped({"[Content_Types].xml": b"<Types/>", "word/media/a.jpg": picture()}), Refusal.NOT_A_PHOTO),
    ],
)
async def test_an_archive_that_is_none_is_refused_as_one_file(
    house: Engine, data: bytes, why: Refusal
) -> None:
    assert await refused(house, data) is why
    assert files(house) == []


async def test_what_a_post_may_carry_is_shared_by_its_archives_and_the_rest_is_one_line(
    house: Engine,
) -> None:
    room = Room(3)
    first = zipped({f"a{n}.jpg": picture(n) for n in range(2)})
    second = zipped({"no.txt": b"words", **{f"b{n}.jpg": picture(n) for n in range(2, 9)}})
    entries = await house.services.sorter.take("F1", "one.zip", None, incoming(first), room)
    entries += await house.services.sorter.take("F2", "two.zip", None, incoming(second), room)
    assert said(entries) == [
        ("a0.jpg", None),
        ("a1.jpg", None),
        ("no.txt", "not_a_photo"),
        ("b2.jpg", None),
        ("two.zip", "archive_rest"),
    ]


async def test_of_an_archive_of_other_things_a_hundred_are_named(house: Engine) -> None:
    entries = await take(house, zipped({f"{n:03}.txt": b"words" for n in range(300)}))
    assert len(entries) == 101
    assert said(entries)[-1] == ("any.name", "archive_rest")


async def test_a_full_disk_in_the_middle_of_an_archive_is_told_and_nothing_stays_aside(
    house: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = house.store.media.put
    begun: list[bytes] = []

    async def once(data: bytes) -> str:
        begun.append(data)
        if len(begun) > 1:
            raise StoreFull("the disk is full: nothing was stored")
        return await put(data)

    monkeypatch.setattr(house.store.media, "put", once)
    with pytest.raises(StoreFull):
        await take(house, zipped({"a.jpg": picture(1), "b.jpg": picture(2)}))
    assert [(path.name,) for path in files(house)] == house.rows("SELECT sha256 FROM medium")
    monkeypatch.undo()
    assert len(await take(house, zipped({f"{n}.jpg": picture(n) for n in range(5)}))) == 5


async def test_it_is_told_how_far_the_archives_of_a_post_have_come(house: Engine) -> None:
    told: list[tuple[int, int]] = []

    async def tell(looked: int, of: int) -> None:
        told.append((looked, of))

    room = Room(100, tell)
    for name, content in (("one", {"a.jpg": picture(1), "b.txt": b"words"}), ("two", {"c.jpg": picture(2)})):
        await house.services.sorter.take(name, "any.zip", None, incoming(zipped(content)), room)
    assert told == [(1, 2), (2, 2), (3, 3)]


async def test_several_photos_of_an_archive_are_looked_at_at_once_and_not_all_of_them(
    house: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, at_once, most = house.services.photos.add, [0], [0]
    full = asyncio.Event()

    async def watched(data: bytes) -> Medium:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        if at_once[0] == 3:
            full.set()
        # The first ones wait for each other; whoever comes later finds the way open.
        await full.wait()
        try:
            return await add(data)
        finally:
            at_once[0] -= 1

    monkeypatch.setattr(house.services.photos, "add", watched)
    entries = await asyncio.wait_for(take(house, zipped({f"{n}.jpg": picture(n) for n in range(8)})), 120)
    assert [one.name for one in entries] == [f"{n}.jpg" for n in range(8)]
    assert most == [3]


@pytest.mark.parametrize(
    ("data", "role", "why"),
    [
        (b"", None, Refusal.EMPTY),
        (b"dear diary", None, Refusal.NOT_A_PHOTO),
        (b"\xef\xbb\xbf <!DOCTYPE HTML><body>"[3:], None, Refusal.WEB_PAGE),
        (b'<?xml version="1.0"?>\n<svg viewBox="0 0 1 1"/>', None, Refusal.DRAWING),
        (PDF, None, Refusal.DOCUMENT),
        (PDF, Role.TEMPLATE, Refusal.DOCUMENT),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), None, Refusal.ARCHIVE_PACKED),
        (bytes(257) + b"ustar" + bytes(99), None, Refusal.ARCHIVE_PACKED),
        (film(), Role.PHOTO, Refusal.IS_A_VIDEO),
        (picture(), Role.VIDEO, Refusal.NOT_A_VIDEO),
        (zipped({"a.jpg": picture()}), Role.TEMPLATE, Refusal.NOT_A_PHOTO),
        (zipped({"a.jpg": picture()}), Role.ID_FRONT, Refusal.NOT_A_PAPER),
        (film(), Role.LETTER, Refusal.NOT_A_PAPER),
        (PDF.replace(b"trailer", b"trailer <</Encrypt 7 0 R>>"), Role.LETTER, Refusal.PAPER_LOCKED),
    ],
)
async def test_what_is_not_what_it_should_be_is_refused_with_the_word_that_helps(
    house: Engine, data: bytes, role: Role | None, why: Refusal
) -> None:
    assert await refused(house, data, role) is why
    assert files(house) == []


async def test_a_photo_that_is_told_to_be_too_large_is_not_read(house: Engine) -> None:
    assert await refused(house, picture(), size=MOST + 1) is Refusal.TOO_LARGE


async def test_a_paper_is_taken_as_what_its_field_says(house: Engine) -> None:
    (letter,) = await take(house, PDF, Role.LETTER)
    (card,) = await take(house, picture(), Role.ID_FRONT)
    assert (letter.role, card.role) == ("letter", "id_front")


async def test_recordings_are_kept_as_they_came_and_nothing_else_is_taken_for_them(house: Engine) -> None:
    packed = zipped({"one.wav": b"RIFF" * 99, "two.wav": b"RIFF" * 100})
    (one,) = await take(house, packed, Role.VOICE)
    assert (one.role, one.refusal) == ("voice", None)
    assert house.rows("SELECT media_type, size FROM medium") == [("application/zip", len(packed))]
    assert [path.read_bytes() for path in files(house)] == [packed]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (picture(), Refusal.NOT_RECORDINGS),
        (b"RIFF" * 99, Refusal.NOT_RECORDINGS),
        (zipped({"../one.wav": b"RIFF"}), Refusal.ARCHIVE_PATH),
        (zipped({"one.wav": bytes(4_000_000)}), Refusal.ARCHIVE_BOMB),
        (zipped({}), Refusal.ARCHIVE_EMPTY),
    ],
    ids=["photo", "sound", "path", "bomb", "empty"],
)
async def test_a_zip_of_recordings_is_held_to_what_one_of_photos_is(
    house: Engine, data: bytes, why: Refusal
) -> None:
    assert await refused(house, data, Role.VOICE) is why


async def test_a_film_of_gestures_is_one_by_its_bytes(house: Engine) -> None:
    (gestures,) = await take(house, film(), Role.ACTION_VIDEO)
    assert gestures.role == "action_video"
    assert await refused_as_film(house, picture()) is Refusal.NOT_A_VIDEO


async def refused_as_film(house: Engine, data: bytes) -> Refusal:
    with pytest.raises(PhotoRefused) as why:
        await take(house, data, Role.ACTION_VIDEO)
    return why.value.refusal

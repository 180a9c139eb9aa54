"""Every bad file a person can post: one clear word about it, and nothing half-done left behind."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from bot.sandbox.slack import Scenario, Upload
from bot.services.errors import PhotoRefused
from bot.services.sorting import Room
from handlers.files import Downloader
from storage.errors import StoreFull
from storage.media import MediaStore
from storage.records.media import Refusal
from tests.fakes import Fault
from tests.stand_ins import MOST, Engine, whole, zipped
from tests.surface import Surface, fast_vendor, odd, photo, photos, stage

WHOLE = photo(1)
NAMELESS = {
    Scenario.CHECK_FILE_INFO_DENIED,
    Scenario.CHECK_FILE_INFO_GONE,
    Scenario.TOMBSTONE,
    Scenario.HIDDEN_BY_LIMIT,
}


def bomb() -> bytes:
    """40 megapixels in a few kilobytes."""
    out = io.BytesIO()
    Image.new("1", (9000, 8000)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (odd("notes.jpg", b"dear diary, this is no picture"), "is no picture of a kind I know, whatever its"),
        (
            odd("page.jpg", b"<!DOCTYPE html><html></html>"),
            "is a web page and no picture: save the picture on it and post that",
        ),
        (
            odd("page.html", b"\n <html><svg></svg></html>"),
            "is a web page and no picture: save the picture on it and post that",
        ),
        (odd("logo.svg", b'<?xml version="1.0"?><svg xmlns="x"></svg>'), "is a drawing (SVG) and no photo"),
        (odd("raw.jpg", b"FUJIFILMCCD-RAW 0201" + bytes(99)), "is a camera's raw file: export it as a JPEG"),
        (odd("passport.pdf", b"%PDF-1.7\n%%EOF"), "is a PDF and no photo: post the photos in it as pictures"),
        (odd("all.rar", b"Rar!\x1a\x07\x01\x00" + bytes(99)), "is packed in a way I cannot read"),
        (odd("empty.jpg", b""), "is empty (0 bytes)"),
        (odd("cut.jpg", WHOLE[: len(WHOLE) // 2]), "is damaged and cannot be decoded"),
        (odd("bomb.png", bomb()), "has too many pixels (more than 64 megapixels)"),
        (odd("thumb.jpg", photo(1, size=(200, 600))), "is too small (200 × 600; at least 256 × 256)"),
        (odd("drive.jpg", WHOLE, Scenario.EXTERNAL), "is a link to another service and not a file in Slack"),
        (odd("stub.jpg", WHOLE, Scenario.CHECK_FILE_INFO_DENIED), "may not be read by this app"),
        (odd("gone.jpg", WHOLE, Scenario.TOMBSTONE), "was deleted"),
        (odd("old.jpg", WHOLE, Scenario.HIDDEN_BY_LIMIT), "is hidden by the workspace's storage limit"),
        (odd("lost.jpg", WHOLE, Scenario.NOT_FOUND), "was deleted"),
        (odd("theirs.jpg", WHOLE, Scenario.CHECK_FILE_INFO_GONE), "may not be read by this app"),
        (odd("round.jpg", WHOLE, Scenario.LOOP), "may not be read by this app"),
        (odd("text.jpg", b"dear diary", Scenario.SNIPPET), "is no picture of a kind I know, whatever its"),
        (odd("half.jpg", WHOLE, Scenario.TRUNCATED), "arrived incomplete: post it once more"),
        (odd("away.jpg", WHOLE, Scenario.REDIRECT), "is a link to another service and not a file in Slack"),
    ],
    ids=lambda value: value.name if isinstance(value, Upload) else "",
)
async def test_a_bad_file_is_named_with_its_reason_and_leaves_nothing(
    surface: Surface, bad: Upload, words: str
) -> None:
    posted = await surface.post([bad], "@darkroom please")
    tray = await surface.said("0 of 1 photo usable", thread=posted.ts)
    # Slack tells no name of a file that the app may not see.
    name = "file" if bad.scenario in NAMELESS else bad.name
    assert f"#1 {name} {words}" in tray.words()
    assert "2 more photos needed" in tray.words()
    assert "Train…" not in tray.buttons()
    assert surface.files() == []
    assert surface.rows("medium") == 0


async def test_a_bad_file_does_not_spoil_the_good_ones(surface: Surface) -> None:
    tray = await surface.tray([*photos(2), odd("notes.jpg", b"words"), odd("sky.png", photo(9, kind="PNG"))])
    assert "3 of 4 photos usable" in tray.words()
    assert "#3 notes.jpg is no picture of a kind" in tray.words()
    assert "Train…" in tray.buttons()
    assert len(surface.files()) == 3


async def test_more_photos_than_any_vendor_takes_are_too_many_in_plain_words(surface: Surface) -> None:
    tray = await surface.tray(photos(11), says="11 of 11")
    assert "Too many: Fake takes at most 10. Discard them and post a smaller set." in tray.words()
    form = await surface.open_form(tray)
    assert "Fake: takes at most 10 photos." in form.words()
    assert form.submit is None


async def test_a_connect_stub_that_may_be_read_is_a_photo_like_any_other(surface: Surface) -> None:
    tray = await surface.tray([odd("stub.jpg", WHOLE, Scenario.CHECK_FILE_INFO), *photos(1, first=5)])
    assert "2 of 2 photos usable" in tray.words()


async def test_a_file_that_moved_within_slack_is_followed(surface: Surface) -> None:
    moved = [odd(f"{n}.jpg", photo(n), Scenario.MOVED) for n in range(2)]
    tray = await surface.tray(moved, says="2 of 2 photos usable")
    assert "Train…" in tray.buttons()
    assert surface.rows("medium") == 2


async def test_the_way_to_the_sign_in_page_is_as_good_as_the_page(surface: Surface) -> None:
    # Slack has two ways of saying that our token is not good for its files.
    tray = await surface.tray([odd("mine.jpg", WHOLE, Scenario.SIGN_IN)], says="0 of 1")
    assert "may not be read by this app" in tray.words()
    mine = await surface.until(lambda: surface.direct_channel("admin"))
    await surface.said("files:read", channel=mine.id)


async def test_a_redirect_to_a_foreign_host_never_gets_the_token(surface: Surface) -> None:
    await surface.tray([odd("away.jpg", WHOLE, Scenario.REDIRECT)], says="0 of 1")
    downloads = await surface.people.journal(kinds=["download"])
    assert downloads
    assert not any(entry.facts.get("elsewhere") for entry in downloads)


async def test_a_file_over_the_cap_is_not_even_fetched(tmp_path: Path) -> None:
    async with stage(tmp_path, darkroom_max_photo_mb=1) as surface, surface.running():
        tray = await surface.tray([odd("huge.jpg", WHOLE + bytes(1_100_000))], says="0 of 1")
        assert "#1 huge.jpg is too large a file" in tray.words()
        assert await surface.people.journal(kinds=["download"]) == []


async def test_a_file_that_turns_out_larger_than_it_claimed_is_cut_off_while_it_streams(
    house: Engine,
) -> None:
    sent = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"\xff\xd8\xff" + bytes(65536)

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "image/jpeg"}, content=flood())

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        downloader = Downloader(http, "xoxb-1", frozenset({"https://files.slack.com"}), MOST)
        file = {"id": "F1", "size": 10, "url_private": "https://files.slack.com/a.jpg", "mode": "hosted"}
        with pytest.raises(PhotoRefused) as refused:
            await downloader.load(
                file, _no_info, lambda one: house.services.sorter.take("F1", "a.jpg", None, one, Room(100))
            )
    assert refused.value.refusal is Refusal.TOO_LARGE
    assert sent <= MOST // 65536 + 1


@pytest.mark.parametrize(
    "address",
    [
        "https://files.slack.com.evil.example/a.jpg",
        "http://files.slack.com/a.jpg",
        "https://files.slack.com@evil.example/a.jpg",
        "https://evil.example/files.slack.com/a.jpg",
    ],
)
async def test_the_token_goes_to_slacks_own_origin_and_nowhere_else(address: str) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, headers={"content-type": "image/jpeg"}, content=WHOLE)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        downloader = Downloader(http, "xoxb-1", frozenset({"https://files.slack.com"}), 10_000_000)
        with pytest.raises(PhotoRefused):
            await downloader.load({"id": "F1", "url_private": address}, _no_info, whole)
    assert asked == []


async def _no_info(_file: str) -> None:
    return None


async def test_a_download_that_breaks_off_is_tried_again_and_the_poster_hears_of_it(surface: Surface) -> None:
    await surface.people.fault("download", "break", times=2)
    posted = await surface.post(photos(2), "@darkroom please")
    await surface.until(lambda: _waits(surface, attempts=1))
    surface.clock.advance(2)
    tray = await surface.said("2 of 2 photos usable", thread=posted.ts)
    assert tray.buttons() == ["Train…", "Discard"]
    assert len(surface.files()) == 2


async def test_a_file_host_that_is_asked_too_often_is_asked_again_later(surface: Surface) -> None:
    await surface.people.fault("download", "rate_limited", times=2, retry_after=1)
    posted = await surface.post(photos(2), "@darkroom please")
    await surface.until(lambda: _waits(surface, attempts=1))
    surface.clock.advance(2)
    tray = await surface.said("2 of 2 photos usable", thread=posted.ts)
    assert "asked too often" not in tray.words()
    assert surface.rows("medium") == 2


async def test_a_zip_that_moved_is_followed_and_one_that_ends_early_leaves_nothing(surface: Surface) -> None:
    pack = zipped({f"{n}.jpg": photo(n) for n in range(2)})
    tray = await surface.tray(
        [odd("half.zip", pack, Scenario.TRUNCATED), odd("moved.zip", pack, Scenario.MOVED)], says="2 of 3"
    )
    assert "#1 half.zip arrived incomplete: post it once more" in tray.words()
    assert len(surface.files()) == 2


async def test_a_file_host_that_stays_away_is_owned_up_to_once(surface: Surface) -> None:
    await surface.people.fault("download", "http_500", times=100)
    await surface.post(photos(2), "@darkroom please")
    told = await surface.said("I cannot load these photos from Slack just now", viewer="ana")
    assert told.ephemeral
    surface.clock.advance(30)
    await surface.until(lambda: _waits(surface, attempts=3))
    said = await surface.people.messages("#portraits", viewer="ana")
    assert sum("I cannot load these photos" in m.text for m in said) == 1
    await surface.people.clear_faults()
    surface.clock.advance(400)
    await surface.said("2 of 2 photos usable")


async def test_the_login_page_in_place_of_a_photo_is_told_to_the_operator_once(surface: Surface) -> None:
    await surface.people.fault("download", "login_page", times=100)
    tray = await surface.tray(photos(3), says="0 of 3 photos usable")
    assert "may not be read by this app" in tray.words()
    await surface.tray(photos(2, first=5), says="0 of 2 photos usable")
    mine = await surface.until(lambda: surface.direct_channel("admin"))
    await surface.said("files:read", channel=mine.id)
    told = [m for m in await surface.by_bot(mine.id) if "files:read" in m.text]
    assert len(told) == 1
    assert surface.files() == []


async def test_a_missing_scope_that_only_files_info_tells_of_is_the_operators_matter(
    surface: Surface,
) -> None:
    await surface.people.fault("api:files.info", "error", times=9, error="missing_scope")
    tray = await surface.tray([odd("stub.jpg", WHOLE, Scenario.CHECK_FILE_INFO)], says="0 of 1")
    assert "may not be read by this app until an admin mends its permissions" in tray.words()
    mine = await surface.until(lambda: surface.direct_channel("admin"))
    await surface.said("files:read", channel=mine.id)


async def test_a_file_deleted_before_we_look_is_called_deleted(surface: Surface) -> None:
    await surface.people.fault("api:files.info", "error", times=9, error="file_deleted")
    tray = await surface.tray([odd("stub.jpg", WHOLE, Scenario.CHECK_FILE_INFO)], says="0 of 1")
    assert "was deleted" in tray.words()


async def test_a_login_page_for_a_file_that_is_not_for_us_alarms_nobody(surface: Surface) -> None:
    await surface.people.fault("download", "login_page", times=9)
    await surface.people.fault("api:files.info", "error", times=9, error="file_not_found")
    tray = await surface.tray([odd("theirs.jpg", WHOLE)], says="0 of 1")
    assert "may not be read by this app: post it in this workspace" in tray.words()
    assert await surface.direct_channel("admin") is None


async def test_a_web_page_that_somebody_posts_is_no_login_page(surface: Surface) -> None:
    tray = await surface.tray([odd("page.html", b"<html><body>my page</body></html>")], says="0 of 1")
    assert "is a web page and no picture" in tray.words()
    assert await surface.direct_channel("admin") is None


class FullDisk(MediaStore):
    """A disk without room, until there is some."""

    full = True

    async def put(self, data: bytes) -> str:
        if self.full:
            raise StoreFull("the disk is full: nothing was stored")
        return await super().put(data)


async def test_a_full_disk_is_owned_up_to_and_loses_nothing(surface: Surface) -> None:
    disk = surface.bot.store.media = FullDisk(surface.settings.darkroom_data_dir / "media")
    posted = await surface.post(photos(2), "@darkroom please")
    told = await surface.said("I have no room to store photos just now", viewer="ana")
    assert told.ephemeral
    mine = await surface.until(lambda: surface.direct_channel("admin"))
    await surface.said("no room left", channel=mine.id)
    assert surface.files() == []
    assert surface.rows("tray_entry") == 0
    disk.full = False
    surface.clock.advance(60)
    await surface.said("2 of 2 photos usable", thread=posted.ts)
    assert len(surface.files()) == 2


async def test_a_vendor_down_at_start_is_named_and_offered_again_once_it_is_well(tmp_path: Path) -> None:
    vendor = fast_vendor().fail_next("check", Fault.DOWN)
    async with stage(tmp_path, vendor=vendor) as surface, surface.running():
        tray = await surface.tray()
        assert "No vendor is available just now; the photos are kept meanwhile" in tray.words()
        form = await surface.open_form(tray)
        assert "Fake: cannot be reached since" in form.words()
        assert form.submit is None
        await surface.people.close("ana")
        await surface.bot.services.vendors.check()
        card = await surface.train(tray)
        await surface.card(card, "done")


async def test_a_vendor_down_at_the_submission_is_waited_for_and_paid_once(surface: Surface) -> None:
    surface.vendor.fail_next("submit", Fault.DOWN, times=1000)
    tray = await surface.tray()
    card = await surface.train(tray)
    waiting = await surface.card(card, "Cannot reach Fake since")
    assert "still trying; nothing is lost" in waiting.words()
    surface.vendor.vendor.faults["submit"].clear()
    surface.clock.advance(600)
    await surface.card(card, "done")
    assert surface.vendor.paid_for("training") == 1


async def _waits(surface: Surface, attempts: int) -> bool | None:
    found = surface.query("SELECT max(attempts) FROM inbox WHERE done_at IS NULL AND lease_owner IS NULL")
    return ((found[0][0] or 0) >= attempts) or None

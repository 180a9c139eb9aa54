"""Papers: never through a channel, in no message, and gone the moment nobody needs them."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from bot.providers import RemoteState, Role
from bot.services.errors import NotPrivate, NotRetryable, PhotoRefused, Unfit
from bot.services.inputs import PAPERS
from storage.records.jobs import JobState
from storage.records.media import Refusal
from storage.records.places import direct
from storage.records.trays import TrayEntry
from tests.fakes import FakeProvider, Fault
from tests.stand_ins import ANA, THREAD, Engine, TurnedClock, engine, wish

FILM, FRONT, BACK, LETTER = b"a film", b"id_front", b"id_back", b"letter"
REVIEW = [
    {"state": RemoteState.QUEUED, "details": {"status": "in review"}},
    {"state": RemoteState.RUNNING, "released": PAPERS, "progress": 0.2},
    {"state": RemoteState.RUNNING, "released": PAPERS, "progress": 0.6},
    {"state": RemoteState.SUCCEEDED},
]


@pytest.fixture
async def house(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Engine]:
    """A vendor that wants a film and papers."""
    async with engine(tmp_path / "data", clock, provider=FakeProvider(films=True)) as opened:
        yield opened


def names(house: Engine) -> set[str]:
    """Every word that stands in the tables of what is said."""
    return {str(cell) for row in house.rows("SELECT * FROM outbox") for cell in row}


async def test_a_paper_is_kept_without_what_a_camera_wrote_into_it(house: Engine) -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x8298] = "a secret owner"
    Image.new("RGB", (600, 400), "white").save(out, "JPEG", exif=exif)
    kept = await house.services.papers.add(Role.ID_FRONT, out.getvalue())
    assert (kept.width, kept.height) == (600, 400)
    assert b"a secret owner" not in house.store.media.path(kept.sha256).read_bytes()


async def test_a_document_is_kept_as_it_came(house: Engine) -> None:
    data = b"%PDF-1.7\n1 0 obj\nendobj\ntrailer\n%%EOF\n"
    kept = await house.services.papers.add(Role.LETTER, data)
    assert (kept.media_type, kept.size, kept.width) == ("application/pdf", len(data), 0)
    assert house.store.media.path(kept.sha256).read_bytes() == data


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", Refusal.EMPTY),
        (b"dear diary", Refusal.NOT_A_PAPER),
        (b"%PDF-1.7 and then nothing", Refusal.DAMAGED),
        (b"%PDF-1.7" + b" " * (20 * 1024 * 1024) + b"%%EOF", Refusal.TOO_LARGE),
    ],
)
async def test_what_is_no_paper_is_refused_and_not_kept(house: Engine, data: bytes, refusal: Refusal) -> None:
    with pytest.raises(PhotoRefused) as refused:
        await house.services.papers.add(Role.LETTER, data)
    assert refused.value.refusal is refusal
    assert house.rows("SELECT * FROM medium") == []


async def test_a_paper_cannot_come_through_a_channel(house: Engine) -> None:
    entries, item = await house.film_and_papers(), await house.item()
    for through in (None, THREAD, "T1/C1/"):
        with pytest.raises(NotPrivate):
            await house.services.trays.receive(ANA, THREAD, entries, item, through=through)
    assert house.rows("SELECT * FROM tray") == []
    assert house.rows("SELECT done_at FROM inbox") == [(None,)]
    await house.services.trays.receive(ANA, THREAD, entries[:1], item)


async def test_by_form_or_dm_they_come_and_no_view_of_the_tray_holds_them(house: Engine) -> None:
    entries, item = await house.film_and_papers(), await house.item()
    tray = await house.services.trays.receive(ANA, THREAD, entries, item, through=direct(ANA))
    view = await house.services.trays.view(tray.id, ANA)
    assert [entry.role for entry in view.entries] == [Role.VIDEO]
    assert view.papers == PAPERS
    assert {one.role for one in view.given} == {Role.VIDEO}
    assert not any("id_front" in word or ".pdf" in word for word in names(house))


async def test_a_form_without_them_is_opened_and_cannot_be_sent(house: Engine) -> None:
    film, *_ = await house.film_and_papers()
    item = await house.item()
    tray = await house.services.trays.receive(ANA, THREAD, [film], item)
    view = await house.services.trays.view(tray.id)
    assert view.offers[0].would_take(view.given)
    assert view.needed == 0
    with pytest.raises(Unfit) as refused:
        await house.services.training.start(wish(count=1), tray.id)
    assert {lack.role for lack in refused.value.lacks} == PAPERS


async def test_all_of_it_reaches_the_vendor_in_its_role(house: Engine) -> None:
    await house.filming()
    given = house.provider.jobs["t1"].spec.inputs
    assert [one.role for one in given] == [Role.VIDEO, Role.ID_FRONT, Role.ID_BACK, Role.LETTER]
    assert [one.url for one in given] == [None] * 4


async def test_papers_the_vendor_is_done_with_are_erased_while_the_job_goes_on(house: Engine) -> None:
    house.provider.script("training", REVIEW)
    job = await house.filming()
    house.turn(seconds=2)
    await house.poll()
    await house.tidy()
    assert house.holds(FILM, FRONT, BACK, LETTER) == [True, True, True, True]
    house.turn(seconds=2)
    await house.poll()
    assert "erase" in house.nudges
    await house.tidy()
    assert (await house.job(job.id)).state is JobState.RUNNING
    assert house.holds(FILM, FRONT, BACK, LETTER) == [True, False, False, False]
    assert house.rows("SELECT role FROM job_input UNION ALL SELECT role FROM tray_entry") == [
        ("video",),
        ("video",),
    ]
    assert house.rows("SELECT * FROM doomed") == []


async def test_a_paper_made_smaller_for_its_vendor_goes_when_the_first_has_to(
    tmp_path: Path, clock: TurnedClock
) -> None:
    provider = FakeProvider(films=True, max_bytes=250_000)
    provider.script("training", REVIEW)
    async with engine(tmp_path / "data", clock, provider=provider) as house:
        card = io.BytesIO()
        Image.effect_noise((900, 600), 90).convert("RGB").save(card, "JPEG", quality=95)
        kept = await house.services.papers.add(Role.ID_FRONT, card.getvalue())
        film, _, *others = await house.film_and_papers()
        front = TrayEntry("F-card", "card.jpg", kept.sha256, role=Role.ID_FRONT.value)
        item = await house.item()
        await house.services.training.start_with(wish(count=1), [film, front, *others], item)
        await house.submit()
        (sent,) = (one.path for one in provider.jobs["t1"].spec.inputs if one.role is Role.ID_FRONT)
        assert sent != house.store.media.path(kept.sha256)
        assert sent.stat().st_size < kept.size
        for _ in range(2):
            house.turn(seconds=2)
            await house.poll()
        await house.tidy()
        assert not sent.exists()
        assert not house.store.media.holds(kept.sha256)
        assert [role for (role,) in house.rows("SELECT role FROM job_input")] == ["video"]


@pytest.mark.parametrize("end", ["failed", "cancelled before it was sent", "cancelled", "succeeded"])
async def test_papers_go_when_their_job_is_over_however_it_ends(house: Engine, end: str) -> None:
    item, entries = await house.item(), await house.film_and_papers()
    if end == "failed":
        house.provider.fail_next("submit", Fault.REFUSED)
    house.provider.script("training", [RemoteState.SUCCEEDED])
    job = await house.services.training.start_with(wish(count=1), entries, item)
    if end == "cancelled before it was sent":
        await house.services.jobs.cancel(job.id, ANA)
    await house.submit()
    if end == "cancelled":
        await house.services.jobs.cancel(job.id, ANA)
    house.turn(seconds=2)
    await house.poll()
    await house.tidy()
    assert (await house.job(job.id)).state in {JobState.FAILED, JobState.CANCELLED, JobState.SUCCEEDED}
    assert house.holds(FILM, FRONT, BACK, LETTER) == [True, False, False, False]


async def test_a_discarded_tray_s_papers_go_at_once_and_its_video_too(house: Engine) -> None:
    item, entries = await house.item(), await house.film_and_papers()
    tray = await house.services.trays.receive(ANA, THREAD, entries, item, through=direct(ANA))
    await house.services.trays.discard(tray.id, ANA)
    await house.tidy()
    assert house.holds(FILM, FRONT, BACK, LETTER) == [False] * 4


async def test_papers_that_came_to_nothing_are_dropped(house: Engine) -> None:
    entries = await house.film_and_papers()
    await house.services.papers.drop([entry.medium or "" for entry in entries[1:]])
    await house.tidy()
    assert house.holds(FILM, FRONT, BACK, LETTER) == [True, False, False, False]


async def test_a_paper_that_two_jobs_use_stays_until_the_second_is_done_with_it(house: Engine) -> None:
    first = await house.filming()
    second = await house.filming(key="wish-2")
    await house.services.jobs.cancel(first.id, ANA)
    house.turn(seconds=2)
    await house.poll()
    await house.tidy()
    assert house.holds(FRONT, BACK, LETTER) == [True, True, True]
    await house.services.jobs.cancel(second.id, ANA)
    house.turn(seconds=2)
    await house.poll()
    await house.tidy()
    assert house.holds(FRONT, BACK, LETTER) == [False, False, False]


async def test_a_job_whose_papers_are_gone_cannot_be_tried_again_and_says_so(house: Engine) -> None:
    house.provider.script("training", [RemoteState.FAILED])
    job = await house.filming()
    house.turn(seconds=2)
    await house.poll()
    assert not (await house.services.progress.view(job.id)).can_retry
    with pytest.raises(NotRetryable):
        await house.services.jobs.retry(job.id, ANA)


async def test_a_mark_left_by_a_crash_is_worked_off_later(house: Engine) -> None:
    await house.film_and_papers()
    doomed = (await house.film_and_papers())[1].medium or ""
    await house.store.write(lambda tx: tx.inputs.doom([doomed]))
    assert house.rows("SELECT sha256 FROM doomed") == [(doomed,)]
    assert house.store.media.holds(doomed)
    await house.eraser.erase_due()
    assert not house.store.media.holds(doomed)
    assert house.rows("SELECT sha256 FROM doomed") == []


async def test_the_same_bytes_given_again_before_they_are_erased_are_kept(house: Engine) -> None:
    data = b"%PDF-1.7\n%%EOF\n"
    kept = await house.services.papers.add(Role.LETTER, data)
    await house.services.papers.drop([kept.sha256])
    again = await house.services.papers.add(Role.LETTER, data)
    await house.eraser.erase_due()
    assert again == kept
    assert house.store.media.holds(kept.sha256)


async def test_bytes_that_were_erased_while_they_were_given_again_are_put_back(house: Engine) -> None:
    data = b"%PDF-1.7\n%%EOF\n"
    kept = await house.services.papers.add(Role.LETTER, data)
    await house.services.papers.drop([kept.sha256])
    put = house.store.media.put

    async def put_and_lose(content: bytes) -> str:
        """The file is seen as kept; then the eraser has its turn, and only then comes the row."""
        name = await put(content)
        await house.eraser.erase_due()
        return name

    house.store.media.put = put_and_lose  # type: ignore[method-assign]
    await house.services.papers.add(Role.LETTER, data)
    assert house.store.media.holds(kept.sha256)


async def test_an_entry_of_a_tray_that_holds_no_file_erases_nothing(house: Engine) -> None:
    item = await house.item()
    bad = TrayEntry("F-bad", "front.gif", refusal=Refusal.NOT_A_PAPER, role=Role.ID_FRONT.value)
    tray = await house.services.trays.receive(ANA, THREAD, [bad], item, through=direct(ANA))
    await house.services.trays.discard(tray.id, ANA)
    assert house.rows("SELECT * FROM doomed") == []

"""A film from its post to the vendor that trains on one: counted as a film, and refused in exact words."""

import contextlib
import io
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from bot.providers import Provider, load
from bot.sandbox.films import draw_film, draw_papers
from bot.sandbox.slack import Upload
from bot.sandbox.vendors.metastudio import PROJECT_ID, MetastudioStandIn
from bot.sandbox.vendors.metastudio_control import MetastudioControl
from tests.surface import Surface, odd, photo, photos, stage


def metastudio(origin: str, **settings: str) -> Provider[Any]:
    """The vendor as these settings make it; it is polled as quickly as the stand-in works."""
    own = {
        "ACCESS_KEY_ID": "sandbox-key-id",
        "ACCESS_KEY_SECRET": "sandbox-key-secret",
        "PROJECT_ID": PROJECT_ID,
        "ENDPOINT": origin,
        "REQUESTS_PER_SECOND": "50",
        **{f"{work}_POLL_{which}": "0.2" for work in ("TRAIN", "GENERATE") for which in ("FIRST", "MOST")},
        **{name.upper(): value for name, value in settings.items()},
    }
    (provider,), _ = load({f"METASTUDIO_{name}": value for name, value in own.items()})
    return provider


@contextlib.asynccontextmanager
async def before_metastudio(home: Path, **settings: str) -> AsyncIterator[tuple[Surface, MetastudioControl]]:
    async with (
        MetastudioStandIn.start(home / "vendor") as vendor,
        MetastudioControl(vendor.origin) as desk,
    ):
        await desk.turn(throttled=False)
        await desk.hurry()
        async with stage(home) as surface, surface.running([metastudio(vendor.origin, **settings)]):
            yield surface, desk


SIZES = "wants a video of 1080 × 1920 or 1920 × 1080 or 2160 × 3840 or 3840 × 2160 pixels (#1)."


def small_film(size: tuple[int, int], seconds: int) -> bytes:
    """An MP4 of one picture in five seconds: minutes of it are drawn at once."""
    made = io.BytesIO()
    with av.open(made, "w", format="mp4") as film:
        stream = film.add_stream("libx264", rate=Fraction(1, 5), options={"preset": "ultrafast"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        grey = np.full((size[1], size[0], 3), 128, np.uint8)
        for _ in range(seconds // 5):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        film.mux(stream.encode(None))
    return made.getvalue()


async def test_a_film_is_counted_as_a_film_and_what_was_started_with_it_is_said(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    draw_film(photo(1, size=(640, 600)), film)
    papers: dict[str, Any] = {
        f"file.{role}": [Upload(f"{role}.jpg", data)] for role, data in draw_papers().items()
    }
    async with before_metastudio(tmp_path) as (surface, _):
        tray = await surface.tray([odd("film.mp4", film.read_bytes())], says="1 of 1 video usable")
        assert "Enough for Huawei MetaStudio." in tray.words()
        await surface.open_form(tray)
        done = await surface.submit(subject="person", prompt="Good morning.", count=None, **papers)
        assert done.closed, done
        await surface.said("Training started with this video.", thread=tray.thread_ts)


async def test_what_is_discarded_or_posted_is_called_what_it_is(tmp_path: Path) -> None:
    async with before_metastudio(tmp_path) as (surface, _):
        tray = await surface.tray(
            [odd("film.mp4", small_film((1920, 1080), 185))], says="1 of 1 video usable"
        )
        asked = next(b["confirm"] for b in tray.blocks[-1]["elements"] if b["action_id"] == "discard")
        assert asked["title"]["text"] == "Discard this video?"
        assert asked["text"]["text"] == "It is erased here; the post in Slack stays."
        form = await surface.open_form(tray)
        assert "the video goes to China" in form.words()
        labels = [block["label"]["text"] for block in form.blocks if block["type"] == "input"]
        assert "Post the clip" in labels
        await surface.people.close("ana")
        await surface.press(tray, "Discard")
        gone = await surface.said("What was posted is discarded", thread=tray.thread_ts, within=60)
        assert "photo" not in gone.words()


async def test_a_film_that_cannot_be_read_is_told_of_films(tmp_path: Path) -> None:
    whole = small_film((640, 360), 90)
    cut = whole[: len(whole) // 2]
    async with before_metastudio(tmp_path) as (surface, _):
        tray = await surface.tray([odd("holiday.mp4", b"no film at all" * 99)], says="0 of 1 video usable")
        assert (
            "#1 holiday.mp4 is not an MP4 video, whatever its name says: export it as an MP4." in tray.words()
        )
        assert "JPEG" not in tray.words()
        assert "A video is needed: add one to this thread." in tray.words()
        both = await surface.tray([odd("cut.mp4", cut), *photos(1)], says="0 of 1 video usable")
        assert "#1 cut.mp4 is damaged and cannot be decoded." in both.words()
        assert "1 of 1 photo usable" in both.words()


@pytest.mark.parametrize(
    ("size", "seconds", "words"),
    [
        ((640, 360), 200, SIZES),
        ((1080, 1080), 200, SIZES),
        ((1920, 1080), 170, "wants a video of at least 3 min (#1)."),
        ((1080, 1920), 610, "wants a video of at most 10 min (#1)."),
    ],
)
async def test_a_film_of_the_wrong_size_or_length_is_refused_before_anything_is_sent(
    tmp_path: Path, size: tuple[int, int], seconds: int, words: str
) -> None:
    async with before_metastudio(tmp_path) as (surface, desk):
        film = small_film(size, seconds)
        tray = await surface.tray([odd("film.mp4", film)], says="1 of 1 video usable")
        assert words in tray.words()
        assert "No vendor would take this as it is. Add other files to this thread" in tray.words()
        form = await surface.open_form(tray)
        assert words in form.words()
        assert "No vendor would take this as it is." in form.words()
        assert form.submit is None
        assert "CreateTraining" not in [entry.action for entry in await desk.journal()]
        assert await desk.jobs() == []


async def test_a_link_for_uploads_that_expired_is_asked_for_anew_and_the_job_is_paid_once(
    tmp_path: Path,
) -> None:
    film = tmp_path / "film.mp4"
    draw_film(photo(1, size=(640, 600)), film)
    papers: dict[str, Any] = {
        f"file.{role}": [Upload(f"{role}.jpg", data)] for role, data in draw_papers().items()
    }
    async with before_metastudio(tmp_path) as (surface, desk):
        await desk.fault("link_expired", action="UploadGrantFile")
        tray = await surface.tray([odd("film.mp4", film.read_bytes())], says="1 of 1 video usable")
        await surface.open_form(tray)
        done = await surface.submit(subject="person", prompt="Good morning.", count=None, **papers)
        assert done.closed, done
        await surface.said("is ready after", thread=tray.thread_ts, within=150)
        # Links come with a job only: the one that nobody could bring anything to is deleted for another.
        trainings = [(job.status, job.note) for job in await desk.jobs() if job.kind == "training"]
        assert trainings == [("WAIT_FILE_UPLOAD", "deleted"), ("JOB_SUCCESS", None)]
        entries = [entry for entry in await desk.journal() if entry.action == "UploadGrantFile"]
        assert [entry.status == 200 for entry in entries] == [False, True]
        papers_left = surface.query(
            "SELECT count(*) FROM job_input WHERE role IN ('id_front', 'id_back', 'letter')"
        )
        assert papers_left == [(0,)]

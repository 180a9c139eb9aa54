"""The lab: whatever a picture does, it does to a process of its own, and that one is replaced."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import psutil
import pytest
from PIL import Image

from bot.imaging.decode import MAX_PIXELS
from bot.imaging.faults import Fault, Unusable
from bot.imaging.kinds import Kind
from bot.imaging.lab import CannotWork, Fence, Lab
from bot.imaging.tiles import Tile
from bot.imaging.verdict import Mark
from tests.imaging.made import corners, file_of, kept, png_bomb, scene
from tests.stand_ins import RememberingLab, closing_lab

PHOTO = file_of(scene(), "JPEG")


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with closing_lab(Lab(workers=1)) as opened:
        yield opened


@pytest.fixture(params=[Lab, RememberingLab], ids=["lab", "remembering"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    """The lab, and the one that stands in for it: what is claimed of one is claimed of both."""
    async with closing_lab(request.param(workers=1)) as opened:
        yield opened


def workers() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "bot.imaging.worker" in " ".join(_line(one))]


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def gone(processes: list[psutil.Process]) -> bool:
    """Whether they end soon."""
    for _ in range(3000):
        if not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_a_photo_comes_back_as_it_is_kept_with_a_preview_and_its_look(either: Lab) -> None:
    taken = await either.take_in(PHOTO)
    assert taken.data == kept(PHOTO)[0]
    assert (taken.media_type, taken.width, taken.height) == ("image/jpeg", 640, 480)
    assert taken.preview.startswith(b"\xff\xd8\xff")
    assert len(taken.preview) < 60_000
    assert (taken.look.kind, taken.look.width, taken.look.faces) == (Kind.JPEG, 640, 0)
    assert await either.take_in(PHOTO) == taken, "the same photo comes back the same"


async def test_what_is_wrong_with_a_file_is_told_with_its_size_each_time(either: Lab) -> None:
    for _ in range(2):
        with pytest.raises(Unusable) as unusable:
            await either.take_in(file_of(corners((200, 100)), "PNG"))
        told = unusable.value
        assert (told.fault, told.width, told.height) == (Fault.TOO_SMALL, 200, 100)


async def test_no_process_runs_before_it_is_needed_and_one_serves_many(lab: Lab) -> None:
    assert workers() == []
    await lab.take_in(PHOTO)
    assert lab.sees_faces is True
    (first,) = workers()
    for _ in range(3):
        await lab.take_in(PHOTO)
    assert workers() == [first]


async def test_a_process_comes_up_while_a_photo_is_on_its_way_and_takes_it_in() -> None:
    async with closing_lab(Lab(workers=2)) as lab:
        lab.expect()
        lab.expect()
        await lab.take_in(PHOTO)
        # One that was started for the photo alone would be the second.
        assert len(workers()) == 1
        (first,) = workers()
        lab.expect()
        await lab.take_in(PHOTO)
        assert workers() == [first]


async def test_a_lab_that_is_closed_while_a_process_comes_up_leaves_none() -> None:
    lab = Lab(workers=2)
    lab.expect()
    await asyncio.sleep(0)
    await lab.close()
    assert workers() == []
    lab.expect()
    await asyncio.sleep(0)
    assert workers() == []


async def test_what_cannot_come_up_is_told_to_whoever_has_a_photo(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-such-python"))
    async with closing_lab(Lab(workers=1)) as lab:
        lab.expect()
        with pytest.raises(CannotWork):
            await lab.take_in(PHOTO)


async def test_as_many_at_once_as_there_are_workers_and_the_others_wait() -> None:
    async with closing_lab(Lab(workers=2)) as lab:
        taken = await asyncio.gather(*(lab.take_in(PHOTO) for _ in range(12)))
        assert len({one.data for one in taken}) == 1
        assert 1 <= len(workers()) <= 2


async def test_a_process_nobody_needs_any_more_ends() -> None:
    async with closing_lab(Lab(workers=1, idle=0.01)) as lab:
        await lab.take_in(PHOTO)
        assert await gone(workers())
        assert (await lab.take_in(PHOTO)).width == 640


async def test_a_closed_lab_leaves_no_process_and_does_nothing_more() -> None:
    lab = Lab(workers=1)
    await lab.take_in(PHOTO)
    left = workers()
    assert left
    await lab.close()
    assert await gone(left)
    with pytest.raises(CannotWork):
        await lab.take_in(PHOTO)


async def test_a_process_that_was_killed_at_rest_is_replaced(lab: Lab) -> None:
    await lab.take_in(PHOTO)
    (first,) = workers()
    first.kill()
    assert await gone([first])
    assert (await lab.take_in(PHOTO)).width == 640


async def test_a_process_that_is_killed_at_work_is_replaced_and_the_photo_taken_in(lab: Lab) -> None:
    await lab.take_in(PHOTO)
    (first,) = workers()
    first.suspend()
    taking = asyncio.create_task(lab.take_in(PHOTO))
    await asyncio.sleep(0.05)
    first.kill()
    assert (await taking).width == 640


@cache
def slow() -> bytes:
    """Takes the better part of a second to decode."""
    light = Image.linear_gradient("L").resize((6000, 4500))
    return file_of(Image.merge("RGB", (light, light, light)), "PNG", compress_level=1)


async def test_a_process_that_stood_still_is_replaced_and_the_photo_taken_in(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lab.take_in(PHOTO)
    (first,) = workers()
    first.suspend()
    taking = asyncio.create_task(lab.take_in(PHOTO))
    await asyncio.sleep(0)  # Now it is asked, and the time begins that there is patience for.
    loop = asyncio.get_running_loop()
    real = loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + Fence().patience + 1)
    assert (await taking).width == 640
    assert await gone([first])


async def test_a_photo_that_takes_too_long_is_refused_and_its_process_ended() -> None:
    # Far less than it takes: who looks late finds the answer, however late it came.
    async with closing_lab(Lab(workers=1, fence=Fence(patience=0.001))) as lab:
        with pytest.raises(Unusable) as unusable:
            await lab.take_in(slow())
        assert unusable.value.fault is Fault.TOO_DEMANDING
        assert await gone(workers())


async def test_a_photo_that_needs_too_much_memory_is_refused_and_the_next_is_taken_in() -> None:
    async with closing_lab(Lab(workers=1, fence=Fence(memory=64 * 1024 * 1024))) as lab:
        with pytest.raises(Unusable) as unusable:
            await lab.take_in(slow())
        assert unusable.value.fault is Fault.TOO_DEMANDING
        assert (await lab.take_in(PHOTO)).width == 640


async def many(lab: Lab, data: bytes) -> None:
    """One after the other: the kernel counts whole seconds."""
    for _ in range(40):
        await lab.take_in(data)


async def test_a_photo_that_uses_up_its_processor_time_is_refused() -> None:
    async with closing_lab(Lab(workers=1, fence=Fence(seconds=0))) as lab:
        with pytest.raises(Unusable) as unusable:
            await many(lab, slow())
        assert unusable.value.fault is Fault.TOO_DEMANDING


async def test_one_who_does_not_wait_any_more_leaves_the_lab_in_order() -> None:
    async with closing_lab(Lab(workers=1, idle=3600)) as lab:
        await lab.take_in(PHOTO)
        (worker,) = workers()
        worker.suspend()  # It is not to be done before.
        taking = asyncio.create_task(lab.take_in(PHOTO))
        await asyncio.sleep(0.1)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        assert await gone([worker]), "what it would still say is no answer to the next"
        assert (await lab.take_in(PHOTO)).width == 640


async def test_processes_are_told_no_secrets_and_write_no_files(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-not-for-them")
    await lab.take_in(PHOTO)
    (worker,) = workers()
    assert "SLACK_BOT_TOKEN" not in worker.environ()
    assert worker.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert worker.rlimit(psutil.RLIMIT_CORE) == (0, 0)


async def test_they_give_way_to_the_bot_and_do_not_hear_its_terminal(lab: Lab) -> None:
    await lab.take_in(PHOTO)
    (worker,) = workers()
    assert worker.nice() > psutil.Process().nice()
    assert os.getsid(worker.pid) != os.getsid(0)


async def test_the_loop_goes_on_while_a_large_photo_is_decoded(lab: Lab) -> None:
    await lab.take_in(PHOTO)
    most = 0
    # Once is enough: a machine that stands still meanwhile says nothing of the loop.
    for _ in range(10):
        taking, rounds = asyncio.create_task(lab.take_in(slow())), 0
        while not taking.done():
            await asyncio.sleep(0.001)
            rounds += 1
        assert (await taking).look.width == 6000
        if (most := max(most, rounds)) > 5:
            break
    # A loop that waits for the photo comes round once; benchmarks/photos.py measures how late it is.
    assert most > 5


async def test_a_large_bomb_takes_no_memory(lab: Lab) -> None:
    side = int(MAX_PIXELS**0.5) + 1
    with pytest.raises(Unusable) as unusable:
        await lab.take_in(png_bomb(side, side))
    assert unusable.value.fault is Fault.TOO_MANY_PIXELS
    (worker,) = workers()
    assert worker.memory_info().rss < 150 * 1024 * 1024


async def test_a_lab_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-such-python"))
    async with closing_lab(Lab(workers=1)) as lab:
        with pytest.raises(CannotWork):
            await lab.take_in(PHOTO)


async def test_a_photo_is_made_to_fit_a_vendor_that_takes_less(either: Lab) -> None:
    taken = await either.take_in(file_of(scene(0, (2048, 1536)), "PNG"))
    fitted = await either.fit(taken.data, max_side=1680, max_bytes=200_000)
    image = kept(fitted)[1].picture
    assert image.size == (1680, 1260)
    assert len(fitted) <= 200_000
    assert await either.fit(taken.data, max_side=2048, max_bytes=5_000_000) == taken.data


async def test_a_contact_sheet_is_a_picture(either: Lab) -> None:
    taken = await either.take_in(PHOTO)
    sheet = await either.contact_sheet(
        [Tile(1, Mark.WELL, picture=taken.preview), Tile(2, Mark.REFUSED, "no photo")]
    )
    assert kept(sheet)[1].kind is Kind.JPEG


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody tells what a process waits for")
async def test_a_bot_that_is_late_finds_the_answer_of_a_process_that_has_gone_to_rest(lab: Lab) -> None:
    whole = (await lab.take_in(PHOTO)).data
    (worker,) = workers()
    before = worker.num_ctx_switches().voluntary
    again = asyncio.create_task(lab.take_in(PHOTO))
    # As far as the question goes without an answer.
    for _ in range(20):
        await asyncio.sleep(0)
    # From here on the bot stands still, until the process has answered, has waited, and has gone to rest.
    deadline = time.monotonic() + 60
    while not rests(worker, before) and time.monotonic() < deadline:
        os.sched_yield()
    assert (await again).data == whole


def rests(worker: psutil.Process, before: int) -> bool:
    """Whether it waits in a read of its input, after it has waited for something else."""
    try:
        waits = Path(f"/proc/{worker.pid}/wchan").read_text()
    except OSError:
        return True
    return worker.num_ctx_switches().voluntary >= before + 2 and ("read" in waits or "stream" in waits)

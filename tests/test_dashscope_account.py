"""An account at DashScope that is full, or busy: what people read, and that it works again afterwards."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from bot.providers import load
from bot.sandbox.slack import Message
from bot.sandbox.vendors.dashscope import DashscopeStandIn
from bot.sandbox.vendors.dashscope_control import DashscopeControl
from tests.surface import Surface, photos, stage

LONG = 60.0


@contextlib.asynccontextmanager
async def dashscope(
    home: Path, delivery: str = "url", **more: str
) -> AsyncIterator[tuple[Surface, DashscopeControl]]:
    async with DashscopeStandIn.start(home / "vendor") as vendor, DashscopeControl(vendor.origin) as desk:
        await desk.turn(
            train_seconds=0.5,
            infer_seconds=0.3,
            creates_per_second=0,
            queries_per_second=0,
            checks_per_second=0,
            cancel_seconds=0.1,
        )
        polls = {f"DASHSCOPE_{w}_POLL_{b}": "0.2" for w in ("TRAIN", "GENERATE") for b in ("FIRST", "MOST")}
        (provider,), _ = load(
            {
                "DASHSCOPE_API_KEY": "sandbox-api-key",
                "DASHSCOPE_ENDPOINT": vendor.origin,
                "DASHSCOPE_REQUESTS_PER_SECOND": "50",
                "DASHSCOPE_DELIVERY": delivery,
                **(polls | more),
            }
        )
        async with stage(home, operators=("admin",)) as surface, surface.running([provider]):
            yield surface, desk


async def begun(surface: Surface, first: int = 0) -> Message:
    """A training with three photos is asked for; its tray."""
    tray = await surface.tray(photos(3, first), says="3 of 3")
    await surface.open_form(tray)
    done = await surface.submit(
        subject="woman", prompt=None, count="1", **{"making.style": "f_idcard_female"}
    )
    assert done.closed, done
    return tray


async def test_a_full_store_of_files_is_said_costs_nothing_and_a_retry_after_tidying_goes_on(
    tmp_path: Path,
) -> None:
    async with dashscope(tmp_path, "files") as (surface, desk):

        async def told() -> bool | None:
            words = "DashScope keeps 100 files and 5 GB per account, and they are used up: delete old files"
            return any(words in one.words() for one in await surface.dm("admin")) or None

        await desk.turn(file_limit=2)
        tray = await begun(surface)
        card = await surface.card(tray, says="failed")
        assert "has no quota or no money left. The operator has been told." in card.words()
        assert "Not charged: nothing was started." in card.words()
        await surface.until(told, within=LONG)
        assert (await desk.paid()).training == 0
        await desk.turn(file_limit=100)
        await surface.press(card, "Retry")
        await surface.said("is ready after", thread=tray.thread_ts, within=LONG)
        bill = await desk.paid()
        assert (bill.training, bill.inference) == (1, 1)


async def test_one_training_at_a_time_has_its_place_its_log_and_room_for_the_next_once_it_is_stopped(
    tmp_path: Path,
) -> None:
    async with dashscope(tmp_path, "url") as (surface, desk):
        await desk.turn(train_seconds=3600)
        first = await begun(surface)
        running = await surface.card(first, says="in DashScope FaceChain's queue")
        second = await begun(surface, 10)
        waiting = await surface.card(second, says="our queue (1st)")
        assert "DashScope FaceChain runs 1 job of ours at a time." in waiting.words()
        await surface.press(running, "Details")
        form = await surface.form()
        assert "DashScope FaceChain's log" in form.words()
        assert "job created" in form.words()
        await surface.people.close("ana")
        await surface.press(running, "Cancel")
        await surface.card(first, says="cancelled")
        await desk.turn(train_seconds=0.5)
        await surface.said("is ready after", thread=second.thread_ts, within=LONG)
        bill = await desk.paid()
        assert (bill.training, bill.inference) == (2, 1)
        assert len([m for m in await surface.by_bot(second.channel) if "is ready after" in m.text]) == 1

"""AIContent's images straight from photos, before people: paid once, delivered once, or said to be lost."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.providers import load
from bot.sandbox.slack import Message
from bot.sandbox.vendors.aicontent import AicontentStandIn
from bot.sandbox.vendors.control import AicontentControl, Paid
from tests.surface import Surface, photos, stage
from tests.test_four_vendors import pace

pytestmark = pytest.mark.slow
LONG = 120.0
ALONE = "Alibaba AIContent (China), 1 to 10 photos, no model kept"


@contextlib.asynccontextmanager
async def aicontent(home: Path) -> AsyncIterator[tuple[Surface, AicontentControl]]:
    async with AicontentStandIn.start(home / "vendor") as vendor, AicontentControl(vendor.origin) as desk:
        await desk.settings(train_seconds=0.5, infer_seconds=0.3)
        (provider,), _ = load(
            {
                "AICONTENT_ACCESS_KEY_ID": "sandbox-key-id",
                "AICONTENT_ACCESS_KEY_SECRET": "sandbox-key-secret",
                "AICONTENT_ENDPOINT": vendor.origin,
                "AICONTENT_ONESHOT": "true",
                **pace("AICONTENT"),
            }
        )
        async with stage(home) as surface, surface.running([provider]):
            yield surface, desk


async def asked_for(surface: Surface) -> Message:
    """Two photos, from which two images are wanted; their tray."""
    tray = await surface.tray(photos(2))
    form = await surface.open_form(tray)
    assert form.options("provider") == [ALONE]
    assert "Alibaba AIContent, training: wants 3 photos or more." in form.words()
    done = await surface.submit(subject="woman", prompt="on a beach")
    assert done.closed, done
    return tray


async def test_images_straight_from_photos_are_paid_and_delivered_once_and_keep_no_model(
    tmp_path: Path,
) -> None:
    async with aicontent(tmp_path) as (surface, desk):
        tray = await asked_for(surface)
        shown = await surface.said("is ready after", thread=tray.thread_ts, within=LONG)
        assert len(shown.files) == 2
        await surface.card(tray, says="done")
        assert await desk.paid() == Paid(training=0, inference=0, oneshot=1)
        assert surface.query("SELECT kind, state FROM job") == [("oneshot", "succeeded")]
        assert surface.rows("model") == 0


async def test_a_one_shot_whose_answer_was_lost_is_not_started_again(tmp_path: Path) -> None:
    async with aicontent(tmp_path) as (surface, desk):
        await desk.fault("effect_then_hang_up", action="AddPreModelInferenceJob")
        tray = await asked_for(surface)
        card = await surface.card(tray, says="failed")
        assert "answer was lost and we cannot find out whether the job runs" in card.words()
        assert "It is not sent again." in card.words()
        assert "It may have been charged" in card.words()
        assert await desk.paid() == Paid(training=0, inference=0, oneshot=1)
        asked = [entry.action for entry in await desk.journal()]
        assert asked.count("AddPreModelInferenceJob") == 1

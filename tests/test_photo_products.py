"""A photo in and a picture or a talking clip out: MetaStudio's other two products, before people."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.providers import load
from bot.sandbox.slack import Upload
from bot.sandbox.vendors.metastudio import PROJECT_ID, MetastudioStandIn
from bot.sandbox.vendors.metastudio_control import MetastudioControl
from tests.surface import Surface, photo, photos, stage
from tests.test_four_vendors import pace

pytestmark = pytest.mark.slow
LONG = 120.0
IAM = {
    "METASTUDIO_IAM_DOMAIN": "sandbox-account",
    "METASTUDIO_IAM_USER": "sandbox-user",
    "METASTUDIO_IAM_PASSWORD": "sandbox-password",
}


@contextlib.asynccontextmanager
async def metastudio(home: Path, mode: str) -> AsyncIterator[tuple[Surface, MetastudioControl]]:
    """A bot with this product alone; it signs in with a token of IAM."""
    async with (
        MetastudioStandIn.start(home / "vendor") as vendor,
        MetastudioControl(vendor.origin) as desk,
    ):
        await desk.turn(throttled=False)
        await desk.hurry()
        (provider,), _ = load(
            {
                "METASTUDIO_PROJECT_ID": PROJECT_ID,
                "METASTUDIO_ENDPOINT": vendor.origin,
                "METASTUDIO_IAM_ENDPOINT": vendor.origin,
                "METASTUDIO_MODE": mode,
                **IAM,
                **pace("METASTUDIO"),
            }
        )
        async with stage(home) as surface, surface.running([provider]):
            yield surface, desk


async def test_a_photo_s_model_is_one_picture_and_is_erased_there_on_a_wish(tmp_path: Path) -> None:
    async with metastudio(tmp_path, "picture_modeling") as (surface, desk):
        await desk.fault("token_expired")
        tray = await surface.tray([*photos(1), Upload("second.jpg", photo(9, size=(700, 900)))])
        form = await surface.open_form(tray)
        assert form.options("provider") == ["Huawei MetaStudio (China), 1 photo"]
        done = await surface.submit(
            subject="woman", prompt=None, count=None, where=None, pick="#2 (700 × 900)"
        )
        assert done.closed, done
        shown = await surface.said("What Huawei MetaStudio shows of", thread=tray.thread_ts, within=LONG)
        assert [file.name for file in shown.files] == ["ana-spring-1.png"]
        card = await surface.card(tray, says="done")
        assert card.buttons() == ["Details", "Delete…"]
        sent = surface.query(
            "SELECT medium.width, medium.height FROM job_input"
            " JOIN medium ON medium.sha256 = job_input.medium"
        )
        assert sent == [(700, 900)]
        await surface.press(card, "Delete…")
        await surface.form()
        await surface.people.submit("ana", {})
        receipt = await surface.said("trained model: deleted", channel="@darkroom", viewer="ana", within=LONG)
        assert "cannot be deleted by API; Huawei MetaStudio's console" in receipt.words()
        # The first try was refused for its token and came to nothing.
        actions = [entry.action for entry in await desk.journal() if entry.code is None]
        assert actions.count("CreatePictureModel") == 1
        assert actions.count("DeleteAsset") == 1


async def test_a_model_that_is_there_without_its_picture_is_done_and_says_so(tmp_path: Path) -> None:
    async with metastudio(tmp_path, "picture_modeling") as (surface, desk):
        await desk.fault("inference_fails", action="CreatePictureModel", state="PARTIAL_SUCCEED")
        tray = await surface.tray(photos(1))
        await surface.open_form(tray)
        done = await surface.submit(subject="woman", prompt=None, count=None, where=None)
        assert done.closed, done
        card = await surface.card(tray, says="done")
        assert "trained after" in card.words()
        assert "without images" in card.words()
        told = await surface.said("is trained after", channel="@darkroom", viewer="ana", within=LONG)
        assert "Huawei MetaStudio gives no image of it" in told.words()
        assert surface.rows("model") == 1


async def test_a_talk_that_moderation_holds_back_says_whose_turn_it_is(tmp_path: Path) -> None:
    async with metastudio(tmp_path, "photo_video") as (surface, desk):
        await desk.fault("inference_fails", action="CreatePhotoVideo", state="BLOCK")
        tray = await surface.tray(photos(1))
        await surface.open_form(tray)
        done = await surface.submit(subject="woman", prompt="Good morning.", count=None)
        assert done.closed, done
        card = await surface.card(tray, says="failed")
        assert (
            "*Your photos.* Huawei MetaStudio's moderation refused the photos or the prompt." in card.words()
        )
        assert "Trying again helps only with other photos or another prompt." in card.words()
        assert surface.rows("picture") == 0

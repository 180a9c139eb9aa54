"""Buttons, trays and messages after the process has ended and begun again."""

from pathlib import Path

from bot.providers import RemoteState
from tests.surface import photos, stage

TRAINING_FOR_EVER = [{"state": RemoteState.RUNNING, "progress": 0.4}]


async def test_every_button_works_after_a_restart(tmp_path: Path) -> None:
    async with stage(tmp_path) as surface:
        surface.vendor.script("training", TRAINING_FOR_EVER)
        async with surface.running():
            tray = await surface.tray()
        async with surface.running():
            card = await surface.card(await surface.train(tray), "training 40 %")
        async with surface.running():
            await surface.press(card, "Details")
            assert "a secret garden" in (await surface.form()).words()
            await surface.people.close("ana")
            await surface.press(card, "Cancel")
            await surface.card(card, "cancelled")


async def test_a_form_opened_before_a_restart_is_taken_after_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as surface:
        async with surface.running():
            await surface.open_form(await surface.tray())
        async with surface.running():
            assert (await surface.submit()).closed
            assert surface.query("SELECT count(*) FROM job WHERE kind = 'training'") == [(1,)]


async def test_photos_posted_while_nobody_listened_are_taken_in_later(tmp_path: Path) -> None:
    async with stage(tmp_path) as surface:
        async with surface.running():
            tray = await surface.tray()
        posted = await surface.post(photos(2, first=7), "@darkroom late")
        async with surface.running():
            late = await surface.said("2 of 2 photos usable", thread=posted.ts)
            assert late.ts != tray.ts


async def test_a_message_whose_answer_was_lost_is_found_again_by_the_next_process(tmp_path: Path) -> None:
    async with stage(tmp_path) as surface:
        async with surface.running():
            await surface.people.fault("api:chat.postMessage", "lose_answer")
            posted = await surface.post(photos(2), "@darkroom please")
            await surface.call_made("chat.postMessage")
        surface.clock.advance(10)
        async with surface.running():
            await surface.post(photos(1, first=5), thread=posted.ts)
            tray = await surface.said("3 of 3 photos usable", thread=posted.ts)
            assert [m.ts for m in await surface.by_bot("#portraits")] == [tray.ts]
            assert len(await surface.calls("chat.postMessage")) == 1

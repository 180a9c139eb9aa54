"""Cancel, retry and details: on the card, for its owner, for ever."""

from decimal import Decimal
from pathlib import Path

import pytest

from bot.providers import InvalidInput, RemoteState, TrainingSpec
from bot.sandbox.slack import Message
from tests.fakes import Fault, Step
from tests.surface import Surface, fast_vendor, photos, stage

TRAINING_FOR_EVER = [{"state": RemoteState.RUNNING, "progress": 0.4}]


async def test_cancel_before_anything_was_sent_stops_at_once(surface: Surface) -> None:
    surface.vendor.fail_next("submit", Fault.BUSY, times=1000)
    card = await surface.train()
    waiting = await surface.card(card, "waiting for Fake (1st in our queue)")
    assert "Fake has been busy since" in waiting.words()
    assert "this keeps its place" in waiting.words()
    pressed = await surface.press(waiting, "Cancel")
    assert pressed.confirm is not None
    assert "Nothing was sent yet." in pressed.confirm["text"]
    ended = await surface.card(card, "cancelled")
    assert "Cancel" not in ended.buttons()
    assert "Stopped. Nothing more happens with it." in ended.words()
    assert surface.vendor.paid == 0


async def test_cancel_of_a_running_training_asks_the_vendor_to_stop(surface: Surface) -> None:
    surface.vendor.script("training", TRAINING_FOR_EVER)
    card = await surface.train()
    pressed = await surface.press(await surface.card(card, "training 40 %"), "Cancel")
    assert "may still be charged" in pressed.confirm["text"]
    await surface.card(card, "cancelled")
    assert surface.vendor.jobs["t1"].cancelled
    told = await surface.said("Cancelling: it is with the vendor", viewer="ana")
    assert told.ephemeral


async def test_cancel_where_the_vendor_cannot_stop_says_that_the_result_is_discarded(tmp_path: Path) -> None:
    async with stage(tmp_path, vendor=fast_vendor(cancels=False)) as surface, surface.running():
        surface.vendor.script("training", TRAINING_FOR_EVER)
        card = await surface.train()
        await surface.press(await surface.card(card, "training 40 %"), "Cancel")
        told = await surface.card(card, "Fake cannot be told to stop: its result will be discarded.")
        assert "Cancel" not in told.buttons()


async def test_a_cancel_that_was_denied_in_its_dialog_stops_nothing(surface: Surface) -> None:
    surface.vendor.script("training", TRAINING_FOR_EVER)
    card = await surface.card(await surface.train(), "training 40 %")
    pressed = await surface.people.press("ana", card.channel, card.ts, "Cancel", confirmed=False)
    assert not pressed.sent
    assert surface.query("SELECT cancel_requested FROM job") == [(0,)]


async def test_cancel_pressed_by_somebody_else_stops_nothing(surface: Surface) -> None:
    surface.vendor.script("training", TRAINING_FOR_EVER)
    card = await surface.card(await surface.train(), "training 40 %")
    await surface.press(card, "Cancel", user="lee")
    told = await surface.said("Only the person who posted the photos", viewer="lee")
    assert told.ephemeral
    assert surface.query("SELECT cancel_requested FROM job") == [(0,)]


async def test_a_stale_cancel_explains_and_brings_the_card_up_to_date(surface: Surface) -> None:
    surface.vendor.script("training", TRAINING_FOR_EVER)
    card = await surface.card(await surface.train(), "training 40 %")
    await surface.all_said()  # The next edit is that of the card.
    await surface.people.fault("api:chat.update", "error", error="message_not_found", times=1)
    await surface.bot.services.jobs.cancel(
        surface.query("SELECT id FROM job")[0][0], surface.query("SELECT owner FROM job")[0][0]
    )
    await surface.until(lambda: _state(surface, "cancelled"))
    # The card still shows its button: nothing edits it any more.
    await surface.press(card, "Cancel")
    told = await surface.said("It had ended already", viewer="ana")
    assert told.ephemeral


async def test_a_retry_after_the_photos_were_erased_says_so_and_takes_the_button_away(
    surface: Surface,
) -> None:
    surface.vendor.fail_next("submit", Fault.REFUSED)
    tray = await surface.train()
    card = await surface.card(tray, "failed")
    assert "Retry" in card.buttons()
    surface.clock.advance(3 * 86_400)
    await surface.bot.services.photos.sweep()
    assert surface.rows("job_input") == 0
    await surface.press(card, "Retry")
    told = await surface.said("is not kept here any more: post it again", viewer="ana")
    assert told.ephemeral

    async def without_it() -> Message | None:
        now = await surface.card(tray, "failed")
        return None if "Retry" in now.buttons() else now

    assert "Delete…" in (await surface.until(without_it)).buttons()
    assert surface.rows("job") == 1


async def test_a_cancel_that_comes_too_late_promises_no_images(surface: Surface) -> None:
    hold = surface.vendor.hold("poll")
    card = await surface.train()
    await hold.entered.wait()
    await surface.press(card, "Cancel")
    await surface.said("Cancelling", viewer="ana")
    hold.release.set()
    mine = await surface.until(lambda: surface.direct_channel("ana"))
    told = await surface.said("is trained after", channel=mine.id)
    assert "before it could be cancelled. No images are made" in told.words()
    assert "see the images" not in told.words()
    assert surface.vendor.paid_for("generation") == 0


async def test_words_of_a_failure_that_come_after_the_retry_are_still_of_that_failure(
    surface: Surface,
) -> None:
    surface.vendor.fail_next("submit", Fault.REFUSED)
    hold = surface.vendor.hold("submit")
    card = await surface.train()
    await hold.entered.wait()
    await surface.people.fault("api:chat.postMessage", "rate_limited", times=2, retry_after=2)
    hold.release.set()
    await surface.press(await surface.card(card, "failed"), "Retry")
    told = await surface.said("failed. *Your photos.*", thread=card.thread_ts)
    first = surface.query("SELECT id FROM job WHERE state = 'failed'")[0][0]
    assert f"Reference `{first}`" in told.words()


async def test_retry_of_a_failed_job_goes_on_with_the_same_photos_on_the_same_card(surface: Surface) -> None:
    surface.vendor.fail_next("submit", Fault.REFUSED)
    card = await surface.train()
    failed = await surface.card(card, "failed (Your photos)")
    pressed = await surface.press(failed, "Retry")
    assert "The same photos, prompt and vendor are used." in pressed.confirm["text"]
    done = await surface.card(card, "done")
    assert done.ts == card.ts
    assert surface.vendor.paid_for("training") == 1
    spec = surface.vendor.jobs["t1"].spec
    assert isinstance(spec, TrainingSpec)
    assert len(spec.inputs) == 3


async def test_retry_pressed_twice_is_one_retry(surface: Surface) -> None:
    surface.vendor.fail_next("submit", Fault.REFUSED)
    hold = surface.vendor.hold("submit")
    card = await surface.train()
    hold.release.set()
    failed = await surface.card(card, "failed")
    await surface.all_said()  # The next edit is that of the card.
    again = surface.vendor.hold("submit")
    await surface.people.fault("api:chat.update", "rate_limited", times=1, retry_after=30)
    await surface.press(failed, "Retry")
    await surface.press(failed, "Retry")
    again.release.set()
    await surface.until(lambda: _state(surface, "succeeded"))
    assert surface.query("SELECT count(*) FROM job WHERE kind = 'training'") == [(2,)]


async def test_retry_pressed_by_somebody_else_starts_nothing(surface: Surface) -> None:
    surface.vendor.fail_next("submit", Fault.REFUSED)
    failed = await surface.card(await surface.train(), "failed")
    await surface.press(failed, "Retry", user="lee")
    await surface.said("Only the person who posted the photos", viewer="lee")
    assert surface.rows("job") == 1


async def test_details_show_the_owner_the_facts_and_the_prompt(surface: Surface) -> None:
    surface.vendor.script("training", TRAINING_FOR_EVER)
    card = await surface.card(await surface.train(), "training 40 %")
    await surface.press(card, "Details")
    words = (await surface.form()).words()
    assert "a secret garden" in words
    assert "Vendor's id: `t1`" in words
    assert surface.query("SELECT id FROM job")[0][0] in words


async def test_details_pressed_by_somebody_else_show_nothing(surface: Surface) -> None:
    surface.vendor.script("training", TRAINING_FOR_EVER)
    card = await surface.card(await surface.train(), "training 40 %")
    await surface.press(card, "Details", user="lee")
    await surface.said("Only the person who posted the photos", viewer="lee")
    assert await surface.people.view("lee") is None


async def _state(surface: Surface, state: str) -> bool | None:
    found = surface.query("SELECT state FROM job WHERE kind = 'training' ORDER BY created_at DESC LIMIT 1")
    return found == [(state,)] or None


@pytest.mark.parametrize(
    ("cost", "says"),
    [
        (0, "Not charged, as Fake counts."),
        (1, "Charged all the same, as Fake counts: how much is in *Details*."),
        (None, "Charged or not is for Fake to say"),
    ],
)
@pytest.mark.parametrize("mendable", [False, True], ids=["its own", "the photos'"])
async def test_a_failure_says_what_the_vendor_counts_for_it(
    surface: Surface, cost: int | None, says: str, mendable: bool
) -> None:
    count = None if cost is None else Decimal(cost)
    step: Step = {"state": RemoteState.FAILED, "cost": count, "cost_unit": "training"}
    if mendable:
        step = InvalidInput("no face")
        step.cost, step.cost_unit = count, "training"
        says = says if cost is not None else "Not charged, as far as we know."
    surface.vendor.script("training", [step])
    card = await surface.train(await surface.tray(photos(2)))
    assert says in (await surface.card(card, "failed (")).words()


async def test_failure_words_say_whose_turn_it_is_and_whether_it_was_charged(surface: Surface) -> None:
    surface.vendor.fail_next("submit", Fault.REFUSED)
    card = await surface.train(await surface.tray(photos(2)))
    words = (await surface.card(card, "failed (Your photos)")).words()
    assert "Fake did not accept the photos or the prompt." in words
    assert "Not charged, as far as we know." in words
    assert "Reference" in words
    said = await surface.said("failed. *Your photos.*", thread=card.thread_ts)
    assert said.ts != card.ts
    assert f"<@{await surface.user_id('ana')}>" in said.words()

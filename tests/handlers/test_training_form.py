"""The form behind *Train…*: what it asks, what it refuses, and that it starts one training."""

from pathlib import Path
from typing import Any

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.sandbox.slack import Refused
from handlers.ids import Action
from storage.errors import StoreFull
from tests.fakes import Fault
from tests.surface import FORM, Surface, fast_vendor, odd, photo, photos, stage


async def test_the_form_says_what_it_needs_to_know_and_where_the_photos_go(surface: Surface) -> None:
    form = await surface.open_form(await surface.tray(photos(3)))
    assert form.title == "Train a model"
    assert form.submit == "Train"
    words = form.words()
    assert "3 photos from this thread." in words
    assert "I am in these photos, or I have this person's permission" in words
    assert "The photos go to Fake (Testland)." in words
    assert form.options("subject") == ["person", "dog"]
    assert form.options("count") == ["1 image", "2 images", "4 images"]


async def test_the_permission_is_never_ticked_beforehand(surface: Surface) -> None:
    form = await surface.open_form(await surface.tray())
    consent = next(block for block in form.blocks if block["block_id"] == "consent")
    assert "initial_options" not in consent["element"]


async def test_who_sees_the_images_is_asked_in_a_channel_and_not_in_a_dm(surface: Surface) -> None:
    form = await surface.open_form(await surface.tray())
    assert len(form.options("where")) == 2
    assert "The card stays in this thread, with the name and without images." in str(form.blocks)
    await surface.people.close("ana")
    await surface.post(photos(2, first=5), channel="@darkroom")
    tray = await surface.said("2 of 2", channel="@darkroom", viewer="ana")
    alone = await surface.open_form(tray)
    with pytest.raises(KeyError):
        alone.options("where")


async def test_where_nothing_is_made_nobody_is_asked_where_to_post_it(tmp_path: Path) -> None:
    vendor = fast_vendor(generates=False)
    async with stage(tmp_path, vendor=vendor) as surface, surface.running():
        tray = await surface.tray()
        form = await surface.open_form(tray)
        with pytest.raises(KeyError):
            form.options("where")
        assert (await surface.submit(where=None, prompt=None, count=None)).closed
        card = await surface.card(tray, says="without images")
        assert card.thread_ts == tray.thread_ts


@pytest.mark.parametrize(("where", "channel"), [("here", "#portraits"), ("alone", "@darkroom")])
async def test_a_form_that_brings_photos_for_a_mere_model_asks_where_to_train(
    tmp_path: Path, where: str, channel: str
) -> None:
    vendor = fast_vendor(generates=False)
    async with stage(tmp_path, vendor=vendor) as surface, surface.running():
        await surface.people.command("ana", "#portraits", "/darkroom", "new")
        form = await surface.form()
        assert "Where to train" in str(form.blocks)
        assert "Post the images" not in str(form.blocks)
        sent = {key: value for key, value in FORM.items() if key not in {"prompt", "count"}}
        done = await surface.people.submit("ana", sent | {"photos": photos(3), "where": where})
        assert done.closed, done
        card = await surface.said("without images", channel=channel, viewer="ana", within=60)
        assert "ana spring" in card.words()


async def test_a_submitted_form_becomes_a_card_in_the_thread_and_the_tray_says_so(surface: Surface) -> None:
    tray = await surface.tray()
    card = await surface.train(tray)
    assert card.thread_ts == tray.thread_ts
    assert "ana spring" in card.words()
    used = await surface.said("Training started", thread=tray.thread_ts)
    assert (used.ts, used.buttons()) == (tray.ts, [])


async def test_the_permission_is_kept_with_its_wording_its_giver_and_its_time(surface: Surface) -> None:
    await surface.train()
    (spec, owner), *_ = surface.query(
        "SELECT json_extract(spec, '$.consent.by'), owner FROM job WHERE kind = 'training'"
    )
    assert spec == owner
    (kept,) = surface.query(
        "SELECT json_extract(spec, '$.consent.version'), json_extract(spec, '$.consent.at'),"
        " json_extract(spec, '$.consent.provider') FROM job WHERE kind = 'training'"
    )
    assert all(kept)
    assert kept[2] == "fake"


async def test_an_empty_prompt_is_marked_under_its_field_and_nothing_starts(surface: Surface) -> None:
    await surface.open_form(await surface.tray())
    with pytest.raises(Refused):
        await surface.submit(prompt=None)
    refused = await surface.submit(prompt="   ")
    assert refused.errors == {"prompt": "Say what the pictures should show."}
    assert not refused.closed
    assert surface.rows("job") == 0


async def test_signs_that_a_vendor_reads_otherwise_are_marked_under_the_prompt(tmp_path: Path) -> None:
    async with stage(tmp_path, vendor=fast_vendor(prompt_bars="<>")) as found, found.running():
        await found.open_form(await found.tray())
        refused = await found.submit(prompt="we <3 the sea")
        assert refused.errors == {"prompt": "This vendor takes a prompt without < only."}
        assert found.rows("job") == 0


async def test_a_form_that_cannot_be_kept_stays_open_and_says_so(
    surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(unit: Any) -> Any:
        raise StoreFull("the disk is full: nothing was written")

    tray = await surface.tray()
    await surface.open_form(tray)
    await surface.all_said()  # Else what was just said could not be noted either.
    with monkeypatch.context() as disk:
        disk.setattr(surface.bot.store, "write", full)
        refused = await surface.submit()
    assert not refused.closed
    assert "nothing was started" in refused.errors["name"]
    assert (await surface.submit()).closed
    await surface.card(tray)


async def test_an_empty_name_is_marked_under_its_field(surface: Surface) -> None:
    await surface.open_form(await surface.tray())
    refused = await surface.submit(name="  ")
    assert refused.errors == {"name": "Give the model a name."}
    assert surface.rows("job") == 0


async def test_what_a_person_corrects_is_taken(surface: Surface) -> None:
    await surface.open_form(await surface.tray())
    await surface.submit(prompt=" ")
    done = await surface.submit(prompt="in the snow")
    assert (done.closed, done.errors) == (True, {})
    assert surface.query("SELECT json_extract(spec, '$.prompt') FROM job") == [("in the snow",)]


@pytest.mark.parametrize("missing", ["consent", "where", "subject"])
async def test_a_slack_client_holds_back_a_form_that_leaves_out(surface: Surface, missing: str) -> None:
    await surface.open_form(await surface.tray())
    with pytest.raises(Refused):
        await surface.submit("ana", **{missing: None})


async def test_a_name_longer_than_the_form_takes_is_held_back_by_the_client(surface: Surface) -> None:
    await surface.open_form(await surface.tray())
    with pytest.raises(Refused):
        await surface.submit(name="x" * 61)


def _forged(tray_id: str, place: str, who: str, team: str, **changes: Any) -> dict[str, Any]:
    """A submission as a client that checks nothing would send it."""
    wished = FORM | {"provider": "fake/training"} | changes
    values: dict[str, Any] = {}
    for name in ("name", "prompt"):
        values[name] = {"value": {"type": "plain_text_input", "value": wished[name]}}
    for name in ("subject", "provider", "count", "where"):
        option = {"value": wished[name]} if wished[name] else None
        values[name] = {"value": {"type": "static_select", "selected_option": option}}
    ticked = [{"value": "agreed"}] if wished["consent"] else []
    values["consent"] = {"value": {"type": "checkboxes", "selected_options": ticked}}
    meta = f'{{"tray": "{tray_id}", "place": "{place}"}}'
    view = {"id": "V1", "type": "modal", "callback_id": "train_modal", "private_metadata": meta}
    return {
        "type": "view_submission",
        "team": {"id": team},
        "user": {"id": who, "team_id": team},
        "view": {**view, "state": {"values": values}},
    }


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"consent": []}, "consent", "Without this permission no photo leaves this workspace."),
        ({"name": "x" * 61}, "name", "At most 60 characters."),
        ({"prompt": "x" * 501}, "prompt", "At most 500 characters."),
        ({"count": "9"}, "count", "At most 4 images."),
        ({"subject": "ghost"}, "subject", "This vendor does not know that kind of subject"),
        ({"where": ""}, "where", "Choose who may see the images."),
        ({"provider": "nobody/training"}, "name", "This vendor is not available now."),
    ],
)
async def test_a_form_that_no_client_checked_is_refused_under_its_field(
    surface: Surface, changes: dict[str, Any], field: str, words: str
) -> None:
    await surface.tray()
    ((tray_id, place, owner),) = surface.query("SELECT id, place, owner FROM tray")
    team, ana = owner.split("/")
    body = _forged(tray_id, place, ana, team, **changes)
    answer = await surface.bot.app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body))
    assert f'"{field}"' in answer.body
    assert words in answer.body
    assert surface.rows("job") == 0


async def test_a_form_forged_by_somebody_else_starts_nothing(surface: Surface) -> None:
    await surface.tray()
    ((tray_id, place, owner),) = surface.query("SELECT id, place, owner FROM tray")
    body = _forged(tray_id, place, await surface.user_id("lee"), owner.split("/")[0])
    answer = await surface.bot.app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body))
    assert "Only the person who posted the photos" in answer.body
    assert surface.rows("job") == 0


async def test_a_form_submitted_twice_starts_one_training(surface: Surface) -> None:
    await surface.tray()
    ((tray_id, place, owner),) = surface.query("SELECT id, place, owner FROM tray")
    team, ana = owner.split("/")
    body = _forged(tray_id, place, ana, team)
    for _ in range(2):
        request = AsyncBoltRequest(mode="socket_mode", body=body)
        answer = await surface.bot.app.async_dispatch(request)
        assert (answer.status, answer.body) == (200, "")
    assert surface.query("SELECT count(*) FROM job WHERE kind = 'training'") == [(1,)]


async def test_two_forms_over_the_same_photos_start_one_training(surface: Surface) -> None:
    await surface.tray()
    ((tray_id, place, owner),) = surface.query("SELECT id, place, owner FROM tray")
    team, ana = owner.split("/")
    bodies = []
    for window in ("V1", "V2"):
        body = _forged(tray_id, place, ana, team)
        body["view"]["id"] = window
        request = AsyncBoltRequest(mode="socket_mode", body=body)
        bodies.append((await surface.bot.app.async_dispatch(request)).body)
    assert bodies[0] == ""
    assert "These photos were used already" in bodies[1]
    assert surface.query("SELECT count(*) FROM job WHERE kind = 'training'") == [(1,)]


async def test_train_pressed_by_somebody_else_opens_nothing_and_says_why(surface: Surface) -> None:
    tray = await surface.tray()
    await surface.press(tray, "Train…", user="lee")
    told = await surface.said("Only the person who posted the photos", viewer="lee")
    assert told.ephemeral
    assert await surface.people.view("lee") is None


async def test_a_press_that_fails_at_once_is_acknowledged_all_the_same(surface: Surface) -> None:
    await surface.tray()
    ((tray_id,),) = surface.query("SELECT id FROM tray")
    body = {
        "type": "block_actions",
        "team": {"id": await surface.team()},
        "user": {"id": await surface.user_id("lee"), "team_id": await surface.team()},
        "trigger_id": "1.x",
        "actions": [{"action_id": Action.TRAIN.value, "block_id": "b", "value": tray_id}],
    }
    answer = await surface.bot.app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body))
    assert answer.status == 200


async def test_train_pressed_on_a_tray_that_was_used_says_so(surface: Surface) -> None:
    tray = await surface.tray()
    await surface.open_form(tray)
    # The edit that takes the button away comes late.
    await surface.people.fault("api:chat.update", "error", error="fatal_error", times=50)
    assert (await surface.submit()).closed
    form = await surface.open_form(tray)
    assert "This was used already" in form.words()
    assert form.submit is None


async def test_a_vendor_that_wants_more_photos_is_named_with_what_it_wants(surface: Surface) -> None:
    tray = await surface.tray(photos(1), says="1 more photo needed")
    assert "add them to this thread" in tray.words()
    assert tray.buttons() == ["Discard"]


async def test_the_same_photo_twice_is_too_few_for_a_vendor_that_wants_two(surface: Surface) -> None:
    tray = await surface.tray([odd("a.jpg", photo(1)), odd("b.jpg", photo(1))], says="1 more photo needed")
    assert "1 of 2 photos usable" in tray.words()


async def test_a_vendor_that_went_down_meanwhile_refuses_the_form_and_loses_nothing(surface: Surface) -> None:
    await surface.open_form(await surface.tray())
    surface.vendor.fail_next("check", Fault.DOWN)
    await surface.bot.services.vendors.check()
    refused = await surface.submit()
    assert "not available now" in refused.errors["name"]
    assert surface.query("SELECT state FROM tray") == [("open",)]
    await surface.bot.services.vendors.check()
    assert (await surface.submit()).closed


async def test_just_started_the_form_waits_until_its_vendors_were_asked(tmp_path: Path) -> None:
    vendor = fast_vendor()
    held = vendor.hold("check")
    async with stage(tmp_path) as surface, surface.running([vendor], asked=False):
        await held.entered.wait()
        tray = await surface.tray()
        await surface.press(tray, "Train…")
        waiting = await surface.people.wait_for_view("ana", lambda view: bool(view.words()))
        assert "Loading…" in waiting.words()
        held.release.set()
        assert (await surface.form()).options("provider") == ["Fake (Testland), 2 to 10 photos"]

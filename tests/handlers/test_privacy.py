"""What a member of the channel must not see of somebody else's job."""

from bot.providers import RemoteState
from tests.surface import Surface, odd

PROMPT = "a secret garden"


async def seen_by(surface: Surface, viewer: str, channel: str = "#portraits") -> str:
    """Everything the bot shows a person in a channel, blocks and file names included."""
    mine = [
        m for m in await surface.people.messages(channel, viewer=viewer) if m.user == surface.bot.bot_user
    ]
    return str([(m.text, m.blocks, [file.name for file in m.files], m.metadata) for m in mine])


async def test_no_member_sees_the_prompt_or_an_image_of_a_job_that_is_only_for_its_owner(
    surface: Surface,
) -> None:
    card = await surface.train(where="Only to me, by DM")
    await surface.card(card, "done")
    mine = await surface.until(lambda: surface.direct_channel("ana"))
    await surface.said("is ready after", channel=mine.id)
    shown = await seen_by(surface, "lee")
    assert PROMPT not in shown
    by_bot = await surface.by_bot("#portraits", viewer="lee")
    assert not any(m.files or any(b["type"] == "image" for b in m.blocks) for m in by_bot)
    status = await surface.people.command("lee", "#portraits", "/darkroom", "status")
    assert PROMPT not in str(status.messages)
    assert "ana spring" not in str(status.messages)


async def test_no_card_carries_the_prompt_even_where_the_images_are_for_all(surface: Surface) -> None:
    card = await surface.train()
    await surface.card(card, "done")
    calls = await surface.people.journal(kinds=["api"], limit=5000)
    said = [e for e in calls if e.facts["method"] in {"chat.postMessage", "chat.update"}]
    assert said
    assert not any(PROMPT in str(e.facts["arguments"]) for e in said)
    completed = await surface.calls("files.completeUploadExternal")
    assert not any(PROMPT in str(e.facts["arguments"]) for e in completed)


async def test_a_posted_photo_is_never_shown_again_by_the_bot(surface: Surface) -> None:
    tray = await surface.tray()
    card = await surface.train(tray)
    await surface.card(card, "done")
    ((parent,),) = [[m] for m in await surface.people.messages("#portraits") if m.ts == tray.thread_ts]
    posted = {file.id for file in parent.files}
    assert posted
    for message in await surface.by_bot("#portraits"):
        assert not posted & {file.id for file in message.files}
        assert not any(one in str(message.blocks) for one in posted)


async def test_a_name_that_looks_like_slacks_own_syntax_pings_and_links_nobody(surface: Surface) -> None:
    surface.vendor.script("training", [{"state": RemoteState.RUNNING, "progress": 0.4}])
    name = "<!channel> & <@U1>"
    card = await surface.train(name=name)
    words = (await surface.card(card, "training 40 %")).words()
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in words
    status = await surface.people.command("ana", "#portraits", "/darkroom", "status")
    for shown in (words, str(status.messages[0].blocks), status.messages[0].text):
        assert "<!channel>" not in shown
        assert "<@U1>" not in shown


async def test_the_images_comment_escapes_the_name_too(surface: Surface) -> None:
    await surface.train(name="<!here> & co")
    done = await surface.said("is ready after", within=60)
    assert "<!here>" not in done.text
    assert "&lt;!here&gt; &amp; co" in done.text


async def test_the_longest_name_and_prompt_go_through_the_whole_job(surface: Surface) -> None:
    name, prompt = "&" * 60, "<" * 500
    card = await surface.train(name=name, prompt=prompt, where="Only to me, by DM")
    done = await surface.card(card, "done")
    await surface.press(done, "Details")
    assert "&lt;" in (await surface.form()).words()
    assert (await surface.calls("views.update", ok=False)) == []
    assert (await surface.calls("chat.postMessage", ok=False)) == []


async def test_many_long_file_names_cut_no_verdict_short(surface: Surface) -> None:
    files = [odd(f"{'<' * 200}{n}.jpg", b"no photo") for n in range(35)]
    posted = await surface.post(files, "@darkroom please")
    words = (await surface.said("0 of 35 photos usable", thread=posted.ts)).words()
    assert (
        words.count("is no picture of a kind I know, whatever its name says: post it as a JPEG or HEIC.")
        == 30
    )
    assert "5 more files cannot be used either." in words
    assert "2 more photos needed: add them to this thread." in words

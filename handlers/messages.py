"""Records in, Block Kit out: what stands in threads and DMs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.services.progress import JobView, Stage
from handlers.blocks import Block, Message, actions, button, confirm, section, small
from handlers.ids import Action
from handlers.link_words import link_fault, link_fix
from handlers.phrases import clock, day, duration, escape, failure, plural, shortfall, stage
from handlers.places import permalink, user_of
from storage.records.jobs import JobKind
from storage.records.links import LinkTrouble
from storage.records.trays import Invitation

# -- the question


def invitation(asked: Invitation) -> Message:
    """To somebody who posted photos without a mention; only they see it."""
    count = plural(len(asked.files), "photo")
    text = f"Train a model from these {count}?"
    whole = confirm(
        "Leave this channel alone?", "Nobody is asked here any more.", "Leave it alone", "Go on asking"
    )
    return Message(
        text,
        (
            section(text),
            *actions(
                button(Action.INVITED, "Train…", asked.id, style="primary"),
                button(Action.HUSH_HERE, "Not in this channel", asked.id, confirm=whole),
                button(Action.HUSH_ME, "Do not ask me", asked.id),
            ),
            small("At most once a day here. Nothing has been looked at yet."),
        ),
    )


def hushed(command: str, *, me: bool, here: bool) -> Message:
    """Whether quiet questions are asked, and how to change it."""
    if me:
        return Message(f"I do not ask you whether to train from your photos. `{command} offers on` if I may.")
    if here:
        return Message(f"I do not ask anybody in this channel. `{command} offers on here` if I may.")
    return Message(
        "Whoever posts three photos or more without mentioning me is asked, where only they see it, whether "
        f"to train a model from them. `{command} offers off` if you want to be left alone; "
        f"`{command} offers off here` for everybody in this channel."
    )


# -- the card


def card(view: JobView) -> Message:
    """One per job, edited as it moves. Neither prompt nor photo is on it."""
    name = title(view)
    words = stage(view)
    when = view.current.started_at or view.root.created_at
    since = f"{'started' if view.current.started_at else 'asked'} {clock(when)}"
    head = f"{name} · {words} · {escape(view.label)} · {since}"
    blocks = [section(head)]
    blocks += [small(line) for line in _card_lines(view)]
    return Message(f"{escape(view.root.name) or 'A job'}: {words}", (*blocks, *actions(*_card_buttons(view))))


def title(view: JobView) -> str:
    """Its name; what is left of one that is deleted has none."""
    return f"*{escape(view.root.name)}*" if view.root.name else f"`{view.root.id}`"


def _card_lines(view: JobView) -> list[str]:
    """What stands under a card's head: how it ended, or what there is to be known while it goes on."""
    return _ended_lines(view) or _under_way_lines(view)


def _ended_lines(view: JobView) -> list[str]:
    """How it ended, or is about to; empty while it goes on."""
    job = view.current
    if view.stage is Stage.DELETING:
        return ["Being erased here, in Slack and at the vendor; a receipt comes by DM."]
    if view.stage is Stage.DELETED:
        return ["Nothing of it is kept here any more. Its owner has the receipt by DM."]
    if view.stage is Stage.FAILED:
        said = failure(view)
        return [f"*{said.turn}.* {said.reason}", f"{said.charged} {said.retry} Reference `{job.id}`."]
    if view.stage is Stage.CANCELLED:
        if job.stopped_remotely is False:
            return [f"{view.label} cannot be told to stop: its result will be discarded."]
        return ["Stopped. Nothing more happens with it."]
    if view.stage is Stage.DONE and view.current.kind is JobKind.TRAINING and not view.pictures:
        return [f"trained after {duration(view.took)}, without images"]
    if view.stage is Stage.DONE:
        some = f" · {view.pictures_here} of {view.asked_for} images" if shortfall(view) else ""
        return [f"ready after {duration(view.took)}{some}"]
    return []


def _under_way_lines(view: JobView) -> list[str]:
    """What it waits for, and how long it usually takes."""
    trouble = view.current.trouble_at
    lines = []
    if trouble:
        lines.append(f"Cannot reach {view.label} since {clock(trouble)}; still trying; nothing is lost.")
    if view.stage is Stage.OUR_QUEUE and view.busy_since:
        lines.append(
            f"{view.label} has been busy since {clock(view.busy_since)}: "
            "this keeps its place and is sent as soon as there is room. Nothing was charged."
        )
        if view.busy_long:
            lines.append("That is long: a quota may be spent there, and the operator has been told.")
    elif view.stage is Stage.OUR_QUEUE and view.concurrency and not trouble:
        lines.append(f"{view.label} runs {plural(view.concurrency, 'job')} of ours at a time.")
    if view.stage is Stage.FETCHING_LAST and view.deadline_at:
        lines.append(f"We keep trying until {clock(view.deadline_at)}.")
    if view.slow:
        lines.append("Slower than 9 of 10 jobs here.")
    usual = (
        f"usually {duration(view.usual[0])} to {duration(view.usual[1])} here"
        if view.usual
        else "no history yet"
    )
    return [*lines, f"{usual} · you will be told here and by DM"]


def _card_buttons(view: JobView) -> list[Block]:
    if view.current.deletion_id:
        return []
    buttons = [button(Action.DETAILS, "Details", view.root.id)]
    if view.stage is Stage.NEEDS_YOU:
        buttons.insert(0, upload_button(view))
    if view.can_make_more:
        count = view.current.spec.get("count") or 1
        again = confirm(
            "Make more?", "The same is asked for once more, and charged like it.", "Make", "Not now"
        )
        buttons = [
            button(Action.MORE, f"{count} more", view.root.id, confirm=again),
            button(Action.PROMPT, "Another prompt…", view.root.id),
            *buttons,
        ]
    if view.can_cancel:
        buttons.append(cancel_button(view))
    if view.can_retry:
        risky = failure(view).retry if view.stage is Stage.FAILED else "It starts anew and is paid for anew."
        ask = confirm(
            "Try again?", f"{risky} The same photos, prompt and vendor are used.", "Try again", "Not now"
        )
        buttons.append(button(Action.RETRY, "Retry", view.root.id, confirm=ask))
    if view.can_delete:
        buttons.append(delete_button(view.root.id))
    return buttons


def delete_button(job_id: str) -> Block:
    """Opens the question, which says what would go."""
    return button(Action.DELETE, "Delete…", job_id)


def upload_button(view: JobView) -> Block:
    """Opens the form for better files."""
    return button(Action.UPLOAD, "Upload again…", view.root.id, style="primary")


def cancel_button(view: JobView) -> Block:
    """Asks before it stops anything."""
    sent = view.current.remote_id is not None
    text = f"What {view.label} has begun may still be charged." if sent else "Nothing was sent yet."
    return button(
        Action.CANCEL, "Cancel", view.root.id, confirm=confirm("Cancel this job?", text, "Cancel it", "Go on")
    )


# -- the end


def pictures_comment(view: JobView, *, first: bool, last: bool, direct: bool) -> str:
    """The words above the images: who they are for, and with the last of them how many did not come."""
    missing = shortfall(view) if last else ""
    said = _pictures_comment(view, first=first, direct=direct)
    return f"{said}\n{missing}" if missing else said


def _pictures_comment(view: JobView, *, first: bool, direct: bool) -> str:
    name = escape(view.root.name)
    who = "" if direct else f"<@{user_of(view.root.owner)}> "
    if view.current.kind is JobKind.TRAINING:
        return f"What {escape(view.label)} shows of *{name}*"
    if first:
        return f"{who}*{name}* is ready after {duration(view.took)}"
    return f"The rest of *{name}*"


def needs_you(view: JobView, *, direct: bool) -> Message:
    """The vendor wants better inputs: said in the thread and by DM, and as a reminder."""
    who = "" if direct else f"<@{user_of(view.root.owner)}> "
    text = f"{who}*{escape(view.root.name)}* needs you: {escape(view.label)} asks for better files."
    until = f" It is closed on {day(view.answer_by)} if none come." if view.answer_by else ""
    hint = "A video over 10 MB fits on no form: post it in the card's thread, mentioning me, and then press."
    how = _PAPERS_HERE if direct else _PAPERS_TOO
    papers = [small(how)] if view.wants_papers else []
    return Message(text, (section(text + until), small(hint), *papers, *actions(upload_button(view))))


_PAPERS_HERE = "An identity card or a letter can also be sent to me here; never post it in a channel."
_PAPERS_TOO = (
    "An identity card or a letter can also be sent to me by direct message; never post it in a channel."
)


def ready(view: JobView, permalink: str | None, files: Sequence[str]) -> Message:
    """The owner's DM: where the images stand, and the images."""
    name = escape(view.root.name)
    text = f"*{name}* is ready after {duration(view.took)}"
    if permalink:
        text = f"{text}: <{permalink}|{'see the clip' if view.makes_clip else 'see the images'}>"
    missing = shortfall(view)
    return pictures(view, f"{text}\n{missing}" if missing else text, files)


def missing_images(view: JobView) -> Message | None:
    """In the direct message in which the images stand, where the last of them came before this was known."""
    missing = shortfall(view)
    return Message(f"Of *{escape(view.root.name)}*: {missing}") if missing else None


def trained(view: JobView, permalink: str | None) -> Message:
    """The owner's DM where no images follow: the vendor makes none, or a wish to cancel came too late."""
    name = escape(view.root.name)
    text = f"*{name}* is trained after {duration(view.took)}"
    if view.current.cancel_requested:
        text = f"{text}, before it could be cancelled. No images are made"
    elif not view.pictures:
        text = f"{text}. {escape(view.label)} gives no image of it"
    if permalink:
        text = f"{text}: <{permalink}|see its card>"
    return Message(text, (section(text),))


def pictures(view: JobView, text: str, files: Sequence[str]) -> Message:
    """Images inside a message of ours, by Slack's ids of their files."""
    images: list[Block] = [
        {"type": "image", "slack_file": {"id": file}, "alt_text": f"{view.root.name}, image {number}"}
        for number, file in enumerate(files, 1)
    ]
    return Message(text, (section(text), *images))


def failed(view: JobView, *, direct: bool) -> Message:
    """Said once, in the thread and by DM."""
    said = failure(view)
    who = "" if direct else f"<@{user_of(view.root.owner)}> "
    text = f"{who}*{escape(view.root.name)}* failed. *{said.turn}.* {said.reason}"
    blocks = [section(text), small(f"{said.charged} {said.retry} Reference `{view.current.id}`.")]
    return Message(text, tuple(blocks))


# -- answers


def help_message(command: str) -> Message:
    """What `/darkroom` and `help` show."""
    text = (
        "*Darkroom trains a personal image model from a handful of photos.*\n"
        "Post photos in a channel and mention me, send them to me in a DM, or press *New*."
    )
    facts = (
        "Photos are stripped of their metadata, go to the one vendor you choose and to nobody else, "
        "and are erased here a day after the job ends, unless your operator set another time. "
        "Results are shown only where you say."
    )
    known = (
        "new [name]",
        "status [id]",
        "models",
        "delete <model or id>",
        "offers [on or off] [here]",
        "providers",
        "help",
    )
    words = " · ".join(f"`{command} {word}`" for word in known)
    buttons = actions(
        button(Action.NEW, "New", "new", style="primary"), button(Action.STATUS, "My jobs", "status")
    )
    return Message(
        "Darkroom: new, status, models, delete, help", (section(text), small(facts), *buttons, small(words))
    )


def unknown_command(word: str, nearest: str | None, command: str) -> Message:
    """The nearest command, not the manual."""
    if nearest:
        return Message(f"`{escape(word[:40])}` is no command of mine. Did you mean `{command} {nearest}`?")
    return Message(f"`{escape(word[:40])}` is no command of mine. `{command} help` shows what there is.")


def status(views: Sequence[JobView], workspace: str | None) -> Message:
    """Newest jobs, a line each. Without `workspace` for somebody else's eyes: names and buttons left out."""
    private = workspace is None
    if not views:
        return Message(
            "No jobs yet. Post photos and mention me, or press *New*.",
            (
                section("No jobs yet. Post photos and mention me, or press *New*."),
                *actions(button(Action.NEW, "New", "new", style="primary")),
            ),
        )
    blocks: list[Block] = []
    for view in views:
        who = f" · <@{user_of(view.root.owner)}>" if private else ""
        name = f"`{view.root.id}`" if private else title(view)
        usual = f" · usually {duration(view.usual[0])} to {duration(view.usual[1])}" if view.usual else ""
        age = duration(view.now - view.root.created_at)
        blocks.append(section(f"{name} · {stage(view)} · {escape(view.label)} · {age} old{usual}{who}"))
        if workspace is not None:
            blocks += actions(*_status_buttons(view, workspace))
    first = views[0]
    newest = stage(first) if private or not first.root.name else f"{escape(first.root.name)}, {stage(first)}"
    text = f"{plural(len(views), 'job')}; the newest: {newest}"
    return Message(text, tuple(blocks[:50]))


def _status_buttons(view: JobView, workspace: str) -> list[Block]:
    if view.current.deletion_id:
        return []
    buttons = [button(Action.DETAILS, "Details", view.root.id)]
    if view.card:
        link = button(Action.OPEN, "Open", view.root.id)
        buttons.insert(0, {**link, "url": permalink(workspace, view.card)})
    if view.can_cancel:
        buttons.append(cancel_button(view))
    if view.can_delete:
        buttons.append(delete_button(view.root.id))
    return buttons


def no_such_job(command: str) -> Message:
    """Not there, or not theirs: the same words for both."""
    return Message(f"There is no job of yours with this id. `{command} status` lists your jobs.")


def operators_only(command: str) -> Message:
    """`status all` or `doctor` by somebody who does not run Darkroom."""
    return Message(f"This is for Darkroom's operators. `{command} status` lists your jobs.")


def nothing_yet() -> Message:
    """A mention or DM that carries neither photos nor a word of ours."""
    return Message("Post some photos here and I will train a model on them. `help` says more.")


_TROUBLE = {
    "disk_full": (
        "I have no room to store photos just now. The operator has been told. Your post is not "
        "lost: I will take the photos as soon as there is room."
    ),
    "given_up": "I could not take these photos in after many tries. Please post them once more.",
    "unexpected": "Something went wrong on our side while taking this in. I will try again by myself.",
    "slack_unreachable": "I cannot load these photos from Slack just now. I will try again by myself.",
}


def trouble(code: str, reference: str) -> Message:
    """Something on our side that the person concerned should know."""
    tail = f" Reference `{reference}`." if reference else ""
    return Message(_TROUBLE.get(code, _TROUBLE["unexpected"]) + tail)


_OPERATOR = {
    "credentials": (
        "does not let us in: check its keys, their permissions and this machine's clock. It is not offered "
        "until this is mended; a change of the settings takes a restart."
    ),
    "refused": "answers our check with a refusal. It is not offered until that ends.",
    "authentication": "refused a job for our credentials, clock or permissions: check them, then restart.",
    "quota": "refused a job: the account has no quota or no money left.",
    "busy": (
        "has said for long that it is busy. What waits keeps its place and is sent as soon as there is room. "
        "If this goes on, see in its console whether a quota is spent or somebody else uses the account."
    ),
    "copies_stay": "cannot be erased from the bucket: check that the keys may delete there. I go on trying.",
    "copies_left": (
        "could not be erased from the bucket for a week, and nobody tries any more: delete what lies under "
        "`darkroom/` there by hand. The log names the jobs."
    ),
    "files_read": (
        "answered a file download with its login page: the app lacks `files:read`, or was not re-installed "
        "after the scope was added."
    ),
    "not_set_up": (
        "has jobs under way, and its settings are gone: they wait until it is set up again. "
        "Put its keys back, or cancel the jobs."
    ),
    "disk_full": "has no room left for photos. Nothing is lost, and nothing goes on until there is room.",
    "overdue": (
        "is late: something that should have been erased is still here. The log says how much; see "
        "`docs/privacy.md`."
    ),
    "remedy": "works, but not by all of its settings.",
    "retired": "was given up by the vendor and is no longer offered. What else the vendor does works on.",
}


def operator(about: str, fault: str, words: str = "") -> Message:
    """Something only the operator can mend; `words` say which of what it may be, and how."""
    if trouble := LinkTrouble.read(fault):
        return Message(f"*{escape(about)}* lead nowhere: {link_fault(trouble)}. {link_fix(trouble)}")
    advice = f" _{escape(words)}_" if words else ""
    return Message(f"*{escape(about)}* {_OPERATOR.get(fault, 'needs attention: see the log.')}{advice}")

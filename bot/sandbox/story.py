"""The main job as a story: photos, tray, form, card, images, DM. It may be interrupted anywhere, and goes on.

Each step looks at what stands in Slack before anything is done, so nothing is ever done twice.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bot.sandbox.houses import USUAL
from bot.sandbox.parts import PARTS, Part
from bot.sandbox.plain import entered_text, form_fields, label_of
from bot.sandbox.slack import Director, Message, PressResult, Refused, Upload, View
from bot.sandbox.transcript import Transcript

T = TypeVar("T")
CHANNEL = "#portraits"
BOT = "@darkroom"
STORY_SECONDS = 300.0
_TRAIN, _USE, _DETAILS = "Train…", "Use ", "Details"
_LOADING = "Loading"
_A_MOMENT = 30.0
_TRIES = 6


class NotHappened(Exception):
    """A step of the story did not happen; `final` where going on with it will not mend that."""

    def __init__(self, step: str, why: str, *, final: bool = True) -> None:
        super().__init__(f"{step}: {why}")
        self.step = step
        self.why = why
        self.final = final


@dataclass(frozen=True)
class Script:
    """What the person says and fills in."""

    photos: Sequence[Upload]
    vendor: str = USUAL
    person: str = "ana"
    words: str = "@darkroom a model of these, please"
    name: str = "ana spring"
    more: str = "and these"
    subject: str = "object"
    papers: Mapping[str, Upload] = field(default_factory=dict)
    """What goes into the form's file inputs, by role."""

    @property
    def part(self) -> Part:
        """What this vendor needs of the person."""
        return PARTS[self.vendor]

    @property
    def way(self) -> str:
        """What is chosen in the form's menu of vendors."""
        return f"{self.vendor}/training"

    @property
    def posts(self) -> list[Sequence[Upload]]:
        """The photos, message by message."""
        size = self.part.per_post
        return [self.photos[start : start + size] for start in range(0, len(self.photos), size)]


@dataclass(frozen=True)
class Told:
    """The messages the story ends in."""

    post: Message
    tray: Message
    card: Message
    shown: Sequence[Message]
    """What the vendor shows of the model, where it does."""
    pictures: Sequence[Message]
    letter: Message
    sheet: Message | None = None
    """The contact sheet that the owner got by DM; none where the order came before it."""


@dataclass
class Story:
    """Plays the person's part and waits for the bot's."""

    people: Director
    transcript: Transcript
    script: Script
    _ends_at: float = field(default_factory=lambda: time.monotonic() + STORY_SECONDS)
    _filled: bool = False

    async def play(self) -> Told:
        """Tell it to the end, from wherever it stands. Raises NotHappened."""
        await self._step("the bot connects to Slack", self._connection())
        post = await self._step("ana posts photos", self._post())
        tray = await self._step("the bot answers with the tray", self._tray(post))
        if len(self.script.posts) > 1:
            await self._step("ana posts more photos in the thread", self._post_more(post))
            tray = await self._step("the tray counts all of them", self._whole_tray(post))
        if not self.script.part.film:
            await self._step("the contact sheet arrives by DM", self._sheet(post, tray))
        card = await self._step("ana orders a training and its card stands", self._card(post, tray))
        pictures = await self._step("the images stand in the thread", self._pictures(post))
        letter = await self._step("the DM with the link arrives", self._letter())
        card = await self._step("the card says done", self._done(post, card))
        await self.transcript.drain()
        shown = self.script.part.shown
        sheet = next((m for m in await self._letters() if is_sheet(m)), None)
        return Told(post, tray, card, pictures[:shown], pictures[shown:], letter, sheet)

    async def _step(self, name: str, work: Awaitable[T]) -> T:
        try:
            return await work
        except TimeoutError:
            raise NotHappened(name, "not in time", final=False) from None
        except Refused as refused:
            raise NotHappened(name, f"Slack refuses: {refused}") from refused

    @property
    def _least(self) -> int:
        return self.script.part.least

    @property
    def _left(self) -> float:
        return max(0.0, self._ends_at - time.monotonic())

    # The steps.

    async def _connection(self) -> None:
        await self.people.wait_for_connection(within=self._left)

    async def _post(self) -> Message:
        script = self.script
        for message in await self.people.messages(CHANNEL):
            if (
                message.user_name == script.person
                and message.files
                and message.thread_ts in {None, message.ts}
            ):
                return message
        return await self.people.post(script.person, CHANNEL, script.words, script.posts[0])

    async def _tray(self, post: Message) -> Message:
        return await self._in_thread(post, is_tray)

    async def _post_more(self, post: Message) -> None:
        script = self.script
        said = await self.people.messages(CHANNEL, post.ts)
        there = {file.name for message in said if message.user == post.user for file in message.files}
        for photos in script.posts[1:]:
            if not there.issuperset(photo.name for photo in photos):
                await self.people.post(script.person, CHANNEL, script.more, photos, post.ts)

    async def _whole_tray(self, post: Message) -> Message:
        whole = f"of {len(self.script.photos)}"
        return await self._in_thread(post, lambda m: is_tray(m) and whole in m.words())

    async def _sheet(self, post: Message, tray: Message) -> None:
        """Look at the photos as the bot judges them, unless they are in use already."""

        async def look() -> bool | None:
            stands = await self._in_thread(post, lambda m: m.ts == tray.ts)
            used = order_of(stands, self._least) is None
            return used or any(is_sheet(m) and shows_picture(m) for m in await self._letters()) or None

        await self.people.wait_for(look, self._left)

    async def _letters(self) -> list[Message]:
        """What the bot has said to the person alone."""
        found = []
        for channel in await self.people.channels():
            if channel.kind == "im":
                said = await self.people.messages(channel.id)
                found += [m for m in said if m.user_name == BOT.removeprefix("@")]
        return found

    async def _card(self, post: Message, tray: Message) -> Message:
        first = tray.ts
        for _ in range(_TRIES):
            stands = await self._in_thread(post, lambda m: m.ts == first or is_card(m), newest=True)
            if is_card(stands):
                return stands
            if (order := order_of(stands, self._least)) is None or await self._order(stands, order):
                return await self._in_thread(post, is_card)
        raise NotHappened("ana orders a training", f"it was pressed for {_TRIES} times", final=False)

    async def _order(self, tray: Message, order: str) -> bool:
        """Press *Train…* and fill the form in; False where it has to be tried again."""
        people, person = self.people, self.script.person
        await self._close_everything()
        await people.wait_for_connection(within=self._left)
        await self.transcript.act(person, f"{CHANNEL} ▸ thread", f"presses [{order}]")
        pressed = await people.press(person, CHANNEL, tray.ts, order)
        if not pressed.acked:
            self._say_unanswered(pressed)
            return False
        try:
            view = await people.wait_for_view(person, _is_filled, within=min(_A_MOMENT, self._left))
        except TimeoutError:
            self.transcript.note("The form did not open.", "yellow")
            return False
        if view.submit is None:
            # The order was given before the interruption; the bot says that these photos are used.
            await people.close(person)
            return True
        return await self._submit(view)

    async def _submit(self, view: View) -> bool:
        people, person = self.people, self.script.person
        try:
            view = await self._choose_vendor(view)
        except TimeoutError:
            self.transcript.note("The form was not drawn anew.", "yellow")
            return False
        view = await people.fill(person, self._answers(view))
        filled = [f"{label_of(one)}: {entered_text(view, one)}" for one in form_fields(view)]
        where = f"{CHANNEL} ▸ thread"
        await self.transcript.act(
            person, where, f"fills in the form “{view.title}”:", *filled, f"[{view.submit}]"
        )
        result = await people.submit(person)
        if result.closed:
            return True
        self.transcript.note(f"The form stays: {result.error or result.errors}", "yellow")
        return False

    async def _choose_vendor(self, view: View) -> View:
        """Choose the story's vendor; the form is drawn anew for another than it began with."""
        people, person = self.people, self.script.person
        if chosen(view, "provider") == self.script.way:
            return view
        await people.fill(person, {"provider": self.script.way})
        old = view.hash
        return await people.wait_for_view(person, lambda v: v.hash != old, min(_A_MOMENT, self._left))

    def _answers(self, view: View) -> dict[str, object]:
        script = self.script
        subjects = view.options("subject")
        answers: dict[str, object] = {
            "name": script.name,
            "subject": script.subject if script.subject in subjects else subjects[0],
            "prompt": script.part.prompt,
            "count": str(script.part.count),
            "where": view.options("where")[0],
            "consent": view.options("consent"),
            **script.part.answers,
            **{f"file.{role}": [paper] for role, paper in script.papers.items()},
        }
        there = {one.block_id for one in form_fields(view)}
        return {name: answer for name, answer in answers.items() if name in there}

    async def _pictures(self, post: Message) -> list[Message]:
        async def look() -> list[Message] | None:
            thread = await self._thread(post)
            found = [m for m in thread if m.files]
            part = self.script.part
            return found if sum(len(m.files) for m in found) >= part.shown + part.count else None

        return await self.people.wait_for(look, self._left)

    async def _letter(self) -> Message:
        person = self.script.person
        return await self.people.wait_for_message(
            BOT, lambda m: m.user_name != person and "/archives/" in m.text, viewer=person, within=self._left
        )

    async def _done(self, post: Message, card: Message) -> Message:
        return await self._in_thread(post, lambda m: m.ts == card.ts and "done" in m.text)

    # Looking.

    async def _thread(self, post: Message) -> list[Message]:
        """The bot's messages under the photos. Raises NotHappened where one says that the job failed."""
        said = await self.people.messages(CHANNEL, post.ts, viewer=self.script.person)
        mine = [m for m in said if m.user != post.user and not m.ephemeral]
        for message in mine:
            if is_card(message) and "failed" in message.text:
                raise NotHappened("the job goes well", "; ".join(self.transcript.lines_of(message)))
        return mine

    async def _in_thread(
        self, post: Message, wanted: Callable[[Message], bool], *, newest: bool = False
    ) -> Message:
        async def look() -> Message | None:
            found = [m for m in await self._thread(post) if wanted(m)]
            return (found[-1] if newest else found[0]) if found else None

        return await self.people.wait_for(look, self._left)

    async def _close_everything(self) -> None:
        while await self.people.view(self.script.person) is not None:
            await self.people.close(self.script.person)

    def _say_unanswered(self, pressed: PressResult) -> None:
        self.transcript.note(f"The bot did not answer ({pressed.error}); once more.", "yellow")


def is_card(message: Message) -> bool:
    """Whether a message is a job's card."""
    return _DETAILS in message.buttons()


def is_tray(message: Message) -> bool:
    """Whether a message is the reply under posted photos, used or not."""
    if message.files or message.ephemeral or is_card(message):
        return False
    return "photo" in message.text or "video" in message.text


def is_sheet(message: Message) -> bool:
    """Whether a message is, or was, the contact sheet of the photos."""
    return "contact sheet" in message.text


def shows_picture(message: Message) -> bool:
    """Whether a message has a picture in it."""
    return any(block.get("type") == "image" for block in message.blocks)


def order_of(tray: Message, least: int = 1) -> str | None:
    """The button that opens the form: for the good photos, where those are enough, or for all."""
    found = [one for one in tray.buttons() if one == _TRAIN or one.startswith(_USE)]
    enough = [one for one in found if one == _TRAIN or int(one.split()[-1]) >= least]
    return next(iter(enough or found), None)


def label(message: Message) -> str | None:
    """A name for the bot's lasting messages."""
    if message.user_name != BOT.removeprefix("@") or message.ephemeral:
        return None
    return "card" if is_card(message) else None


def chosen(view: View, block: str) -> str:
    """The value chosen in a menu of a form; empty where none is."""
    states = view.values.get(block, {}).values()
    return next((str((state.get("selected_option") or {}).get("value", "")) for state in states), "")


def _is_filled(view: View) -> bool:
    return _LOADING not in view.words()

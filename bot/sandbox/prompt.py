"""Going on by hand: a small prompt for people and commands, buttons, forms and trouble."""

import shlex
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bot.sandbox.keeper import Keeper
from bot.sandbox.orders import TROUBLES, order
from bot.sandbox.pictures import BadPhotos, pictures_in
from bot.sandbox.plain import block_lines, entered_text, form_fields, label_of
from bot.sandbox.screen import Lines, Screen
from bot.sandbox.slack import Message, Refused, Upload, View
from bot.sandbox.slack.forms import Field
from bot.sandbox.slack.settings import TRIGGER_SECONDS
from bot.sandbox.slack.wire import elements
from bot.sandbox.story import BOT, CHANNEL
from bot.sandbox.transcript import Transcript
from bot.sandbox.world import World

Own = Callable[[], Awaitable[Sequence[Upload]]]
"""The story's own photos, drawn where that was not needed before."""
_LOOKED_AT = 12
_FORM_SECONDS = 30.0
_HELP = """\
  say WORDS               post where you are; @darkroom mentions the bot
  photos [FOLDER or FILES] [-- WORDS]
                          post photos: the story's own, a folder's, or these files
  /darkroom status        a slash command, with what follows
  press Train…            press a button you see, by its label; press Details 2: the second of that label
  form                    fill the open form in, field by field, and send it; close: close it
  as lee                  be ana, lee or admin
  in #portraits           go to a channel; in thread: its newest thread; in dm: your DM with the bot
  look                    what stands where you are
  bot kill                end the bot without a warning, and see it come back
"""


class Prompt:
    """One person at a time, in one place at a time."""

    def __init__(
        self,
        world: World,
        transcript: Transcript,
        screen: Screen,
        lines: Lines,
        photos: Own,
        keeper: Keeper | None,
    ) -> None:
        self._world = world
        self._people = world.people
        self._transcript = transcript
        self._screen = screen
        self._lines = lines
        self._photos = photos
        self._keeper = keeper
        self._who = "ana"
        self._channel = CHANNEL
        self._thread: str | None = None

    async def run(self) -> None:
        """Read and do, until `quit` or the end of the input."""
        self._lines.open()
        self._transcript.note("Go on if you like; `help` shows what there is, `quit` ends the demo.")
        try:
            while (line := await self._ask(f"{self._who} {self._where()}> ")) is not None:
                if line in {"quit", "exit"}:
                    return
                await self._obey(line)
        finally:
            self._lines.close()

    async def _ask(self, question: str) -> str | None:
        await self._transcript.drain()
        self._screen.ask(question)
        answer = await self._lines.next()
        self._screen.answered()
        return answer

    def _where(self) -> str:
        place = "DM" if self._channel == BOT else self._channel
        return f"{place} ▸ thread" if self._thread else place

    async def _obey(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        verbs: dict[str, Callable[[str], Awaitable[None]]] = {
            "say": self._say,
            "photos": self._post_photos,
            "press": self._press,
            "form": self._form,
            "close": self._close,
            "as": self._be,
            "in": self._go,
            "look": self._look,
            "vendor": lambda what: self._order("vendor", what),
            "slack": lambda what: self._order("slack", what),
            "bot": self._bot,
            "help": self._help,
        }
        try:
            if word.startswith("/"):
                await self._command(word, rest)
            elif word in verbs:
                await verbs[word](rest)
            elif word:
                self._complain(
                    f"`{word}` is nothing I know; `help` shows what there is. To post it: say {line}"
                )
        except Refused as refused:
            self._complain(f"Slack does not let {self._who} do that: {refused}")
        except TimeoutError:
            self._complain("Nothing came in time.")
        except (BadPhotos, OSError, ValueError) as error:
            self._complain(str(error))

    # Verbs.

    async def _say(self, words: str) -> None:
        await self._people.post(self._who, self._channel, words, thread_ts=self._thread)

    async def _post_photos(self, rest: str) -> None:
        before, _, words = rest.partition("--")
        files = _files(before) or list(await self._photos())
        await self._people.post(self._who, self._channel, words.strip() or BOT, files, self._thread)

    async def _command(self, command: str, rest: str) -> None:
        await self._transcript.act(self._who, self._where(), f"types {command} {rest}".rstrip())
        done = await self._people.command(self._who, self._channel, command, rest)
        if not done.acked:
            self._complain(f"Slack says: {command} failed ({done.error}).")
        await self._show_form(coming=done.acked and not done.messages)

    async def _press(self, wanted: str) -> None:
        message, block_id, button = await self._find_button(wanted)
        await self._transcript.act(self._who, self._where(), f"presses [{button}]")
        place = (self._who, message.channel, message.ts, button)
        asked = await self._people.press(*place, block_id=block_id, confirmed=False)
        if asked.confirm is not None and not asked.sent:
            texts = " ".join(asked.confirm.get(part, "") for part in ("title", "text"))
            yes, no = asked.confirm.get("confirm", "Yes"), asked.confirm.get("deny", "No")
            if (await self._ask(f"{texts} [{yes}/{no}] ") or "").lower() not in {"y", "yes", yes.lower()}:
                return
            asked = await self._people.press(*place, block_id=block_id)
        if not asked.acked:
            self._complain(f"Slack shows a warning sign: {asked.error}.")
        await self._show_form(coming=asked.acked)

    async def _find_button(self, wanted: str) -> tuple[Message, str, str]:
        """The button of that label, the newest message first, there from above; `Details 2` is the second."""
        label, _, number = wanted.rpartition(" ")
        label, number = (label, number) if label and number.isdigit() else (wanted, "1")
        start = label.rstrip("….").lower()
        found = [
            (message, block["block_id"], element["text"]["text"])
            for message in reversed(await self._seen())
            for block in message.blocks
            for element in elements([block])
            if element["type"] == "button" and start and element["text"]["text"].lower().startswith(start)
        ]
        if not 0 < int(number) <= len(found):
            raise ValueError(f"You see no button [{wanted}] here; `look` shows what there is.")
        return found[int(number) - 1]

    async def _form(self, _: str) -> None:
        view = await self._people.view(self._who)
        if view is None:
            raise ValueError("No form is open. Press a button that opens one, or type /darkroom new.")
        for field in form_fields(view):
            while (answer := await self._ask(_question(view, field))) is not None:
                try:
                    view = await self._filled(view, field, answer)
                    break
                except Refused as refused:
                    self._complain(f"That does not fit: {refused}")
        if view.submit is None or (await self._ask(f"[{view.submit}]? (yes) ") or "yes").lower()[:1] != "y":
            return
        await self._transcript.act(self._who, self._where(), f"sends the form “{view.title}” [{view.submit}]")
        result = await self._people.submit(self._who)
        labels = {field.block_id: label_of(field) for field in form_fields(view)}
        for block, text in result.errors.items():
            self._complain(f"{labels.get(block, block)}: {text}")
        if result.error:
            self._complain(f"Slack says: {result.error}.")

    async def _filled(self, view: View, field: Field, answer: str) -> View:
        if not answer:
            return view
        match field.element["type"]:
            case "file_input":
                value: object = list(await self._photos()) if answer == "own" else _files(answer)
            case "checkboxes" | "multi_static_select":
                value = [o["value"] for o in field.options()] if answer == "yes" else []
            case _ if answer.isdigit() and (options := field.options()) and 0 < int(answer) <= len(options):
                value = options[int(answer) - 1]["value"]
            case _:
                value = answer
        return await self._people.fill(self._who, {field.block_id: value})

    async def _close(self, _: str) -> None:
        await self._people.close(self._who)

    async def _be(self, name: str) -> None:
        people = {user.name for user in await self._people.users() if not user.is_bot and not user.deleted}
        if name not in people:
            raise ValueError(f"There are {', '.join(sorted(people))}.")
        self._who = name

    async def _go(self, place: str) -> None:
        if place == "thread":
            said = await self._people.messages(self._channel, viewer=self._who)
            self._thread = next((m.thread_ts for m in reversed(said) if m.thread_ts), None)
            if self._thread is None:
                raise ValueError("There is no thread here.")
            return
        channel = BOT if place.lower() == "dm" else place if place.startswith("#") else f"#{place}"
        await self._people.messages(channel, viewer=self._who)
        self._channel, self._thread = channel, None

    async def _look(self, _: str) -> None:
        await self._transcript.drain()
        await self._transcript.show((await self._seen())[-_LOOKED_AT:], self._who)
        if (view := await self._people.view(self._who)) is not None:
            self._show(view)

    async def _order(self, whom: str, what: str) -> None:
        if what not in TROUBLES[whom]:
            raise ValueError(f"{whom}: {', '.join(TROUBLES[whom])}.")
        self._transcript.note(await order(whom, what, self._people, self._world.vendor))

    async def _bot(self, what: str) -> None:
        if what != "kill" or self._keeper is None:
            raise ValueError("There is `bot kill`, where this demo runs the bot.")
        self._keeper.kill()

    async def _help(self, _: str) -> None:
        self._transcript.note(_HELP.rstrip())
        for whom, troubles in TROUBLES.items():
            for what, trouble in troubles.items():
                self._transcript.note(f"  {f'{whom} {what}':24}{trouble.meaning}")
        self._transcript.note("  quit                    end the demo")

    # Seeing.

    async def _seen(self) -> list[Message]:
        return await self._people.messages(self._channel, self._thread, viewer=self._who)

    async def _show_form(self, *, coming: bool) -> None:
        """Show the form an action opened, once it has its fields.

        An app takes an action first and opens a form then: one that may be `coming` is given the time it has.
        """
        try:
            await self._people.wait_for_view(self._who, within=TRIGGER_SECONDS if coming else 0.0)
        except TimeoutError:
            return
        view = await self._people.wait_for_view(
            self._who, lambda v: "Loading" not in v.words(), within=_FORM_SECONDS
        )
        self._show(view)

    def _show(self, view: View) -> None:
        self._transcript.note(f"A form is open: “{view.title}”", "bold")
        for line in block_lines(view.blocks, self._transcript.names):
            self._transcript.note(f"  {line}", "cyan")
        fields = form_fields(view)
        for field in fields:
            self._transcript.note(f"  {label_of(field)}: {entered_text(view, field)}", "cyan")
        self._transcript.note("`form` fills it in." if fields else "`close` closes it.")

    def _complain(self, text: str) -> None:
        self._transcript.note(text, "yellow")


def _files(names: str) -> list[Path | Upload]:
    """The files a person names, and for a folder the pictures in it."""
    paths = [Path(name).expanduser() for name in shlex.split(names)]
    return [file for path in paths for file in (pictures_in(path) if path.is_dir() else [path])]


def _question(view: View, field: Field) -> str:
    now = entered_text(view, field)
    offers = [f"{number} {one['text']['text']}" for number, one in enumerate(field.options(), 1)]
    match field.element["type"]:
        case "checkboxes" | "multi_static_select":
            hint = f" ({'; '.join(one['text']['text'] for one in field.options())}: yes or no)"
        case "file_input":
            hint = " (files or a folder; `own` for the story's)"
        case _:
            hint = f" ({', '.join(offers)})" if offers else ""
    return f"  {label_of(field)}{hint}{f' [{now}]' if now else ''}: "

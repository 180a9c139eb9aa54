"""The people's hands and eyes from outside: a typed client of the control API."""

import json
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from bot.sandbox.slack.developer import Developer
from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.wire import (
    Channel,
    CommandResult,
    Entry,
    FaultOrder,
    Json,
    Message,
    PressResult,
    Scenario,
    SubmitResult,
    User,
    View,
)

T = TypeVar("T")
LONG_POLL = 10.0
PATIENCE = 30.0
"""Seconds that are waited unless told otherwise: on a busy machine an app may take its time to start."""


@dataclass(frozen=True)
class Upload:
    """A file to post or to put into a form, with what is odd about it."""

    name: str
    data: bytes
    scenario: Scenario = Scenario.HOSTED
    external_url: str | None = None
    redirect_to: str | None = None

    def about(self) -> Json:
        """Render everything but the bytes."""
        facts = {"name": self.name, "scenario": self.scenario.value}
        urls = {"external_url": self.external_url, "redirect_to": self.redirect_to}
        return facts | {k: v for k, v in urls.items() if v is not None}


class Director:
    """Tells the people of a local Slack what to do, and sees what they see. Over HTTP only.

    People are called "ana", channels "#portraits"; "@darkroom" is a person's direct messages with the bot.
    """

    def __init__(self, origin: str) -> None:
        self._http = httpx.AsyncClient(base_url=f"{origin}/control/", timeout=60, trust_env=False)
        self.developer = Developer(self._send, self._get, self._http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close_client()

    async def close_client(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    # What people do.

    async def post(
        self,
        user: str,
        channel: str,
        text: str = "",
        files: Sequence[Path | Upload] = (),
        thread_ts: str | None = None,
    ) -> Message:
        """Post a message; ``@darkroom`` in the text becomes a mention."""
        body = {"user": user, "channel": channel, "text": text, "thread_ts": thread_ts}
        return Message.model_validate(await self._send("post", body, [_upload(f) for f in files]))

    async def edit(self, user: str, channel: str, ts: str, text: str) -> Message:
        """Change a message of one's own."""
        body = {"user": user, "channel": channel, "ts": ts, "text": text}
        return Message.model_validate(await self._send("edit", body))

    async def delete(self, user: str, channel: str, ts: str) -> None:
        """Delete a message."""
        await self._send("delete", {"user": user, "channel": channel, "ts": ts})

    async def command(self, user: str, channel: str, command: str, text: str = "") -> CommandResult:
        """Type a slash command; returns once it is acknowledged or has timed out."""
        body = {"user": user, "channel": channel, "command": command, "text": text}
        return CommandResult.model_validate(await self._send("command", body))

    async def shortcut(
        self, user: str, callback_id: str, channel: str | None = None, ts: str | None = None
    ) -> CommandResult:
        """Choose a global shortcut, or one on a message."""
        body = {"user": user, "callback_id": callback_id, "channel": channel, "ts": ts}
        return CommandResult.model_validate(await self._send("shortcut", body))

    async def press(
        self,
        user: str,
        channel: str,
        ts: str,
        action: str,
        *,
        option: Any = None,
        block_id: str | None = None,
        confirmed: bool = True,
    ) -> PressResult:
        """Press a button under a message, by action id or visible label, or choose an option of a menu."""
        body = {
            "user": user,
            "channel": channel,
            "ts": ts,
            "action": action,
            "option": option,
            "block_id": block_id,
            "confirmed": confirmed,
        }
        return PressResult.model_validate(await self._send("press", body))

    async def press_view(
        self,
        user: str,
        action: str,
        *,
        option: Any = None,
        block_id: str | None = None,
        view_id: str | None = None,
        home: bool = False,
        confirmed: bool = True,
    ) -> PressResult:
        """Press a button or change a field in the open modal, or in the home tab."""
        body = {
            "user": user,
            "action": action,
            "option": option,
            "block_id": block_id,
            "view_id": view_id,
            "home": home,
            "confirmed": confirmed,
        }
        return PressResult.model_validate(await self._send("press_view", body))

    async def fill(self, user: str, values: Mapping[str, Any], view_id: str | None = None) -> View:
        """Type into the open modal without submitting it."""
        filled, uploads = _form(values)
        body = {"user": user, "values": filled, "view_id": view_id}
        return View.model_validate(await self._send("fill", body, uploads))

    async def submit(
        self, user: str, values: Mapping[str, Any] | None = None, view_id: str | None = None
    ) -> SubmitResult:
        """Fill the open modal in and submit it.

        Values are keyed by block label, block id or action id: text, an option's text or value, a list for
        checkboxes and multi-selects, a list of paths or uploads for a file input.

        Raises:
            Refused: a client would hold this form back.
        """
        filled, uploads = _form(values or {})
        body = {"user": user, "values": filled, "view_id": view_id}
        return SubmitResult.model_validate(await self._send("submit", body, uploads))

    async def suggest(
        self,
        user: str,
        action: str,
        typed: str,
        *,
        channel: str | None = None,
        ts: str | None = None,
        block_id: str | None = None,
        home: bool = False,
    ) -> list[Json]:
        """Type into a menu that the app fills; returns the options.

        It stands under a message, in the home tab, or else in the open modal.
        """
        body = {
            "user": user,
            "action": action,
            "typed": typed,
            "channel": channel,
            "ts": ts,
            "block_id": block_id,
            "home": home,
        }
        options: list[Json] = await self._send("suggest", body)
        return options

    async def close(self, user: str, view_id: str | None = None, *, everything: bool = False) -> bool:
        """Close the open modal by hand, or with its cross all of them; returns whether the app was told."""
        body = {"user": user, "view_id": view_id, "everything": everything}
        return bool((await self._send("close", body))["notified"])

    async def react(self, user: str, channel: str, ts: str, name: str, *, remove: bool = False) -> None:
        """Put an emoji under a message, or take it away again."""
        await self._send(
            "react", {"user": user, "channel": channel, "ts": ts, "name": name, "remove": remove}
        )

    async def open_home(self, user: str, tab: str = "home") -> None:
        """Open the app's home."""
        await self._send("open_home", {"user": user, "tab": tab})

    # What goes wrong, and what the world is like.

    async def fault(self, target: str, effect: str, times: int = 1, **options: Any) -> None:
        """Order trouble: ``fault("api:chat.postMessage", "lose_answer")``."""
        order = FaultOrder(target=target, effect=effect, times=times, options=options)
        await self._send("fault", order.model_dump())

    async def faults(self) -> list[FaultOrder]:
        """The trouble that is still on order."""
        return [FaultOrder.model_validate(one) for one in await self._get("faults")]

    async def clear_faults(self) -> None:
        """Call off all trouble, and let go of events held back for reordering."""
        await self._send("clear_faults", {})

    async def settings(self, **changes: Any) -> Json:
        """Turn knobs; returns all of them."""
        settings: Json = await self._send("settings", changes)
        return settings

    async def disconnect(self, reason: str = "refresh_requested", *, hard: bool = False) -> int:
        """Part with the app's sockets; returns how many there were."""
        return int((await self._send("disconnect", {"reason": reason, "hard": hard}))["connections"])

    async def invite_bot(self, channel: str) -> None:
        """Make the bot a member of a channel."""
        await self._send("membership", {"channel": channel, "member": True})

    async def remove_bot(self, channel: str) -> None:
        """Remove the bot from a channel."""
        await self._send("membership", {"channel": channel, "member": False})

    async def archive(self, channel: str, *, archived: bool = True) -> None:
        """Archive a channel, or bring it back."""
        await self._send("archive", {"channel": channel, "archived": archived})

    async def advance(self, seconds: float) -> float:
        """Turn a clock that is turned by hand, or have the world's leap ahead; returns what it shows."""
        return float((await self._send("advance", {"seconds": seconds}))["now"])

    async def run_clock(self, rate: float) -> float:
        """Let the world's clock run so many times as fast as the machine's; returns what it shows."""
        return float((await self._send("clock", {"rate": rate}))["now"])

    async def clock(self) -> Json:
        """What the clock shows, how fast it runs, and what can be done with it."""
        facts: Json = await self._get("clock")
        return facts

    # What people see.

    async def workspace(self) -> Json:
        """The app's identity and tokens, everybody, every conversation, sockets and undelivered events."""
        workspace: Json = await self._get("workspace")
        return workspace

    async def users(self) -> list[User]:
        """Everybody."""
        return [User.model_validate(u) for u in (await self.workspace())["users"]]

    async def channels(self) -> list[Channel]:
        """Every conversation."""
        return [Channel.model_validate(c) for c in (await self.workspace())["channels"]]

    async def messages(
        self, channel: str, thread_ts: str | None = None, viewer: str | None = None
    ) -> list[Message]:
        """A conversation or a thread, oldest first, as the viewer sees it; without one, what anybody sees."""
        found = await self._get("messages", channel=channel, thread_ts=thread_ts, viewer=viewer)
        return [Message.model_validate(m) for m in found]

    async def view(self, user: str) -> View | None:
        """The modal a person sees."""
        found = await self._get("view", user=user)
        return View.model_validate(found) if found else None

    async def home(self, user: str) -> View | None:
        """The home tab a person sees."""
        found = await self._get("home", user=user)
        return View.model_validate(found) if found else None

    async def file_bytes(self, file_id: str) -> bytes:
        """A file's bytes."""
        answer = await self._http.get(f"files/{file_id}")
        _check(answer)
        return answer.content

    async def journal(self, since: int = 0, kinds: Collection[str] = (), limit: int = 1_000) -> list[Entry]:
        """What happened after a line of the journal."""
        found = await self._get("journal", since=since, kinds=",".join(kinds), limit=limit)
        return [Entry.model_validate(e) for e in found["entries"]]

    async def now(self) -> int:
        """The number of the journal's newest line, to read on from."""
        return int((await self._get("journal", since=0, limit=0))["last"])

    # Waiting.

    async def wait_for(self, look: Callable[[], Awaitable[T | None]], within: float = PATIENCE) -> T:
        """Look at once and again after everything that happens, until there is something to see.

        Raises:
            TimeoutError: there was nothing to see in time.
        """
        deadline = time.monotonic() + within
        while True:
            seen = await self.now()
            found = await look()
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"nothing seen within {within} seconds")
            await self._get("journal", since=seen, wait=min(left, LONG_POLL), limit=0)

    async def wait_for_entry(
        self, wanted: Callable[[Entry], bool], since: int = 0, within: float = PATIENCE
    ) -> Entry:
        """Wait for a line of the journal."""

        async def look() -> Entry | None:
            nonlocal since
            while entries := await self.journal(since):
                since = entries[-1].seq
                for entry in entries:
                    if wanted(entry):
                        return entry
            return None

        return await self.wait_for(look, within)

    async def wait_for_message(
        self,
        channel: str,
        wanted: Callable[[Message], bool],
        *,
        thread_ts: str | None = None,
        viewer: str | None = None,
        within: float = PATIENCE,
    ) -> Message:
        """Wait until a message looks as wanted."""

        async def look() -> Message | None:
            said = await self.messages(channel, thread_ts, viewer)
            return next((m for m in said if wanted(m)), None)

        return await self.wait_for(look, within)

    async def wait_for_view(
        self, user: str, wanted: Callable[[View], bool] = lambda _view: True, within: float = PATIENCE
    ) -> View:
        """Wait until a person sees a modal as wanted."""

        async def look() -> View | None:
            view = await self.view(user)
            return view if view and wanted(view) else None

        return await self.wait_for(look, within)

    async def wait_for_connection(self, count: int = 1, within: float = PATIENCE) -> None:
        """Wait until the app has so many sockets open."""

        async def look() -> bool | None:
            return bool((await self.workspace())["connections"] >= count) or None

        await self.wait_for(look, within)

    async def _get(self, path: str, **query: Any) -> Any:
        answer = await self._http.get(path, params={k: v for k, v in query.items() if v is not None})
        _check(answer)
        return answer.json()

    async def _send(self, path: str, body: Json, uploads: Sequence[Upload] = ()) -> Any:
        if uploads:
            body = body | {"files": [u.about() for u in uploads]}
            files = [("file", (u.name, u.data, "application/octet-stream")) for u in uploads]
            answer = await self._http.post(path, data={"body": json.dumps(body)}, files=files)
        else:
            answer = await self._http.post(path, json=body)
        _check(answer)
        return answer.json()


def _check(answer: httpx.Response) -> None:
    if answer.status_code == httpx.codes.CONFLICT:
        refusal = answer.json()
        raise Refused(refusal["error"], **refusal["facts"])
    answer.raise_for_status()


def _upload(file: Path | Upload) -> Upload:
    return file if isinstance(file, Upload) else Upload(file.name, file.read_bytes())


def _form(values: Mapping[str, Any]) -> tuple[Json, list[Upload]]:
    filled: Json = {}
    uploads: list[Upload] = []
    for name, value in values.items():
        if isinstance(value, list | tuple) and any(isinstance(v, Path | Upload) for v in value):
            filled[name] = {"files": list(range(len(uploads), len(uploads) + len(value)))}
            uploads += [_upload(v) for v in value]
        else:
            filled[name] = value
    return filled, uploads

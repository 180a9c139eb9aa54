"""The control API under ``/control``: the people's hands and eyes, for tests, the demo and benchmarks.

It is protected by nothing but the loopback address it is served on.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bot.sandbox.slack.answering import Handler, answering
from bot.sandbox.slack.clock import ManualClock, ShownClock, clock_facts
from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.interactions import Gesture
from bot.sandbox.slack.parts import Parts
from bot.sandbox.slack.people import People
from bot.sandbox.slack.records import File, Message, User, View
from bot.sandbox.slack.settings import FILE_INPUT_BYTES
from bot.sandbox.slack.wire import CommandResult, FaultOrder, Json, PressResult, Scenario, SubmitResult

LONGEST_WAIT = 30.0


class Control:
    """One handler per thing a person can do or see."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._people = People(parts)

    def routes(self) -> list[BaseRoute]:
        """Every address of the control API."""
        posts: dict[str, Handler] = {
            "post": self.post,
            "edit": self.edit,
            "delete": self.delete,
            "command": self.command,
            "shortcut": self.shortcut,
            "press": self.press,
            "press_view": self.press_view,
            "suggest": self.suggest,
            "fill": self.fill,
            "submit": self.submit,
            "close": self.close,
            "open_home": self.open_home,
            "fault": self.fault,
            "clear_faults": self.clear_faults,
            "settings": self.settings,
            "disconnect": self.disconnect,
            "archive": self.archive,
            "advance": self.advance,
            "clock": self.run_clock,
        }
        gets: dict[str, Handler] = {
            "workspace": self.workspace,
            "messages": self.messages,
            "view": self.view,
            "home": self.home,
            "journal": self.journal,
            "faults": self.faults,
            "clock": self.clock,
        }
        routes: list[BaseRoute] = [
            Route(f"/control/{name}", answering(run), methods=["POST"]) for name, run in posts.items()
        ]
        routes += [Route(f"/control/{name}", answering(run), methods=["GET"]) for name, run in gets.items()]
        return [*routes, Route("/control/files/{file}", self.file_bytes, methods=["GET"])]

    # What people do.

    async def post(self, body: Json) -> Any:
        """Post a message, with files or without."""
        user = self._people.person(body["user"])
        self._people.channel_for(user, body["channel"])
        files = self._uploads(user, body, in_form=False)
        text, thread_ts = body.get("text", ""), body.get("thread_ts")
        return self._people.seen(self._people.post(user, body["channel"], text, files, thread_ts))

    async def edit(self, body: Json) -> Any:
        """Change a message of one's own."""
        user = self._people.person(body["user"])
        message = self._people.message_for(user, body["channel"], body["ts"])
        return self._people.seen(self._people.edit(user, message, body["text"]))

    async def delete(self, body: Json) -> None:
        """Delete a message."""
        user = self._people.person(body["user"])
        self._people.delete(user, self._people.message_for(user, body["channel"], body["ts"]))

    async def command(self, body: Json) -> Any:
        """Type a slash command and wait until it is acknowledged."""
        user = self._people.person(body["user"])
        channel = self._people.channel_for(user, body["channel"])
        before = self._parts.journal.last
        name, text = body["command"], body.get("text", "")
        gesture = await self._parts.interactions.command(user, channel, name, text)
        return _command_result(gesture, self._people.since(channel, user, before))

    async def shortcut(self, body: Json) -> Any:
        """Choose a shortcut, on a message or globally."""
        user = self._people.person(body["user"])
        message = None
        if body.get("ts"):
            message = self._people.message_for(user, body["channel"], body["ts"])
        gesture = await self._parts.interactions.shortcut(user, body["callback_id"], message)
        return _command_result(gesture, [])

    async def press(self, body: Json) -> Any:
        """Press a button or choose from a menu under a message."""
        user = self._people.person(body["user"])
        message = self._people.message_for(user, body["channel"], body["ts"])
        return _press_result(
            await self._parts.interactions.press(
                user,
                message,
                body["action"],
                body.get("block_id"),
                body.get("option"),
                confirmed=body.get("confirmed", True),
            )
        )

    async def press_view(self, body: Json) -> Any:
        """Press a button or change a field in a modal or the home tab."""
        user = self._people.person(body["user"])
        return _press_result(
            await self._parts.interactions.press_view(
                user,
                self._view(user, body),
                body["action"],
                body.get("block_id"),
                body.get("option"),
                confirmed=body.get("confirmed", True),
            )
        )

    async def suggest(self, body: Json) -> Any:
        """Type into a menu the app fills, and see what it offers."""
        user = self._people.person(body["user"])
        where: Message | View = (
            self._people.message_for(user, body["channel"], body["ts"])
            if body.get("ts")
            else self._view(user, body)
        )
        return await self._parts.interactions.suggest_in(
            user, where, body["action"], body.get("block_id"), body["typed"]
        )

    def _view(self, user: User, body: Json) -> View:
        """The home tab where that is meant, else the modal that is open."""
        home = self._parts.views.home(user.id) if body.get("home") else None
        return home or self._people.modal(user, body.get("view_id"))

    async def fill(self, body: Json) -> Any:
        """Type into a modal without submitting it."""
        user = self._people.person(body["user"])
        view = self._people.modal(user, body.get("view_id"))
        await self._parts.interactions.fill(user, view, self._values(user, body))
        return self._people.seen_view(view)

    async def submit(self, body: Json) -> Any:
        """Fill a modal in and submit it."""
        user = self._people.person(body["user"])
        view = self._people.modal(user, body.get("view_id"))
        await self._parts.interactions.fill(user, view, self._values(user, body))
        gesture = await self._parts.interactions.submit(user, view)
        now = self._parts.views.top(user.id)
        return SubmitResult(
            acked=gesture.ack.acked,
            error=gesture.ack.error,
            seconds=gesture.ack.seconds,
            closed=self._parts.views.get(view.id) is None,
            errors=view.errors,
            view=self._people.seen_view(now) if now else None,
        )

    async def close(self, body: Json) -> Any:
        """Close a modal by hand."""
        user = self._people.person(body["user"])
        view = self._people.modal(user, body.get("view_id"))
        everything = bool(body.get("everything"))
        gesture = await self._parts.interactions.close(user, view, everything=everything)
        return {"notified": gesture is not None, "acked": gesture.ack.acked if gesture else False}

    async def open_home(self, body: Json) -> None:
        """Open the app's home."""
        user = self._people.person(body["user"])
        channel = self._people.channel_for(user, f"@{self._parts.workspace.manifest.bot_name}")
        self._parts.interactions.open_home(user, channel, body.get("tab", "home"))

    # What goes wrong, and what the world is like.

    async def fault(self, body: Json) -> None:
        """Order trouble."""
        self._parts.faults.order(FaultOrder.model_validate(body))

    async def faults(self, _body: Json) -> Any:
        """The trouble that is still on order."""
        return self._parts.faults.on_order()

    async def clear_faults(self, _body: Json) -> None:
        """Call off all trouble, and let go of events held back for reordering."""
        self._parts.faults.clear()
        self._parts.events.release()

    async def settings(self, body: Json) -> Any:
        """Turn knobs, for good; answers with all of them."""
        return self._parts.knobs.turn(body)

    async def disconnect(self, body: Json) -> Any:
        """Part with every socket."""
        reason, hard = body.get("reason", "refresh_requested"), body.get("hard", False)
        return {"connections": self._parts.sockets.order_disconnect(reason, hard=hard)}

    async def archive(self, body: Json) -> None:
        """Archive a channel, or bring it back."""
        self._people.archive(body["channel"], archived=body.get("archived", True))

    async def advance(self, body: Json) -> Any:
        """Turn a clock that is turned by hand, or have the world's leap ahead."""
        seconds = float(body["seconds"])
        match self._parts.workspace.clock:
            case ManualClock() as clock:
                clock.advance(seconds)
            case ShownClock(world=world) if seconds >= 0:
                world.leap(seconds)
            case _:
                raise Refused("clock_runs_by_itself")
        return self._clock_turned()

    async def run_clock(self, body: Json) -> Any:
        """Let the world's clock run faster, or as fast as the machine's again."""
        clock = self._parts.workspace.clock
        if not isinstance(clock, ShownClock):
            raise Refused("clock_runs_by_itself")
        try:
            clock.world.run(float(body["rate"]))
        except ValueError as error:
            raise Refused("invalid_rate", problem=str(error)) from error
        return self._clock_turned()

    async def clock(self, _body: Json) -> Any:
        """What the clock shows, and what can be done with it."""
        return clock_facts(self._parts.workspace.clock)

    def _clock_turned(self) -> Json:
        facts = clock_facts(self._parts.workspace.clock)
        self._parts.journal.add("clock", now=facts["now"], rate=facts["rate"])
        return facts

    # What people see.

    async def workspace(self, _body: Json) -> Any:
        """Who and what there is, with the app's tokens."""
        return {
            "identity": asdict(self._parts.workspace.identity),
            "users": [u.model_dump() for u in self._people.everybody()],
            "channels": [c.model_dump() for c in self._people.everywhere()],
            "connections": self._parts.sockets.count,
            "undelivered": self._parts.deliveries.undelivered,
        }

    async def messages(self, body: Json) -> Any:
        """A conversation or a thread as somebody sees it."""
        name = body.get("viewer")
        viewer = self._parts.workspace.find_user(name) if name else None
        return [m.model_dump() for m in self._people.messages(body["channel"], body.get("thread_ts"), viewer)]

    async def view(self, body: Json) -> Any:
        """The modal somebody sees."""
        view = self._parts.views.top(self._people.person(body["user"]).id)
        return self._people.seen_view(view) if view else None

    async def home(self, body: Json) -> Any:
        """The home tab somebody sees."""
        view = self._parts.views.home(self._people.person(body["user"]).id)
        return self._people.seen_view(view) if view else None

    async def journal(self, body: Json) -> Any:
        """The journal after a line; waits for one when asked to."""
        since, wait = int(body.get("since", 0)), min(float(body.get("wait", 0)), LONGEST_WAIT)
        if wait:
            await self._parts.journal.wait(since, wait)
        kinds = [k for k in body.get("kinds", "").split(",") if k]
        entries = self._parts.journal.read(since, kinds, int(body.get("limit", 1_000)))
        return {"last": self._parts.journal.last, "entries": [e.model_dump() for e in entries]}

    async def file_bytes(self, request: Request) -> Response:
        """A file's bytes, whoever may see it."""
        file = self._parts.workspace.files.get(request.path_params["file"])
        if file is None or file.deleted or not file.received:
            return JSONResponse({"error": "file_not_found", "facts": {}}, 409)
        return FileResponse(self._parts.workspace.blob(file), media_type=file.mimetype)

    def _uploads(self, user: User, body: Json, *, in_form: bool) -> list[File]:
        found = []
        for about, data in zip(body.get("files", ()), body.get("_parts", ()), strict=True):
            if in_form and len(data) > FILE_INPUT_BYTES:
                raise Refused("file_too_large", name=about["name"])
            file = self._parts.uploads.add(
                user.id,
                about["name"],
                data,
                Scenario(about.get("scenario", "hosted")),
                external_url=about.get("external_url"),
                redirect_to=about.get("redirect_to"),
                in_form=in_form,
            )
            found.append(file)
        return found

    def _values(self, user: User, body: Json) -> Mapping[str, Any]:
        """Read the values to fill in; ``{"files": [n, ...]}`` stands for the uploads of those numbers."""
        uploads = self._uploads(user, body, in_form=True)
        return {
            name: [uploads[n].id for n in value["files"]] if isinstance(value, dict) else value
            for name, value in body.get("values", {}).items()
        }


def _command_result(gesture: Gesture, messages: list[Any]) -> CommandResult:
    ack = gesture.ack
    return CommandResult(
        acked=ack.acked,
        error=ack.error,
        seconds=ack.seconds,
        trigger_id=gesture.trigger_id,
        messages=messages,
    )


def _press_result(gesture: Gesture) -> PressResult:
    ack = gesture.ack
    return PressResult(
        acked=ack.acked, error=ack.error, seconds=ack.seconds, confirm=gesture.confirm, sent=gesture.sent
    )

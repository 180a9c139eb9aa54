"""Triggers, open modals and home tabs: who sees which view, and which hash is the newest."""

from dataclasses import asdict, dataclass

from bot.sandbox.slack.clock import Clock
from bot.sandbox.slack.database import Database
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.forms import Values, carried_values
from bot.sandbox.slack.ids import Ids
from bot.sandbox.slack.journal import Journal
from bot.sandbox.slack.records import View
from bot.sandbox.slack.settings import TRIGGER_SECONDS
from bot.sandbox.slack.wire import Json

STACK = 3
REMEMBERED = 10_000


@dataclass
class Trigger:
    """A person's gesture, good for one view within three seconds."""

    user: str
    at: float
    view: str | None
    spent: bool = False


class Triggers:
    """The gestures of the last moments."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        issued = sorted(database.load("trigger"), key=lambda kept: kept[1]["at"])
        self._issued = {key: Trigger(**body) for key, body in issued}

    def issue(self, user: str, view: str | None = None) -> str:
        """Make a trigger for a gesture, made inside a modal or elsewhere."""
        trigger_id = f"{int(self._clock.now() * 1000)}.{self._ids.secret()}"
        self._issued[trigger_id] = Trigger(user, self._clock.now(), view)
        self._save(trigger_id)
        while len(self._issued) > REMEMBERED:
            oldest = next(iter(self._issued))
            del self._issued[oldest]
            self._database.delete("trigger", oldest)
        return trigger_id

    def exchange(self, trigger_id: str) -> Trigger:
        """Spend a trigger, or say in Slack's words why it is worth nothing."""
        trigger = self._issued.get(trigger_id)
        if trigger is None:
            raise ApiError("invalid_trigger_id")
        if trigger.spent:
            raise ApiError("exchanged_trigger_id")
        if self._clock.now() - trigger.at > TRIGGER_SECONDS:
            raise ApiError("expired_trigger_id")
        trigger.spent = True
        self._save(trigger_id)
        return trigger

    def _save(self, trigger_id: str) -> None:
        self._database.save("trigger", trigger_id, asdict(self._issued[trigger_id]))


class Views:
    """Every open view, with what is filled in so far."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, journal: Journal) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._journal = journal
        self._views = {key: View(**body) for key, body in database.load("view")}
        self._stacks = {user: body["views"] for user, body in database.load("stack")}
        self._homes = {v.user: v.id for v in self._views.values() if v.type == "home"}
        # What a person chose in a message's menus stays chosen for them.
        self._chosen: dict[str, Values] = dict(database.load("chosen"))

    def stack(self, user: str) -> list[View]:
        """A person's modals, the visible one last."""
        return [self._views[v] for v in self._stacks.get(user, ())]

    def top(self, user: str) -> View | None:
        """The modal a person sees."""
        stack = self.stack(user)
        return stack[-1] if stack else None

    def home(self, user: str) -> View | None:
        """A person's home tab, once published."""
        view_id = self._homes.get(user)
        return self._views[view_id] if view_id else None

    def get(self, view_id: str) -> View | None:
        """Find an open view."""
        return self._views.get(view_id)

    def find(self, view_id: str | None, external_id: str | None) -> View:
        """Find a view by either handle."""
        for view in self._views.values():
            if view.id == view_id or (external_id and view.body.get("external_id") == external_id):
                return view
        raise ApiError("not_found")

    def open(self, user: str, body: Json) -> View:
        """Show a modal in the place of whatever was open."""
        self._check_external_id(body)
        self.clear(user)
        return self._stack(user, body, previous=None)

    def push(self, user: str, body: Json) -> View:
        """Lay a modal upon the visible one."""
        stack = self.stack(user)
        if not stack:
            raise ApiError("not_found")
        if len(stack) >= STACK:
            raise ApiError("push_limit_reached")
        self._check_external_id(body)
        return self._stack(user, body, previous=stack[-1])

    def update(self, view: View, body: Json, known_hash: str | None = None) -> View:
        """Replace a view's content; a hash that is not the newest is a conflict."""
        if known_hash is not None and known_hash != view.hash:
            raise ApiError("hash_conflict")
        self._check_external_id(body, besides=view.id)
        view.values = carried_values(body["blocks"], view.values)
        view.body, view.hash, view.errors = body, self._new_hash(), {}
        self.keep(view)
        self._log("updated", view)
        return view

    def publish(self, user: str, body: Json, known_hash: str | None = None) -> View:
        """Replace a person's home tab."""
        home = self.home(user)
        if home is not None:
            return self.update(home, body, known_hash)
        view_id = self._ids.new("V")
        view = View(
            view_id,
            "home",
            user,
            body,
            self._new_hash(),
            root=view_id,
            values=carried_values(body["blocks"], {}),
        )
        self.keep(view)
        self._homes[user] = view_id
        self._log("published", view)
        return view

    def enter(self, view: View, block_id: str, action_id: str, state: Json) -> None:
        """Note what a field of a view holds now."""
        view.values.setdefault(block_id, {})[action_id] = state
        self.keep(view)

    def chosen(self, user: str, message: str) -> Values:
        """What a person chose in the menus under a message."""
        return self._chosen.get(f"{message}/{user}", {})

    def choose(self, user: str, message: str, values: Values) -> None:
        """Note what a person chose in the menus under a message."""
        key = f"{message}/{user}"
        self._chosen[key] = values
        self._database.save("chosen", key, values)

    def refuse(self, view: View, errors: dict[str, str]) -> None:
        """Show messages under a modal's fields; none take away those that are there."""
        if errors == view.errors == {}:
            return
        view.errors = errors
        self.keep(view)
        self._log("errors", view)

    def close(self, view: View) -> None:
        """Take a modal off the stack, with whatever lies upon it."""
        stack = self._stacks.get(view.user, [])
        if view.id in stack:
            for view_id in stack[stack.index(view.id) :]:
                self._log("closed", self._views.pop(view_id))
                self._database.delete("view", view_id)
            del stack[stack.index(view.id) :]
            self._keep_stack(view.user)

    def clear(self, user: str) -> None:
        """Close all of a person's modals."""
        stack = self.stack(user)
        if stack:
            self.close(stack[0])

    def keep(self, view: View) -> None:
        """Write a view down, new or changed."""
        self._views[view.id] = view
        self._database.save("view", view.id, view.document())

    def _keep_stack(self, user: str) -> None:
        self._database.save("stack", user, {"views": self._stacks.get(user, [])})

    def _stack(self, user: str, body: Json, previous: View | None) -> View:
        view_id = self._ids.new("V")
        view = View(
            view_id,
            "modal",
            user,
            body,
            self._new_hash(),
            root=previous.root if previous else view_id,
            previous=previous.id if previous else None,
            values=carried_values(body["blocks"], {}),
        )
        self.keep(view)
        self._stacks.setdefault(user, []).append(view_id)
        self._keep_stack(user)
        self._log("opened", view)
        return view

    def _check_external_id(self, body: Json, besides: str | None = None) -> None:
        external_id = body.get("external_id")
        if external_id and any(
            v.body.get("external_id") == external_id and v.id != besides for v in self._views.values()
        ):
            raise ApiError("duplicate_external_id")

    def _new_hash(self) -> str:
        return f"{int(self._clock.now())}.{self._ids.secret()}"

    def _log(self, state: str, view: View) -> None:
        facts: Json = {"view": view.id, "user": view.user, "callback_id": view.body.get("callback_id", "")}
        if view.errors:
            facts["errors"] = view.errors
        self._journal.add("view", state=state, **facts)

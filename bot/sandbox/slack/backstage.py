"""The control API's other half: the app's own settings, and who belongs to the workspace."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.routing import BaseRoute, Route

from bot.sandbox.slack.answering import Handler, answering
from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.manifest import Manifest, at_address
from bot.sandbox.slack.parts import Parts
from bot.sandbox.slack.people import People
from bot.sandbox.slack.records import Kind, PostingRule, User
from bot.sandbox.slack.shapes import user_object
from bot.sandbox.slack.wire import Json

GUESTS = {"none": (False, False), "multi": (True, False), "single": (True, True)}


class Backstage:
    """What a developer does on the app's page, and an admin in the member list."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._people = People(parts)

    def routes(self) -> list[BaseRoute]:
        """Every address, all below ``/control``."""
        posts: dict[str, Handler] = {
            "app/manifest": self.configure,
            "app/address": self.at_address,
            "app/reinstall": self.reinstall,
            "app/remove": self.remove,
            "person": self.person,
            "channel": self.channel,
            "channel/rule": self.channel_rule,
            "membership": self.membership,
            "react": self.react,
        }
        routes: list[BaseRoute] = [
            Route(f"/control/{name}", answering(run), methods=["POST"]) for name, run in posts.items()
        ]
        gets: dict[str, Handler] = {"app": self.app, "thread": self.thread}
        routes += [Route(f"/control/{name}", answering(run), methods=["GET"]) for name, run in gets.items()]
        return routes

    # The app.

    async def app(self, _body: Json) -> Any:
        """The app's credentials and manifest, and what it was granted."""
        workspace = self._parts.workspace
        return {
            "credentials": asdict(workspace.identity),
            "manifest": workspace.manifest.document,
            "granted": sorted(workspace.granted),
            "installed": bool(workspace.granted),
            "verified_url": self._parts.posts.verified,
        }

    async def configure(self, body: Json) -> Any:
        """Change the manifest; a new address for events must echo its challenge, or nothing is changed."""
        await self._configure(body["manifest"])
        return await self.app(body)

    async def at_address(self, body: Json) -> Any:
        """Have everything posted to one address from now on."""
        await self._configure(at_address(self._parts.workspace.manifest.document, body["url"]))
        return await self.app(body)

    async def _configure(self, document: Mapping[str, Any]) -> None:
        try:
            manifest = Manifest.parse(document)
        except (AttributeError, KeyError, TypeError) as error:
            raise Refused("invalid_manifest", problem=str(error)) from error
        parts = self._parts
        if not manifest.socket_mode and manifest.addresses.events:
            await parts.posts.verify(manifest.addresses.events)
        parts.workspace.manifest = manifest
        parts.database.save("meta", "manifest", dict(document))
        parts.knobs.follow_manifest(home_tab=manifest.home_tab, messages_tab=manifest.messages_tab)
        if not manifest.socket_mode:
            parts.sockets.order_disconnect("link_disabled")

    async def reinstall(self, _body: Json) -> Any:
        """Install the app as the manifest is now; answers with the bot's token."""
        return {"bot_token": self._parts.oauth.reinstall()}

    async def remove(self, _body: Json) -> None:
        """Take the app out of the workspace."""
        self._parts.oauth.remove()

    # People and channels.

    async def person(self, body: Json) -> Any:
        """Add somebody, or change who they are; ``guest`` is none, multi or single."""
        workspace = self._parts.workspace
        known = next((u for u in workspace.users.values() if u.name == body["name"]), None)
        user = known or User(workspace.ids.new("U"), body["name"], body["name"].title())
        if user.is_bot:
            raise Refused("user_cannot_act", user=user.name)
        for field in ("real_name", "locale", "tz", "is_admin", "deleted"):
            if field in body:
                setattr(user, field, body[field])
        if "guest" in body:
            if body["guest"] not in GUESTS:
                raise Refused("unknown_guest_kind", guest=body["guest"], offered=sorted(GUESTS))
            user.is_guest, user.is_single_channel_guest = GUESTS[body["guest"]]
        user.updated = int(workspace.clock.now())
        workspace.save_user(user)
        if user.deleted:
            self._people.retire(user)
        shape = user_object(workspace, user, with_locale=True)
        event: Json = {"type": "team_join", "user": shape, "event_ts": workspace.next_ts()}
        if known:
            event |= {"type": "user_change", "cache_ts": user.updated}
        self._parts.events.other(event)
        return next(u for u in self._people.everybody() if u.id == user.id)

    async def channel(self, body: Json) -> Any:
        """Open a channel with some people in it."""
        workspace = self._parts.workspace
        name = body["name"].removeprefix("#")
        if any(c.name == name for c in workspace.channels.values()):
            raise Refused("name_taken", channel=name)
        members = [workspace.find_user(m).id for m in body["members"]]
        kind = Kind.PRIVATE if body.get("private") else Kind.PUBLIC
        opened = workspace.new_channel(name, kind, creator=members[0] if members else "", members=members)
        return next(c for c in self._people.everywhere() if c.id == opened.id)

    async def channel_rule(self, body: Json) -> None:
        """Say who may post in a channel, and where: everybody, admins, in_threads or not_in_threads."""
        channel = self._parts.workspace.find_channel(body["channel"])
        channel.rule = PostingRule(body["rule"])
        self._parts.workspace.save_channel(channel)

    async def thread(self, body: Json) -> Any:
        """What the app says of itself in a thread: its status, a title, prompts."""
        channel = self._parts.workspace.find_channel(body["channel"], body.get("viewer"))
        return self._parts.threads.seen(channel.id, body["ts"])

    async def membership(self, body: Json) -> None:
        """Invite somebody, the bot if nobody is named, into a channel, or take them out."""
        name = body.get("user") or self._parts.workspace.identity.bot_user
        self._people.move(name, body["channel"], member=body["member"])

    async def react(self, body: Json) -> None:
        """Put an emoji under a message, or take it away again."""
        user = self._people.person(body["user"])
        message = self._people.message_for(user, body["channel"], body["ts"])
        change = self._parts.posting.unreact if body.get("remove") else self._parts.posting.react
        change(message, user.id, body["name"].strip(":"))

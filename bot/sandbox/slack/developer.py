"""The developer's and the admin's hands from outside: the app's settings, its installation, the members."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.wire import Channel, Json, User

Send = Callable[[str, Json], Awaitable[Any]]
Get = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Developer:
    """Changes the app's settings, and who belongs to the workspace. Over HTTP only."""

    _send: Send
    _get: Get
    _http: httpx.AsyncClient

    async def app(self) -> Json:
        """The app's credentials, manifest and granted scopes."""
        found: Json = await self._get("app")
        return found

    async def configure(self, manifest: Mapping[str, Any]) -> Json:
        """Change the manifest. Scopes take effect with the next installation, everything else at once.

        Raises:
            Refused: the address for events did not echo the challenge, so nothing was changed.
        """
        changed: Json = await self._send("app/manifest", {"manifest": dict(manifest)})
        return changed

    async def post_to(self, url: str) -> Json:
        """Have events, interactions, commands and options posted to one address, and close the sockets."""
        changed: Json = await self._send("app/address", {"url": url})
        return changed

    async def reinstall(self) -> str:
        """Install the app from its own page, with all its scopes; returns the bot's token."""
        return str((await self._send("app/reinstall", {}))["bot_token"])

    async def remove(self) -> None:
        """Take the app out of the workspace: its tokens end, and it is told."""
        await self._send("app/remove", {})

    async def consent(
        self, user: str, url: str, *, allow: bool = True, optional: Sequence[str] | None = None
    ) -> str:
        """Walk through the consent page as somebody; returns where the browser would go next.

        ``optional`` are the optional scopes that stay ticked: all of them unless given.

        Raises:
            Refused: the page shows an error, in Slack's word for it.
        """
        shown = await self._http.get(url)
        if shown.is_client_error:
            raise Refused(shown.text.partition("<code>")[2].partition("</code>")[0])
        boxes = [p.partition('"')[0] for p in shown.text.split('name="optional" value="')[1:]]
        ticked = boxes if optional is None else [b for b in boxes if b in optional]
        form = {"user": user, "answer": "allow" if allow else "deny", "optional": ticked}
        parts = urlsplit(url)
        headers = {"origin": f"{parts.scheme}://{parts.netloc}"}
        sent = await self._http.post(url, data=form, headers=headers)
        if sent.is_client_error:
            raise Refused(sent.text.partition("<code>")[2].partition("</code>")[0])
        return str(sent.headers["location"])

    # The members.

    async def person(
        self, name: str, *, guest: Literal["none", "multi", "single"] | None = None, **facts: Any
    ) -> User:
        """Add somebody, or change their real_name, locale, tz, is_admin, deleted, or kind of guest."""
        body = {"name": name, **facts} | ({} if guest is None else {"guest": guest})
        return User.model_validate(await self._send("person", body))

    async def channel(self, name: str, members: Sequence[str], *, private: bool = False) -> Channel:
        """Open a channel."""
        body = {"name": name, "members": list(members), "private": private}
        return Channel.model_validate(await self._send("channel", body))

    async def restrict(self, channel: str, rule: str) -> None:
        """Say who may post in a channel: everybody, admins, in_threads or not_in_threads."""
        await self._send("channel/rule", {"channel": channel, "rule": rule})

    async def thread(self, channel: str, ts: str) -> Json:
        """What the app says of itself in a thread: status, loading messages, title, prompts."""
        seen: Json = await self._get("thread", channel=channel, ts=ts)
        return seen

    async def invite(self, user: str, channel: str) -> None:
        """Invite somebody into a channel."""
        await self._send("membership", {"user": user, "channel": channel, "member": True})

    async def kick(self, user: str, channel: str) -> None:
        """Take somebody out of a channel."""
        await self._send("membership", {"user": user, "channel": channel, "member": False})

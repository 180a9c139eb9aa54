"""Signed HTTP: what an app without a socket is posted, within three seconds, as Slack posts it."""

import asyncio
import json
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx

from bot.sandbox.slack.clock import Clock
from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.faults import Fault, Faults
from bot.sandbox.slack.outgoing import Answer, Failure, Outgoing
from bot.sandbox.slack.settings import ACK_SECONDS
from bot.sandbox.slack.signing import signature
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_REDIRECTS = 2
STALE_SECONDS = 600
# The three seconds are this world's; a clock turned by hand may never let them pass.
HARD_SECONDS = 60.0
FORM = "application/x-www-form-urlencoded"
USER_AGENT = "Slackbot 1.0 (+local)"


@dataclass(frozen=True)
class _Request:
    """What goes over the wire, before it is signed."""

    url: str
    body: bytes
    media_type: str
    attempt: int | None = None
    reason: str = ""


class Posts:
    """The way to an app that is called by HTTP."""

    def __init__(self, workspace: Workspace, clock: Clock, faults: Faults) -> None:
        self._workspace = workspace
        self._clock = clock
        self._faults = faults
        self._http = httpx.AsyncClient(trust_env=False, timeout=HARD_SECONDS)
        self._under_way: set[asyncio.Task[None]] = set()
        self._verified: str = dict(workspace.database.load("meta")).get("verified", {}).get("url", "")
        self._verifying = asyncio.Lock()

    @property
    def ready(self) -> bool:
        """There is always an address to try, or the lack of one to tell of."""
        return True

    @property
    def verified(self) -> str:
        """The address that has answered the challenge."""
        return self._verified

    async def close(self) -> None:
        """Break off what is under way; what it carried is on disk."""
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._http.aclose()

    def carry(self, outgoing: Outgoing) -> None:
        """Post it once."""
        task = asyncio.create_task(self._carry(outgoing))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def verify(self, url: str) -> None:
        """Send the challenge to an address for events, as when it is set in the app's settings.

        Raises:
            Refused: the address did not echo it.
        """
        challenge = self._workspace.ids.secret()
        asked = {
            "token": self._workspace.identity.verification_token,
            "challenge": challenge,
            "type": "url_verification",
        }
        request = _Request(url, _json(asked), "application/json")
        outcome = await self._within_time(request, None)
        if isinstance(outcome, Failure):
            raise Refused("url_not_verified", url=url, problem=outcome.reason, status=outcome.status)
        if challenge not in (outcome.payload.get("challenge"), outcome.text.removeprefix("challenge=")):
            raise Refused("url_not_verified", url=url, problem="challenge_not_echoed", status=outcome.status)
        self._verified = url
        self._workspace.database.save("meta", "verified", {"url": url})

    async def _carry(self, outgoing: Outgoing) -> None:
        request = self._request(outgoing)
        if not request.url:
            outgoing.on_failure(Failure("no_address", final=True))
            return
        if outgoing.family == "events_api":
            async with self._verifying:
                if request.url != self._verified:
                    try:
                        await self.verify(request.url)
                    except Refused as refused:
                        outgoing.on_failure(Failure("url_not_verified", refused.facts["status"]))
                        return
        fault = self._faults.take("delivery", outgoing.family)
        outcome = await self._within_time(request, fault)
        if isinstance(outcome, Failure):
            outgoing.on_failure(outcome)
        else:
            outgoing.on_answer(outcome)

    def _request(self, outgoing: Outgoing) -> _Request:
        manifest, payload = self._workspace.manifest, outgoing.payload
        addresses = manifest.addresses
        if outgoing.family == "events_api":
            about = (outgoing.attempt, outgoing.reason)
            return _Request(addresses.events, _json(payload), "application/json", *about)
        if outgoing.family == "slash_commands":
            command = manifest.commands.get(payload["command"])
            return _Request(command.url if command else "", urlencode(payload).encode(), FORM)
        url = addresses.options if payload["type"] == "block_suggestion" else addresses.interactivity
        return _Request(url, urlencode({"payload": _json(payload).decode()}).encode(), FORM)

    async def _within_time(self, request: _Request, fault: Fault | None) -> Answer | Failure:
        """Post and wait three seconds of this world's clock, whatever the machine's says."""
        at = self._clock.now()
        posting = asyncio.create_task(self._post(request, fault))
        lateness = asyncio.create_task(self._clock.sleep(ACK_SECONDS))
        try:
            await asyncio.wait({posting, lateness}, return_when=asyncio.FIRST_COMPLETED)
            if not posting.done():
                return Failure("http_timeout")
            outcome = posting.result()
        finally:
            lateness.cancel()
            posting.cancel()
            await asyncio.wait({posting, lateness})
        if isinstance(outcome, Failure):
            return outcome
        return _read(outcome, self._clock.now() - at)

    async def _post(self, request: _Request, fault: Fault | None) -> httpx.Response | Failure:
        url = request.url
        for _ in range(MAX_REDIRECTS + 1):
            if httpx.URL(url).host not in LOOPBACK:
                return Failure("not_loopback", final=True)
            headers = self._signed(request, fault)
            try:
                answer = await self._http.post(url, content=request.body, headers=headers)
            except httpx.TransportError as error:
                return Failure(_reason(error))
            if not answer.has_redirect_location:
                return answer
            url = str(answer.url.join(answer.headers["location"]))
        return Failure("too_many_redirects")

    def _signed(self, request: _Request, fault: Fault | None) -> dict[str, str]:
        # The receiver holds this against the machine's own clock, so a clock turned by hand has no say here.
        at = int(time.time())
        secret = self._workspace.identity.signing_secret
        match fault.effect if fault else None:
            case "stale_signature":
                at -= STALE_SECONDS
            case "bad_signature":
                secret = f"not {secret}"
        headers = {
            "accept": "application/json,*/*",
            "content-type": request.media_type,
            "user-agent": USER_AGENT,
            "x-slack-request-timestamp": str(at),
            "x-slack-signature": signature(secret, str(at), request.body),
        }
        if request.attempt:
            headers |= {"x-slack-retry-num": str(request.attempt), "x-slack-retry-reason": request.reason}
        return headers


def _json(payload: Json) -> bytes:
    return json.dumps(payload, separators=(",", ":")).encode()


def _reason(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "http_timeout"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "ssl_error"
        cause = cause.__cause__ or cause.__context__
    connecting = isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError)
    return "connection_failed" if connecting else "unknown_error"


def _read(answer: httpx.Response, seconds: float) -> Answer | Failure:
    if not answer.is_success:
        final = answer.headers.get("x-slack-no-retry") == "1"
        return Failure("http_error", answer.status_code, final=final)
    try:
        said = answer.json() if answer.content else {}
    except ValueError:
        said = None
    if isinstance(said, dict):
        return Answer(said, seconds, answer.status_code)
    return Answer({}, seconds, answer.status_code, text=answer.text)

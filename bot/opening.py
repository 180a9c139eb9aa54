"""What must be open before the bot can start. What cannot be says, in one line, which setting to mend."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import httpx
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.providers import Broken, Provider, Unconfigured, load, roots
from bot.settings import Settings
from bot.web import bind
from handlers.manifest import SCOPES
from storage import Store
from storage.errors import AlreadyRunning, NewerDatabase

logger = logging.getLogger(__name__)
_TOKEN_FAULTS = {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"}


class StartupError(Exception):
    """The bot cannot start; the text is one line that says what to mend."""


def configured_vendors(env_file: Path | None) -> list[Provider[Any]]:
    """The vendors of the environment. Raises StartupError where one is half set up, or none is."""
    found, rest = load(env_file=env_file)
    missing = [one for one in rest if isinstance(one, Unconfigured)]
    for one in rest:
        if isinstance(one, Broken):
            logger.warning("Vendor left out", extra={"action": "vendor_broken", "why": one.line})
    half = [one.line for one in missing if not one.untouched]
    if half:
        raise StartupError("\n".join(half))
    if not found:
        raise StartupError(f"No vendor is set up. {' Or: '.join(one.line for one in missing)}")
    return found


def web_socket(settings: Settings, stack: AsyncExitStack) -> socket.socket:
    """Where the web side will listen, taken before anything else is done. Raises StartupError."""
    host, port = settings.darkroom_web_host, settings.darkroom_web_port
    try:
        return stack.enter_context(bind(host, port))
    except OSError as error:
        taken = error.errno in {errno.EADDRINUSE, errno.EACCES}
        name, fix = ("PORT", "choose a free port") if taken else ("HOST", "name an address of this machine")
        raise StartupError(
            f"DARKROOM_WEB_{name}: cannot listen on {host}:{port} ({error.strerror}): {fix}."
        ) from None


async def bare_http(stack: AsyncExitStack) -> httpx.AsyncClient:
    """A client without credentials, for files of Slack, buckets and our own public address."""
    timeout = httpx.Timeout(30, connect=10)
    return await stack.enter_async_context(
        httpx.AsyncClient(verify=roots(), timeout=timeout, trust_env=False)
    )


async def slack_client(settings: Settings, stack: AsyncExitStack) -> AsyncWebClient:
    """One long-lived session, and no repeats: the SDK would send a message twice over a broken line."""
    session = await stack.enter_async_context(
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30, connect=10))
    )
    return AsyncWebClient(
        token=settings.slack_bot_token.get_secret_value(),
        base_url=settings.slack_api_url,
        session=session,
        trust_env_in_session=False,
        retry_handlers=[],
    )


async def who_are_we(client: AsyncWebClient, settings: Settings) -> AsyncSlackResponse:
    """Check both tokens and the scopes before anything starts. Raises StartupError."""
    try:
        who = await client.auth_test()
        await client.apps_connections_open(app_token=settings.slack_app_token.get_secret_value())
    except SlackApiError as error:
        code = str(getattr(error.response, "get", lambda _: "")("error") or "no answer we understand")
        bot = "auth.test" in str(getattr(error.response, "api_url", ""))
        if code in _TOKEN_FAULTS | {"not_allowed_token_type", "missing_scope"}:
            name = "SLACK_BOT_TOKEN" if bot else "SLACK_APP_TOKEN"
            kind = "Bot User OAuth Token" if bot else "App-Level Token with connections:write"
            raise StartupError(f"{name} is not accepted by Slack ({code}): copy the {kind} anew.") from None
        raise StartupError(f"Slack refuses to let us start ({code}): try again in a minute.") from None
    except (aiohttp.ClientError, TimeoutError) as error:
        raise StartupError(
            f"SLACK_API_URL: Slack cannot be reached ({type(error).__name__}): check network and address."
        ) from None
    granted = {scope.strip() for scope in str(who.headers.get("x-oauth-scopes", "")).split(",")} - {""}
    if granted and (missing := sorted(set(SCOPES) - granted)):
        raise StartupError(
            f"The Slack app lacks scopes: {', '.join(missing)}. Add them in the Slack app and re-install it."
        )
    return who


async def open_store(settings: Settings, stack: AsyncExitStack, clock_ms: Callable[[], int]) -> Store:
    """The tables and the folder of files. Raises StartupError."""
    try:
        return await stack.enter_async_context(Store.open(settings.darkroom_data_dir, clock_ms=clock_ms))
    except AlreadyRunning as error:
        raise StartupError(f"{error}: stop it, or set DARKROOM_DATA_DIR to another folder.") from None
    except NewerDatabase as error:
        raise StartupError(
            f"{error}: start that version, or restore a backup (docs/operations/upgrade.md)."
        ) from None
    except OSError as error:
        raise StartupError(
            f"DARKROOM_DATA_DIR cannot be used ({error.strerror}): name a folder this user may write to."
        ) from None


def bolt_app(client: AsyncWebClient, who: AsyncSlackResponse, settings: Settings) -> AsyncApp:
    """Bolt's own app, which asks Slack nothing when an event comes."""
    token = settings.slack_bot_token.get_secret_value()
    known = AuthorizeResult.from_auth_test_response(bot_token=token, auth_test_response=who)

    async def authorize() -> AuthorizeResult:
        # Asked once at start: Bolt would ask Slack inside the three seconds of the first event.
        return known

    # Bolt takes the token from `authorize`, and warns of a client that has one too.
    bare = AsyncWebClient(
        base_url=client.base_url, session=client.session, trust_env_in_session=False, retry_handlers=[]
    )
    return AsyncApp(
        name="darkroom",  # Without a name Bolt looks for one through every module that is loaded.
        client=bare,
        authorize=authorize,
        request_verification_enabled=False,
        ssl_check_enabled=False,
        logger=_bolt_logger(),
    )


def _bolt_logger() -> logging.Logger:
    """Bolt gives its loggers the root's level, and would write whole events; from this one it takes ours."""
    logger = logging.getLogger("slack_bolt")
    if not logger.filters:
        # It finds SLACK_BOT_TOKEN in the environment by itself, and then says that it has no use for it.
        logger.addFilter(lambda record: "`token` will be unused" not in record.getMessage())
    return logger


def refuse_unreachable(settings: Settings, offered: Sequence[Provider[Any]]) -> None:
    """Refuse vendors that fetch photos from this process where it has no address. Raises StartupError."""
    if settings.bucket or settings.darkroom_public_url:
        return
    if fetching := [one.capabilities.label for one in offered if one.capabilities.fetches]:
        verb = "fetches" if len(fetching) == 1 else "fetch"
        raise StartupError(
            f"DARKROOM_PUBLIC_URL is not set, and {' and '.join(fetching)} {verb} photos from this process: "
            "set the https address that leads here, or name a bucket (docs/photo-links.md)."
        )

"""The roof: opens everything, wires it, yields the running bot, and closes in reverse."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.imaging.archive import Allowance
from bot.imaging.lab import Lab
from bot.looks import looks
from bot.outside.address import BucketAddress
from bot.outside.address import read as address
from bot.outside.bucket import S3Bucket
from bot.outside.reach import PublicReach
from bot.providers import Broken, Provider, Unconfigured, load, roots
from bot.scheduler import Tick, Ticker
from bot.services import Services
from bot.services.archives import Archives
from bot.services.callbacks import Callbacks
from bot.services.copies import Copies
from bot.services.deleting import Deleter
from bot.services.deletions import Deletions
from bot.services.doctor import Doctor
from bot.services.generation import Generation
from bot.services.inbox import InboxRunner, Intake
from bot.services.invitations import Invitations
from bot.services.jobs import Jobs
from bot.services.keeping import Eraser
from bot.services.links import Links
from bot.services.media import Media
from bot.services.models import Models
from bot.services.operators import Operators
from bot.services.outbox import OutboxRunner
from bot.services.papers import Papers
from bot.services.photos import Photos, Retention
from bot.services.polling import Poller
from bot.services.progress import Progress
from bot.services.proving import Prover
from bot.services.runner import JobRunner
from bot.services.sheets import Sheets
from bot.services.sorting import Sorter
from bot.services.specs import Specs
from bot.services.submitting import Submitter
from bot.services.tidying import Tidier
from bot.services.timing import Timing
from bot.services.training import Training
from bot.services.trays import Trays
from bot.services.vendors import Vendors
from bot.services.videos import Videos
from bot.settings import Settings, callback_key
from bot.web import Health, bind, serve, web_app
from handlers import register
from handlers.files import Downloader
from handlers.manifest import SCOPES
from handlers.notifier import SlackNotifier
from handlers.places import owner_of
from handlers.receiver import SlackReceiver
from handlers.sheets import SheetFiles
from handlers.uploads import Uploader
from storage import Store
from storage.database import wall_clock_ms
from storage.errors import AlreadyRunning, NewerDatabase

logger = logging.getLogger(__name__)
_PATIENCE = 20.0
"""Seconds that calls under way are given at the end."""
_TOKEN_FAULTS = {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"}


class StartupError(Exception):
    """The bot cannot start; the text is one line that says what to mend."""


@dataclass(frozen=True, slots=True)
class Bot:
    """A running bot, for those who drive it."""

    app: AsyncApp
    services: Services
    store: Store
    bot_user: str
    web_port: int


@asynccontextmanager
async def build(
    settings: Settings,
    *,
    providers: list[Provider[Any]] | None = None,
    env_file: Path | None = None,
    timing: Timing | None = None,
    connect: bool = True,
    clock_ms: Callable[[], int] = wall_clock_ms,
    lab: Lab | None = None,
) -> AsyncIterator[Bot]:
    """Open and start everything; on leaving, close it in reverse. Raises StartupError.

    `providers` stands in for those the environment configures. `connect=False` leaves Socket Mode out: events
    then come through `Bot.app.async_dispatch`. `clock_ms` is what the tables take for the time. A `lab` that
    is given is closed as its own would be.
    """
    pace = (timing or Timing()).settling(timedelta(seconds=settings.darkroom_settle_seconds))
    pace = replace(pace, answer_within=settings.answer_within)
    async with AsyncExitStack() as stack:
        vendors_here = providers if providers is not None else _configured(env_file)
        for provider in vendors_here:
            stack.push_async_callback(provider.http.aclose)
        socket_here = _bind(settings, stack)
        client = await _slack_client(settings, stack)
        who = await _who_are_we(client, settings)
        store = await _store(settings, stack, clock_ms)
        http = await stack.enter_async_context(
            httpx.AsyncClient(verify=roots(), timeout=httpx.Timeout(30, connect=10), trust_env=False)
        )
        clock = Ticker()
        operators = Operators(store, [owner_of(who["team_id"], user) for user in settings.operators])
        vendors = Vendors(store, vendors_here, operators)
        bucket = None if settings.bucket is None else _bucket(settings, http, settings.bucket)
        copies = Copies(store, bucket, lambda where: _bucket(settings, http, address(where)), operators, pace)
        links = Links(store, settings.darkroom_public_url, pace.link_life, PublicReach(http), copies)
        lab = lab or Lab()
        stack.push_async_callback(lab.close)
        app = _bolt(client, who, settings)
        app_token = settings.slack_app_token.get_secret_value()
        handler = AsyncSocketModeHandler(app, app_token) if connect else None
        if handler is not None:
            # For a start that goes no further; it may be closed twice, and then is closed before all else.
            stack.push_async_callback(handler.close_async)
        doctor = Doctor(
            vendors,
            looks(
                store=store,
                clock=clock,
                slack=client,
                socket=handler.client if handler else None,
                links=links,
                data_dir=settings.darkroom_data_dir,
            ),
        )
        services = _services(store, vendors, operators, links, clock, lab, doctor, settings, pace)
        commands = register(
            app, services, bot_user=who["user_id"], command=settings.darkroom_command, workspace=who["url"]
        )
        downloader = Downloader(
            http,
            settings.slack_bot_token.get_secret_value(),
            settings.file_origins,
            settings.photo_bytes,
            max(settings.video_bytes, settings.zip_bytes),
        )
        receiver = SlackReceiver(services, client, downloader, settings.darkroom_command)
        carriers = services, client, http, pace
        notifier = SlackNotifier(services, client, commands, Uploader(*carriers), SheetFiles(*carriers))
        poller = Poller(store, vendors, operators, pace, clock)
        submitter = Submitter(store, vendors, Specs(store, links, lab, pace), operators, pace, clock)
        runner = JobRunner(store, vendors, submitter, poller, pace)
        inbox = InboxRunner(store, receiver, operators, pace, clock)
        outbox = OutboxRunner(store, notifier, pace, clock)
        deleter = Deleter(store, vendors, operators, notifier, pace, clock)

        await store.write(lambda tx: tx.release(store.me, pace.settle))
        await vendors.declare()
        prefix = urlsplit(settings.darkroom_public_url).path
        pages = web_app(services, _health(store, vendors, clock, handler), prefix)
        tidier, eraser = Tidier(store, vendors, pace), Eraser(store)

        async def sweep() -> None:
            await services.prover.sweep_due()
            await copies.sweep()

        port = await stack.enter_async_context(serve(pages, socket_here, settings.proxies))
        clock.start(
            [
                Tick("submit", 0.5, runner.submit_due),
                Tick("poll", 1.0, runner.poll_due),
                Tick("inbox", 0.5, inbox.work_off_due),
                Tick("outbox", 0.5, outbox.say_due),
                Tick("tidy", 5.0, tidier.tidy_due),
                Tick("erase", 10.0, eraser.erase_due),
                Tick("delete", 2.0, deleter.delete_due),
                Tick("copies", 5.0, copies.erase_due),
                Tick("vendors", 60.0, vendors.check),
                Tick("sweep", 600.0, sweep),
            ]
        )
        stack.push_async_callback(outbox.stop, _PATIENCE)
        stack.push_async_callback(inbox.stop, _PATIENCE)
        stack.push_async_callback(runner.stop, _PATIENCE)
        stack.push_async_callback(deleter.stop, _PATIENCE)
        stack.push_async_callback(clock.stop)
        if handler is not None:
            stack.push_async_callback(handler.close_async)
            await handler.connect_async()  # type: ignore[no-untyped-call]
        logger.info("Ready", extra={"action": "ready", "vendors": ",".join(p.name for p in vendors_here)})
        yield Bot(app, services, store, who["user_id"], port)


def _services(
    store: Store,
    vendors: Vendors,
    operators: Operators,
    links: Links,
    clock: Ticker,
    lab: Lab,
    doctor: Doctor,
    settings: Settings,
    pace: Timing,
) -> Services:
    secret = callback_key(settings.darkroom_data_dir, settings.darkroom_callback_secret)
    retention = Retention(settings.photo_life, settings.photo_life)
    photos = Photos(store, retention, lab)
    videos, papers = Videos(store, settings.video_bytes, lab), Papers(store, lab)
    archives = Archives(store, photos, settings.zip_bytes, Allowance(member_bytes=settings.photo_bytes))
    return Services(
        intake=Intake(store, clock),
        photos=photos,
        videos=videos,
        papers=papers,
        sorter=Sorter(photos, videos, papers, archives, settings.photo_bytes),
        trays=Trays(store, vendors, clock),
        invitations=Invitations(store, clock),
        sheets=Sheets(store, lab, clock),
        training=Training(store, vendors, clock),
        generation=Generation(store, vendors, clock),
        models=Models(store, vendors),
        jobs=Jobs(store, vendors, clock),
        progress=Progress(store, vendors, pace),
        vendors=vendors,
        links=links,
        callbacks=Callbacks(store, vendors, clock, secret=secret, public_url=settings.darkroom_public_url),
        media=Media(store),
        operators=operators,
        doctor=doctor,
        deletions=Deletions(store, vendors, operators, clock),
        prover=Prover(store, photos, retention, operators),
    )


def _bucket(settings: Settings, http: httpx.AsyncClient, where: BucketAddress) -> S3Bucket:
    """A bucket with the keys of the settings, also one that an earlier setting named."""
    keys = settings.darkroom_photo_links_key_id, settings.darkroom_photo_links_key_secret
    key_id, secret, token = (
        "" if one is None else one.get_secret_value() for one in (*keys, settings.darkroom_photo_links_token)
    )
    return S3Bucket(where, http, key_id=key_id, key_secret=secret, token=token)


async def _slack_client(settings: Settings, stack: AsyncExitStack) -> AsyncWebClient:
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


async def _who_are_we(client: AsyncWebClient, settings: Settings) -> AsyncSlackResponse:
    """Check both tokens and the scopes before anything starts."""
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


def _configured(env_file: Path | None) -> list[Provider[Any]]:
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


async def _store(settings: Settings, stack: AsyncExitStack, clock_ms: Callable[[], int]) -> Store:
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


def _health(store: Store, vendors: Vendors, clock: Ticker, handler: AsyncSocketModeHandler | None) -> Health:
    """Well means: the tables answer, the clock ticks, Slack is connected. A vendor's outage is only told."""

    async def health() -> dict[str, object]:
        database = await store.answers()
        slack = handler is None or await handler.client.is_connected()
        stalled = clock.stalled()
        well = database and slack and not stalled
        faults = {found.name: found.fault or "ok" for found in vendors.health()}
        return {"ok": well, "database": database, "slack": slack, "stalled": stalled, "vendors": faults}

    return health


def _bind(settings: Settings, stack: AsyncExitStack) -> socket.socket:
    host, port = settings.darkroom_web_host, settings.darkroom_web_port
    try:
        return stack.enter_context(bind(host, port))
    except OSError as error:
        taken = error.errno in {errno.EADDRINUSE, errno.EACCES}
        name, fix = ("PORT", "choose a free port") if taken else ("HOST", "name an address of this machine")
        raise StartupError(
            f"DARKROOM_WEB_{name}: cannot listen on {host}:{port} ({error.strerror}): {fix}."
        ) from None


def _bolt(client: AsyncWebClient, who: AsyncSlackResponse, settings: Settings) -> AsyncApp:
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

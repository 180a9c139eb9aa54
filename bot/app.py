"""The roof: opens everything, wires it, yields the running bot, and closes in reverse."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.imaging.lab import Lab
from bot.looks import looks
from bot.opening import (
    bare_http,
    bolt_app,
    configured_vendors,
    open_store,
    refuse_unreachable,
    slack_client,
    web_socket,
    who_are_we,
)
from bot.providers import Provider
from bot.scheduler import Ticker
from bot.services import Services
from bot.services.doctor import Doctor
from bot.services.timing import Timing
from bot.settings import Settings
from bot.web import Health, serve, web_app
from bot.wiring import Base, Rules, all_services, all_workers, lay_base, outside
from handlers import register
from handlers.files import Downloader
from handlers.notifier import SlackNotifier
from handlers.places import owner_of
from handlers.receiver import SlackReceiver
from handlers.sheets import SheetFiles
from handlers.uploads import Uploader
from storage import Store
from storage.database import wall_clock_ms

logger = logging.getLogger(__name__)
_PATIENCE = 20.0
"""Seconds that calls under way are given at the end."""


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
        offered = providers if providers is not None else configured_vendors(env_file)
        for provider in offered:
            stack.push_async_callback(provider.http.aclose)
        refuse_unreachable(settings, offered)
        listening = web_socket(settings, stack)
        client = await slack_client(settings, stack)
        who = await who_are_we(client, settings)
        store = await open_store(settings, stack, clock_ms)
        http = await bare_http(stack)
        lab = lab or Lab()
        stack.push_async_callback(lab.close)
        operators = [owner_of(who["team_id"], user) for user in settings.operators]
        clock, beyond = Ticker(), outside(settings, http)
        base = lay_base(Rules.of(settings), pace, store, offered, operators, beyond, lab, clock)

        app = bolt_app(client, who, settings)
        handler = _socket_mode(app, settings, stack) if connect else None
        services = all_services(base, _doctor(base, clock, settings, client, handler))
        commands = register(
            app, services, bot_user=who["user_id"], command=settings.darkroom_command, workspace=who["url"]
        )
        receiver = SlackReceiver(services, client, _downloader(settings, http), settings.darkroom_command)
        carriers = services, client, http, pace
        notifier = SlackNotifier(services, client, commands, Uploader(*carriers), SheetFiles(*carriers))
        workers = all_workers(base, services.prover, receiver, notifier)

        await store.write(lambda tx: tx.release(store.me, pace.settle))
        await base.vendors.declare()
        pages = web_app(services, _health(base, clock, handler), urlsplit(settings.darkroom_public_url).path)
        port = await stack.enter_async_context(serve(pages, listening, settings.proxies))
        clock.start(workers.ticks)
        for stop in reversed(workers.stops()):
            stack.push_async_callback(stop, _PATIENCE)
        stack.push_async_callback(clock.stop)
        if handler is not None:
            stack.push_async_callback(handler.close_async)
            await handler.connect_async()  # type: ignore[no-untyped-call]
        logger.info("Ready", extra={"action": "ready", "vendors": ",".join(one.name for one in offered)})
        yield Bot(app, services, store, who["user_id"], port)


def _socket_mode(app: AsyncApp, settings: Settings, stack: AsyncExitStack) -> AsyncSocketModeHandler:
    """The line to Slack, not yet open."""
    handler = AsyncSocketModeHandler(app, settings.slack_app_token.get_secret_value())
    # For a start that goes no further; it may be closed twice, and then is closed before all else.
    stack.push_async_callback(handler.close_async)
    return handler


def _doctor(
    base: Base,
    clock: Ticker,
    settings: Settings,
    client: AsyncWebClient,
    handler: AsyncSocketModeHandler | None,
) -> Doctor:
    return Doctor(
        base.vendors,
        looks(
            store=base.store,
            clock=clock,
            slack=client,
            socket=handler.client if handler else None,
            links=base.links,
            data_dir=settings.darkroom_data_dir,
        ),
    )


def _downloader(settings: Settings, http: httpx.AsyncClient) -> Downloader:
    return Downloader(
        http,
        settings.slack_bot_token.get_secret_value(),
        settings.file_origins,
        settings.photo_bytes,
        max(settings.video_bytes, settings.zip_bytes),
    )


def _health(base: Base, clock: Ticker, handler: AsyncSocketModeHandler | None) -> Health:
    """Well means: the tables answer, the clock ticks, Slack is connected. A vendor's outage is only told."""

    async def health() -> dict[str, object]:
        database = await base.store.answers()
        slack = handler is None or await handler.client.is_connected()
        stalled = clock.stalled()
        well = database and slack and not stalled
        faults = {found.name: found.fault or "ok" for found in base.vendors.health()}
        return {"ok": well, "database": database, "slack": slack, "stalled": stalled, "vendors": faults}

    return health

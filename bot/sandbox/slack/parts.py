"""Everything the local Slack is made of, put together once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.sandbox.clock import WorldClock
from bot.sandbox.slack.clock import Clock, ShownClock, SystemClock
from bot.sandbox.slack.database import Database
from bot.sandbox.slack.delivery import Deliveries
from bot.sandbox.slack.events import Events
from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.ids import CountedIds, RandomIds
from bot.sandbox.slack.interactions import Interactions
from bot.sandbox.slack.journal import Journal
from bot.sandbox.slack.knobs import Knobs
from bot.sandbox.slack.limits import Limits
from bot.sandbox.slack.manifest import DEFAULT_MANIFEST, Manifest
from bot.sandbox.slack.moves import Moves
from bot.sandbox.slack.oauth import OAuth
from bot.sandbox.slack.posting import Posting
from bot.sandbox.slack.posts import Posts
from bot.sandbox.slack.responses import Responses
from bot.sandbox.slack.settings import Settings
from bot.sandbox.slack.sockets import Sockets
from bot.sandbox.slack.threads import Threads
from bot.sandbox.slack.tokens import Tokens
from bot.sandbox.slack.uploads import Uploads
from bot.sandbox.slack.views import Triggers, Views
from bot.sandbox.slack.workspace import Workspace

# Counted ids are set aside in such runs, so that a restart never gives one twice.
IDS_PER_START = 1_000_000


@dataclass(frozen=True)
class Parts:
    """The workspace and everybody who works in it."""

    database: Database
    clock: Clock
    journal: Journal
    settings: Settings
    knobs: Knobs
    faults: Faults
    workspace: Workspace
    tokens: Tokens
    sockets: Sockets
    posts: Posts
    deliveries: Deliveries
    oauth: OAuth
    threads: Threads
    posting: Posting
    moves: Moves
    uploads: Uploads
    triggers: Triggers
    views: Views
    responses: Responses
    interactions: Interactions
    limits: Limits
    events: Events

    def serve_at(self, origin: str) -> None:
        """Say where all this is served, and go on with what a stopped process left half-done."""
        before = dict(self.database.load("meta")).get("origin", {}).get("origin", origin)
        self.database.save("meta", "origin", {"origin": origin})
        self.workspace.origin = origin
        if before != origin:
            self.deliveries.move(before, origin)
        self.deliveries.resume()
        self.uploads.resume()
        self.posting.resume()

    def close(self) -> None:
        """Stop the clock's appointments and close the file."""
        self.journal.close()
        self.clock.close()
        self.workspace.clock.close()
        self.database.close()


def assemble(
    state_dir: Path,
    *,
    manifest: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    clock: Clock | None = None,
    world: WorldClock | None = None,
    deterministic: bool = False,
    bot_token: str | None = None,
    app_token: str | None = None,
    signing_secret: str | None = None,
) -> Parts:
    """Open a state directory, new or used, and build a workspace upon it.

    Where the world has a clock of its own, messages and response URLs go by it. What guards a call does not:
    the three seconds of an acknowledgement are the machine's, or a fast world would never hear an answer.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    database = Database(state_dir / "slack.sqlite3")
    clock = clock or SystemClock()
    shown = ShownClock(world) if world else clock
    meta = dict(database.load("meta"))
    document = manifest if manifest is not None else meta.get("manifest", DEFAULT_MANIFEST)
    anew = meta.get("manifest") != dict(document)
    database.save("meta", "manifest", dict(document))
    app = Manifest.parse(document)
    settings = settings or Settings(home_tab_enabled=app.home_tab, messages_tab_enabled=app.messages_tab)
    knobs = Knobs(database, settings)
    starts = meta.get("starts", {"count": 0})["count"]
    database.save("meta", "starts", {"count": starts + 1})
    ids = CountedIds(starts * IDS_PER_START) if deterministic else RandomIds()
    journal = Journal(database, shown)
    faults = Faults(database, journal)
    workspace = Workspace(database, shown, ids, app, state_dir)
    workspace.use(bot_token=bot_token, app_token=app_token, signing_secret=signing_secret)
    tokens = Tokens(workspace, clock)
    tokens.install_for_development(anew=anew)
    sockets = Sockets(database, clock, ids, journal, workspace.identity.app)
    posts = Posts(workspace, clock, faults)
    deliveries = Deliveries(workspace, clock, journal, settings, faults, sockets, posts)
    events = Events(workspace, database, clock, deliveries, faults, settings)
    oauth = OAuth(workspace, clock, tokens, events, journal)
    threads = Threads(database, shown, journal)
    posting = Posting(workspace, events, threads, journal, settings)
    moves = Moves(workspace, events, posting)
    uploads = Uploads(workspace, posting, faults, journal, settings)
    triggers = Triggers(database, clock, ids)
    views = Views(database, clock, ids, journal)
    responses = Responses(workspace, posting, journal)
    interactions = Interactions(workspace, deliveries, events, journal, triggers, views, responses)
    return Parts(
        database,
        clock,
        journal,
        settings,
        knobs,
        faults,
        workspace,
        tokens,
        sockets,
        posts,
        deliveries,
        oauth,
        threads,
        posting,
        moves,
        uploads,
        triggers,
        views,
        responses,
        interactions,
        Limits(database, clock),
        events,
    )

"""The nouns of a workspace, as they are kept."""

from copy import deepcopy
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from bot.sandbox.slack.wire import Json, Scenario


class Kind(StrEnum):
    """The four kinds of conversation, each with the word events use for it."""

    PUBLIC = "channel"
    PRIVATE = "group"
    IM = "im"
    MPIM = "mpim"


class PostingRule(StrEnum):
    """Who may post in a channel, and where."""

    EVERYBODY = "everybody"
    ADMINS = "admins"
    IN_THREADS = "in_threads"
    NOT_IN_THREADS = "not_in_threads"


class Record:
    """Something kept as a document."""

    def document(self) -> Json:
        """Render the record for the database."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def read(cls, document: Json) -> Self:
        """Make a record of a document, old ones without newer fields included."""
        return cls(**document)


@dataclass
class User(Record):
    """A person, or a bot's user."""

    id: str
    name: str
    real_name: str
    is_admin: bool = False
    is_guest: bool = False
    is_bot: bool = False
    deleted: bool = False
    locale: str = "en-US"
    tz: str = "Europe/London"
    is_single_channel_guest: bool = False
    updated: int = 0


@dataclass
class Channel(Record):
    """A conversation."""

    id: str
    name: str
    kind: Kind
    creator: str
    created: int
    members: list[str] = field(default_factory=list)
    archived: bool = False
    rule: PostingRule = PostingRule.EVERYBODY

    @classmethod
    def read(cls, document: Json) -> Self:
        """Make a channel of its document."""
        rule = PostingRule(document.get("rule", PostingRule.EVERYBODY))
        return cls(**{**document, "kind": Kind(document["kind"]), "rule": rule})


@dataclass
class Stream:
    """What a streamed message has been told so far, in order: words, tasks and blocks."""

    mode: str
    title: str = ""
    parts: list[Json] = field(default_factory=list)

    def copy(self) -> "Stream":
        """Make one that can grow while the message still says what it said."""
        return Stream(self.mode, self.title, deepcopy(self.parts))

    def say(self, words: str) -> None:
        """Add words to the words before."""
        if self.parts and "words" in self.parts[-1]:
            self.parts[-1]["words"] += words
        else:
            self.parts.append({"words": words})

    def task(self, told: Json) -> None:
        """Add a task, or say how the one of that id stands now."""
        for part in self.parts:
            if part.get("task", {}).get("id") == told["id"]:
                part["task"] |= told
                return
        self.parts.append({"task": dict(told)})

    def show(self, blocks: list[Json]) -> None:
        """Add blocks."""
        self.parts.append({"blocks": blocks})

    def text(self) -> str:
        """The words alone."""
        return "".join(part.get("words", "") for part in self.parts)

    def blocks(self) -> list[Json]:
        """Everything as blocks: tasks one by one, or all together where the first of them stands."""
        found: list[Json] = []
        plan: Json | None = None
        for part in self.parts:
            if "words" in part:
                found.append({"type": "markdown", "text": part["words"]})
            elif "blocks" in part:
                found += part["blocks"]
            elif self.mode == "plan":
                if plan is None:
                    plan = {"type": "plan", "title": self.title or "Plan", "tasks": []}
                    found.append(plan)
                plan["tasks"].append(_task_card(part["task"]))
            else:
                found.append(_task_card(part["task"]))
        return found


def _task_card(task: Json) -> Json:
    card: Json = {
        "type": "task_card",
        "task_id": task["id"],
        "title": task["title"],
        "status": task["status"],
    }
    for name in ("details", "output"):
        if task.get(name):
            section = {"type": "rich_text_section", "elements": [{"type": "text", "text": task[name]}]}
            card[name] = {"type": "rich_text", "elements": [section]}
    if task.get("sources"):
        card["sources"] = task["sources"]
    return card


@dataclass
class Message(Record):
    """Something said in a conversation, to all of it or to one person."""

    channel: str
    ts: str
    user: str
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    thread_ts: str | None = None
    subtype: str | None = None
    by_bot: bool = False
    ephemeral_to: str | None = None
    metadata: Json | None = None
    edited_ts: str | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    client_msg_id: str | None = None
    broadcast: bool = False
    upload: bool = False
    stream: Stream | None = None

    @classmethod
    def read(cls, document: Json) -> Self:
        """Make a message of its document."""
        stream = document.get("stream")
        return cls(**{**document, "stream": Stream(**stream) if stream else None})

    @property
    def key(self) -> str:
        """Its place in the database."""
        return f"{self.channel}/{self.ts}"


@dataclass
class Share:
    """Where a file was shown."""

    channel: str
    ts: str
    thread_ts: str | None = None


@dataclass
class File(Record):
    """An uploaded file; its bytes lie beside the database under its id."""

    id: str
    name: str
    title: str
    user: str
    size: int
    created: int
    scenario: Scenario = Scenario.HOSTED
    by_bot: bool = False
    received: bool = False
    completed: bool = False
    ready: bool = False
    deleted: bool = False
    in_form: bool = False
    never_shared: bool = False
    never_ready: bool = False
    mimetype: str = ""
    width: int | None = None
    height: int | None = None
    rotation: int = 1
    duration_ms: int | None = None
    external_id: str | None = None
    external_url: str | None = None
    redirect_to: str | None = None
    alt_txt: str | None = None
    shares: list[Share] = field(default_factory=list)

    @classmethod
    def read(cls, document: Json) -> Self:
        """Make a file of its document."""
        shares = [Share(**s) for s in document.get("shares", ())]
        return cls(**{**document, "scenario": Scenario(document["scenario"]), "shares": shares})


@dataclass
class PendingShare(Record):
    """Files whose upload is complete and which will appear as one message."""

    id: str
    files: list[str]
    channels: list[str]
    thread_ts: str | None
    text: str
    blocks: list[Json]


@dataclass
class View(Record):
    """An open modal, or a published home tab."""

    id: str
    type: str
    user: str
    body: Json
    hash: str
    root: str
    previous: str | None = None
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

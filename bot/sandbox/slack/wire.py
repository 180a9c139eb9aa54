"""What travels over the control API: the same models for the server and for whoever directs it."""

from enum import StrEnum
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from bot.sandbox.slack.block_walk import all_blocks, elements_of

Json: TypeAlias = dict[str, Any]


class Scenario(StrEnum):
    """What is odd about a posted file."""

    HOSTED = "hosted"  # nothing
    LATE = "late"  # type, size of the picture and thumbnails appear only after a while
    SCANNING = "scanning"  # the addresses, too, are missing until it has been looked through
    EXTERNAL = "external"  # lives elsewhere, Slack only keeps a link
    SNIPPET = "snippet"  # text, which Slack shows and lets people edit
    POST = "post"  # a document of Slack's own
    CHECK_FILE_INFO = "check_file_info"  # a Slack Connect stub whose file may be read after files.info
    CHECK_FILE_INFO_DENIED = "check_file_info_denied"  # a Slack Connect stub whose file may not be read
    CHECK_FILE_INFO_GONE = "check_file_info_gone"  # a Slack Connect stub whose file is not found any more
    TOMBSTONE = "tombstone"  # deleted meanwhile
    HIDDEN_BY_LIMIT = "hidden_by_limit"  # over the free plan's limit
    REDIRECT = "redirect"  # the download answers with a redirect to another host
    MOVED = "moved"  # the download answers with a redirect within Slack's host, which wants the token again
    LOOP = "loop"  # the download answers with one redirect after the other
    SIGN_IN = "sign_in"  # the download answers with a redirect to the sign-in page
    NOT_FOUND = "not_found"  # the download answers 404
    OCTETS = "octets"  # the download names no type
    TRUNCATED = "truncated"  # the download ends early, as if that were all
    BROKEN = "broken"  # the download's connection breaks half-way
    SLOW = "slow"  # the download drips
    HANG = "hang"  # the download never begins


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class Entry(_Wire):
    """A line of the journal.

    Kinds and their main facts: ``api`` (method, arguments, ok, error, status), ``event`` (state: waiting,
    acked, unacked or lost; type, event_id, attempt, seconds; over HTTP also status, and what was answered),
    ``interaction`` (state, type, user, seconds, answer), ``message`` (state: posted, changed, deleted,
    reacted or unreacted; channel, ts, user), ``view`` (state, view, user), ``file`` (state, file),
    ``download`` (file, host, authorized, allowed; at the other host token_leaked), ``response`` (ok, error,
    body), ``socket`` (state), ``oauth`` (state: allowed, denied, installed, token_revoked or removed),
    ``fault`` (target, effect).
    """

    seq: int
    at: float
    kind: str
    facts: Json


class User(_Wire):
    """A person or a bot of the workspace."""

    id: str
    name: str
    is_bot: bool
    is_admin: bool
    is_guest: bool
    deleted: bool


class Channel(_Wire):
    """A conversation of any kind."""

    id: str
    name: str
    kind: str
    members: list[str]
    archived: bool


class File(_Wire):
    """A file as a person sees it under a message."""

    id: str
    name: str
    title: str
    user: str
    size: int
    mimetype: str
    scenario: Scenario


class Message(_Wire):
    """A message as one person sees it."""

    channel: str
    ts: str
    user: str
    user_name: str
    text: str
    blocks: list[Json]
    files: list[File]
    thread_ts: str | None
    ephemeral: bool = Field(description="Whether it is visible to one person only.")
    edited: bool
    subtype: str | None
    metadata: Json | None
    reactions: dict[str, list[str]]
    permalink: str

    def words(self) -> str:
        """Everything a person reads in it: the blocks' text, or the plain text where there are none."""
        return "\n".join(_texts(self.blocks)) if self.blocks else self.text

    def buttons(self) -> list[str]:
        """The labels of its buttons, in order."""
        return [e["text"]["text"] for e in elements(self.blocks) if e["type"] == "button"]


class View(_Wire):
    """A modal or a home tab as one person sees it."""

    id: str
    type: str
    title: str
    callback_id: str
    submit: str | None
    close: str | None
    blocks: list[Json]
    hash: str
    values: Json = Field(description="What is filled in so far, by block and action.")
    errors: dict[str, str] = Field(description="Messages under the fields, by block.")
    depth: int = Field(description="How many modals lie on top of each other, this one included.")

    def words(self) -> str:
        """Everything a person reads in it."""
        return "\n".join([self.title, *_texts(self.blocks)])

    def options(self, field: str) -> list[str]:
        """The labels offered by the select, radio group or checkboxes of a block, by its id or label."""
        for block in self.blocks:
            label = block.get("label") or block.get("text") or {}
            if field in (block.get("block_id"), label.get("text")):
                return [
                    o["text"]["text"]
                    for e in elements([block])
                    for o in [
                        *e.get("options", ()),
                        *(o for g in e.get("option_groups", ()) for o in g["options"]),
                    ]
                ]
        raise KeyError(field)


class CommandResult(_Wire):
    """How a command or a shortcut ended for the person."""

    acked: bool
    error: str | None
    seconds: float = Field(description="From sending to the acknowledgement.")
    trigger_id: str
    messages: list[Message] = Field(description="What it has answered so far, ephemeral messages included.")


class PressResult(_Wire):
    """What a press did."""

    acked: bool
    error: str | None
    seconds: float
    confirm: Json | None = Field(description="The dialog that was shown first, as texts by part.")
    sent: bool = Field(description="False when the dialog was denied, so nothing reached the app.")


class SubmitResult(_Wire):
    """What submitting a modal did."""

    acked: bool
    error: str | None
    seconds: float
    closed: bool
    errors: dict[str, str] = Field(description="Messages under the fields, by block.")
    view: View | None = Field(description="The modal the person sees now.")


class FaultOrder(_Wire):
    """Trouble ordered for the next calls, events or shares.

    Calls (api, upload, response_url) know error (error=), rate_limited (retry_after=), http_500, break
    (nothing done), lose_answer (done, and then the connection breaks), hang and slow (seconds=); a download
    also login_page. Events know duplicate, reorder (after the next one), delay (seconds=) and drop; gestures
    (a command, or an interaction by its type) duplicate, delay and drop; a delivery by HTTP (events_api,
    interactive or slash_commands) bad_signature and stale_signature; a share never and delay (seconds=).
    """

    target: str = Field(
        description="api:METHOD, upload, download, response_url, event:TYPE, gesture:TYPE, delivery:FAMILY "
        "or share; * stands for every method, type or family."
    )
    effect: str
    times: int = 1
    options: Json = Field(default_factory=dict)


def elements(blocks: list[Json]) -> list[Json]:
    """Every interactive or input element in the blocks, in the order they are seen."""
    return [element for block in all_blocks(blocks) for element in elements_of(block)]


def _texts(node: Any) -> list[str]:
    if isinstance(node, list):
        return [text for item in node for text in _texts(item)]
    if not isinstance(node, dict):
        return []
    if isinstance(node.get("text"), str):
        return [node["text"]]
    return [text for value in node.values() for text in _texts(value)]

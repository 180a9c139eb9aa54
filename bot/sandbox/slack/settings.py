"""The knobs of the local Slack that may be turned while it runs."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ACK_SECONDS = 3.0
TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 1800.0
RESPONSE_URL_USES = 5
MAX_CONNECTIONS = 10
MAX_RETRIES = 3
FILE_INPUT_BYTES = 10 * 1024 * 1024


class Settings(BaseModel):
    """How late, how strict and in which order; every delay is in seconds."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    limits: bool = Field(default=True, description="Whether rate limits are enforced.")
    share_delay: float = Field(
        default=0.3, ge=0, description="From completing an upload to the message with it."
    )
    ready_delay: float = Field(
        default=0.2, ge=0, description="From completing an upload to its type and thumbnails."
    )
    mention_order: Literal["app_mention_first", "message_first"] = Field(
        default="app_mention_first", description="Which of the two events of a mention comes first."
    )
    file_shared_order: Literal["before", "after"] = Field(
        default="before", description="Whether file_shared comes before or after the message."
    )
    unfurl_delay: float = Field(
        default=0.3, ge=0, description="From a message with a link to another to the preview under it."
    )
    retry_delays: tuple[float, float, float] = Field(
        default=(1.0, 60.0, 300.0),
        description="From a missed acknowledgement to the first, second and third retry.",
    )
    events_per_hour: int = Field(
        default=30_000, ge=1, description="Events before the app is told that there are too many."
    )
    strangers: Literal["page", "redirect"] = Field(
        default="page",
        description="Whether a download without the right token gets the login page, or is sent to it.",
    )
    history_limited: bool = Field(
        default=False,
        description="Whether history and replies are once a minute and 15 at a time, as for apps that are "
        "sold outside of Slack's own shop.",
    )
    edit_window: float | None = Field(
        default=None, ge=0, description="For how long a message may be changed; None for always."
    )
    over_message_limit: bool = Field(
        default=False, description="Whether the workspace has said more than its plan allows."
    )
    file_uploads: Literal["all", "images", "none"] = Field(
        default="all", description="What the admins let people and apps upload."
    )
    blocked_file_types: tuple[str, ...] = Field(
        default=(), description="Endings of names that the admins do not let through, such as exe."
    )
    max_file_bytes: int = Field(default=1024**3, ge=1, description="The largest file.")
    storage_bytes: int | None = Field(
        default=None, ge=0, description="How much all files together may take; None for no end."
    )
    drip_delay: float = Field(default=0.5, ge=0, description="Between the pieces of a slow download.")
    home_tab_enabled: bool = Field(default=True, description="Whether views.publish is accepted.")
    messages_tab_enabled: bool = Field(
        default=True, description="Whether the bot may be written to and may write."
    )

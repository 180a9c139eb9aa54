"""Settings: read once, from the environment and `.env`, and passed as values."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.outside.address import BucketAddress
from bot.outside.address import read as read_address

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class SettingsError(Exception):
    """A setting is missing or wrong; the text is one line per setting, each with its fix."""


class Settings(BaseSettings):
    """What an operator may set. `.env.example` lists every field."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, env_ignore_empty=True
    )

    slack_bot_token: SecretStr = Field(description="Bot token, xoxb-…: Slack app, OAuth & Permissions.")
    slack_app_token: SecretStr = Field(
        description="App-level token with connections:write, xapp-…: Slack app, Basic Information."
    )
    slack_api_url: str = Field(
        "https://slack.com/api/", description="Slack's Web API; another for a local Slack."
    )
    slack_file_origins: str = Field(
        "https://files.slack.com",
        description="Where files may be downloaded from with the bot token, comma-separated.",
    )
    darkroom_data_dir: Path = Field(
        Path("data"), description="Where the database and the photos lie: a local disk, not a network share."
    )
    darkroom_photo_links: str = Field(
        "relay",
        description="How vendors fetch photos: relay (from this process), or a bucket, s3://bucket?region=….",
    )
    darkroom_photo_links_key_id: SecretStr | None = Field(
        None, description="Access key id for that bucket; it is not the key of a vendor."
    )
    darkroom_photo_links_key_secret: SecretStr | None = Field(
        None, description="Secret access key that belongs to the id."
    )
    darkroom_photo_links_token: SecretStr | None = Field(
        None, description="Session token, with temporary keys for that bucket only."
    )
    darkroom_public_url: str = Field(
        "",
        description="The https address under which vendors reach us, to fetch photos or to call back.",
    )
    darkroom_trusted_proxies: str = Field(
        "127.0.0.1,::1",
        description="Proxies whose X-Forwarded-For is believed: addresses and networks, comma-separated.",
    )
    darkroom_web_host: str = Field("127.0.0.1", description="Address the photo links and /healthz listen on.")
    darkroom_web_port: int = Field(8080, ge=1, le=65535, description="Port of the same.")
    darkroom_command: str = Field("/darkroom", description="The slash command, as in the Slack app.")
    darkroom_operators: str = Field(
        "", description="Slack user ids, comma-separated, who are told what only an operator can mend."
    )
    darkroom_photo_hours: float = Field(
        24,
        gt=0,
        le=8760,
        description="Hours photos are kept after their job ended, for a retry; drafts as long.",
    )
    darkroom_max_photo_mb: int = Field(
        30, ge=1, le=200, description="Largest photo file that is taken in, in MiB."
    )
    darkroom_max_video_mb: int = Field(
        1024, ge=1, le=5120, description="Largest video file that is taken in, in MiB."
    )
    darkroom_max_zip_mb: int = Field(
        1024, ge=1, le=5120, description="Largest zip of photos that is taken in, in MiB."
    )
    darkroom_answer_days: float = Field(
        14,
        gt=0,
        le=365,
        description="Days a job waits for better files that its vendor asked for, before it is closed.",
    )
    darkroom_callback_secret: SecretStr | None = Field(
        None,
        min_length=16,
        description="What the addresses for callbacks are made from; without it one is made and kept.",
    )
    darkroom_settle_seconds: float = Field(
        60,
        ge=0.1,
        le=3600,
        description="After a lost answer of a vendor: seconds before we look whether the job was started.",
    )
    darkroom_log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    darkroom_log_format: str = Field("text", description="text or json.")

    @field_validator("slack_bot_token")
    @classmethod
    def _bot_token(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith("xoxb-"):
            raise ValueError("must begin with xoxb-; copy the Bot User OAuth Token from OAuth & Permissions")
        return value

    @field_validator("slack_app_token")
    @classmethod
    def _app_token(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith("xapp-"):
            raise ValueError("must begin with xapp-; make an App-Level Token with connections:write")
        return value

    @field_validator("slack_api_url", "darkroom_public_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if not parts.hostname or parts.scheme not in {"http", "https"}:
            raise ValueError("must be a whole address such as https://darkroom.example.com")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError("must be https: faces and tokens travel over it")
        return value.rstrip("/") + "/"

    @field_validator("darkroom_photo_links")
    @classmethod
    def _bucket(cls, value: str) -> str:
        if value == "relay":
            return value
        return str(read_address(value))

    @field_validator("darkroom_trusted_proxies")
    @classmethod
    def _proxies(cls, value: str) -> str:
        for one in value.split(","):
            try:
                ip_network(one.strip()) if one.strip() else None
            except ValueError:
                raise ValueError("must be addresses or networks such as 10.0.0.0/8, and never all") from None
        return value

    @field_validator("darkroom_command")
    @classmethod
    def _command(cls, value: str) -> str:
        if not re.fullmatch(r"/[a-z0-9_-]{1,31}", value):
            raise ValueError("must be a slash and up to 31 lower-case letters, such as /darkroom")
        return value

    @field_validator("darkroom_operators")
    @classmethod
    def _operator_ids(cls, value: str) -> str:
        if not all(re.fullmatch(r"[UW][A-Z0-9]+", one.strip()) for one in value.split(",") if one.strip()):
            raise ValueError("must be user ids such as U012AB3CD: Slack profile, Copy member ID")
        return value

    @field_validator("darkroom_log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("darkroom_log_format")
    @classmethod
    def _format(cls, value: str) -> str:
        if value not in {"text", "json"}:
            raise ValueError("must be text or json")
        return value

    @model_validator(mode="after")
    def _bucket_keys(self) -> Self:
        if self.bucket and not (self.darkroom_photo_links_key_id and self.darkroom_photo_links_key_secret):
            raise ValueError(
                "DARKROOM_PHOTO_LINKS names a bucket: set DARKROOM_PHOTO_LINKS_KEY_ID and …_KEY_SECRET too"
            )
        return self

    @model_validator(mode="after")
    def _origins(self) -> Self:
        for origin in self.file_origins:
            parts = urlsplit(origin)
            if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
                raise ValueError("SLACK_FILE_ORIGINS must be https origins: the bot token is sent there")
        return self

    @property
    def file_origins(self) -> frozenset[str]:
        """Origins as a set, lower case, without a trailing slash."""
        return frozenset(
            one.strip().lower().rstrip("/") for one in self.slack_file_origins.split(",") if one.strip()
        )

    @property
    def bucket(self) -> BucketAddress | None:
        """The bucket that vendors fetch photos from; None: they fetch from this process."""
        return None if self.darkroom_photo_links == "relay" else read_address(self.darkroom_photo_links)

    @property
    def proxies(self) -> tuple[str, ...]:
        """Addresses and networks whose word on who calls is believed."""
        return tuple(one.strip() for one in self.darkroom_trusted_proxies.split(",") if one.strip())

    @property
    def operators(self) -> tuple[str, ...]:
        """User ids."""
        return tuple(one.strip() for one in self.darkroom_operators.split(",") if one.strip())

    @property
    def photo_bytes(self) -> int:
        """How large a photo may be."""
        return self.darkroom_max_photo_mb * 1024 * 1024

    @property
    def video_bytes(self) -> int:
        """How large a video may be."""
        return self.darkroom_max_video_mb * 1024 * 1024

    @property
    def zip_bytes(self) -> int:
        """How large a zip of photos may be."""
        return self.darkroom_max_zip_mb * 1024 * 1024

    @property
    def answer_within(self) -> timedelta:
        """How long a job waits for better inputs."""
        return timedelta(days=self.darkroom_answer_days)

    @property
    def photo_life(self) -> timedelta:
        """How long photos outlive their job."""
        return timedelta(hours=self.darkroom_photo_hours)


def callback_key(data_dir: Path, chosen: SecretStr | None) -> str:
    """What callback addresses are made from: as set, else made once and kept beside the database."""
    if chosen is not None:
        return chosen.get_secret_value()
    path = data_dir / "callback-secret"
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = path.with_suffix(f".{secrets.token_hex(4)}")
        aside.touch(mode=0o600)
        aside.write_text(secrets.token_urlsafe(32), encoding="ascii")
        aside.replace(path)
        return path.read_text(encoding="ascii")


def read(env_file: Path | None = Path(".env")) -> Settings:
    """Read the settings. Raises SettingsError with one line per fault; no value stands in it."""
    try:
        return Settings(_env_file=env_file)
    except ValidationError as error:
        raise SettingsError("\n".join(_line(fault) for fault in error.errors())) from None


def _line(fault: object) -> str:
    assert isinstance(fault, dict)
    name = str(fault["loc"][0]) if fault["loc"] else ""
    what = str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "must be", 1)
    if fault["type"] == "missing":
        described = Settings.model_fields[name].description or ""
        return f"{name.upper()} is not set. {described}"
    return f"{name.upper()} {what}." if name else f"{what}."

"""What the settings of every vendor have in common: addresses, keys and durations that are fit to be used."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from typing import Annotated, TypeVar

import httpx
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.providers._http import can_be_called


def _endpoint(value: str) -> str:
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL:
        raise ValueError("must be a URL such as https://api.example.com") from None
    if url.host and ("%" in url.host or (url.scheme in {"http", "https"} and not can_be_called(url))):
        raise ValueError("must be a host, and a port up to 65535 where it has one")
    if url.userinfo or url.query or url.fragment or not url.host:
        raise ValueError("must be scheme and host only, such as https://api.example.com")
    if url.scheme != "https" and not (url.scheme == "http" and _is_this_machine(url.host)):
        raise ValueError("must begin with https:// (http:// only for an address of this machine)")
    return value.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Endpoint = Annotated[str, AfterValidator(_endpoint)]
"""The address of a vendor's API. Photos and keys go there, so it is encrypted unless it is this machine."""


def _proxy(value: SecretStr) -> SecretStr:
    try:
        sound = can_be_called(httpx.URL(value.get_secret_value()))
    except (httpx.InvalidURL, UnicodeError):
        sound = False
    if value and not sound:
        raise ValueError("must be a URL such as http://proxy.example.com:3128")
    return value


def _sendable(value: Word) -> Word:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not re.fullmatch(r"[\x21-\x7e]*", text):
        raise ValueError("must be letters, digits and signs without spaces or accents: copy it anew")
    return value


Word = TypeVar("Word", str, SecretStr)
KeyId = Annotated[str, AfterValidator(_sendable)]
Key = Annotated[SecretStr, AfterValidator(_sendable)]
"""What goes into a header, which holds plain ASCII only: a dash that a mail made long could not be sent."""


def _seconds(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        return timedelta(seconds=float(str(value)))
    except (ValueError, OverflowError):
        raise ValueError("must be a number of seconds") from None


Seconds = Annotated[timedelta, BeforeValidator(_seconds), Field(gt=timedelta(0), le=timedelta(days=30))]
"""A duration that a setting gives in seconds, such as `15` or `0.5`."""


class ProviderSettings(BaseSettings):
    """Credentials, hosts and uncertain facts of one vendor; each subclass sets its own `env_prefix`.

    A provider is *configured* when every field without a default is set. The environment is not read here but
    in `load`, once: settings built by hand hold what they were given and nothing else.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, validate_default=True)

    proxy: Annotated[SecretStr, AfterValidator(_proxy)] | None = Field(
        None, description="Proxy for calls to this vendor, as a URL; without it calls go out directly."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  (pydantic's signature)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what the constructor is given, and nothing from the environment."""
        return (init_settings,)

"""Huawei Cloud's two kinds of credentials: a signature of every request, or a token that is renewed.

The signature is `SDK-HMAC-SHA256` as the vendor's page on API signing describes it. The query is signed as it
stands on the wire, which is right because `canonical_query` wrote it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote, unquote

import httpx
from pydantic import SecretStr

from bot.providers._http import HostAuth

ALGORITHM = "SDK-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SdkAuth(HostAuth):
    """Signs every attempt anew, with its own moment."""

    def __init__(
        self,
        home: str,
        key_id: str,
        secret: SecretStr,
        project_id: str,
        security_token: SecretStr | None = None,
        *,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        super().__init__(home)
        self._key_id = key_id
        self._secret = secret
        self._project_id = project_id
        self._token = security_token
        self._now = now

    def sign(self, request: httpx.Request) -> None:
        """Put the moment, the project and the signature on a request."""
        request.headers["x-sdk-date"] = self._now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        request.headers["x-project-id"] = self._project_id
        if self._token is not None:
            request.headers["x-security-token"] = self._token.get_secret_value()
        kind = request.headers.get("content-type", "")
        if kind and not kind.startswith("application/json"):
            # A form is not signed, and says so in a header that is.
            request.headers["x-sdk-content-sha256"] = UNSIGNED
        names = sorted(
            name for name in request.headers if name.startswith("x-") or name in {"host", "content-type"}
        )
        to_sign = string_to_sign(request, names)
        signature = hmac.new(self._secret.get_secret_value().encode(), to_sign.encode(), hashlib.sha256)
        proof = f"SignedHeaders={';'.join(names)}, Signature={signature.hexdigest()}"
        request.headers["authorization"] = f"{ALGORITHM} Access={self._key_id}, {proof}"


def string_to_sign(request: httpx.Request, names: list[str]) -> str:
    """What is signed of a request: these headers, its path with a slash at its end, query and body."""
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    path = "/".join(quote(unquote(step), safe="~") for step in path.split("/"))
    if "&" in query:
        # By name and then by value, as they read: a parameter may come several times.
        query = "&".join(sorted(query.split("&"), key=_read))
    unsigned = request.headers.get("x-sdk-content-sha256") == UNSIGNED
    canonical = "\n".join(
        [
            request.method,
            path if path.endswith("/") else f"{path}/",
            query,
            *(f"{name}:{request.headers[name].strip()}" for name in names),
            "",
            ";".join(names),
            UNSIGNED if unsigned else hashlib.sha256(request.content).hexdigest(),
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return f"{ALGORITHM}\n{request.headers['x-sdk-date']}\n{digest}"


def _read(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    return unquote(name), unquote(value)


class TokenAuth(HostAuth):
    """Shows a token of IAM."""

    def __init__(self, home: str, token: SecretStr) -> None:
        super().__init__(home)
        self._token = token

    def sign(self, request: httpx.Request) -> None:
        """Put the token on a request; nothing else is signed."""
        request.headers["x-auth-token"] = self._token.get_secret_value()

"""Alibaba Cloud's request signature, version 3 (ACS3-HMAC-SHA256), and what its gateway says of a bad one.

The vendor's page "V3 request body and signature mechanism" describes it. The query string is signed as it
stands on the wire, which is right because `canonical_query` wrote it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import httpx
from pydantic import JsonValue, SecretStr

from bot.providers._answers import Answer, by_status, first_text, vendor_words
from bot.providers._errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Unavailable,
    UnexpectedResponse,
)
from bot.providers._http import HostAuth

ALGORITHM = "ACS3-HMAC-SHA256"


REFUSALS: Mapping[str, tuple[type[ProviderError], str]] = {
    "THROTTLING": (RateLimited, "The vendor asks for fewer calls."),
    "SERVICEUNAVAILABLE": (Unavailable, "The vendor says that it is not available now."),
    "INVALIDACCESSKEYID": (
        AuthenticationFailed,
        "The vendor does not know the access key id, or it is disabled: check {settings}_ACCESS_KEY_ID.",
    ),
    "SIGNATUREDOESNOTMATCH|INCOMPLETESIGNATURE|INVALIDSIGNATURE": (
        AuthenticationFailed,
        "The vendor refuses the signature: {settings}_ACCESS_KEY_SECRET does not belong to the id.",
    ),
    "INVALIDTIMESTAMP": (
        AuthenticationFailed,
        "The vendor refuses our time: this machine's clock is more than 15 minutes off; let NTP set it.",
    ),
    "INVALIDSECURITYTOKEN|MISSINGSECURITYTOKEN|SECURITYTOKENEXPIRED": (
        AuthenticationFailed,
        "The vendor refuses the STS token: issue another, with its keys ({settings}_SECURITY_TOKEN).",
    ),
    "B_PERMISSION_DENIED|FORBIDDEN|NOPERMISSION|UNAUTHORIZED": (
        AuthenticationFailed,
        "The keys lack a permission: allow the RAM user the actions {actions}.",
    ),
}
"""How a code of the platform begins, in capitals, and what it means.

The sentences are ours: a refused signature is answered with all that was signed, an STS token included."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _fresh_nonce() -> str:
    return uuid.uuid4().hex


class Acs3Auth(HostAuth):
    """Signs every attempt anew, with its own moment and nonce: the vendor refuses a nonce it has seen."""

    def __init__(
        self,
        home: str,
        key_id: str,
        key_secret: SecretStr,
        security_token: SecretStr | None = None,
        *,
        now: Callable[[], datetime] = _utc_now,
        nonce: Callable[[], str] = _fresh_nonce,
    ) -> None:
        super().__init__(home)
        self._key_id = key_id
        self._key_secret = key_secret
        self._security_token = security_token
        self._now = now
        self._nonce = nonce

    def sign(self, request: httpx.Request) -> None:
        """Add moment, nonce, the body's hash, and the signature over all that identifies the request."""
        body_hash = hashlib.sha256(request.content).hexdigest()
        request.headers["x-acs-date"] = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        request.headers["x-acs-signature-nonce"] = self._nonce()
        request.headers["x-acs-content-sha256"] = body_hash
        if self._security_token is not None:
            request.headers["x-acs-accesskey-id"] = self._key_id
            request.headers["x-acs-security-token"] = self._security_token.get_secret_value()
        signed = {
            name.lower(): value.strip()
            for name, value in request.headers.items()
            if name.lower().startswith("x-acs-") or name.lower() in {"host", "content-type"}
        }
        names = ";".join(sorted(signed))
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        canonical = "\n".join(
            [
                request.method,
                path,
                query,
                *(f"{name}:{signed[name]}" for name in sorted(signed)),
                "",
                names,
                body_hash,
            ]
        )
        to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        secret = self._key_secret.get_secret_value().encode()
        signature = hmac.new(secret, to_sign.encode(), hashlib.sha256).hexdigest()
        request.headers["authorization"] = (
            f"{ALGORITHM} Credential={self._key_id},SignedHeaders={names},Signature={signature}"
        )


def open_envelope(
    answer: Answer,
    *,
    codes: Mapping[str, type[ProviderError]],
    settings: str,
    actions: str,
    secrets: tuple[str, ...],
) -> JsonValue:
    """Open the envelope, which says no in two families of words and sometimes with HTTP 200.

    `codes` are the product's own, by how they begin; `settings` and `actions` go into the sentences for the
    operator.
    """
    if not answer.ok and "x-acs-retry-after" in answer.headers:
        # The header alone says that this is the gateway, which starts nothing, whatever the status.
        raise answer.refusal(*REFUSALS["THROTTLING"])
    body = answer.fields()
    if answer.ok and body.get("success") is True:
        data: JsonValue = body.get("data")
        return data
    code = first_text(body, "errCode", "Code", "code")
    if answer.ok and not code and body.get("success") is not False:
        raise answer.senseless("neither yes nor no")
    words = answer.words(first_text(body, "errMessage", "Message", "message"), secrets=secrets)
    kind, sentence = _meaning(answer, code.upper(), codes)
    raise answer.refusal(
        kind,
        sentence.format(settings=settings, actions=actions) or words,
        code=vendor_words(code) or None,
        request_id=vendor_words(first_text(body, "requestId", "RequestId", "requestid")) or None,
    )


def _meaning(
    answer: Answer, code: str, codes: Mapping[str, type[ProviderError]]
) -> tuple[type[ProviderError] | None, str]:
    """What a no stands for and our sentence for it; neither where the status decides."""
    if code.startswith("SIGNATURENONCEUSED"):
        # Our nonces are never used twice, so it was a copy of this very request that came first.
        return Unavailable if answer.safe else OutcomeUnknown, "The vendor has seen this very request before."
    for beginning, meaning in REFUSALS.items():
        if re.match(beginning, code):
            return meaning
    product = next((kind for beginning, kind in codes.items() if re.match(beginning, code)), None)
    if product is None and answer.ok:
        product = _within_200(answer, code)
    return product, ""


def _within_200(answer: Answer, code: str) -> type[ProviderError]:
    """A no within HTTP 200: the envelope's own status says what kind, if it has one."""
    inner = answer.fields().get("httpStatusCode")
    if isinstance(inner, int) and inner >= 400:
        return by_status(inner, safe=answer.safe)
    return by_status(500, safe=answer.safe) if code in {"", "UNKNOWN_ERROR"} else UnexpectedResponse

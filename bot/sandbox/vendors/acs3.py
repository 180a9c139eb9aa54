"""Request signing as Alibaba Cloud does it: signature V3, `ACS3-HMAC-SHA256`, for ROA style calls.

`Signer` is a client's half, `Verifier` the gateway's. Both build the same canonical request; only the
verifier trusts nothing it received but the names in `SignedHeaders`, and it demands the important ones.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

ALGORITHM = "ACS3-HMAC-SHA256"
CLOCK_WINDOW = timedelta(minutes=15)
DATE_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
JSON_TYPE = "application/json; charset=utf-8"

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>[^,\s]+),\s*SignedHeaders=(?P<names>[^,\s]+),"
    r"\s*Signature=(?P<hex>[0-9a-f]{64})"
)
_DEMANDED = frozenset(
    {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"}
)


@dataclass(frozen=True)
class Key:
    """An access key pair; with a security token it is one that STS lent for a while."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SignedRequest:
    """What arrived on the wire, as far as the signature cares."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes = field(repr=False)


class SignatureRefused(Exception):
    """The gateway does not let this call in."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Encode a query so that every byte but the unreserved ones is escaped, sorted by name."""
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(pairs))


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], names: Sequence[str], payload_hash: str
) -> str:
    """Lay out the text whose hash is signed; `query` is already canonical and `names` sorted."""
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    return "\n".join((method.upper(), path, query, lines, ";".join(names), payload_hash))


def string_to_sign(canonical: str) -> str:
    """Name the algorithm and the canonical request's hash."""
    return f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def signature(canonical: str, secret: str) -> str:
    """Sign with the secret as it stands: this scheme derives no key."""
    return hmac.new(secret.encode(), string_to_sign(canonical).encode(), hashlib.sha256).hexdigest()


class Signer:
    """Makes the headers of one call. A nonce is fresh on every attempt unless it is given."""

    def __init__(self, key: Key, *, host: str, version: str) -> None:
        self._key = key
        self._host = host
        self._version = version

    def headers(
        self,
        method: str,
        path: str,
        *,
        action: str,
        params: Mapping[str, str] | None = None,
        body: bytes = b"",
        at: datetime | None = None,
        nonce: str | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Sign exactly these bytes; `extra` headers are sent and signed too."""
        payload_hash = hashlib.sha256(body).hexdigest()
        headers = {
            "host": self._host,
            "x-acs-action": action,
            "x-acs-version": self._version,
            "x-acs-date": (at or datetime.now(UTC)).strftime(DATE_FORMAT),
            "x-acs-signature-nonce": nonce or secrets.token_hex(16),
            "x-acs-content-sha256": payload_hash,
        }
        if body:
            headers["content-type"] = JSON_TYPE
        if self._key.security_token is not None:
            headers["x-acs-accesskey-id"] = self._key.access_key_id
            headers["x-acs-security-token"] = self._key.security_token
        headers.update(extra or {})
        names = sorted(headers)
        query = canonical_query((params or {}).items())
        canonical = canonical_request(method, path, query, headers, names, payload_hash)
        headers["authorization"] = (
            f"{ALGORITHM} Credential={self._key.access_key_id},SignedHeaders={';'.join(names)},"
            f"Signature={signature(canonical, self._key.access_key_secret)}"
        )
        return headers


class Verifier:
    """The gateway's door: who signed, when, over which bytes, and never twice."""

    def __init__(
        self, keys: Iterable[Key], *, version: str, use_nonce: Callable[[str, datetime], bool]
    ) -> None:
        """`use_nonce` remembers a nonce and answers False when it has been seen before."""
        self._keys = {key.access_key_id: key for key in keys}
        self._version = version
        self._use_nonce = use_nonce

    def verify(self, request: SignedRequest, *, now: datetime) -> str:
        """Return the action the call names.

        Raises:
            SignatureRefused: with the gateway's HTTP status and code.
        """
        headers: dict[str, str] = {}
        for raw_name, value in request.headers:
            name = raw_name.lower()
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        parsed = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if parsed is None:
            raise SignatureRefused(
                400, "IncompleteSignature", "The Authorization header is missing or malformed."
            )
        names = sorted(parsed["names"].lower().split(";"))
        self._demand(headers, names)
        key = self._known_key(parsed["key"], headers)
        self._check_clock(headers["x-acs-date"], now)
        self._check_signature(request, headers, names, key, parsed["hex"])
        if not self._use_nonce(headers["x-acs-signature-nonce"], now):
            raise SignatureRefused(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
        if headers["x-acs-version"] != self._version:
            raise SignatureRefused(400, "InvalidVersion", "Specified parameter Version is not valid.")
        return headers["x-acs-action"]

    def _demand(self, headers: Mapping[str, str], names: Sequence[str]) -> None:
        received = {name for name in headers if name.startswith("x-acs-") or name in {"host", "content-type"}}
        unsigned = (received | _DEMANDED) - set(names)
        absent = (set(names) | _DEMANDED) - set(headers)
        if unsigned or absent:
            what = ", ".join(sorted(unsigned | absent))
            raise SignatureRefused(
                400, "IncompleteSignature", f"These headers must be sent and signed: {what}."
            )

    def _known_key(self, key_id: str, headers: Mapping[str, str]) -> Key:
        key = self._keys.get(key_id)
        if key is None or headers.get("x-acs-accesskey-id", key_id) != key_id:
            raise SignatureRefused(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
        token = headers.get("x-acs-security-token")
        if key.security_token is not None and token is None:
            raise SignatureRefused(
                400, "MissingSecurityToken", "SecurityToken is mandatory for this access key."
            )
        if key.security_token is None and token is not None:
            raise SignatureRefused(
                400,
                "InvalidSecurityToken.MismatchWithAccessKey",
                "Specified SecurityToken mismatches the key.",
            )
        if token is not None and not hmac.compare_digest(token, key.security_token or ""):
            raise SignatureRefused(
                400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed."
            )
        return key

    def _check_clock(self, date: str, now: datetime) -> None:
        try:
            at = datetime.strptime(date, DATE_FORMAT).replace(tzinfo=UTC)
        except ValueError as error:
            raise SignatureRefused(
                400, "InvalidTimeStamp.Format", "Specified time stamp is not well formatted."
            ) from error
        if abs(now - at) > CLOCK_WINDOW:
            raise SignatureRefused(
                400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."
            )

    def _check_signature(
        self, request: SignedRequest, headers: Mapping[str, str], names: Sequence[str], key: Key, given: str
    ) -> None:
        payload_hash = hashlib.sha256(request.body).hexdigest()
        query = canonical_query(parse_qsl(request.query, keep_blank_values=True))
        canonical = canonical_request(request.method, request.path, query, headers, names, payload_hash)
        expected = signature(canonical, key.access_key_secret)
        genuine = hmac.compare_digest(expected, given)
        if not genuine or headers["x-acs-content-sha256"] != payload_hash:
            raise SignatureRefused(
                400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation."
            )

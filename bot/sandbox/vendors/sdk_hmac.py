"""Request signing as Huawei Cloud does it: the gateway's half of `SDK-HMAC-SHA256`.

The client's half is not here: the tests sign with the vendor's own client. A signature covers the headers
that `SignedHeaders` names and no others, so only those are looked at, whatever else a request carries.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_to_bytes

ALGORITHM = "SDK-HMAC-SHA256"
CLOCK_WINDOW = timedelta(minutes=15)
DATE_FORMAT = "%Y%m%dT%H%M%SZ"
UNSIGNED = "UNSIGNED-PAYLOAD"

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Access=(?P<key>[^,\s]+), ?SignedHeaders=(?P<names>[^,\s]+), ?"
    r"Signature=(?P<hex>[0-9a-f]{64})"
)
_DATE = "x-sdk-date"
_CONTENT_HASH = "x-sdk-content-sha256"
# Only bodies of these kinds must be hashed; the official client leaves all others unsigned.
_HASHED_TYPES = ("application/json", "application/bson")


@dataclass(frozen=True)
class Key:
    """An access key pair; with a security token it is one that was lent for a while."""

    ak: str
    sk: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SignedRequest:
    """What arrived on the wire, as far as the signature cares."""

    method: str
    path: bytes
    query: bytes
    headers: Sequence[tuple[bytes, bytes]] = field(repr=False)
    body: bytes = field(repr=False)


class SignatureRefused(Exception):
    """The gateway does not let this call in; the text says why."""


def canonical_path(path: bytes) -> str:
    """Encode every segment anew and end in a slash, which is there in the signature only."""
    whole = "/".join(_encode(segment) for segment in unquote_to_bytes(path).split(b"/"))
    return whole if whole.endswith("/") else f"{whole}/"


def canonical_query(query: bytes) -> str:
    """Sort by name, then by value, and encode every byte but the unreserved ones.

    A plus sign is a plus sign here: who writes a space so, and signs a space, is refused.
    """
    pairs = [part.partition(b"=") for part in query.split(b"&") if part]
    decoded = sorted((unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs)
    return "&".join(f"{_encode(name)}={_encode(value)}" for name, value in decoded)


def canonical_request(request: SignedRequest, headers: Mapping[str, bytes], names: Sequence[str]) -> bytes:
    """Lay out the text whose hash is signed; `names` are the signed headers, sorted."""
    lines = b"".join(name.encode() + b":" + headers[name].strip() + b"\n" for name in names)
    head = f"{request.method}\n{canonical_path(request.path)}\n{canonical_query(request.query)}\n".encode()
    return head + lines + f"\n{';'.join(names)}\n{_payload_hash(request, headers)}".encode()


def string_to_sign(date: str, canonical: bytes) -> str:
    """Name the algorithm, the instant and the canonical request's hash."""
    return f"{ALGORITHM}\n{date}\n{hashlib.sha256(canonical).hexdigest()}"


def signature(text: str, sk: str) -> str:
    """Sign with the secret as it stands: this scheme derives no key."""
    return hmac.new(sk.encode(), text.encode(), hashlib.sha256).hexdigest()


class Verifier:
    """The gateway's door: who signed, when, and over which bytes."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.ak: key for key in keys}

    def verify(self, request: SignedRequest, *, now: datetime) -> Key:
        """Return the key that signed.

        Raises:
            SignatureRefused: the gateway would not let this call in.
        """
        headers: dict[str, bytes] = {}
        for raw_name, value in request.headers:
            name = raw_name.decode("latin-1").lower()
            headers[name] = headers[name] + b"," + value if name in headers else value
        parsed = _AUTHORIZATION.fullmatch(headers.get("authorization", b"").decode("latin-1"))
        if parsed is None:
            raise SignatureRefused("the Authorization header is missing or malformed")
        names = parsed["names"].split(";")
        if names != sorted(set(names)) or parsed["names"] != parsed["names"].lower():
            raise SignatureRefused("SignedHeaders must be in small letters, sorted, each named once")
        if missing := sorted(({_DATE} | set(names)) - set(headers) | ({_DATE} - set(names))):
            raise SignatureRefused(f"these headers must be sent and signed: {', '.join(missing)}")
        key = self._known_key(parsed["key"], headers)
        date = headers[_DATE].decode("latin-1").strip()
        _check_clock(date, now)
        _check_payload(request, headers, names)
        expected = signature(string_to_sign(date, canonical_request(request, headers, names)), key.sk)
        if not hmac.compare_digest(expected, parsed["hex"]):
            raise SignatureRefused("verify aksk signature fail")
        return key

    def _known_key(self, ak: str, headers: Mapping[str, bytes]) -> Key:
        key = self._keys.get(ak)
        token = headers.get("x-security-token")
        if key is None:
            raise SignatureRefused("the access key is unknown")
        if (key.security_token is None) != (token is None):
            raise SignatureRefused("a security token belongs to temporary access keys, and to those only")
        if token is not None and not hmac.compare_digest(token, (key.security_token or "").encode()):
            raise SignatureRefused("the security token is wrong")
        return key


def _check_clock(date: str, now: datetime) -> None:
    try:
        at = datetime.strptime(date, DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise SignatureRefused("X-Sdk-Date is no date of the form 20240102T030405Z") from error
    if abs(now - at) > CLOCK_WINDOW:
        raise SignatureRefused("X-Sdk-Date is more than 15 minutes away from the gateway's clock")


def _check_payload(request: SignedRequest, headers: Mapping[str, bytes], names: Sequence[str]) -> None:
    given = headers.get(_CONTENT_HASH)
    if given is None:
        return
    if _CONTENT_HASH not in names:
        raise SignatureRefused("X-Sdk-Content-Sha256 must be signed")
    if given.strip() == UNSIGNED.encode():
        if headers.get("content-type", b"").decode("latin-1").startswith(_HASHED_TYPES):
            raise SignatureRefused("a JSON body must be signed")
    elif given.strip() != hashlib.sha256(request.body).hexdigest().encode():
        raise SignatureRefused("X-Sdk-Content-Sha256 is not the body's hash")


def _payload_hash(request: SignedRequest, headers: Mapping[str, bytes]) -> str:
    # An empty body counts as empty even where the client announces an unsigned one.
    if request.body and headers.get(_CONTENT_HASH, b"").strip() == UNSIGNED.encode():
        return UNSIGNED
    return hashlib.sha256(request.body).hexdigest()


def _encode(text: bytes) -> str:
    return quote(text, safe="~")

"""Where a bucket is, written as one URL: `s3://bucket/prefix?region=…&endpoint=…&style=…`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_KNOWN = {"region", "endpoint", "style"}


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A bucket of an S3-compatible store. Keys are no part of it."""

    bucket: str
    prefix: str
    """Begins every name; empty, or without slashes at its ends."""
    region: str
    endpoint: str
    """Scheme and host of the store, without the bucket."""
    virtual: bool
    """The bucket stands in the host name and not in the path."""

    def __str__(self) -> str:
        """The URL in full, always written the same way."""
        prefix = f"/{quote(self.prefix)}" if self.prefix else ""
        style = "virtual" if self.virtual else "path"
        return f"s3://{self.bucket}{prefix}?region={self.region}&endpoint={self.endpoint}&style={style}"

    @property
    def base(self) -> str:
        """The address that signatures are made for: with the bucket's name where it belongs to the host."""
        scheme, _, host = self.endpoint.partition("://")
        return f"{scheme}://{self.bucket}.{host}" if self.virtual else self.endpoint


def read(text: str) -> BucketAddress:
    """Read the URL. Raises ValueError, whose text says what to mend and quotes no value."""
    parts = urlsplit(text)
    if parts.scheme != "s3" or not parts.hostname:
        raise ValueError("must be relay, or a bucket such as s3://bucket/prefix?region=eu-central-1")
    if parts.username or parts.password:
        raise ValueError("must not hold keys: they belong into DARKROOM_PHOTO_LINKS_KEY_ID and …_KEY_SECRET")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,62}", parts.netloc):
        raise ValueError("must name a bucket in 3 to 63 lower-case letters, digits, dots and hyphens")
    prefix = parts.path.strip("/")
    if not re.fullmatch(r"[\w.=/-]*", prefix, re.ASCII) or ".." in prefix or "//" in prefix:
        raise ValueError("must have a prefix of plain letters, digits, hyphens and single slashes")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if odd := sorted(set(given) - _KNOWN):
        raise ValueError(f"knows region, endpoint and style after the question mark, not {', '.join(odd)}")
    region = given.get("region", "")
    if not re.fullmatch(r"[a-z0-9-]{2,40}", region):
        raise ValueError("must say region=…, as the store names it (us-east-1 where it has none)")
    endpoint = _endpoint(given.get("endpoint"), region)
    style = given.get("style") or ("path" if "endpoint" in given or "." in parts.netloc else "virtual")
    if style not in {"path", "virtual"}:
        raise ValueError("must say style=path (host/bucket/name) or style=virtual (bucket.host/name)")
    return BucketAddress(parts.netloc, prefix, region, endpoint, style == "virtual")


def _endpoint(given: str | None, region: str) -> str:
    if given is None:
        return f"https://s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(
            "must have an endpoint that is scheme and host alone, as endpoint=https://s3.example.com"
        )
    if parts.username or parts.password:
        raise ValueError("must not hold keys in its endpoint")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("must have an https endpoint: faces travel over it")
    return f"{parts.scheme}://{parts.netloc}"

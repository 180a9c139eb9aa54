"""The signature under every request that Slack posts to an app."""

import hashlib
import hmac


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Sign a raw body as it was at an instant, both of which the receiver knows."""
    basis = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), basis, hashlib.sha256).hexdigest()

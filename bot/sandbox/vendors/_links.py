"""Links into a stand-in's own object store: whoever holds one is let in, with nothing else, until it ends.

The customs are those of Alibaba's OSS and Huawei's OBS, which are alike: the signature travels in the query,
an `Authorization` beside it is one too many, and a refusal is a piece of XML.
"""

import base64
import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Callable
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

_SCHEMA = "CREATE TABLE IF NOT EXISTS link_secret (secret TEXT NOT NULL)"


class Links:
    """Signs links and examines them. The secret is kept, so that links outlive a restart."""

    def __init__(
        self, db: sqlite3.Connection, *, clock: Callable[[], float], key_parameter: str, key_id: str
    ) -> None:
        self._clock = clock
        self._key_parameter = key_parameter
        self._key_id = key_id
        db.execute(_SCHEMA)
        row = db.execute("SELECT secret FROM link_secret").fetchone()
        if row is None:
            db.execute("INSERT INTO link_secret VALUES (?)", (secrets.token_hex(20),))
            row = db.execute("SELECT secret FROM link_secret").fetchone()
        self._secret = str(row["secret"]).encode()

    def sign(self, text: str) -> str:
        """The signature of any text."""
        return base64.b64encode(hmac.new(self._secret, text.encode(), hashlib.sha1).digest()).decode()

    def signed(self, path: str, *, seconds: float, method: str = "GET") -> str:
        """The path with a query that opens it for so long."""
        expires = str(int(self._clock() + seconds))
        query = {
            "Expires": expires,
            self._key_parameter: self._key_id,
            "Signature": self.sign(_said(method, expires, path)),
        }
        return f"{quote(path)}?{urlencode(query)}"

    def refusal(self, request: Request) -> Response | None:
        """Why this request is not let in; None if it is."""
        asked = request.query_params
        if "authorization" in request.headers:
            return xml_error(400, "InvalidArgument", "Only one auth mechanism allowed.")
        expires, signature = asked.get("Expires", ""), asked.get("Signature", "")
        if not expires.isdigit() or asked.get(self._key_parameter) != self._key_id:
            return xml_error(403, "AccessDenied", "You have no right to access this object.")
        if int(expires) <= self._clock():
            return xml_error(403, "AccessDenied", "Request has expired.")
        right = self.sign(_said(request.method, expires, request.url.path))
        if not hmac.compare_digest(signature.encode(), right.encode()):
            return xml_error(403, "SignatureDoesNotMatch", "The request signature does not match.")
        return None


def xml_error(status: int, code: str, message: str) -> Response:
    """A refusal as object stores write it."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>"
        f"<RequestId>{secrets.token_hex(12).upper()}</RequestId></Error>"
    )
    return Response(body, status_code=status, media_type="application/xml")


def _said(method: str, expires: str, path: str) -> str:
    return f"{method}\n\n\n{expires}\n{path}"

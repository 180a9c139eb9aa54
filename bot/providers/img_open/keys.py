"""Img Open's credentials: a key and its secret, which travel in clear within TLS."""

from __future__ import annotations

import httpx
from pydantic import SecretStr

from bot.providers._http import HostAuth


class Keys(HostAuth):
    """Two headers, without a signature."""

    def __init__(self, home: str, key_id: str, secret: SecretStr) -> None:
        super().__init__(home)
        self._key_id = key_id
        self._secret = secret

    def sign(self, request: httpx.Request) -> None:
        """Put both on a request."""
        request.headers["x-request-req-accesskeyid"] = self._key_id
        request.headers["x-request-req-accesskeysecret"] = self._secret.get_secret_value()

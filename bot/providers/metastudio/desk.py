"""Every call to MetaStudio passes here: it signs in, finds the project's path, and renews a token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr, TypeAdapter

from bot.providers._errors import AuthenticationFailed, NotFound, Unavailable
from bot.providers._http import HostAuth, HttpClient
from bot.providers._wire import moment
from bot.providers.metastudio.settings import MetastudioSettings
from bot.providers.metastudio.signing import SdkAuth, TokenAuth
from bot.providers.metastudio.wire import TOKEN
from bot.providers.metastudio.words import TokenRefused

T = TypeVar("T")
EARLY = timedelta(minutes=30)
"""A token is renewed so long before its end."""


class Desk:
    """Our side of the counter."""

    def __init__(self, settings: MetastudioSettings, http: HttpClient) -> None:
        self.settings = settings
        self.http = http
        self._prefix = f"/v1/{settings.project_id}"
        self._signing: HostAuth | None = None
        if settings.access_key_id and settings.access_key_secret:
            self._signing = SdkAuth(
                settings.home,
                settings.access_key_id,
                settings.access_key_secret,
                settings.project_id,
                settings.security_token,
            )
        self._token: tuple[SecretStr, datetime] | None = None
        self._renewing = asyncio.Lock()

    async def get(self, path: str, into: TypeAdapter[T], query: Mapping[str, str] | None = None) -> T:
        """Ask."""
        return await self.call("GET", path, into, query=query)

    async def post(
        self,
        path: str,
        body: Mapping[str, object],
        into: TypeAdapter[T],
        *,
        method: str = "POST",
        safe: bool = False,
    ) -> T:
        """Send JSON. Not `safe`: it starts something that is paid for."""
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"content-type": "application/json"}
        return await self.call(method, path, into, content=content, headers=headers, safe=safe)

    async def form(
        self, path: str, fields: Mapping[str, str], photo: tuple[str, bytes, str], into: TypeAdapter[T]
    ) -> T:
        """Send a form with a photo in it, which is paid for."""
        form = httpx.Request("POST", self.settings.home, data=dict(fields), files={"file": photo})
        headers = {"content-type": form.headers["content-type"]}
        return await self.call("POST", path, into, content=form.read(), headers=headers, safe=False)

    async def call(self, method: str, path: str, into: TypeAdapter[T], **facts: Any) -> T:
        """Call below the project's path. A token that is refused is renewed once."""
        headers = dict(facts.pop("headers", None) or {})
        if self.settings.app_user_id:
            headers["x-app-userid"] = self.settings.app_user_id
        facts["headers"] = headers
        try:
            if self._signing is not None:
                return await self.http.call(method, self._prefix + path, into, auth=self._signing, **facts)
            return await self._with_token(method, path, into, facts)
        except TokenRefused as error:
            raise AuthenticationFailed(error.detail, code=error.code, request_id=error.request_id) from None

    async def _with_token(self, method: str, path: str, into: TypeAdapter[T], facts: Mapping[str, Any]) -> T:
        token = await self._signed_in()
        try:
            return await self._shown(token, method, path, into, facts)
        except TokenRefused:
            return await self._shown(await self._signed_in(instead_of=token), method, path, into, facts)

    async def _shown(
        self, token: SecretStr, method: str, path: str, into: TypeAdapter[T], facts: Mapping[str, Any]
    ) -> T:
        auth = TokenAuth(self.settings.home, token)
        return await self.http.call(method, self._prefix + path, into, auth=auth, **facts)

    async def _signed_in(self, *, instead_of: SecretStr | None = None) -> SecretStr:
        """A token that is good for a while; many that need one at once ask for it once."""
        async with self._renewing:
            kept = self._token
            if kept and kept[0] is not instead_of and datetime.now(UTC) < kept[1]:
                return kept[0]
            self._token = await self._ask_for_token()
            return self._token[0]

    async def _ask_for_token(self) -> tuple[SecretStr, datetime]:
        has = self.settings
        password = has.iam_password.get_secret_value() if has.iam_password else ""
        user = {"domain": {"name": has.iam_domain}, "name": has.iam_user, "password": password}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = {"auth": {"identity": identity, "scope": {"project": {"id": has.project_id}}}}
        told = await self.http.call(
            "POST",
            "/v3/auth/tokens",
            TOKEN,
            query={"nocatalog": "true"},
            content=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
            safe=True,
            base_url=has.iam_endpoint,
        )
        end = moment(told.token.expires, UTC) or datetime.now(UTC) + timedelta(hours=24)
        return SecretStr(told.value), end - EARLY

    async def put(
        self,
        url: str,
        file: Path,
        *,
        start: int = 0,
        size: int | None = None,
        media_type: str = "application/octet-stream",
    ) -> None:
        """Bring a file, or a part of it, to a link that is good for one upload, and of one type."""
        try:
            await self.http.put(
                url,
                file,
                media_type=media_type,
                deadline=self.settings.upload_time,
                start=start,
                size=size,
            )
        except NotFound as over:
            # The job is there and its links are over: the next attempt finds it and is given new ones.
            raise Unavailable("MetaStudio's link for an upload is over: another is asked for.") from over

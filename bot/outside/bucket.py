"""The operator's bucket at any S3-compatible store: obstore signs, httpx carries the bytes.

A copy is written by one signed PUT, streamed from the disk. The store has all of it or nothing: parts of an
upload that broke off would hold a face and stand in no list. It is erased by one signed DELETE, since not
every store knows how to erase several at once. Only the list, for the sweep, is obstore's own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from bot.outside.address import BucketAddress
from bot.outside.reach import fault_of
from bot.services.copies import Bucket, BucketTrouble
from storage.records.links import LinkFault

_TIME = 120.0
"""Seconds for one try of one file, the answer included."""
_WAITS = (2.0, 8.0)
"""Seconds before the second and third try."""
_SIGNED_FOR = timedelta(minutes=15)
"""What we sign for ourselves is good for so long: for one try, with clocks that differ a little."""
_PIECE = 1024 * 1024
_LISTED = 10_000
_CODE = re.compile(rb"<Code>(\w{1,80})</Code>")
_FAULTS = {
    "NoSuchBucket": LinkFault.NO_BUCKET,
    "InvalidBucketName": LinkFault.NO_BUCKET,
    "RequestTimeTooSkewed": LinkFault.CLOCK,
    "AccessDenied": LinkFault.KEYS_REFUSED,
    "ExpiredToken": LinkFault.KEYS_REFUSED,
    "InvalidAccessKeyId": LinkFault.KEYS_REFUSED,
    "InvalidToken": LinkFault.KEYS_REFUSED,
    "SignatureDoesNotMatch": LinkFault.KEYS_REFUSED,
}
_PASSING = {LinkFault.REFUSED, LinkFault.SILENT, LinkFault.GATEWAY, LinkFault.BROKEN_OFF}


class S3Bucket(Bucket):
    """One bucket, and the keys to it."""

    def __init__(
        self,
        address: BucketAddress,
        http: httpx.AsyncClient,
        *,
        key_id: str,
        key_secret: str,
        token: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.where = str(address)
        self._prefix = f"{address.prefix}/darkroom/" if address.prefix else "darkroom/"
        self._http = http
        self._sleep = sleep
        credential = {"access_key_id": key_id, "secret_access_key": key_secret, "expires_at": None}
        if token:
            credential["token"] = token
        self._store = S3Store(
            address.bucket,
            region=address.region,
            endpoint=address.base,
            virtual_hosted_style_request=address.virtual,
            # Given as a source, so that no variable of the environment adds to them or takes their place.
            credential_provider=lambda: credential,  # type: ignore[arg-type]
            client_options={
                "allow_http": address.endpoint.startswith("http://"),
                "timeout": timedelta(seconds=30),
                "connect_timeout": timedelta(seconds=10),
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=60)},
        )

    async def put(self, name: str, path: Path, media_type: str) -> None:
        """Write a file under a name: all of it or nothing. Raises BucketTrouble and FileNotFoundError."""
        size = (await asyncio.to_thread(path.stat)).st_size
        headers = {
            "content-type": media_type,
            "content-length": str(size),
            "cache-control": "private, no-store",
        }
        await self._call("PUT", name, headers, path)

    async def link(self, name: str, life: timedelta) -> str:
        """An address under which anybody may fetch it for so long."""
        return str(await obstore.sign_async(self._store, "GET", self._prefix + name, life))

    async def erase(self, name: str) -> None:
        """Erase what has this name, if there is anything. Raises BucketTrouble."""
        await self._call("DELETE", name, {}, None)

    async def older(self, than: datetime) -> list[str]:
        """Names of what was written before then, as many as a sweep can bear. Raises BucketTrouble."""
        found: list[str] = []
        try:
            async with asyncio.timeout(_TIME):
                async for batch in obstore.list(self._store, prefix=self._prefix.rstrip("/")):
                    found += [
                        meta["path"].rpartition("/")[2] for meta in batch if meta["last_modified"] < than
                    ]
                    if len(found) >= _LISTED:
                        break
        except TimeoutError:
            raise BucketTrouble(LinkFault.SILENT) from None
        except BaseError as error:
            raise BucketTrouble(_told(str(error).encode()) or LinkFault.STORE_REFUSES) from None
        return found

    async def _call(self, method: str, name: str, headers: dict[str, str], file: Path | None) -> None:
        fault = await self._once(method, name, headers, file)
        for wait in _WAITS:
            if fault not in _PASSING:
                break
            await self._sleep(wait)
            fault = await self._once(method, name, headers, file)
        if fault is not None:
            raise BucketTrouble(fault)

    async def _once(
        self, method: str, name: str, headers: dict[str, str], file: Path | None
    ) -> LinkFault | None:
        url = await obstore.sign_async(self._store, method, self._prefix + name, _SIGNED_FOR)  # type: ignore[call-overload]
        content = None if file is None else _pieces(file)
        try:
            async with asyncio.timeout(_TIME):
                async with self._http.stream(
                    method, url, headers=headers, content=content, follow_redirects=False
                ) as answer:
                    return await _fault(answer, erasing=method == "DELETE")
        except TimeoutError:
            return LinkFault.SILENT
        except httpx.HTTPError as error:
            return fault_of(error)


async def _fault(answer: httpx.Response, *, erasing: bool) -> LinkFault | None:
    if answer.is_success:
        return None
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > 64 * 1024:
            break
    told = _told(bytes(body))
    if erasing and answer.status_code in {404, 410} and told is None:
        return None  # It is gone already.
    if told is not None:
        return told
    if answer.status_code in {401, 403}:
        return LinkFault.KEYS_REFUSED
    if answer.status_code == 429 or answer.status_code >= 500:
        return LinkFault.GATEWAY
    return LinkFault.STORE_REFUSES


def _told(body: bytes) -> LinkFault | None:
    """What the store's own word for an error means, where it is one that tells something."""
    found = _CODE.search(body)
    return _FAULTS.get(found[1].decode()) if found else None


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(file.open, "rb") as source:
        while piece := await asyncio.to_thread(source.read, _PIECE):
            yield piece

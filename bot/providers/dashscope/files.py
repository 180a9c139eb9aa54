"""The vendor's file store: photos that are brought there by upload, and taken away again."""

from __future__ import annotations

import asyncio
import contextlib
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import httpx
from pydantic import TypeAdapter

from bot.providers._answers import first_text, vendor_words
from bot.providers._base import MediaInput
from bot.providers._errors import InvalidInput, NotFound, ProviderError, Unavailable, UnexpectedResponse
from bot.providers.dashscope.wire import BODY, FILES, ONE_FILE, UPLOADED, File, maybe, page
from bot.providers.dashscope.words import CODES

T = TypeVar("T")

LENT = "darkroom inspection"
"""`descriptions` of a file that is there only to be looked at."""
PAGES = 50
"""Of files, that are looked through for ours."""


class Call(Protocol):
    """A call of the vendor's API with our key on it."""

    async def __call__(self, method: str, path: str, into: TypeAdapter[T], **facts: Any) -> T:
        """See `HttpClient.call`."""


class Shelf:
    """Our files at the vendor. Each carries in its description what it is for, since nothing else is kept.

    Keeping a file costs nothing, so every call here may be repeated.
    """

    def __init__(self, call: Call) -> None:
        self._call = call

    async def of(self, description: str) -> list[File]:
        """The files that were brought for one purpose."""
        found: dict[str, File] = {}
        seen = 0
        for number in range(1, PAGES + 1):
            told = await self._call("GET", "/files", FILES, query=page(number))
            listed = told.data.files
            files = [file for row in listed if (file := maybe(File, row))]
            found |= {file.id: file for file in files if file.description == description}
            seen += len(listed)
            # An account whose room was widened has more files than fit on a page, of somebody else too.
            if not listed or seen >= (told.data.total or 0):
                break
        return list(found.values())

    async def bring(self, photos: Sequence[MediaInput], key: str, *, zipped: bool) -> list[str]:
        """Bring photos and return their ids; what an earlier attempt brought is not sent again."""
        there = {file.name: file.id for file in await self.of(key)}
        if zipped:
            name = f"{key}.zip"
            if name not in there:
                packed = await asyncio.to_thread(_pack, photos)
                there[name] = (await self.upload(name, packed, "application/zip", key)).id
            return [there[name]]
        names = [f"{key}-{_numbered(number, photo)}" for number, photo in enumerate(photos, 1)]
        for name, photo in zip(names, photos, strict=True):
            if name not in there:
                data = await asyncio.to_thread(photo.path.read_bytes)
                there[name] = (await self.upload(name, data, photo.media_type, key)).id
        return [there[name] for name in names]

    @asynccontextmanager
    async def lent(self, photos: Sequence[MediaInput]) -> AsyncIterator[list[str]]:
        """Links to photos for as long as the block lasts: their own, or those of files brought for it."""
        brought: list[File] = []
        if any(photo.url is None for photo in photos):
            await self.clear(LENT)  # What a crash left behind: one training at a time is looked at.
        try:
            links = []
            for number, photo in enumerate(photos, 1):
                if photo.url is None:
                    data = await asyncio.to_thread(photo.path.read_bytes)
                    file = await self.upload(_numbered(number, photo), data, photo.media_type, LENT)
                    brought.append(file)
                    link = (await self._call("GET", f"/files/{file.id}", ONE_FILE)).data.url
                    if not link:
                        raise UnexpectedResponse("DashScope gives no link to a file of ours.")
                    links.append(link)
                else:
                    links.append(photo.url)
            yield links
        finally:
            for file in brought:
                # The next look clears it away; what was found out must not be lost for it.
                with contextlib.suppress(ProviderError):
                    await self._forget(file)

    async def clear(self, description: str) -> None:
        """Take away all that was brought for one purpose."""
        for file in await self.of(description):
            await self._forget(file)

    async def upload(self, name: str, data: bytes, media_type: str, description: str) -> File:
        """Bring one file.

        Raises:
            QuotaExceeded: the account's hundred files or five gigabytes are used up.
            InvalidInput: the vendor does not take this file, which it says within a 200.
            Unavailable: the vendor could not keep it just now, or does not say what became of it.
        """
        form = httpx.Request(
            "POST",
            "https://form.invalid",
            data={"purpose": "fine-tune", "descriptions": description},
            files={"files": (name, data, media_type)},
        )
        told = await self._call(
            "POST",
            "/files",
            UPLOADED,
            content=form.read(),
            headers={"content-type": form.headers["content-type"]},
            safe=True,
        )
        if kept := [file for row in told.data.uploaded_files if (file := maybe(File, row))]:
            return kept[0]
        refused = told.data.failed_uploads[0] if told.data.failed_uploads else {}
        code, said = first_text(refused, "code"), first_text(refused, "message")
        # A file that is neither here nor refused, or that broke something there, is not the person's to mend.
        theirs = code.startswith("Internal") or not (code or said)
        kind, sentence, _ = CODES.get(code, (Unavailable if theirs else InvalidInput, "", None))
        words = sentence or vendor_words(said) or "DashScope does not say what became of a file."
        raise kind(words, code=vendor_words(code) or None)

    async def _forget(self, file: File) -> None:
        try:
            await self._call("DELETE", f"/files/{file.id}", BODY, safe=True)
        except (InvalidInput, NotFound):
            return  # The vendor calls a file that is not there an invalid parameter.


def _numbered(number: int, photo: MediaInput) -> str:
    return f"{number:02}{'.png' if photo.media_type == 'image/png' else '.jpg'}"


def _pack(photos: Sequence[MediaInput]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as packed:
        for number, photo in enumerate(photos, 1):
            packed.write(photo.path, _numbered(number, photo))
    return whole.getvalue()

"""What the three products of MetaStudio have in common."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from bot.providers._answers import first_text, vendor_words
from bot.providers._base import (
    Artifact,
    MediaInput,
    RemoteJob,
    RemoteRef,
    RemoteState,
    Role,
    Spec,
)
from bot.providers._errors import (
    AuthenticationFailed,
    InvalidInput,
    NotFound,
    Unavailable,
    UnexpectedResponse,
)
from bot.providers._wire import StatusWords, image
from bot.providers.metastudio.desk import Desk
from bot.providers.metastudio.wire import ASSET, ASSETS, BODY, CLIPS, Short
from bot.providers.metastudio.words import SHORT_STATES, refusal

T = TypeVar("T")


class Product(ABC):
    """One of the three, whether the mode offers it or not: what has begun goes on with it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.settings = desk.settings
        self.short = StatusWords("metastudio", SHORT_STATES, {})

    @abstractmethod
    async def find(
        self, spec: Spec, key: str, known: frozenset[str], since: datetime | None
    ) -> RemoteJob | None:
        """Look for what a call under this key has started."""

    @abstractmethod
    async def poll(self, ref: RemoteRef) -> RemoteJob:
        """Ask where it stands."""

    @abstractmethod
    async def links(self, ref: RemoteRef) -> Mapping[str, str]:
        """The newest links to its results, by what each is."""

    async def logs(self, ref: RemoteRef) -> tuple[str, ...]:  # noqa: ARG002
        """The history of a training."""
        return ()

    async def cancel(self, ref: RemoteRef) -> bool:  # noqa: ARG002
        """Stop it."""
        return False

    async def delete(self, ref: RemoteRef) -> bool:  # noqa: ARG002
        """Erase it."""
        return False

    async def fetch(self, ref: RemoteRef, artifact: Artifact) -> AsyncIterator[bytes]:
        """Pull one result by its newest link, without our credentials. Raises NotFound where it is gone."""
        what = str(json.loads(artifact.locator)[1])
        link = (await self.links(ref)).get(what)
        if link is None:
            raise NotFound("MetaStudio no longer has this result.")
        if what == "clip":
            chunks = _film(self.desk.http.download(link, max_bytes=self.settings.clip_max_bytes))
        else:
            chunks = image(self.desk.http.download(link, max_bytes=self.settings.image_max_bytes))
        async for chunk in chunks:
            yield chunk

    async def forgotten(self, model: str | None, *, absent: bool = True) -> bool:
        """Erase a model from the library, past its recycle bin. False: the vendor refuses that now.

        `absent` is the answer where the library does not have it.
        """
        if model is None:
            return True
        try:
            await self.desk.call(
                "DELETE", f"/digital-assets/{model}", BODY, query={"mode": "force"}, safe=True
            )
        except InvalidInput:
            return False
        except NotFound:
            return absent
        return True

    # -- clips, of avatars and of photos

    async def voice(self, chosen: str | None) -> str:
        """The voice to speak with: the one chosen, the operator's, or the first of the vendor's own."""
        if voice := chosen or self.settings.voice_id:
            return voice
        query = {"asset_type": "VOICE_MODEL", "asset_source": "SYSTEM", "limit": "1", "offset": "0"}
        listed = await self.desk.get("/digital-assets", ASSETS, query)
        if not listed.assets or not listed.assets[0].id:
            raise AuthenticationFailed(
                "MetaStudio lists no voice of its own: name one in METASTUDIO_VOICE_ID."
            )
        return listed.assets[0].id

    @property
    def speech_most(self) -> int:
        """Characters of the longest text to speak."""
        return self.settings.speech_max

    def speech(self, prompt: str | None) -> list[dict[str, object]]:
        """The text to speak, as the vendor wants it. Raises InvalidInput where it is too long or none."""
        text = (prompt or "").strip()
        if not 0 < len(text) <= self.speech_most:
            raise InvalidInput(f"A text to speak has 1 to {self.speech_most} characters.")
        return [{"sequence_no": 0, "shoot_script": {"script_type": "TEXT", "text_config": {"text": text}}}]

    async def clip_of(self, key: str, kind: str, known: frozenset[str]) -> str | None:
        """The id of the clip that is called like our key. A list begins with the oldest, unless one asks."""
        query = {
            "job_type": kind,
            "asset_name": key,
            "limit": "100",
            "offset": "0",
            "sort_key": "create_time",
            "sort_dir": "desc",
        }
        listed = await self.desk.get("/digital-human-videos", CLIPS, query)
        ours = (one for one in listed.rows() if one.made and one.made.name == key)
        return next((one.id for one in ours if one.id and one.id not in known), None)

    async def clip(self, ref: RemoteRef, job: Short) -> RemoteJob:
        """Put what the vendor says of a clip into our words."""
        said = self.said(ref, job)
        if said.state is not RemoteState.SUCCEEDED:
            return said
        names = await self.links_of(job)
        if not names:
            reason = "MetaStudio calls it finished and names neither clip nor cover."
            return said.model_copy(update={"state": RemoteState.FAILED, "tentative": True, "reason": reason})
        return said.model_copy(update={"artifacts": artifacts(ref, names)})

    async def links_of(self, job: Short) -> dict[str, str]:
        """A clip's cover, and the clip itself from the library."""
        made = job.made
        found = {"cover": made.cover} if made and made.cover else {}
        if made and made.asset_id:
            asset = await self.desk.get(f"/digital-assets/{made.asset_id}", ASSET)
            if main := asset.main():
                found["clip"] = main
        return found

    def said(self, ref: RemoteRef, job: Short) -> RemoteJob:
        """Put what the vendor says of a short job into our words. Raises what the person can mend."""
        state = self.short(job.state)
        if state is RemoteState.FAILED and (mendable := refusal(job.error, (job.state or "").upper())):
            raise mendable
        error = job.error or {}
        failed = state is RemoteState.FAILED
        code = first_text(error, "error_code") if failed else ""
        facts = {"id": ref.id, "status": job.state, "code": code}
        return RemoteJob(
            ref=ref,
            state=state,
            model_id=ref.model_id,
            reason=vendor_words(first_text(error, "error_msg")) or None if failed else None,
            details={name: vendor_words(fact) for name, fact in facts.items() if fact},
        )


def artifacts(ref: RemoteRef, names: Mapping[str, str]) -> tuple[Artifact, ...]:
    """Results by what they are: their links live for a day and are asked for anew, so none is kept."""
    kinds = {"cover": "image/png", "clip": "video/mp4"}
    return tuple(Artifact(locator=json.dumps([ref.id, what]), media_type=kinds[what]) for what in names)


def chosen(kind: type[T], options: Mapping[str, JsonValue]) -> T:
    """Options as the vendor's. Raises InvalidInput."""
    try:
        return TypeAdapter(kind).validate_python(dict(options))
    except ValidationError:
        raise InvalidInput("These options are not this vendor's.") from None


def by_role(inputs: Sequence[MediaInput], role: Role) -> MediaInput | None:
    """The first input of this role, where there is one."""
    return next((one for one in inputs if one.role is role), None)


def only(inputs: Sequence[MediaInput], role: Role) -> MediaInput:
    """The one input of this role. Raises InvalidInput."""
    found = [one for one in inputs if one.role is role]
    if len(found) != 1:
        raise InvalidInput(f"This takes exactly one {role.value}.")
    return found[0]


async def _film(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Pass a stream on if it is an MP4. Raises Unavailable where it is empty, else UnexpectedResponse."""
    async with aclosing(chunks):
        head = b""
        async for chunk in chunks:
            head += chunk
            if len(head) >= 12:
                break
        if not head:
            raise Unavailable("MetaStudio sent an empty clip.")
        if head[4:8] != b"ftyp":
            raise UnexpectedResponse("What MetaStudio sent as a clip is no MP4.")
        yield head
        async for chunk in chunks:
            yield chunk

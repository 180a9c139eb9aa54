"""MetaStudio's object store: upload URLs that are good for one file, and download links.

A link is all that is needed, and nothing else may come along: an upload that carries credentials is refused,
as is one whose query was touched, or whose content type is not the one the link was made for.
"""

import hashlib
import re
import shutil
import sqlite3
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response

from bot.sandbox.vendors._links import Links, xml_error
from bot.sandbox.vendors._metastudio_answers import Done
from bot.sandbox.vendors._metastudio_parts import Parts
from bot.sandbox.vendors._metastudio_trainings import FileKind, Part, Training
from bot.sandbox.vendors._server import HangUp
from bot.sandbox.vendors._state import together

_KEY_ID = "SANDBOXOBSKEY"
_MAX_BYTES = 5 * 1024**3
_UPLOAD = re.compile(r"(?P<job>[0-9a-f]{32})_(?P<kind>[A-Za-z0-9]+)")
_OBJECT = re.compile(r"[\w-]+/\w[\w.-]*", re.ASCII)
_CREDENTIALS = ("authorization", "x-auth-token", "x-project-id", "x-security-token")
_SCHEMA = "CREATE TABLE IF NOT EXISTS used_links (query TEXT PRIMARY KEY, at REAL NOT NULL)"
_MEDIA_TYPES = {".png": "image/png", ".mp4": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime"}
_COPIED_AT_ONCE = 1024 * 1024


class Store:
    """Hands out links and honours them."""

    def __init__(self, parts: Parts, db: sqlite3.Connection) -> None:
        self._parts = parts
        self._db = db
        self._links = Links(db, clock=parts.clock, key_parameter="AccessKeyId", key_id=_KEY_ID)
        self._folder = parts.folder / "objects"
        self.origin = ""
        """Where links lead; known once the server runs."""
        db.execute(_SCHEMA)

    def upload_url(self, training: Training, kind: FileKind, part: int = 1) -> str:
        """A URL for one file or part, good for one upload in this round."""
        expires = int(self._parts.clock() + self._parts.settings.link_seconds)
        path = f"/obs/{training.id}_{kind}"
        return f"{self.origin}{path}?{self._query(path, kind, part, training.upload, expires)}"

    def download_url(self, key: str) -> str:
        """A link to an object."""
        path = f"/obs/{key}"
        return self.origin + self._links.signed(path, seconds=self._parts.settings.link_seconds)

    def path(self, key: str) -> Path:
        """Where an object lies on disk."""
        return self._folder / key

    def file(self, training: Training, kind: FileKind) -> Path | None:
        """What was uploaded of a kind, whole; None if it is not here, or not put together yet."""
        whole = self._folder / training.id / kind
        return whole if whole.exists() else None

    def put_together(self, training: Training, kind: FileKind, parts: Sequence[Part]) -> None:
        """Make one file of its parts, beside them. Knows no table, so that a thread may do it."""
        whole = self._folder / training.id / kind
        aside = whole.with_name(f".{kind}.whole")
        with aside.open("wb") as target:
            for part in parts:
                with self._part_path(training.id, kind, part.number).open("rb") as source:
                    shutil.copyfileobj(source, target, _COPIED_AT_ONCE)
        aside.replace(whole)

    def drop_parts(self, training: Training, kind: FileKind, parts: Sequence[Part]) -> None:
        """The whole is here: its parts stay listed, and need no room any more."""
        for part in parts:
            self._part_path(training.id, kind, part.number).unlink(missing_ok=True)

    def drop(self, training_id: str, kind: FileKind) -> None:
        """Forget what was uploaded of a kind."""
        self._parts.trainings.drop_files(training_id, kind)
        for path in (self._folder / training_id).glob(f"*{kind}*"):
            path.unlink()

    def drop_all(self, owner: str) -> None:
        """Forget every object of a job or an asset."""
        shutil.rmtree(self._folder / owner, ignore_errors=True)

    def upload_action(self, key: str) -> str | None:
        """Under which name an upload to this path is journalled; None if there is no such path."""
        parsed = _UPLOAD.fullmatch(key)
        return FileKind(parsed["kind"]).action if parsed and parsed["kind"] in set(FileKind) else None

    async def put(self, request: Request, key: str) -> Done:
        """Take one upload."""
        parsed = _UPLOAD.fullmatch(key)
        training = self._parts.trainings.get(parsed["job"]) if parsed else None
        refusal = _credentials_refused(request)
        if refusal is None and (parsed is None or training is None):
            refusal = xml_error(404, "NoSuchKey", "The specified key does not exist.")
        if refusal is not None or parsed is None or training is None:
            return Done(response=refusal)
        kind = FileKind(parsed["kind"])
        refusal = self._upload_refused(request, training, kind)
        answer = await self._take(request, training, kind) if refusal is None else refusal
        if refusal is not None and refusal.status_code == HTTPStatus.FORBIDDEN:
            # Who is still sending would not hear the answer.
            async for _ in request.stream():
                pass
        return Done(response=answer, subject=training.id)

    def get(self, request: Request, key: str) -> Done:
        """Serve one object."""
        refusal = _credentials_refused(request) or self._links.refusal(request)
        if refusal is not None:
            return Done(response=refusal)
        path = self._folder / key
        if not _OBJECT.fullmatch(key) or not path.is_file():
            return Done(response=xml_error(404, "NoSuchKey", "The specified key does not exist."))
        media_type = _MEDIA_TYPES.get(path.suffix, "application/octet-stream")
        return Done(response=FileResponse(path, media_type=media_type), subject=key.partition("/")[0])

    def _query(self, path: str, kind: FileKind, part: int, upload: int, expires: int) -> str:
        said = f"PUT\n\n{content_type(kind)}\n{expires}\n{path}?partNumber={part}&uploadId={upload}"
        return urlencode(
            {
                "AccessKeyId": _KEY_ID,
                "Expires": expires,
                "partNumber": part,
                "uploadId": upload,
                "Signature": self._links.sign(said),
            }
        )

    def _upload_refused(self, request: Request, training: Training, kind: FileKind) -> Response | None:
        length = request.headers.get("content-length", "")
        if not length.isdigit():
            return xml_error(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        if int(length) > _MAX_BYTES:
            return xml_error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.")
        asked = request.query_params
        part, upload, expires = (
            int(value) if value.isdigit() else 0
            for value in (asked.get(name, "") for name in ("partNumber", "uploadId", "Expires"))
        )
        # The whole query must be as it was handed out: its order and its escapes, not only its values.
        if request.url.query != self._query(request.url.path, kind, part, upload, expires):
            return xml_error(403, "SignatureDoesNotMatch", "The request signature does not match.")
        if expires <= self._parts.clock():
            return xml_error(403, "AccessDenied", "Request has expired.")
        if upload != training.upload:
            return xml_error(403, "AccessDenied", "The upload was replaced by a newer one.")
        if self._used(request.url.query):
            return xml_error(403, "AccessDenied", "The URL has been used.")
        if request.headers.get("content-type") != content_type(kind):
            return xml_error(403, "SignatureDoesNotMatch", "The content type is not the one that was signed.")
        return None

    async def _take(self, request: Request, training: Training, kind: FileKind) -> Response:
        number = int(request.query_params["partNumber"])
        path = self._part_path(training.id, kind, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two at once must not write into the same file; the first to be whole wins.
        aside = path.with_name(f".{path.name}.{id(request):x}")
        digest, size = hashlib.md5(usedforsecurity=False), 0
        try:
            with aside.open("wb") as target:
                async for chunk in request.stream():
                    digest.update(chunk)
                    size += len(chunk)
                    target.write(chunk)
        except ClientDisconnect:
            aside.unlink()
            return HangUp()
        now = self._parts.trainings.get(training.id)
        if now is None or now.upload != training.upload or self._used(request.url.query):
            aside.unlink()
            return xml_error(403, "AccessDenied", "The URL has been used.")
        aside.replace(path)
        with together(self._db):
            self._db.execute("INSERT INTO used_links VALUES (?, ?)", (request.url.query, self._parts.clock()))
            self._parts.trainings.keep_file(training.id, kind, Part(number, digest.hexdigest(), size))
        return Response(status_code=200, headers={"ETag": f'"{digest.hexdigest()}"'})

    def _used(self, query: str) -> bool:
        return self._db.execute("SELECT 1 FROM used_links WHERE query = ?", (query,)).fetchone() is not None

    def _part_path(self, training_id: str, kind: FileKind, number: int) -> Path:
        in_parts = kind in {FileKind.TRAINING_VIDEO, FileKind.ACTION_VIDEO, FileKind.ATTACHMENT}
        return self._folder / training_id / (f"{kind}.{number}" if in_parts else kind)


def content_type(kind: FileKind) -> str:
    """The one content type that an upload of this kind may have."""
    return "application/zip" if kind is FileKind.AUDIO else "application/octet-stream"


def _credentials_refused(request: Request) -> Response | None:
    if any(name in _CREDENTIALS or name.startswith("x-sdk-") for name in request.headers):
        return xml_error(400, "InvalidArgument", "Only one auth mechanism allowed.")
    return None

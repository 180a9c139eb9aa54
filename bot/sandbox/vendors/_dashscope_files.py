"""The files service of the DashScope stand-in: upload, list, look up, delete, and the account's quota."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from starlette.datastructures import UploadFile
from starlette.requests import Request

from bot.sandbox.files import write_whole
from bot.sandbox.vendors._counter import Outcome
from bot.sandbox.vendors._dashscope_answers import done, invalid, no_such_file, short_time
from bot.sandbox.vendors._dashscope_door import read_page
from bot.sandbox.vendors._dashscope_settings import Settings
from bot.sandbox.vendors._dashscope_store import Store
from bot.sandbox.vendors._forms import NotAForm, files_of, form_of, texts_of
from bot.sandbox.vendors._register import Register
from bot.sandbox.vendors._state import Json

PURPOSE = "fine-tune"
_FIRST_NUMBER = 1000


@dataclass(frozen=True)
class File:
    """One uploaded file; its bytes lie in the store."""

    file_id: str
    name: str
    description: str
    size: int
    md5: str
    purpose: str
    created_at: float
    number: int = 0


class Files:
    """F1 to F4."""

    def __init__(
        self,
        register: Register[File],
        store: Store,
        settings: Callable[[], Settings],
        *,
        user_id: str,
        clock: Callable[[], float],
    ) -> None:
        self._files = register
        self._store = store
        self._settings = settings
        self._user_id = user_id
        self._clock = clock

    async def upload(self, request: Request) -> Outcome:
        """F1: each file by itself is taken or not, and the answer is a yes all the same. Raises Refused."""
        try:
            async with form_of(request) as form:
                parts, purposes = files_of(form, "files"), texts_of(form, "purpose")
                if not parts:
                    raise invalid("The files are required.")
                if purposes != [PURPOSE] and (purposes or self._settings().purpose_required):
                    raise invalid(f"purpose must be {PURPOSE}.")
                descriptions = texts_of(form, "descriptions")
                if len(descriptions) > len(parts):
                    raise invalid("There are more descriptions than files.")
                descriptions += [""] * (len(parts) - len(descriptions))
                taken: list[Json] = []
                failed: list[Json] = []
                for part, description in zip(parts, descriptions, strict=True):
                    name = PurePosixPath(part.filename or "").name or "file"
                    if (no := self._no_room(part)) is not None:
                        failed.append({"name": name, **no})
                    else:
                        file_id = await self._keep(part, name, description, "".join(purposes))
                        taken.append({"file_id": file_id, "name": name})
        except NotAForm as error:
            raise invalid(str(error)) from error
        return done(data={"uploaded_files": taken, "failed_uploads": failed})

    async def page(self, request: Request) -> Outcome:
        """F2, newest first. Raises Refused."""
        number, size = read_page(request)
        files = self._files.all()[::-1]
        shown: list[Json] = [self._show(file, request) for file in files[(number - 1) * size : number * size]]
        return done(data={"total": len(files), "page_no": number, "page_size": size, "files": shown})

    async def get(self, request: Request) -> Outcome:
        """F3. Raises Refused."""
        file = self._find(request)
        shown = self._show(file, request)
        # The vendor's sample of one file has less than that of a list.
        for name in ("id", "region", "user_id", "api_key_id", "purpose"):
            del shown[name]
        return done(file.file_id, data=shown)

    async def delete(self, request: Request) -> Outcome:
        """F4: the bytes are gone with it. Raises Refused."""
        file = self._find(request)
        self._files.remove(file.file_id)
        self._store.path(f"files/{file.file_id}").unlink(missing_ok=True)
        return done(file.file_id)

    def read(self, file_id: str) -> bytes | None:
        """The bytes of a file; None if there is no such file."""
        if self._files.find(file_id) is None:
            return None
        return self._store.path(f"files/{file_id}").read_bytes()

    def exists(self, file_id: str) -> bool:
        """Whether there is such a file."""
        return self._files.find(file_id) is not None

    def _find(self, request: Request) -> File:
        file = self._files.find(request.path_params["file_id"])
        if file is None:
            raise no_such_file()
        return file

    def _no_room(self, part: UploadFile) -> dict[str, Json] | None:
        settings, size, kept = self._settings(), part.size or 0, self._files.all()
        if settings.file_bytes and size > settings.file_bytes:
            message = f"The file is too large, at most <{settings.file_bytes}> bytes are allowed."
            return {"code": "BadRequest.TooLarge", "message": message}
        if settings.file_limit and len(kept) >= settings.file_limit:
            message = f"Out of number, <{len(kept)}> of <{settings.file_limit}> files has been uploaded."
            return {"code": "BadRequest.TooMany", "message": message}
        if settings.storage_bytes and sum(file.size for file in kept) + size > settings.storage_bytes:
            message = f"Out of storage, at most <{settings.storage_bytes}> bytes are allowed in all."
            return {"code": "BadRequest.TooLarge", "message": message}
        return None

    async def _keep(self, part: UploadFile, name: str, description: str, purpose: str) -> str:
        data = await part.read()
        file_id = str(uuid.uuid4())
        write_whole(self._store.path(f"files/{file_id}"), data)
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        file = File(file_id, name, description, len(data), md5, purpose or PURPOSE, self._clock())
        number = self._files.add(file_id, file)
        self._files.change(file_id, number=_FIRST_NUMBER + number)
        return file_id

    def _show(self, file: File, request: Request) -> dict[str, Json]:
        link = self._store.link(request, f"files/{file.file_id}", seconds=self._settings().link_seconds)
        return {
            "id": file.number,
            "file_id": file.file_id,
            "name": file.name,
            "description": file.description,
            "size": file.size,
            "md5": file.md5,
            "gmt_create": short_time(file.created_at),
            "url": link,
            "region": "cn-beijing",
            "user_id": self._user_id,
            "api_key_id": "1",
            "purpose": file.purpose,
        }

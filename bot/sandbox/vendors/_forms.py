"""Multipart bodies, as large as a customer likes: what is big goes to disk while it comes in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

_MOST_PARTS = 1000


class NotAForm(Exception):
    """The body is no multipart form, or a broken one."""


@asynccontextmanager
async def form_of(request: Request) -> AsyncIterator[FormData]:
    """The parts of the body, until the block is left.

    Raises:
        NotAForm: that is not what was sent.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise NotAForm("The content type must be multipart/form-data.")
    parser = MultiPartParser(request.headers, request.stream(), max_files=_MOST_PARTS, max_fields=_MOST_PARTS)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise NotAForm(error.message) from error
    try:
        yield form
    finally:
        await form.close()


def files_of(form: FormData, name: str) -> list[UploadFile]:
    """The file parts of this name, in their order."""
    return [part for part in form.getlist(name) if isinstance(part, UploadFile)]


def texts_of(form: FormData, name: str) -> list[str]:
    """The text parts of this name, in their order."""
    return [part for part in form.getlist(name) if isinstance(part, str)]

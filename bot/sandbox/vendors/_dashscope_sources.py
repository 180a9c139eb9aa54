"""Where the DashScope stand-in gets a picture from: a link, an uploaded file, or a temporary upload."""

from collections.abc import Callable

from starlette.requests import Request

from bot.sandbox.vendors._dashscope_files import Files
from bot.sandbox.vendors._dashscope_pictures import PHOTO, Failed
from bot.sandbox.vendors._dashscope_settings import Settings
from bot.sandbox.vendors._dashscope_uploads import Uploads
from bot.sandbox.vendors._fetch import Fetcher, FetchFailed

_OSS = "oss://"
_MOST_BYTES = 11 * PHOTO.most_bytes
"""A zip with ten photos of the largest."""


def is_link(reference: str) -> bool:
    """Whether this names something outside of the files service."""
    return reference.startswith(("http://", "https://", _OSS))


def resolves_oss(request: Request) -> bool:
    """Whether a call asks for `oss://` references to be understood."""
    return request.headers.get("x-dashscope-ossresourceresolve") == "enable"


class Sources:
    """Gets the bytes behind a reference."""

    def __init__(
        self, files: Files, uploads: Uploads, fetcher: Fetcher, settings: Callable[[], Settings]
    ) -> None:
        self._files = files
        self._uploads = uploads
        self._fetcher = fetcher
        self._settings = settings

    async def read(self, reference: str, *, subject: str, resolves_oss: bool) -> bytes:
        """Get them whole, for the job named by `subject`.

        Raises:
            Failed: there is nothing, or nothing that may be had.
        """
        if reference.startswith(_OSS):
            return self._read_upload(reference, resolves_oss)
        if is_link(reference):
            return await self._fetch(reference, subject)
        if (data := self._files.read(reference)) is None:
            raise Failed("InvalidParameter", "File not found.")
        return data

    def _read_upload(self, reference: str, resolves_oss: bool) -> bytes:
        path = self._uploads.path(reference.removeprefix(_OSS))
        if not self._settings().takes_oss_links or not resolves_oss or not path.exists():
            raise Failed("InvalidURL", "The URL is not valid.")
        return path.read_bytes()

    async def _fetch(self, url: str, subject: str) -> bytes:
        try:
            return await self._fetcher.file(url, subject=subject, most_bytes=_MOST_BYTES)
        except FetchFailed as failure:
            if failure.code == "BadLink":
                raise Failed("InvalidURL", "The URL is not valid.") from failure
            message = "Unable to download the media resource during the data inspection process."
            raise Failed("InvalidParameter.DataInspection", message) from failure

"""The object store beside the DashScope stand-in: files and results, behind links that need nothing else."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from bot.sandbox.vendors._counter import Outcome, Refused
from bot.sandbox.vendors._faults import Fault, FaultKind, FaultTable
from bot.sandbox.vendors._links import Links, xml_error

PREFIX = "/store"
_TYPES = {".jpg": "image/jpeg", ".png": "image/png"}


class Store:
    """Objects by key, each a file below the state directory."""

    def __init__(self, folder: Path, links: Links, faults: FaultTable) -> None:
        self._folder = folder
        self._links = links
        self._faults = faults

    def path(self, key: str) -> Path:
        """Where an object lies."""
        return self._folder / key

    def link(self, request: Request, key: str, *, seconds: float) -> str:
        """An address under which whoever has it may read the object."""
        return origin_of(request) + self._links.signed(f"{PREFIX}/{key}", seconds=seconds)

    async def let_in(self, request: Request) -> Request:
        """Examine a link. Raises Refused."""
        if (no := self._links.refusal(request)) is not None:
            raise no_object(no)
        return request

    async def get(self, request: Request) -> Outcome:
        """Hand an object out. Raises Refused."""
        key = str(request.path_params["key"])

        def is_dead(fault: Fault) -> bool:
            parts = key.split("/")
            of_this_task = fault.details.get("job") in {None, parts[1]}
            return of_this_task and Path(parts[-1]).stem == str(int(fault.number("image", 0)) + 1)

        dead = key.startswith("results/") and self._faults.take({FaultKind.DEAD_IMAGE}, "GetObject", is_dead)
        path = self.path(key)
        if dead or not path.is_file():
            raise no_object(xml_error(404, "NoSuchKey", "The specified key does not exist."))
        media_type = _TYPES.get(path.suffix, "application/octet-stream")
        return Outcome(Response(path.read_bytes(), media_type=media_type), 200, None, key.split("/")[1])


def no_object(answer: Response) -> Refused:
    """A refusal of the store's; in the journal it has no code of its own."""
    return Refused(Outcome(answer, answer.status_code))


def origin_of(request: Request) -> str:
    """Where the caller reached the stand-in."""
    return f"{request.url.scheme}://{request.url.netloc}"

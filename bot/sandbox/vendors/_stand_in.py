"""What every stand-in is: a vendor that is served, takes up what is not over, and lets go of it in order."""

import contextlib
from collections.abc import AsyncIterator
from typing import Protocol, Self

from starlette.types import ASGIApp

from bot.sandbox.vendors._server import serve
from bot.sandbox.vendors._state import Pulse

ANY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Vendor(Protocol):
    """A vendor's API with everything behind it, before anybody can call it."""

    pulse: Pulse

    def app(self) -> ASGIApp:
        """The vendor's paths, and `/control`."""

    def begin(self, origin: str) -> None:
        """Take up everything that is not over; what it links to begins with `origin` from now on."""

    async def close(self) -> None:
        """Drop all work where it stands, and close the state."""


class StandIn:
    """A stand-in while it runs. Everything it knows is in its state directory."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    @classmethod
    @contextlib.asynccontextmanager
    async def serving(cls, vendor: Vendor, port: int) -> AsyncIterator[Self]:
        """Serve a vendor on 127.0.0.1 until the block is left; port 0 takes a free one."""
        try:
            async with serve(vendor.app(), port=port) as origin:
                vendor.begin(origin)
                try:
                    yield cls(origin)
                finally:
                    vendor.pulse.close()
        finally:
            await vendor.close()

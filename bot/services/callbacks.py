"""What vendors tell us unasked: kept in the job's row, and weighed by the next poll."""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass

from pydantic import JsonValue

from bot.services.notifier import Clock
from bot.services.vendors import Vendors
from storage import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """A callback was kept; `answer` is what the vendor wants to hear, as JSON, or None for nothing."""

    answer: JsonValue


class Callbacks:
    """Knows the address of each vendor, and whose job a call is about."""

    def __init__(self, store: Store, vendors: Vendors, nudge: Clock, *, secret: str, public_url: str) -> None:
        self._store = store
        self._vendors = vendors
        self._nudge = nudge
        self._secret = secret
        self._base = public_url

    def urls(self) -> dict[str, str]:
        """The address to register with each vendor. Whoever knows it can call: show it to operators only."""
        names = [provider.name for provider in self._vendors]
        return {name: callback_url(self._base, self._secret, name) for name in names}

    def accepts(self, name: str, secret: str) -> bool:
        """Whether this is the address of a vendor of ours."""
        known = self._vendors.get(name) is not None
        right = hmac.compare_digest(secret.encode(), callback_secret(self._secret, name).encode())
        return known and right

    async def receive(self, name: str, body: bytes) -> Heard | None:
        """Keep what a vendor has sent; None: it makes no sense, or is about no job of ours.

        The same again is harmless. Nothing of it is believed here.
        """
        provider = self._vendors.get(name)
        told = provider.callback(body) if provider is not None else None
        if told is None:
            logger.warning("Callback not understood", extra={"action": "callback_odd", "provider": name})
            return None
        meant = await self._store.write(lambda tx: tx.jobs.push(name, told.id, told.pushed, key=told.key))
        if not meant:
            return None
        logger.info("Callback kept", extra={"action": "callback", "provider": name, "jobs": len(meant)})
        self._nudge("poll")
        return Heard(told.answer)


def callback_url(public_url: str, secret: str, provider: str) -> str:
    """The address to register with a vendor."""
    return f"{public_url.rstrip('/')}/callback/{provider}/{callback_secret(secret, provider)}"


def callback_secret(secret: str, provider: str) -> str:
    """Each vendor has its own: none can speak for another."""
    return hmac.new(secret.encode(), f"callback:{provider}".encode(), hashlib.sha256).hexdigest()[:43]

"""Deletions worked off: first here, then in the chat and at the vendor, until the fate of all is known."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bot.providers import (
    AuthenticationFailed,
    Keeping,
    NotFound,
    PermanentError,
    Provider,
    ProviderError,
    QuotaExceeded,
    Retired,
    UnexpectedResponse,
)
from bot.services import outcomes
from bot.services.cards import refresh_tray, show_card
from bot.services.deletions import begin, keeping, was_sent
from bot.services.notifier import Clock, Notifier, Unsaid
from bot.services.operators import Operators
from bot.services.refs import ref_of
from bot.services.timing import Timing
from bot.services.vendors import Vendors
from storage import Store, Tx
from storage.erasing import Erased
from storage.errors import StaleState, StoreFull
from storage.records.deletions import Deletion, Fate, Holder, Holding, Kept
from storage.records.jobs import Job, JobKind
from storage.records.outbox import NoticeKind
from storage.records.places import direct

logger = logging.getLogger(__name__)
_AT_ONCE = 4
_WAITS = (UnexpectedResponse, AuthenticationFailed, QuotaExceeded)
"""Of the permanent errors those that an operator, or the vendor, can mend meanwhile."""


class _Came(NamedTuple):
    """What came of asking a holder for its end."""

    fate: Fate
    """What is said of the holding if nothing better comes."""
    again: bool = False
    """It is asked for again, as long as there is time."""
    until: datetime | None = None
    """When it goes by itself."""


_DELETED = _Came(Fate.DELETED)
_REFUSED = _Came(Fate.REFUSED, again=True)
_UNREACHED = _Came(Fate.UNREACHED, again=True)


class Deleter:
    """Every step may be taken twice: what is gone already is deleted, and only what is known is written."""

    def __init__(
        self,
        store: Store,
        vendors: Vendors,
        operators: Operators,
        notifier: Notifier,
        timing: Timing,
        nudge: Clock,
    ) -> None:
        self._store = store
        self._vendors = vendors
        self._operators = operators
        self._notifier = notifier
        self._timing = timing
        self._nudge = nudge
        self._tasks: set[asyncio.Task[None]] = set()

    async def delete_due(self) -> None:
        """Claim what is due, a few at a time, and start on it."""
        free = _AT_ONCE - len(self._tasks)
        if free <= 0 or not await self._store.read(lambda tx: tx.deletions.is_due()):
            return
        lease = self._timing.delete_lease
        for held in await self._store.write(lambda tx: tx.deletions.claim(self._store.me, lease, free)):
            task = asyncio.create_task(self._delete(held))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Wait until nothing is under way. Raises what a step raised."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def stop(self, patience: float) -> None:
        """Let steps end, then cut them off: each is taken again after the next start."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=patience)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _delete(self, held: Deletion) -> None:
        try:
            if held.erased_at is None and not await self._erase_here(held):
                return
            await self._elsewhere(held)
        except StaleState:
            logger.info(
                "Deletion held by somebody else", extra={"action": "deletion_stale", **held.log_context()}
            )
        except StoreFull:
            # Deleting makes room, but even that must first be written down: its lease ends by itself.
            logger.error("Disk full", extra={"action": "disk_full", **held.log_context()})  # noqa: TRY400
        except Exception:
            reference = secrets.token_hex(4)
            logger.exception(
                "Deletion failed",
                extra={"action": "deletion_failed", "reference": reference, **held.log_context()},
            )
            wait = self._timing.patience(held.attempts)
            with contextlib.suppress(StaleState, StoreFull):
                await self._store.write(lambda tx: tx.deletions.give_back(held, wait))

    # -- here

    async def _erase_here(self, held: Deletion) -> bool:
        """Once nothing of it runs and nothing of it is being said, erase it: one transaction."""

        late = self._store.now() - held.created_at >= self._timing.delete_stop
        wait = min(self._timing.backoff_most, self._timing.delete_wait * held.attempts)

        def unit(tx: Tx) -> bool:
            if not begin(tx, held, self._vendors, late=late):
                tx.deletions.give_back(held, wait)
                return False
            jobs = tx.jobs.of_deletion(held.id)
            erased = tx.erasing.erase(held.id)
            for tray_id in erased.trays:
                refresh_tray(tx, tray_id)
            # What lies in a bucket for the vendor to fetch is on its way out by now, and waited for.
            copied = tx.links.outside([job.id for job in jobs]).copies
            tx.deletions.found(held, [*_here(erased, copied), *_in_chat(erased), *_at_vendor(jobs)])
            return True

        erased = await self._store.write(unit)
        for tick in ("erase", "outbox") if erased else ("poll", "submit", "outbox"):
            self._nudge(tick)
        if erased:
            logger.info("Erased here", extra={"action": "deletion_erased", **held.log_context()})
            await self._store.scrub()
        return erased

    # -- elsewhere

    async def _elsewhere(self, held: Deletion) -> None:
        """Ask the holder of everything whose fate is not known, once; come back for those that are left."""
        holdings = await self._store.read(lambda tx: tx.deletions.holdings(held.id))
        over = self._store.now() - held.created_at >= self._timing.delete_within
        changed = False
        for one in holdings:
            if one.fate is not None:
                continue
            came = await self._asked_for(held, one)
            settled = over or not came.again
            changed |= settled
            await self._note(held, one, came if settled else None)
        await self._tell(held, changed=changed)

    async def _note(self, held: Deletion, one: Holding, came: _Came | None) -> None:
        def unit(tx: Tx) -> None:
            tx.deletions.renew(held, self._timing.delete_lease)
            if came is None:
                tx.deletions.tried(one)
            else:
                tx.deletions.settle(one, came.fate, came.until)

        await self._store.write(unit)

    async def _asked_for(self, held: Deletion, one: Holding) -> _Came:
        match one.holder:
            case Holder.CHAT:
                return await self._take_back(one)
            case Holder.VENDOR:
                return await self._forget(one)
            case Holder.HERE:
                return await self._gone_from_bucket(held)

    async def _gone_from_bucket(self, held: Deletion) -> _Came:
        def unit(tx: Tx) -> int:
            return tx.links.outside([job.id for job in tx.jobs.of_deletion(held.id)]).copies

        return _UNREACHED if await self._store.read(unit) else _DELETED

    async def _take_back(self, one: Holding) -> _Came:
        match await self._notifier.take_back(one.what, one.ref or ""):
            case Unsaid.GONE:
                return _DELETED
            case Unsaid.NEVER:
                return _Came(Fate.BY_HAND)
            case Unsaid.LATER:
                return _UNREACHED

    async def _forget(self, one: Holding) -> _Came:
        job = await self._store.read(lambda tx: tx.jobs.get(one.job_id or ""))
        provider = self._vendors.get(job.provider)
        if provider is None:
            return _Came(Fate.NOT_SET_UP)
        kept = _keeping_of(one, keeping(self._vendors, job))
        try:
            async with asyncio.timeout(self._timing.call.total_seconds()):
                gone = await _asked(provider, job, one.what, kept)
        except NotFound:
            gone = True
        except Retired:
            gone = False
        except (ProviderError, TimeoutError) as error:
            return await self._not_now(job, error)
        if gone:
            return _DELETED
        if kept.by == "delete":
            return _REFUSED
        if kept.expires is not None:
            return _Came(Fate.EXPIRES, until=(job.finished_at or job.created_at) + kept.expires)
        return _Came(Fate.BY_HAND)

    async def _not_now(self, job: Job, error: Exception) -> _Came:
        logger.warning(
            "Vendor did not delete",
            extra={"action": "vendor_not_deleted", "error": type(error).__name__, **job.log_context()},
        )
        if isinstance(error, (AuthenticationFailed, QuotaExceeded)):
            label = self._vendors.label(job.provider)
            await self._operators.tell(label, outcomes.reason_for(error).value)
        refused = isinstance(error, PermanentError) and not isinstance(error, _WAITS)
        return _REFUSED if refused else _UNREACHED

    async def _tell(self, held: Deletion, *, changed: bool) -> None:
        """The receipt, from the first attempt on; brought up to date whenever a fate becomes known."""

        def unit(tx: Tx) -> bool:
            left = [one for one in tx.deletions.holdings(held.id) if one.fate is None]
            for key, owner in _receipts(held).items():
                if changed or not left or tx.outbox.find(key) is None:
                    tx.outbox.put(
                        key,
                        NoticeKind.RECEIPT,
                        owner=owner,
                        place=direct(owner),
                        job_id=held.root_id,
                        payload={"deletion": held.id},
                    )
                    tx.outbox.touch(key)
            if left:
                tx.deletions.give_back(held, self._timing.patience(max(one.tries for one in left)))
                return False
            tx.deletions.done(held)
            for card in {job.root_id: job for job in tx.jobs.of_deletion(held.id)}.values():
                show_card(tx, card)
            return True

        done = await self._store.write(unit)
        self._nudge("outbox")
        if done:
            logger.info("Deleted", extra={"action": "deleted", **held.log_context()})
            await self._store.scrub()


def _receipts(held: Deletion) -> dict[str, str]:
    """To its owner, and to the operator who asked in their place."""
    receipts = {f"receipt:{held.id}": held.owner}
    if held.asked_by != held.owner:
        receipts[f"receipt:{held.id}:asked"] = held.asked_by
    return receipts


def _here(erased: Erased, copied: int) -> list[Holding]:
    told = [
        (Kept.INPUTS, erased.inputs - erased.shared, Fate.DELETED),
        (Kept.INPUTS, erased.shared, Fate.SHARED),
        (Kept.RESULTS, erased.results, Fate.DELETED),
        (Kept.LINKS, erased.links, Fate.DELETED),
        (Kept.WORDS, 1, Fate.DELETED),
    ]
    found = [Holding("", 0, Holder.HERE, what, count, fate=fate) for what, count, fate in told if count]
    return [*found, Holding("", 0, Holder.HERE, Kept.BUCKET, copied)] if copied else found


def _in_chat(erased: Erased) -> list[Holding]:
    found = [Holding("", 0, Holder.CHAT, Kept.FILE, ref=file) for file in erased.files]
    found += [Holding("", 0, Holder.CHAT, Kept.MESSAGE, ref=message) for message in erased.messages]
    if erased.uploads:
        found.append(Holding("", 0, Holder.CHAT, Kept.UPLOADS, erased.uploads, fate=Fate.OWNERS))
    return found


def _at_vendor(jobs: Sequence[Job]) -> list[Holding]:
    """What the vendor was given and has made; the model last, since what was made with it hangs on it."""
    found = []
    for job in reversed(jobs):
        if not was_sent(job):
            continue
        training = job.kind is JobKind.TRAINING
        if job.remote_id:
            what = Kept.MODEL if training else Kept.RESULTS
            found.append(Holding("", 0, Holder.VENDOR, what, job_id=job.id))
        if training or job.kind is JobKind.ONESHOT:
            found.append(Holding("", 0, Holder.VENDOR, Kept.INPUTS, job_id=job.id))
    return found


def _keeping_of(one: Holding, kept: tuple[Keeping, Keeping, Keeping]) -> Keeping:
    inputs, model, results = kept
    match one.what:
        case Kept.INPUTS:
            return inputs
        case Kept.MODEL:
            return model
        case _:
            return results


async def _asked(provider: Provider[Any], job: Job, what: Kept, kept: Keeping) -> bool:
    """Whether the vendor has erased it now."""
    ref = ref_of(job)
    if what is Kept.INPUTS:
        await provider.tidy(ref, key=job.id)
        if kept.by != "delete":
            return kept.by == "tidy"
    return bool(ref.id) and await provider.delete(ref)

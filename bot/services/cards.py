"""The card of a job: one message, brought up to date."""

from __future__ import annotations

from storage import Tx
from storage.records import Job, NoticeKind


def card_key(job: Job) -> str:
    """The outbox key of the card a job is on."""
    return f"card:{job.root_id}"


def show_card(tx: Tx, job: Job) -> None:
    """Make sure the job's card exists and is brought up to date."""
    key = card_key(job)
    tx.outbox.put(key, NoticeKind.CARD, owner=job.owner, place=job.place, job_id=job.root_id)
    tx.outbox.touch(key)

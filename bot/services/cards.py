"""Messages that are brought up to date: a job's card, a tray and its contact sheet, and what papers are."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from storage import Tx
from storage.records.jobs import Job
from storage.records.outbox import NoticeKind
from storage.records.places import direct
from storage.records.trays import TrayState

GATHERS = timedelta(seconds=2)
"""From a change of a tray to its contact sheet: what comes in several posts shall be on one sheet."""
_QUIET: Final = timedelta(seconds=8)
"""Between two sheets of one tray."""
_SIGN_OF_LIFE: Final = timedelta(seconds=4)
"""Between two words of how far an archive has come."""


def card_key(job: Job) -> str:
    """The outbox key of the card a job is on."""
    return f"card:{job.root_id}"


def show_card(tx: Tx, job: Job) -> None:
    """Make sure the job's card exists and is brought up to date."""
    key = card_key(job)
    tx.outbox.put(key, NoticeKind.CARD, owner=job.owner, place=job.place, job_id=job.root_id)
    tx.outbox.touch(key)


def tray_key(tray_id: str) -> str:
    """The outbox key of a tray's message."""
    return f"tray:{tray_id}"


def sheet_key(tray_id: str) -> str:
    """The outbox key of a tray's contact sheet."""
    return f"sheet:{tray_id}"


def show_tray(tx: Tx, tray_id: str, *, owner: str, place: str) -> None:
    """Make sure the tray's message exists, and a contact sheet for its owner, and both are up to date."""
    key = tray_key(tray_id)
    tx.outbox.put(key, NoticeKind.TRAY, owner=owner, place=place, tray_id=tray_id)
    tx.outbox.tell(key, {})
    tx.outbox.put(
        sheet_key(tray_id),
        NoticeKind.SHEET,
        owner=owner,
        place=direct(owner),
        tray_id=tray_id,
        after=key,
        wait=GATHERS,
    )
    refresh_tray(tx, tray_id)


def show_looking(tx: Tx, tray_id: str, *, owner: str, place: str, looked: int, of: int) -> None:
    """Say in the tray's message, every few seconds, how many files of an archive were looked at."""
    key = tray_key(tray_id)
    tx.outbox.put(key, NoticeKind.TRAY, owner=owner, place=place, tray_id=tray_id, wait=GATHERS)
    tx.outbox.tell(key, {"looked": looked, "of": of})
    tx.outbox.touch(key, quiet=_SIGN_OF_LIFE, wait=GATHERS)


def refresh_tray(tx: Tx, tray_id: str) -> None:
    """What is in a tray has changed, or its state: bring what is said of it up to date."""
    tx.outbox.touch(tray_key(tray_id))
    tx.outbox.touch_all(f"held:{tray_id}:")
    if tx.trays.get(tray_id).state is TrayState.OPEN:
        tx.outbox.touch(sheet_key(tray_id), quiet=_QUIET, wait=GATHERS)
    else:
        tx.outbox.touch(sheet_key(tray_id))  # It shows faces, and is of no use any more.


def show_expired(tx: Tx, tray_id: str, *, owner: str) -> None:
    """Say of a tray or an envelope that its time was over, and of its papers that they are gone."""
    for key in (tray_key(tray_id), sheet_key(tray_id), papers_key(tray_id)):
        tx.outbox.tell(key, {"expired": True})
    refresh_tray(tx, tray_id)
    tx.outbox.touch(papers_key(tray_id))
    refresh_papers(tx, owner)


def papers_key(envelope_id: str) -> str:
    """The outbox key of the question what the papers of an envelope are."""
    return f"papers:{envelope_id}"


def show_papers(tx: Tx, envelope_id: str, *, owner: str, place: str) -> None:
    """Make sure the question about an envelope exists, and is up to date."""
    key = papers_key(envelope_id)
    tx.outbox.put(key, NoticeKind.PAPERS, owner=owner, place=place, tray_id=envelope_id)
    tx.outbox.touch(key)


def show_held_up(tx: Tx, tray_id: str, *, owner: str, form: str) -> None:
    """Say in private what is the matter with the files of a form; once per `form`, and up to date."""
    key = f"held:{tray_id}:{form}"
    place, told = direct(owner), {"form": form}
    tx.outbox.put(key, NoticeKind.PAPERS, owner=owner, place=place, tray_id=tray_id, payload=told)


def refresh_papers(tx: Tx, owner: str) -> None:
    """What has come for somebody's papers has changed, or what waits for them: say so where it is told."""
    tx.outbox.touch_newest(NoticeKind.PAPERS, owner)

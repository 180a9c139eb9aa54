"""Papers that came in private for a job whose vendor asks for better ones: beside it until they are sent."""

from __future__ import annotations

from collections.abc import Collection

from storage import Tx
from storage.records.jobs import Job
from storage.records.places import direct
from storage.records.trays import TrayEntry, TrayState


def held_place(job: Job) -> str:
    """Where they are kept: a tray that stands nowhere."""
    return f"{direct(job.owner)}{job.id}"


def held_for(tx: Tx, job: Job) -> list[TrayEntry]:
    """What is kept for a job and not sent yet."""
    tray = tx.trays.find_open(job.owner, held_place(job))
    return tx.trays.entries(tray.id) if tray else []


def sent(tx: Tx, job: Job, *, but: Collection[str] = ()) -> None:
    """They are the job's own now, and go when its other papers do; those of these roles came better."""
    if tray := tx.trays.find_open(job.owner, held_place(job)):
        tx.inputs.let_go(tray.id, roles=but)
        tx.trays.close(tray.id, TrayState.USED, job.id)


def drop(tx: Tx, job: Job) -> bool:
    """Nobody will send them any more: they are erased at once. Returns whether there were any."""
    tray = tx.trays.find_open(job.owner, held_place(job))
    if tray is None:
        return False
    tx.inputs.let_go(tray.id)
    return tx.trays.close(tray.id, TrayState.DISCARDED)

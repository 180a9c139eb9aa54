"""What we keep of jobs, erased: rows, words and the bytes that nobody else needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from storage._rows import Repository, in_ms
from storage.inputs import Inputs
from storage.links import Links
from storage.records.deletions import Proof
from storage.records.jobs import ENDED
from storage.records.outbox import NoticeKind
from storage.records.trays import TrayState
from storage.schema import (
    bucket_copy,
    deletion,
    erasure,
    job,
    job_input,
    link,
    medium,
    model,
    now_ms,
    outbox,
    picture,
    sheet,
    tray,
    tray_entry,
    upload,
)

_STAYS = ("model", "model_id", "count", "gave", "consent")
"""What stays of a job's request: its size, for the bill; the roles of what it was given, by which its vendor
is asked to erase it; and who has agreed to it, and when."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was here of some jobs, and is here no more."""

    inputs: int
    shared: int
    """Of these, how many another job was given too, so that their bytes stay for it."""
    results: int
    links: int
    uploads: int
    """Files that the person had posted in the chat for them."""
    files: tuple[str, ...]
    """The chat's ids of the files that we had uploaded there."""
    messages: tuple[str, ...]
    """Where we have said something of them and of the photos they were started from, the cards left out."""
    trays: tuple[str, ...]
    """Trays that are still open, and in which some of it was."""


_TODAY: Any = func.date(now_ms() / 1000, "unixepoch")
_MONTH_AGO: Any = func.date(now_ms() / 1000, "unixepoch", "-31 days")


class Erasing(Repository):
    """Erases, counts what it erased, and tells what is overdue."""

    def erase(self, deletion_id: str) -> Erased:
        """Let go of everything that is kept of the jobs of a deletion but what accounts need."""
        jobs = list(self.conn.execute(select(job.c.id).where(job.c.deletion_id == deletion_id)).scalars())
        inputs, uploads = self._inputs(jobs)
        left = select(func.count()).where(medium.c.sha256.in_(inputs))
        links = Links(self.conn).end(jobs)
        Inputs(self.conn).doom(inputs)
        shared = int(self.conn.execute(left).scalar_one())
        results = self._results(jobs)
        files, messages = self._said(jobs)
        self._words(jobs)
        opened = select(tray.c.id).where(tray.c.job_id.in_(jobs), tray.c.state == TrayState.OPEN)
        trays = tuple(self.conn.execute(opened).scalars())
        return Erased(len(inputs), shared, results, links, uploads, files, messages, trays)

    # -- the proof

    def count(self, files: int) -> None:
        """So many files were erased just now."""
        day = insert(erasure).values(day=_TODAY, files=files)
        more = {"files": erasure.c.files + files}
        self.conn.execute(day.on_conflict_do_update(index_elements=[erasure.c.day], set_=more))

    def overdue(self, after_job: timedelta, drafts: timedelta, late: timedelta) -> int:
        """How much is still here, by the tables, that should have gone longer than `late` ago."""
        long_over = job.c.finished_at < in_ms(-(after_job + late))
        ended = select(job.c.id).where(job.c.state.in_([state.value for state in ENDED]), long_over)
        idle = select(tray.c.id).where(
            ((tray.c.state == TrayState.DISCARDED) & (tray.c.updated_at < in_ms(-late)))
            | ((tray.c.state == TrayState.OPEN) & (tray.c.updated_at < in_ms(-(drafts + late))))
        )
        left = (
            select(func.count()).select_from(job_input).where(job_input.c.job_id.in_(ended)),
            select(func.count()).select_from(tray_entry).where(tray_entry.c.tray_id.in_(idle)),
            select(func.count()).select_from(link).where(link.c.expires_at < in_ms(-late)),
            select(func.count()).select_from(bucket_copy).where(bucket_copy.c.over_at < in_ms(-late)),
            select(func.count())
            .select_from(deletion)
            .where(deletion.c.erased_at.is_(None), deletion.c.created_at < in_ms(-timedelta(days=1))),
        )
        return sum(int(self.conn.execute(one).scalar_one()) for one in left)

    def proved(self, overdue: int, kept: int) -> Proof:
        """Write down what a proof found; returns it with what was erased on the day and the one before."""
        found = {"overdue": overdue, "kept": kept}
        day = insert(erasure).values(day=_TODAY, files=0, **found)
        self.conn.execute(day.on_conflict_do_update(index_elements=[erasure.c.day], set_=found))
        self.conn.execute(delete(erasure).where(erasure.c.day < _MONTH_AGO))
        last = self.last_proof()
        assert last is not None
        return last

    def last_proof(self) -> Proof | None:
        """The newest proof."""
        rows = self.conn.execute(select(erasure).order_by(erasure.c.day.desc()).limit(40)).all()
        for place, row in enumerate(rows):
            if row.overdue is not None:
                before = rows[place + 1].files if place + 1 < len(rows) else 0
                return Proof(row.day, row.files, before, row.overdue, row.kept or 0)
        return None

    # -- inside

    def _inputs(self, jobs: Sequence[str]) -> tuple[set[str], int]:
        its = select(job_input.c.medium).where(job_input.c.job_id.in_(jobs))
        given = set(self.conn.execute(its).scalars())
        used = select(tray.c.id).where(tray.c.job_id.in_(jobs), tray.c.state != TrayState.OPEN)
        opened = select(tray.c.id).where(tray.c.job_id.in_(jobs), tray.c.state == TrayState.OPEN)
        gone = self.conn.execute(
            delete(tray_entry)
            .where(
                tray_entry.c.tray_id.in_(used)
                # One that its vendor's look has opened again may hold other things by now.
                | (tray_entry.c.tray_id.in_(opened) & tray_entry.c.medium.in_(its))
            )
            .returning(tray_entry.c.medium, tray_entry.c.source)
        ).all()
        self.conn.execute(delete(job_input).where(job_input.c.job_id.in_(jobs)))
        # What was unpacked of one archive was one file there.
        posted = {row.source.partition("#")[0] for row in gone}
        return given | {row.medium for row in gone if row.medium}, len(posted)

    def _results(self, jobs: Sequence[str]) -> int:
        gone = self.conn.execute(
            delete(picture).where(picture.c.job_id.in_(jobs)).returning(picture.c.sha256)
        ).scalars()
        hashes = {sha256 for sha256 in gone if sha256}
        # Where another job made the very same, or somebody gave it to us, the mark comes to nothing.
        Inputs(self.conn).mark(hashes)
        return len(hashes)

    def _said(self, jobs: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        trays = select(tray.c.id).where(tray.c.job_id.in_(jobs))
        about = outbox.c.job_id.in_(jobs) | outbox.c.tray_id.in_(trays)
        notices = select(outbox.c.id).where(about)
        files = self.conn.execute(
            delete(upload).where(upload.c.notice_id.in_(notices)).returning(upload.c.file_id)
        ).scalars()
        used = trays.where(tray.c.state != TrayState.OPEN)
        sheets = self.conn.execute(
            delete(sheet).where(sheet.c.tray_id.in_(used)).returning(sheet.c.file_id)
        ).scalars()
        uploaded = tuple(dict.fromkeys([*(file for file in files if file), *sheets]))
        # What is said of a tray names files, and goes with it.
        told = outbox.c.job_id.in_(jobs) | outbox.c.tray_id.in_(used)
        stand = self.conn.execute(
            select(outbox.c.message)
            .where(told, outbox.c.kind.not_in(_STAY), outbox.c.message.is_not(None))
            .order_by(outbox.c.created_at)
        ).scalars()
        return uploaded, tuple(dict.fromkeys(message for message in stand if message))

    def _words(self, jobs: Sequence[str]) -> None:
        for row in self.conn.execute(select(job.c.id, job.c.spec).where(job.c.id.in_(jobs))).all():
            kept = {key: row.spec[key] for key in _STAYS if key in row.spec}
            self.conn.execute(
                update(job)
                .where(job.c.id == row.id)
                .values(
                    name="",
                    subject="",
                    spec=kept,
                    detail=None,
                    wants=None,
                    findings=None,
                    pushed=None,
                )
            )
        self.conn.execute(update(model).where(model.c.job_id.in_(jobs)).values(name="", subject=""))


_STAY = (NoticeKind.CARD.value, NoticeKind.RECEIPT.value)
"""What stands on, and says by itself that the rest is gone."""

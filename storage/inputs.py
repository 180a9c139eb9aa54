"""What people gave us, by hash: which job uses it as what, who still needs it, and what must go at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.dialects.sqlite import insert

from storage._rows import Repository, in_ms
from storage.links import Links
from storage.records.jobs import ENDED, JobInput
from storage.records.media import Medium
from storage.records.trays import TrayState
from storage.schema import doomed, job, job_input, link, medium, now_ms, outbox, picture, tray, tray_entry


class Inputs(Repository):
    """One row per medium we keep, however often it was given."""

    def insert(self, kept: Medium) -> None:
        """Remember a medium; given again it is young again: no sweep may take it before it is used."""
        self.conn.execute(
            insert(medium)
            .values(
                sha256=kept.sha256,
                media_type=kept.media_type,
                size=kept.size,
                width=kept.width,
                height=kept.height,
                seconds=kept.seconds,
                created_at=now_ms(),
            )
            .on_conflict_do_update(index_elements=[medium.c.sha256], set_={"created_at": now_ms()})
        )
        self.conn.execute(delete(doomed).where(doomed.c.sha256 == kept.sha256))

    def by_hash(self, hashes: Iterable[str]) -> dict[str, Medium]:
        """The media of these hashes that are kept."""
        rows = self.conn.execute(select(medium).where(medium.c.sha256.in_(list(hashes))))
        return {row.sha256: _medium(row) for row in rows}

    def of_job(self, job_id: str) -> list[JobInput]:
        """A job's inputs, in order."""
        rows = self.conn.execute(
            select(job_input.c.role, medium)
            .join(medium, job_input.c.medium == medium.c.sha256)
            .where(job_input.c.job_id == job_id)
            .order_by(job_input.c.ordinal)
        )
        return [JobInput(row.role, _medium(row)) for row in rows]

    def give(self, job_id: str, inputs: Sequence[tuple[str, str]]) -> None:
        """Add inputs, (role, hash) each, after those a job has."""
        last = self.conn.execute(
            select(func.coalesce(func.max(job_input.c.ordinal), -1)).where(job_input.c.job_id == job_id)
        ).scalar_one()
        if inputs:
            self.conn.execute(
                insert(job_input),
                [
                    {"job_id": job_id, "ordinal": ordinal, "role": role, "medium": sha256}
                    for ordinal, (role, sha256) in enumerate(inputs, last + 1)
                ],
            )

    def replace(self, job_id: str, inputs: Sequence[tuple[str, str]], *, instead_of: Collection[str]) -> None:
        """Give a job other inputs, and let go of what it and its tray had of these roles."""
        had = self.conn.execute(
            delete(job_input).where(job_input.c.job_id == job_id).returning(job_input.c.medium)
        ).scalars()
        before = set(had)
        self.give(job_id, inputs)
        used = select(tray.c.id).where(tray.c.job_id == job_id, tray.c.state == TrayState.USED)
        self._erase(tray_entry, tray_entry.c.tray_id.in_(used) & tray_entry.c.role.in_(list(instead_of)))
        self.doom(before - {sha256 for _, sha256 in inputs})

    def release(self, job_id: str, roles: Collection[str]) -> None:
        """Let go of a job's inputs of these roles at once, here and in the tray it was started from."""
        of_roles = job_input.c.role.in_(list(roles))
        its = select(job_input.c.medium).where(job_input.c.job_id == job_id, of_roles)
        Links(self.conn).close(job_id, set(self.conn.execute(its).scalars()))
        used = select(tray.c.id).where(tray.c.job_id == job_id, tray.c.state == TrayState.USED)
        for rows, where in (
            (job_input, job_input.c.job_id == job_id),
            (tray_entry, tray_entry.c.tray_id.in_(used)),
        ):
            self._erase(rows, where & rows.c.role.in_(list(roles)))

    def swap(self, job_id: str, role: str, old: str, new: str) -> None:
        """Let a job's input be another file from now on. The one that is needed no more is erased at once."""
        its = (job_input.c.job_id == job_id) & (job_input.c.role == role) & (job_input.c.medium == old)
        self.conn.execute(update(job_input).where(its).values(medium=new))
        self.doom([old, new])

    def let_go(
        self, tray_id: str, *, roles: Collection[str] | None = None, sources: Collection[str] | None = None
    ) -> None:
        """Take papers out of a tray, of these roles or of these files or all, and erase them at once."""
        where = tray_entry.c.tray_id == tray_id
        if roles is not None:
            where &= tray_entry.c.role.in_(list(roles))
        if sources is not None:
            where &= tray_entry.c.source.in_(list(sources))
        self._erase(tray_entry, where)

    def doom(self, hashes: Collection[str]) -> None:
        """Mark the files of these media to be erased now, where nothing refers to them any more."""
        gone = self.conn.execute(
            delete(medium).where(medium.c.sha256.in_(list(hashes)), *_UNNEEDED).returning(medium.c.sha256)
        ).scalars()
        self.mark(list(gone))

    def mark(self, hashes: Collection[str]) -> None:
        """Have the files of media that have no row any more erased now."""
        for sha256 in hashes:
            self.conn.execute(insert(doomed).values(sha256=sha256).on_conflict_do_nothing())

    def doomed(self) -> list[str]:
        """The hashes of files that must go."""
        return list(self.conn.execute(select(doomed.c.sha256)).scalars())

    def is_doomed(self, sha256: str) -> bool:
        """Whether a file must still go: the same bytes may have been given anew, or made by a vendor."""
        kept = exists().where(medium.c.sha256 == doomed.c.sha256)
        made = exists().where(picture.c.sha256 == doomed.c.sha256)
        row = select(doomed.c.sha256).where(doomed.c.sha256 == sha256, ~kept, ~made)
        return self.conn.execute(row).first() is not None

    def erased(self, sha256: str) -> None:
        """The file is gone, or is needed again."""
        self.conn.execute(delete(doomed).where(doomed.c.sha256 == sha256))

    def forget_ended(self, older_than: timedelta) -> None:
        """Let go of the inputs of jobs that ended long enough ago."""
        ended = select(job.c.id).where(
            job.c.state.in_([state.value for state in ENDED]), job.c.finished_at < in_ms(-older_than)
        )
        self.conn.execute(delete(job_input).where(job_input.c.job_id.in_(ended)))
        used = select(tray.c.id).where(tray.c.job_id.in_(ended), tray.c.state == TrayState.USED)
        self.conn.execute(delete(tray_entry).where(tray_entry.c.tray_id.in_(used)))

    def forget_drafts(self, older_than: timedelta) -> list[tuple[str, str]]:
        """Let go of what is in trays that nobody used. Returns those whose time is over: id and owner."""
        idle = select(tray.c.id).where(
            (tray.c.state == TrayState.DISCARDED)
            | ((tray.c.state == TrayState.OPEN) & (tray.c.updated_at < in_ms(-older_than)))
        )
        self.conn.execute(delete(tray_entry).where(tray_entry.c.tray_id.in_(idle)))
        expired = self.conn.execute(
            tray.update()
            .where(tray.c.id.in_(idle), tray.c.state == TrayState.OPEN)
            .values(state=TrayState.DISCARDED, wish=None)
            .returning(tray.c.id, tray.c.owner)
        ).all()
        return [(row.id, row.owner) for row in expired]

    def drop_unneeded(self, older_than: timedelta) -> list[str]:
        """Remove the rows of media that nothing refers to; returns their hashes."""
        young = medium.c.created_at < in_ms(-older_than)
        return list(
            self.conn.execute(delete(medium).where(*_UNNEEDED, young).returning(medium.c.sha256)).scalars()
        )

    def hashes_in_use(self, pictures_kept: timedelta) -> set[str]:
        """Every hash that is still needed.

        Inputs while a row names them; results until they are delivered and `pictures_kept` is over since
        their job ended: from then on they live where they were delivered to.
        """
        needed = set(self.conn.execute(select(medium.c.sha256)).scalars())
        undelivered = exists().where(outbox.c.job_id == job.c.id, outbox.c.sent < outbox.c.wanted)
        needed.update(
            self.conn.execute(
                select(picture.c.sha256)
                .join(job, job.c.id == picture.c.job_id)
                .where(
                    picture.c.sha256.is_not(None),
                    job.c.finished_at.is_(None) | (job.c.finished_at >= in_ms(-pictures_kept)) | undelivered,
                )
            ).scalars()
        )
        return needed

    def _erase(self, rows: Any, where: Any) -> None:
        gone = self.conn.execute(delete(rows).where(where).returning(rows.c.medium)).scalars()
        self.doom([sha256 for sha256 in gone if sha256])


_UNNEEDED = (
    ~exists().where(tray_entry.c.medium == medium.c.sha256),
    ~exists().where(job_input.c.medium == medium.c.sha256),
    ~exists().where(link.c.medium == medium.c.sha256),
)


def _medium(row: Any) -> Medium:
    return Medium(row.sha256, row.media_type, row.size, row.width, row.height, row.seconds)

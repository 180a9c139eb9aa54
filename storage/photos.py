"""Photos by their hash, and who still needs them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.sqlite import insert

from storage._rows import Repository, in_ms
from storage.records import ENDED, Photo, TrayState
from storage.schema import job, job_photo, link, now_ms, outbox, photo, picture, tray, tray_entry


class Photos(Repository):
    """One row per picture we keep, however often it was posted."""

    def insert(self, kept: Photo) -> None:
        """Remember a photo; the same one again is young again: a sweep must not take it before it is used."""
        row = {
            "sha256": kept.sha256,
            "media_type": kept.media_type,
            "size": kept.size,
            "width": kept.width,
            "height": kept.height,
        }
        self.conn.execute(
            insert(photo)
            .values(created_at=now_ms(), **row)
            .on_conflict_do_update(index_elements=[photo.c.sha256], set_={"created_at": now_ms()})
        )

    def of_job(self, job_id: str) -> list[Photo]:
        """A job's photos, in order."""
        rows = self.conn.execute(
            select(photo)
            .join(job_photo, job_photo.c.photo == photo.c.sha256)
            .where(job_photo.c.job_id == job_id)
            .order_by(job_photo.c.ordinal)
        )
        return [Photo(r.sha256, r.media_type, r.size, r.width, r.height) for r in rows]

    def forget_ended(self, older_than: timedelta) -> None:
        """Let go of the photos of jobs that ended long enough ago."""
        ended = select(job.c.id).where(
            job.c.state.in_([state.value for state in ENDED]), job.c.finished_at < in_ms(-older_than)
        )
        self.conn.execute(delete(job_photo).where(job_photo.c.job_id.in_(ended)))
        used = select(tray.c.id).where(tray.c.job_id.in_(ended))
        self.conn.execute(delete(tray_entry).where(tray_entry.c.tray_id.in_(used)))

    def forget_drafts(self, older_than: timedelta) -> None:
        """Let go of the photos of trays that nobody used."""
        idle = select(tray.c.id).where(
            (tray.c.state == TrayState.DISCARDED)
            | ((tray.c.state == TrayState.OPEN) & (tray.c.updated_at < in_ms(-older_than)))
        )
        self.conn.execute(delete(tray_entry).where(tray_entry.c.tray_id.in_(idle)))
        self.conn.execute(
            tray.update()
            .where(tray.c.id.in_(idle), tray.c.state == TrayState.OPEN)
            .values(state=TrayState.DISCARDED)
        )

    def drop_unneeded(self, older_than: timedelta) -> list[str]:
        """Remove the rows of photos that nothing refers to; returns their hashes."""
        unneeded = [
            ~exists().where(tray_entry.c.photo == photo.c.sha256),
            ~exists().where(job_photo.c.photo == photo.c.sha256),
            ~exists().where(link.c.photo == photo.c.sha256),
            photo.c.created_at < in_ms(-older_than),
        ]
        return list(self.conn.execute(delete(photo).where(*unneeded).returning(photo.c.sha256)).scalars())

    def hashes_in_use(self, pictures_kept: timedelta) -> set[str]:
        """Every hash that is still needed.

        Photos while a row names them; generated images until they are delivered and `pictures_kept` is over
        since their job ended: from then on they live where they were delivered to.
        """
        needed = set(self.conn.execute(select(photo.c.sha256)).scalars())
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

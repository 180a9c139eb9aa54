"""Models the vendors keep for us, and the pictures made with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.sqlite import insert

from storage._rows import Repository
from storage.records import Job, Photo, Picture, TrainedModel, new_id
from storage.schema import link, model, now_ms, photo, picture


class Models(Repository):
    """One row per trained model."""

    def insert(self, trained: Job, remote_model_id: str) -> None:
        """Keep the model a training made; once per training."""
        self.conn.execute(
            insert(model)
            .values(
                id=new_id("model"),
                owner=trained.owner,
                name=trained.name,
                subject=trained.subject,
                provider=trained.provider,
                remote_model_id=remote_model_id,
                job_id=trained.id,
                created_at=now_ms(),
            )
            .on_conflict_do_nothing()
        )

    def of_owner(self, owner: str) -> list[TrainedModel]:
        """A person's models, newest first."""
        rows = self.conn.execute(
            select(model).where(model.c.owner == owner).order_by(model.c.created_at.desc())
        )
        return [
            TrainedModel(
                r.id, r.owner, r.name, r.subject, r.provider, r.remote_model_id, r.job_id, r.created_at
            )
            for r in rows
        ]


class Pictures(Repository):
    """One row per image of a generation."""

    def expect(self, job_id: str, artifacts: Sequence[tuple[str, str | None]]) -> None:
        """Write down the (locator, media type) of every image the vendor named; known ones stay."""
        have = {row.locator for row in self.of_job(job_id)}
        start = len(have)
        fresh = [artifact for artifact in artifacts if artifact[0] not in have]
        for ordinal, (locator, media_type) in enumerate(fresh, start):
            self.conn.execute(
                insert(picture)
                .values(job_id=job_id, ordinal=ordinal, locator=locator, media_type=media_type)
                .on_conflict_do_nothing()
            )

    def of_job(self, job_id: str) -> list[Picture]:
        """A generation's images, in order."""
        rows = self.conn.execute(
            select(picture).where(picture.c.job_id == job_id).order_by(picture.c.ordinal)
        )
        return [Picture(r.job_id, r.ordinal, r.locator, r.media_type, r.sha256, r.batch) for r in rows]

    def keep(self, job_id: str, ordinal: int, sha256: str, media_type: str) -> None:
        """An image is in our hands."""
        self.conn.execute(
            update(picture)
            .where(picture.c.job_id == job_id, picture.c.ordinal == ordinal)
            .values(sha256=sha256, media_type=media_type)
        )

    def next_batch(self, job_id: str) -> list[Picture]:
        """Put the images that are in our hands and in no message yet into the next message; returns them."""
        last = self.conn.execute(
            select(func.coalesce(func.max(picture.c.batch), 0)).where(picture.c.job_id == job_id)
        ).scalar_one()
        self.conn.execute(
            update(picture)
            .where(picture.c.job_id == job_id, picture.c.sha256.is_not(None), picture.c.batch.is_(None))
            .values(batch=last + 1)
        )
        return [row for row in self.of_job(job_id) if row.batch == last + 1]


class Links(Repository):
    """Links under which a vendor may fetch a photo."""

    def insert(self, rows: Sequence[tuple[str, str, str]], expires_at: datetime) -> None:
        """Open links: (hash of the token, job, photo)."""
        self.conn.execute(
            insert(link),
            [
                {"token_hash": token_hash, "job_id": job_id, "photo": sha256, "expires_at": expires_at}
                for token_hash, job_id, sha256 in rows
            ],
        )

    def resolve(self, token_hash: str) -> Photo | None:
        """The photo behind a link that is still open."""
        r = self.conn.execute(
            select(photo)
            .join(link, link.c.photo == photo.c.sha256)
            .where(link.c.token_hash == token_hash, link.c.expires_at > now_ms())
        ).first()
        return None if r is None else Photo(r.sha256, r.media_type, r.size, r.width, r.height)

    def close(self, job_id: str) -> None:
        """Close every link of a job."""
        self.conn.execute(link.delete().where(link.c.job_id == job_id))

    def drop_expired(self) -> None:
        """Remove links nobody can use any more."""
        self.conn.execute(link.delete().where(link.c.expires_at <= now_ms()))

"""Models the vendors keep for us, and the results of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.sqlite import insert

from storage._rows import Repository
from storage.errors import NotFound
from storage.records.ids import new_id
from storage.records.jobs import Job, JobKind
from storage.records.results import Picture, TrainedModel
from storage.schema import job, model, now_ms, picture


class Models(Repository):
    """One row per trained model."""

    def insert(self, trained: Job, remote_model_id: str, expires_at: datetime | None = None) -> None:
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
                expires_at=expires_at,
            )
            .on_conflict_do_nothing()
        )

    def of_owner(self, owner: str) -> list[TrainedModel]:
        """A person's models, newest first."""
        rows = self.conn.execute(
            select(model).where(model.c.owner == owner).order_by(model.c.created_at.desc())
        )
        return [TrainedModel(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's documented name.

    def get(self, model_id: str) -> TrainedModel:
        """Raises NotFound."""
        return self._one(model.c.id == model_id, model_id)

    def of_job(self, job_id: str) -> TrainedModel:
        """The model a training made. Raises NotFound."""
        return self._one(model.c.job_id == job_id, job_id)

    def behind(self, job_id: str) -> TrainedModel | None:
        """The model of a card: made by a training on it, or used by a generation that is its root."""
        root = select(job.c.root_id).where(job.c.id == job_id).scalar_subquery()
        trained = select(job.c.id).where(job.c.root_id == root, job.c.kind == JobKind.TRAINING.value)
        used = select(job.c.spec["model"].as_string()).where(job.c.id == root)
        row = self.conn.execute(
            select(model).where(model.c.job_id.in_(trained) | (model.c.id == used.scalar_subquery()))
        ).first()
        return TrainedModel(**row._mapping) if row else None  # noqa: SLF001

    def made_with(self, used: TrainedModel) -> int:
        """How many results that a model made are in our hands."""
        root = select(job.c.root_id).where(job.c.id == used.job_id).scalar_subquery()
        of_model = (job.c.root_id == root) | (job.c.spec["model"].as_string() == used.id)
        return int(
            self.conn.execute(
                select(func.count())
                .select_from(picture.join(job, job.c.id == picture.c.job_id))
                .where(
                    job.c.owner == used.owner,
                    job.c.kind == JobKind.GENERATION.value,
                    of_model,
                    picture.c.sha256.is_not(None),
                )
            ).scalar_one()
        )

    def rename(self, model_id: str, name: str) -> None:
        """Call a model something else."""
        self.conn.execute(update(model).where(model.c.id == model_id).values(name=name))

    def _one(self, where: Any, what: str) -> TrainedModel:
        row = self.conn.execute(select(model).where(where)).first()
        if row is None:
            raise NotFound(what)
        return TrainedModel(**row._mapping)  # noqa: SLF001


class Pictures(Repository):
    """One row per result of a job."""

    def expect(self, job_id: str, artifacts: Sequence[tuple[str, str | None]]) -> None:
        """Write down the (locator, media type) of every result the vendor named; known ones stay."""
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
        """A job's results, in order."""
        rows = self.conn.execute(
            select(picture).where(picture.c.job_id == job_id).order_by(picture.c.ordinal)
        )
        return [Picture(r.job_id, r.ordinal, r.locator, r.media_type, r.sha256, r.batch) for r in rows]

    def keep(self, job_id: str, ordinal: int, sha256: str, media_type: str) -> None:
        """A result is in our hands."""
        self.conn.execute(
            update(picture)
            .where(picture.c.job_id == job_id, picture.c.ordinal == ordinal)
            .values(sha256=sha256, media_type=media_type)
        )

    def next_batch(self, job_id: str) -> list[Picture]:
        """Put the results that are in our hands and in no message yet into the next message; returns them."""
        last = self.conn.execute(
            select(func.coalesce(func.max(picture.c.batch), 0)).where(picture.c.job_id == job_id)
        ).scalar_one()
        self.conn.execute(
            update(picture)
            .where(picture.c.job_id == job_id, picture.c.sha256.is_not(None), picture.c.batch.is_(None))
            .values(batch=last + 1)
        )
        return [row for row in self.of_job(job_id) if row.batch == last + 1]

"""How vendors fetch inputs: links that lead to this process, and copies in a bucket."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from storage._rows import Repository, in_ms
from storage.records.links import BucketCopy, OutsideAccess
from storage.records.media import Medium
from storage.schema import bucket_copy, link, medium, now_ms


@dataclass(frozen=True, slots=True)
class OpenLink:
    """What a link that is open leads to."""

    job_id: str
    medium: Medium


class Links(Repository):
    """Every way to an input from outside. What closes one kind closes the other."""

    def insert(self, rows: Sequence[tuple[str, str, str]], expires_at: datetime) -> None:
        """Open links: (hash of the token, job, hash of the medium)."""
        self.conn.execute(
            insert(link),
            [
                {"token_hash": token_hash, "job_id": job_id, "medium": sha256, "expires_at": expires_at}
                for token_hash, job_id, sha256 in rows
            ],
        )

    def resolve(self, token_hash: str) -> OpenLink | None:
        """What is behind a link that is still open."""
        r = self.conn.execute(
            select(link.c.job_id, medium)
            .join(link, link.c.medium == medium.c.sha256)
            .where(link.c.token_hash == token_hash, link.c.expires_at > now_ms())
        ).first()
        if r is None:
            return None
        return OpenLink(r.job_id, Medium(r.sha256, r.media_type, r.size, r.width, r.height, r.seconds))

    def close_here(self, job_id: str) -> None:
        """End the relay's links of a job; copies of its inputs in a bucket wait for its next attempt."""
        self.conn.execute(delete(link).where(link.c.job_id == job_id))

    def close(self, job_id: str, media: Collection[str] | None = None) -> None:
        """End every way to a job's inputs, or to these: at once here, in a bucket as soon as can be."""
        its = link.c.job_id == job_id
        copied = bucket_copy.c.job_id == job_id
        if media is not None:
            its &= link.c.medium.in_(list(media))
            copied &= bucket_copy.c.medium.in_(list(media))
        self.conn.execute(delete(link).where(its))
        self._over(copied)

    def end(self, job_ids: Collection[str]) -> int:
        """End every way to these jobs' inputs. Returns how many links of the relay were closed."""
        ids = list(job_ids)
        self._over(bucket_copy.c.job_id.in_(ids))
        return self.conn.execute(delete(link).where(link.c.job_id.in_(ids))).rowcount

    def drop_expired(self) -> None:
        """End what nobody can use any more."""
        self.conn.execute(delete(link).where(link.c.expires_at <= now_ms()))
        self._over(bucket_copy.c.expires_at <= now_ms())

    def outside(self, job_ids: Collection[str]) -> OutsideAccess:
        """How much of these jobs' inputs can still be fetched from outside."""
        ids = list(job_ids)
        links = select(func.count()).where(link.c.job_id.in_(ids), link.c.expires_at > now_ms())
        copies = select(func.count()).where(bucket_copy.c.job_id.in_(ids))
        return OutsideAccess(self.conn.execute(links).scalar_one(), self.conn.execute(copies).scalar_one())

    # -- copies in a bucket

    def standing(
        self, bucket: str, job_id: str, media: Collection[str], *, since: datetime, expires_at: datetime
    ) -> dict[str, str]:
        """Copies of an earlier attempt that lie there and are no older than `since`, by what they are of.

        They are open until `expires_at` from now on.
        """
        rows = self.conn.execute(
            update(bucket_copy)
            .where(
                bucket_copy.c.bucket == bucket,
                bucket_copy.c.job_id == job_id,
                bucket_copy.c.medium.in_(list(media)),
                bucket_copy.c.put_at.is_not(None),
                bucket_copy.c.over_at.is_(None),
                bucket_copy.c.expires_at > now_ms(),
                bucket_copy.c.created_at >= since,
            )
            .values(expires_at=expires_at)
            .returning(bucket_copy.c.medium, bucket_copy.c.name)
        )
        return {row.medium: row.name for row in rows}

    def copy(
        self,
        bucket: str,
        job_id: str,
        rows: Sequence[tuple[str, str]],
        expires_at: datetime,
        *,
        beside: Collection[str] = (),
    ) -> None:
        """Write down copies, (name, hash of the medium) each, before the first byte of them leaves.

        Whatever else was copied for the job is over, but for those `beside` which these are put.
        """
        self._over((bucket_copy.c.job_id == job_id) & bucket_copy.c.name.not_in(list(beside)))
        for name, sha256 in rows:
            self.conn.execute(
                insert(bucket_copy).values(
                    name=name,
                    bucket=bucket,
                    job_id=job_id,
                    medium=sha256,
                    created_at=now_ms(),
                    expires_at=expires_at,
                )
            )

    def copied(self, bucket: str, job_id: str, rows: Sequence[tuple[str, str]]) -> bool:
        """The copies lie in the bucket. False: they were over meanwhile, and are to be erased."""
        names = [name for name, _ in rows]
        here = self.conn.execute(
            update(bucket_copy)
            .where(bucket_copy.c.name.in_(names), bucket_copy.c.over_at.is_(None))
            .values(put_at=now_ms())
            .returning(bucket_copy.c.name)
        ).scalars()
        open_now = set(here)
        for name, sha256 in rows:
            if name not in open_now:
                # It may have been erased before its last byte arrived: it is erased once more.
                again = {"over_at": now_ms(), "due_at": now_ms()}
                self.conn.execute(
                    insert(bucket_copy)
                    .values(
                        name=name,
                        bucket=bucket,
                        job_id=job_id,
                        medium=sha256,
                        created_at=now_ms(),
                        expires_at=now_ms(),
                        **again,
                    )
                    .on_conflict_do_update(index_elements=[bucket_copy.c.name], set_=again)
                )
        return len(open_now) == len(names)

    def copies_over(self, limit: int) -> list[BucketCopy]:
        """Copies that are to be erased now."""
        rows = self.conn.execute(
            select(bucket_copy)
            .where(bucket_copy.c.over_at.is_not(None), bucket_copy.c.due_at <= now_ms())
            .order_by(bucket_copy.c.due_at)
            .limit(limit)
        )
        return [BucketCopy(r.name, r.bucket, r.job_id, r.medium, r.attempts) for r in rows]

    def copy_erased(self, name: str) -> None:
        """A copy is gone, or nobody tries any more."""
        self.conn.execute(delete(bucket_copy).where(bucket_copy.c.name == name))

    def copy_stays(self, name: str, wait: timedelta) -> None:
        """A copy could not be erased: again later."""
        self.conn.execute(
            update(bucket_copy)
            .where(bucket_copy.c.name == name)
            .values(due_at=in_ms(wait), attempts=bucket_copy.c.attempts + 1)
        )

    def copies_known(self, names: Collection[str]) -> set[str]:
        """Which of these names a row knows."""
        found = select(bucket_copy.c.name).where(bucket_copy.c.name.in_(list(names)))
        return set(self.conn.execute(found).scalars())

    def _over(self, where: ColumnElement[Any]) -> None:
        self.conn.execute(
            update(bucket_copy)
            .where(where, bucket_copy.c.over_at.is_(None))
            .values(over_at=now_ms(), due_at=now_ms())
        )

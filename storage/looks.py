"""How photos look: measured once when they are taken in, gone with the photo's row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.sqlite import insert

from storage._rows import Repository
from storage.records.media import PHOTO_ROLE, Portrait
from storage.schema import job_input, look, tray_entry


class Looks(Repository):
    """At most one row per medium: photos that were taken in by an older version have none."""

    def keep(self, sha256: str, portrait: Portrait) -> None:
        """Remember how a photo looks; its row must be there."""
        values = {"facts": portrait.facts, "preview": portrait.preview}
        self.conn.execute(
            insert(look)
            .values(sha256=sha256, **values)
            .on_conflict_do_update(index_elements=[look.c.sha256], set_=values)
        )

    def facts(self, hashes: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What was measured of these photos, by hash."""
        rows = self.conn.execute(select(look.c.sha256, look.c.facts).where(look.c.sha256.in_(list(hashes))))
        return {row.sha256: row.facts for row in rows}

    def previews(self, hashes: Iterable[str]) -> dict[str, bytes]:
        """Small pictures of these photos, by hash."""
        rows = self.conn.execute(select(look.c.sha256, look.c.preview).where(look.c.sha256.in_(list(hashes))))
        return {row.sha256: row.preview for row in rows}

    def forget(self, hashes: Iterable[str]) -> None:
        """Forget how pictures look that nobody has given as a photo: a paper is kept without its look."""
        shown = [
            exists().where(rows.c.medium == look.c.sha256, rows.c.role == PHOTO_ROLE)
            for rows in (tray_entry, job_input)
        ]
        self.conn.execute(delete(look).where(look.c.sha256.in_(list(hashes)), *(~one for one in shown)))

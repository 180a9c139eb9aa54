"""Questions asked of those who posted photos without us in mind, and who does not want to be asked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from storage._rows import Repository, in_ms
from storage.errors import NotFound
from storage.records.trays import Invitation
from storage.schema import hush, invitation, now_ms


class Invitations(Repository):
    """One row per question, and one per person or conversation that is left alone."""

    def put(self, made: Invitation) -> None:
        """Remember what was asked."""
        self.conn.execute(
            insert(invitation).values(
                id=made.id,
                owner=made.owner,
                place=made.place,
                channel=made.channel,
                files=[dict(one) for one in made.files],
                created_at=now_ms(),
            )
        )

    def get(self, invitation_id: str) -> Invitation:
        """Raises NotFound."""
        row = self.conn.execute(select(invitation).where(invitation.c.id == invitation_id)).first()
        if row is None:
            raise NotFound(invitation_id)
        return Invitation(row.id, row.owner, row.place, tuple(row.files))

    def asked(self, owner: str, channel: str, within: timedelta) -> bool:
        """Whether this person was asked in this conversation not long ago."""
        found = select(invitation.c.id).where(
            invitation.c.owner == owner,
            invitation.c.channel == channel,
            invitation.c.created_at > in_ms(-within),
        )
        return self.conn.execute(found.limit(1)).first() is not None

    def forget(self, older_than: timedelta) -> None:
        """Remove questions that nobody will answer any more."""
        self.conn.execute(delete(invitation).where(invitation.c.created_at < in_ms(-older_than)))

    def hush(self, who: str) -> None:
        """Leave a person, or everybody in a conversation, alone."""
        self.conn.execute(insert(hush).values(who=who, created_at=now_ms()).on_conflict_do_nothing())

    def unhush(self, who: str) -> None:
        """The opposite."""
        self.conn.execute(delete(hush).where(hush.c.who == who))

    def hushed(self, who: Collection[str]) -> set[str]:
        """Which of these are left alone."""
        return set(self.conn.execute(select(hush.c.who).where(hush.c.who.in_(list(who)))).scalars())

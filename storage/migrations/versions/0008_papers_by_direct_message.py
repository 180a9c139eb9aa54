"""What is said of papers that came by direct message."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


_NOTICE = (
    "id, key, kind, owner, place, channel, job_id, tray_id, after, payload, wanted, sent, due_at, lease_until,"
    " lease_owner, fence, attempts, message, created_at, post_begun_at, sent_at, given_up"
)


def upgrade() -> None:
    """One more kind of thing to say: the table is made anew for its check, with foreign keys switched off."""
    op.create_table(
        "new_outbox",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("tray_id", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("wanted", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("sent", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("post_begun_at", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("given_up", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('tray', 'sheet', 'papers', 'card', 'pictures', 'ready', 'needs_you', 'needs_you_dm',"
            " 'reminder', 'failed', 'failed_dm', 'reply', 'trouble', 'operator', 'receipt')",
            name=op.f("ck_outbox_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    op.execute(f"INSERT INTO new_outbox ({_NOTICE}) SELECT {_NOTICE} FROM outbox")  # noqa: S608
    op.drop_table("outbox")
    op.rename_table("new_outbox", "outbox")
    op.create_index(op.f("ix_outbox_job_id"), "outbox", ["job_id"])
    op.create_index("ix_outbox_open", "outbox", ["due_at"], sqlite_where=sa.text("sent < wanted"))

"""Deletions: what is to be deleted, every copy of it, and what was erased on which day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nothing but a table made anew can learn another kind of notice. Foreign keys are switched off meanwhile.
    _notices()
    op.add_column("job", sa.Column("deletion_id", sa.Text(), nullable=True))
    op.add_column("job", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_job_deletion_id"), "job", ["deletion_id"])
    op.create_table(
        "deletion",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("root_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["root_id"], ["job.id"], name=op.f("fk_deletion_root_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deletion")),
        sa.UniqueConstraint("root_id", name=op.f("uq_deletion_root_id")),
    )
    op.create_index("ix_deletion_open", "deletion", ["due_at"], sqlite_where=sa.text("done_at IS NULL"))
    op.create_table(
        "held_copy",
        sa.Column("deletion_id", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("fate", sa.Text(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("holder IN ('here', 'chat', 'vendor')", name=op.f("ck_held_copy_holder")),
        sa.CheckConstraint(
            "what IN ('inputs', 'results', 'words', 'links', 'bucket', 'file', 'message', 'uploads', 'model')",
            name=op.f("ck_held_copy_what"),
        ),
        sa.CheckConstraint(
            "fate IN ('deleted', 'shared', 'expires', 'by_hand', 'refused', 'unreached', 'not_set_up',"
            " 'owners')",
            name=op.f("ck_held_copy_fate"),
        ),
        sa.ForeignKeyConstraint(["deletion_id"], ["deletion.id"], name=op.f("fk_held_copy_deletion_id")),
        sa.PrimaryKeyConstraint("deletion_id", "ordinal", name=op.f("pk_held_copy")),
    )
    op.create_table(
        "erasure",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("files", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("overdue", sa.Integer(), nullable=True),
        sa.Column("kept", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_erasure")),
    )


_NOTICE = (
    "id, key, kind, owner, place, channel, job_id, tray_id, after, payload, wanted, sent, due_at, lease_until,"
    " lease_owner, fence, attempts, message, created_at, post_begun_at, sent_at, given_up"
)


def _notices() -> None:
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
            "kind IN ('tray', 'card', 'pictures', 'ready', 'needs_you', 'needs_you_dm', 'reminder', 'failed',"
            " 'failed_dm', 'reply', 'trouble', 'operator', 'receipt')",
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

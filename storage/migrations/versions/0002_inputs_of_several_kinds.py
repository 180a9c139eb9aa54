"""Inputs of several kinds, three kinds of job, and what a vendor tells, asks for and gives up."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Tables that others refer to are made anew and renamed. Whoever runs this has foreign keys switched off.
    _media()
    _entries_and_links()
    _jobs()
    _others()
    _waiting_forms()


def _media() -> None:
    op.create_table(
        "medium",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_medium")),
    )
    op.execute(
        "INSERT INTO medium (sha256, media_type, size, width, height, created_at)"
        " SELECT sha256, media_type, size, width, height, created_at FROM photo"
    )
    op.create_table(
        "doomed",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_doomed")),
    )
    op.create_table(
        "job_input",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("medium", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_input_job_id")),
        sa.ForeignKeyConstraint(["medium"], ["medium.sha256"], name=op.f("fk_job_input_medium")),
        sa.PrimaryKeyConstraint("job_id", "ordinal", name=op.f("pk_job_input")),
    )
    op.create_index(op.f("ix_job_input_medium"), "job_input", ["medium"])
    op.execute(
        "INSERT INTO job_input (job_id, ordinal, role, medium)"
        " SELECT job_id, ordinal, 'photo', photo FROM job_photo"
    )
    op.drop_table("job_photo")


def _entries_and_links() -> None:
    op.create_table(
        "new_tray_entry",
        sa.Column("tray_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), server_default=sa.text("'photo'"), nullable=False),
        sa.Column("medium", sa.Text(), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["medium"], ["medium.sha256"], name=op.f("fk_tray_entry_medium")),
        sa.ForeignKeyConstraint(["tray_id"], ["tray.id"], name=op.f("fk_tray_entry_tray_id")),
        sa.PrimaryKeyConstraint("tray_id", "source", name=op.f("pk_tray_entry")),
    )
    op.execute(
        "INSERT INTO new_tray_entry (tray_id, source, ordinal, name, medium, refusal)"
        " SELECT tray_id, source, ordinal, name, photo, refusal FROM tray_entry"
    )
    op.drop_table("tray_entry")
    op.rename_table("new_tray_entry", "tray_entry")
    op.create_index(op.f("ix_tray_entry_medium"), "tray_entry", ["medium"])

    op.create_table(
        "new_link",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("medium", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_link_job_id")),
        sa.ForeignKeyConstraint(["medium"], ["medium.sha256"], name=op.f("fk_link_medium")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_link")),
    )
    op.execute(
        "INSERT INTO new_link (token_hash, job_id, medium, expires_at)"
        " SELECT token_hash, job_id, photo, expires_at FROM link"
    )
    op.drop_table("link")
    op.rename_table("new_link", "link")
    op.create_index(op.f("ix_link_job_id"), "link", ["job_id"])
    op.create_index(op.f("ix_link_medium"), "link", ["medium"])
    op.drop_table("photo")


_JOB = (
    "id, kind, root_id, owner, place, pictures_place, provider, lane, name, subject, spec, state, request_key,"
    " serial, due_at, lease_until, lease_owner, fence, attempts, looks, losses, polls, created_at,"
    " submit_begun_at, started_at, finished_at, trouble_at, grace_at, remote_id, remote_model_id, remote_word,"
    " progress, reason, detail, cancel_requested, stopped_remotely"
)


def _jobs() -> None:
    op.create_table(
        "new_job",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("root_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("pictures_place", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("request_key", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("looks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("losses", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("polls", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("submit_begun_at", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("trouble_at", sa.BigInteger(), nullable=True),
        sa.Column("grace_at", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("asks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reminders", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("wants", sa.JSON(), nullable=True),
        sa.Column("findings", sa.JSON(), nullable=True),
        sa.Column("pushed", sa.JSON(), nullable=True),
        sa.Column("pushes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("remote_model_id", sa.Text(), nullable=True),
        sa.Column("remote_word", sa.Text(), nullable=True),
        sa.Column("progress", sa.Float(), nullable=True),
        sa.Column("cost", sa.Text(), nullable=True),
        sa.Column("cost_unit", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("stopped_remotely", sa.Boolean(), nullable=True),
        sa.Column("tidied_at", sa.BigInteger(), nullable=True),
        sa.Column("tidy_tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("kind IN ('training', 'generation', 'oneshot')", name=op.f("ck_job_kind")),
        sa.CheckConstraint(
            "state IN ('queued', 'submitting', 'running', 'needs_user', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_job_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("lane", "remote_id", name=op.f("uq_job_lane_remote_id")),
        sa.UniqueConstraint("request_key", name=op.f("uq_job_request_key")),
    )
    # What ended before there was anything to tidy has nothing to be tidied.
    op.execute(f"INSERT INTO new_job ({_JOB}, tidied_at) SELECT {_JOB}, finished_at FROM job")  # noqa: S608
    op.drop_table("job")
    op.rename_table("new_job", "job")
    op.create_index("ix_job_due", "job", ["state", "due_at"])
    op.create_index("ix_job_lane", "job", ["lane", "state", "finished_at"])
    op.create_index("ix_job_owner", "job", ["owner", "created_at"])
    op.create_index(op.f("ix_job_root_id"), "job", ["root_id"])
    op.create_index(
        "ix_job_untidy",
        "job",
        ["due_at"],
        sqlite_where=sa.text("tidied_at IS NULL AND finished_at IS NOT NULL"),
    )


_NOTICE = (
    "id, key, kind, owner, place, channel, job_id, tray_id, after, payload, wanted, sent, due_at, lease_until,"
    " lease_owner, fence, attempts, message, created_at, post_begun_at, sent_at, given_up"
)


def _others() -> None:
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
            " 'failed_dm', 'reply', 'trouble', 'operator')",
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
    op.add_column("upload", sa.Column("media_type", sa.Text(), nullable=True))
    op.add_column("lane", sa.Column("retired_at", sa.BigInteger(), nullable=True))
    op.add_column("model", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.add_column("model", sa.Column("deleted_at", sa.BigInteger(), nullable=True))


def _waiting_forms() -> None:
    """Forms that wait to be worked off named a vendor; now they name one of its ways."""
    conn = op.get_bind()
    waiting = conn.execute(
        sa.text("SELECT id, payload FROM inbox WHERE kind = 'upload' AND done_at IS NULL")
    ).all()
    for row in waiting:
        payload = json.loads(row.payload)
        wish = payload.get("wish", {})
        if "provider" in wish:
            wish["way"] = f"{wish.pop('provider')}/training"
            conn.execute(
                sa.text("UPDATE inbox SET payload = :payload WHERE id = :id"),
                {"payload": json.dumps(payload), "id": row.id},
            )

"""The tables. Ids are text made by us, instants are milliseconds UTC, enumerations are text with a CHECK."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from storage.records.deletions import Fate, Holder, Kept
from storage.records.jobs import JobKind, JobState
from storage.records.outbox import NoticeKind
from storage.records.trays import TrayState


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as milliseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Milliseconds since 1970."""
        del dialect
        return None if value is None else round(value.timestamp() * 1000)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """An aware datetime."""
        del dialect
        return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


class now_ms(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it is.
    """The database's clock, in milliseconds: it decides, never a replica's. One moment for each statement."""

    type = BigInteger()
    inherit_cache = True
    name = "now_ms"


@compiles(now_ms)
def _now_ms(element: now_ms, compiler: SQLCompiler, **kw: Any) -> str:
    """Every connection carries this function; a test's connections carry a clock that can be turned."""
    del element, compiler, kw
    # As a query it is asked once for each statement; as a function, several times for each row.
    return "(SELECT now_ms())"


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _instant(name: str, *, null: bool = False) -> Column[datetime]:
    return Column(name, Instant, nullable=null)


def _lease() -> list[Column[Any]]:
    """Columns of every row that somebody works on: when due, held until when and by whom, how often."""
    return [
        Column("due_at", Instant, nullable=False),
        Column("lease_until", Instant, nullable=False, server_default=text("0")),
        Column("lease_owner", Text),
        Column("fence", Integer, nullable=False, server_default=text("0")),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
    ]


inbox = Table(
    "inbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("payload", JSON, nullable=False),
    *_lease(),
    _instant("received_at"),
    _instant("done_at", null=True),
)
Index("ix_inbox_open", inbox.c.due_at, sqlite_where=inbox.c.done_at.is_(None))

medium = Table(
    "medium",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("media_type", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("seconds", Float),
    _instant("created_at"),
)

look = Table(
    "look",
    metadata,
    # The look of a photo shows the photo: it goes with its row, whoever removes that.
    Column("sha256", Text, ForeignKey(medium.c.sha256, ondelete="CASCADE"), primary_key=True),
    Column("facts", JSON, nullable=False),
    Column("preview", LargeBinary, nullable=False),
)

doomed = Table("doomed", metadata, Column("sha256", Text, primary_key=True))

tray = Table(
    "tray",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("job_id", Text),
    Column("wish", JSON(none_as_null=True)),
    _instant("created_at"),
    _instant("updated_at"),
    _one_of("state", TrayState),
)
Index("uq_tray_open", tray.c.owner, tray.c.place, unique=True, sqlite_where=tray.c.state == "open")

tray_entry = Table(
    "tray_entry",
    metadata,
    Column("tray_id", Text, ForeignKey(tray.c.id), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("ordinal", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False, server_default=text("'photo'")),
    Column("medium", Text, ForeignKey(medium.c.sha256), index=True),
    Column("refusal", Text),
    Column("finding", Text),
    Column("width", Integer, nullable=False, server_default=text("0")),
    Column("height", Integer, nullable=False, server_default=text("0")),
)

sheet = Table(
    "sheet",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("tray_id", Text, ForeignKey(tray.c.id), nullable=False, index=True),
    Column("stamp", Text, nullable=False),
    Column("file_id", Text, nullable=False),
    Column("ready", Boolean, nullable=False, server_default=false()),
)

job = Table(
    "job",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("root_id", Text, nullable=False, index=True),
    Column("owner", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("pictures_place", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("request_key", Text, nullable=False, unique=True),
    Column("serial", Text, nullable=False),
    *_lease(),
    Column("looks", Integer, nullable=False, server_default=text("0")),
    Column("losses", Integer, nullable=False, server_default=text("0")),
    Column("polls", Integer, nullable=False, server_default=text("0")),
    _instant("created_at"),
    _instant("submit_begun_at", null=True),
    _instant("started_at", null=True),
    _instant("finished_at", null=True),
    _instant("trouble_at", null=True),
    _instant("grace_at", null=True),
    _instant("asked_at", null=True),
    Column("asks", Integer, nullable=False, server_default=text("0")),
    Column("reminders", Integer, nullable=False, server_default=text("0")),
    Column("wants", JSON(none_as_null=True)),
    Column("findings", JSON(none_as_null=True)),
    Column("held_back", Integer, nullable=False, server_default=text("0")),
    Column("pushed", JSON(none_as_null=True)),
    Column("pushes", Integer, nullable=False, server_default=text("0")),
    Column("remote_id", Text),
    Column("remote_model_id", Text),
    Column("remote_word", Text),
    Column("progress", Float),
    Column("cost", Text),
    Column("cost_unit", Text),
    Column("reason", Text),
    Column("detail", Text),
    Column("cancel_requested", Boolean, nullable=False, server_default=false()),
    Column("stopped_remotely", Boolean),
    _instant("tidied_at", null=True),
    Column("tidy_tries", Integer, nullable=False, server_default=text("0")),
    _instant("busy_at", null=True),
    Column("busies", Integer, nullable=False, server_default=text("0")),
    Column("deletion_id", Text, index=True),
    _instant("deleted_at", null=True),
    UniqueConstraint("lane", "remote_id"),
    _one_of("kind", JobKind),
    _one_of("state", JobState),
)
Index("ix_job_due", job.c.state, job.c.due_at)
Index("ix_job_lane", job.c.lane, job.c.state, job.c.finished_at)
Index("ix_job_owner", job.c.owner, job.c.created_at)
Index("ix_job_untidy", job.c.due_at, sqlite_where=job.c.tidied_at.is_(None) & job.c.finished_at.is_not(None))

job_input = Table(
    "job_input",
    metadata,
    Column("job_id", Text, ForeignKey(job.c.id), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("role", Text, nullable=False),
    Column("medium", Text, ForeignKey(medium.c.sha256), nullable=False, index=True),
)

picture = Table(
    "picture",
    metadata,
    Column("job_id", Text, ForeignKey(job.c.id), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("locator", Text, nullable=False),
    Column("media_type", Text),
    Column("sha256", Text, index=True),
    Column("batch", Integer),
    UniqueConstraint("job_id", "locator"),
)

model = Table(
    "model",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("remote_model_id", Text, nullable=False),
    Column("job_id", Text, ForeignKey(job.c.id), nullable=False, unique=True),
    _instant("created_at"),
    _instant("expires_at", null=True),
    _instant("deleted_at", null=True),
)

link = Table(
    "link",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("job_id", Text, ForeignKey(job.c.id), nullable=False, index=True),
    Column("medium", Text, ForeignKey(medium.c.sha256), nullable=False, index=True),
    _instant("expires_at"),
)

bucket_copy = Table(
    "bucket_copy",
    metadata,
    Column("name", Text, primary_key=True),
    Column("bucket", Text, nullable=False),
    # Neither refers to a row: what lies in a bucket must be erased whatever else is gone by then.
    Column("job_id", Text, nullable=False, index=True),
    Column("medium", Text, nullable=False),
    _instant("created_at"),
    _instant("expires_at"),
    _instant("put_at", null=True),
    _instant("over_at", null=True),
    Column("due_at", Instant, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
)
Index("ix_bucket_copy_over", bucket_copy.c.due_at, sqlite_where=bucket_copy.c.over_at.is_not(None))

outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("job_id", Text, index=True),
    Column("tray_id", Text),
    Column("after", Text),
    Column("payload", JSON, nullable=False),
    Column("wanted", Integer, nullable=False, server_default=text("1")),
    Column("sent", Integer, nullable=False, server_default=text("0")),
    *_lease(),
    Column("message", Text),
    _instant("created_at"),
    _instant("post_begun_at", null=True),
    _instant("sent_at", null=True),
    Column("given_up", Text),
    _one_of("kind", NoticeKind),
)
Index("ix_outbox_open", outbox.c.due_at, sqlite_where=(outbox.c.sent < outbox.c.wanted))

upload = Table(
    "upload",
    metadata,
    Column("notice_id", Text, ForeignKey(outbox.c.id), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("file_id", Text),
    Column("stage", Text, nullable=False),
    Column("media_type", Text),
)

lane = Table(
    "lane",
    metadata,
    Column("name", Text, primary_key=True),
    Column("slots", Integer, nullable=False),
    Column("gap_ms", Integer, nullable=False),
    _instant("next_free_at"),
    _instant("retired_at", null=True),
)

invitation = Table(
    "invitation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("files", JSON, nullable=False),
    _instant("created_at"),
)
Index("ix_invitation_owner", invitation.c.owner, invitation.c.channel, invitation.c.created_at)

hush = Table("hush", metadata, Column("who", Text, primary_key=True), _instant("created_at"))

cron = Table("cron", metadata, Column("name", Text, primary_key=True), _instant("next_at"))

deletion = Table(
    "deletion",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("root_id", Text, ForeignKey(job.c.id), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("provider", Text, nullable=False),
    *_lease(),
    _instant("created_at"),
    _instant("erased_at", null=True),
    _instant("done_at", null=True),
)
Index("ix_deletion_open", deletion.c.due_at, sqlite_where=deletion.c.done_at.is_(None))

holding = Table(
    "held_copy",
    metadata,
    Column("deletion_id", Text, ForeignKey(deletion.c.id), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("count", Integer, nullable=False, server_default=text("1")),
    Column("job_id", Text),
    Column("ref", Text),
    Column("fate", Text),
    _instant("until", null=True),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    _one_of("holder", Holder),
    _one_of("what", Kept),
    _one_of("fate", Fate),
)

erasure = Table(
    "erasure",
    metadata,
    Column("day", Text, primary_key=True),
    Column("files", Integer, nullable=False, server_default=text("0")),
    Column("overdue", Integer),
    Column("kept", Integer),
)

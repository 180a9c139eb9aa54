"""Alembic, run on a connection that is already in a transaction."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from storage.errors import NewerDatabase


def config(conn: Connection | None = None) -> Config:
    """Alembic's configuration without its ini file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["connection"] = conn
    return made


def upgrade(conn: Connection) -> None:
    """Run every migration the database has not seen. Raises NewerDatabase."""
    try:
        command.upgrade(config(conn), "head")
    except CommandError as error:
        # Alembic knows no such revision: a later version of ours has written it.
        raise NewerDatabase("the database was written by a newer version") from error


def propose(conn: Connection, number: str, message: str) -> None:
    """Write the next migration from the difference between `conn`'s tables and `storage.schema`."""
    command.revision(config(conn), message=message, rev_id=number, autogenerate=True)

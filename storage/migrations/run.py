"""Alembic, run on a connection that is already in a transaction."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def config(conn: Connection | None = None) -> Config:
    """Alembic's configuration without its ini file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["connection"] = conn
    return made


def upgrade(conn: Connection) -> None:
    """Run every migration the database has not seen."""
    command.upgrade(config(conn), "head")


def propose(conn: Connection, number: str, message: str) -> None:
    """Write the next migration from the difference between `conn`'s tables and `storage.schema`."""
    command.revision(config(conn), message=message, rev_id=number, autogenerate=True)

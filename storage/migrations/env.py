"""Called by Alembic; the connection and its transaction are the caller's."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from storage.schema import Instant, metadata


def _plain(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """A migration must not change when our own column types do."""
    return "sa.BigInteger()" if kind == "type" and isinstance(item, Instant) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=_plain,
)
context.run_migrations()

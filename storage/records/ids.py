"""What our ids look like."""

from __future__ import annotations

import secrets


def new_id(prefix: str) -> str:
    """An id of ours: a word that says of what, and 80 random bits."""
    return f"{prefix}_{secrets.token_hex(10)}"

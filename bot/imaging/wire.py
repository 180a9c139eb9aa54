"""What the lab and its worker processes say to each other: facts as JSON, then blobs of the lengths it tells.

JSON and not pickle: what comes back from a process that decodes foreign bytes is foreign too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

LENGTH: Final = 4
"""Bytes at the beginning of a message that say how long its JSON is."""
MOST: Final = 1024 * 1024 * 1024
"""No message is longer, whatever it says."""


def head(facts: dict[str, Any], blobs: Sequence[bytes]) -> bytes:
    """The beginning of a message; the blobs follow it as they are."""
    text = json.dumps({"facts": facts, "sizes": [len(blob) for blob in blobs]}).encode()
    return len(text).to_bytes(LENGTH, "big") + text


def parse(text: bytes) -> tuple[dict[str, Any], list[int]]:
    """The facts of a message, and how long each of its blobs is. Raises ValueError."""
    match json.loads(text):
        case {"facts": dict(facts), "sizes": list(told)}:
            sizes = [int(size) for size in told]
            if min(sizes, default=0) >= 0 and sum(sizes) <= MOST:
                return facts, sizes
    raise ValueError("this is no message of the lab's")

"""Darkroom's own vendors, and those of packages beside them that have a bench here."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from bot.providers import Provider
from bot.providers._registry import survey


def ours() -> dict[str, type[Provider[Any]]]:
    """Those of this repository, by name."""
    found = survey()
    return {name: kind for name, kind in found.kinds.items() if name not in found.packages}


def benched() -> dict[str, type[Provider[Any]]]:
    """Those, and each of an installed package for which `tests/providers/<name>/bench.py` is there."""
    return {
        name: kind
        for name, kind in survey().kinds.items()
        if name in ours() or find_spec(f"tests.providers.{name}") is not None
    }

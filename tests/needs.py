"""What some tests need beside Python: where it is missing they are skipped, unless it was promised."""

from __future__ import annotations

import os

import pytest


def lacks(need: str, problem: str) -> None:
    """Skip a test for want of something, with one plain line; fail where ``DARKROOM_REQUIRE`` names it.

    ``DARKROOM_REQUIRE`` is a list such as ``node,browser``. `.ci/run` sets it, so that nothing is skipped
    there by an oversight.
    """
    promised = {word.strip() for word in os.environ.get("DARKROOM_REQUIRE", "").split(",")}
    if need in promised:
        pytest.fail(f"{problem} (DARKROOM_REQUIRE says that {need} is here)", pytrace=False)
    pytest.skip(problem)

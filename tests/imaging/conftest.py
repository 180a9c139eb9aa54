"""The decoders are made ready once; these tests decode in their own process what they made themselves."""

from __future__ import annotations

import pytest

from bot.imaging import decode


@pytest.fixture(scope="session", autouse=True)
def _warm() -> None:
    decode.warm()

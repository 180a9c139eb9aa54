"""A workspace with a running bot, for every claim about what people see."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.surface import Surface, stage


@pytest.fixture
async def surface(tmp_path: Path) -> AsyncIterator[Surface]:
    """The bot runs, the vendor is well and quick, nothing is limited."""
    async with stage(tmp_path, operators=("admin",)) as found, found.running():
        yield found

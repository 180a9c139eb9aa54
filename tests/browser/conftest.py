"""Where there is no Chromium or no Playwright, nothing here runs, and one line says why."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.needs import lacks

if TYPE_CHECKING:
    from tests.browser.stage import Stage

_HERE = Path(__file__).parent


def _lacking() -> str:
    if not (shutil.which("chromium") or shutil.which("chromium-browser")):
        return "no Chromium here: apt-get install chromium"
    if any(importlib.util.find_spec(one) is None for one in ("playwright", "axe_playwright_python")):
        return "no Playwright or axe here: make browser-tools brings them"
    return ""


class _Nothing(pytest.Item):
    """Stands in the place of all browser tests, and is skipped."""

    def runtest(self) -> None:
        """Skip, with the one line; or fail, where a browser was promised."""
        lacks("browser", f"browser tests: {_lacking()}")

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name


class _NoBrowser(pytest.File):
    """A file of tests that cannot be run on this machine, and is not even imported."""

    def collect(self) -> list[pytest.Item]:
        """One item for all files: the line is said once."""
        first = min(_HERE.glob("test_*.py"))
        return [_Nothing.from_parent(self, name="browser")] if self.path == first else []


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> pytest.Collector | None:
    """Leave files alone that need what is not there."""
    if module_path.parent == _HERE and _lacking():
        return _NoBrowser.from_parent(parent, path=module_path)
    return None


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Stage]:
    """The real bot before a browser. Whatever the browser's console calls an error fails the test."""
    from tests.browser.stage import stage

    async with stage(tmp_path) as opened:
        yield opened
        assert opened.complaints == []


@pytest.fixture
async def empty(tmp_path: Path) -> AsyncIterator[Stage]:
    """A workspace whose app is played by the test."""
    from bot.sandbox.slack import DEFAULT_MANIFEST
    from tests.browser.stage import stage

    async with stage(tmp_path, app=DEFAULT_MANIFEST, with_bot=False) as opened:
        yield opened
        assert opened.complaints == []

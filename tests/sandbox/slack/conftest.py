"""A local Slack per test, and somebody on both of its sides."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Director, LocalSlack, ManualClock, Settings
from tests.sandbox.slack.harness import Ear, client_of, listening


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    # The SDK reads these and ignores NO_PROXY, so that loopback calls would go to the proxy.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[LocalSlack]:
    """A local Slack whose time is the machine's; the delays are short and no rate is limited."""
    settings = Settings(limits=False, share_delay=0.05, ready_delay=0.02)
    async with LocalSlack.start(tmp_path / "slack", settings=settings, deterministic=True) as slack:
        yield slack


@pytest.fixture
def clock() -> ManualClock:
    """A clock that a test turns."""
    return ManualClock()


@pytest.fixture
async def frozen(tmp_path: Path, clock: ManualClock) -> AsyncIterator[LocalSlack]:
    """A local Slack whose time stands still until ``clock`` is advanced."""
    async with LocalSlack.start(tmp_path / "slack", clock=clock, deterministic=True) as slack:
        yield slack


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> LocalSlack:
    """Whichever local Slack the test asks for: ``frozen``, or else ``slack``."""
    found = request.getfixturevalue("frozen" if "frozen" in request.fixturenames else "slack")
    assert isinstance(found, LocalSlack)
    return found


@pytest.fixture
async def director(stage: LocalSlack) -> AsyncIterator[Director]:
    """The people of whichever local Slack the test uses."""
    async with Director(stage.origin) as director:
        yield director


@pytest.fixture
async def client(stage: LocalSlack) -> AsyncIterator[AsyncWebClient]:
    """The bot's own client: the real one, with nothing retried."""
    async with client_of(stage) as client:
        yield client


@pytest.fixture
async def ear(stage: LocalSlack) -> AsyncIterator[Ear]:
    """An app that acknowledges everything and does nothing."""
    async with listening(stage) as ear, Director(stage.origin) as director:
        await director.wait_for_connection()
        yield ear

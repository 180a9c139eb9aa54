"""Fixtures for the stand-ins: an album of photos, and the stand-in in two tempers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox.clock import WorldClock
from bot.sandbox.vendors._server import serve
from tests.sandbox.vendors import img_open_scene
from tests.sandbox.vendors.dashscope_scene import INSTANT, Gallery, Studio, open_studio
from tests.sandbox.vendors.metastudio_scene import Lot, open_lot
from tests.sandbox.vendors.scene import Album, Clock, Setup, open_setup
from tests.surface import free_port


@pytest.fixture
async def album() -> AsyncIterator[Album]:
    album = Album()
    async with serve(album.app()) as origin:
        album.origin = origin
        yield album


@pytest.fixture
async def setup(tmp_path: Path, album: Album) -> AsyncIterator[Setup]:
    """A stand-in that takes no more time than its work does."""
    async with open_setup(tmp_path / "vendor", album) as setup:
        await setup.control.settings(train_seconds=0, infer_seconds=0, fetch_pause_seconds=0)
        yield setup


@pytest.fixture
async def slow_setup(tmp_path: Path, album: Album) -> AsyncIterator[Setup]:
    """A stand-in whose clock a test turns; a training takes 100 s of it, an inference 50 s."""
    async with open_setup(tmp_path / "vendor", album, Clock()) as setup:
        await setup.control.settings(train_seconds=100, infer_seconds=50, fetch_pause_seconds=0)
        yield setup


@pytest.fixture
async def hook() -> AsyncIterator[img_open_scene.Hook]:
    """A server of the customer's that results are posted to."""
    hook = img_open_scene.Hook()
    async with serve(hook.app()) as origin:
        hook.origin = origin
        yield hook


@pytest.fixture
async def img_open(tmp_path: Path, album: Album) -> AsyncIterator[img_open_scene.Setup]:
    """An Img Open that takes no more time than its work does."""
    async with img_open_scene.open_setup(tmp_path / "img-open", album) as setup:
        await setup.control.settings(train_seconds=0, infer_seconds=0, fetch_pause_seconds=0)
        yield setup


@pytest.fixture
async def slow_img_open(tmp_path: Path, album: Album) -> AsyncIterator[img_open_scene.Setup]:
    """An Img Open whose clock a test turns; a training takes 100 s of it, pictures 50 s."""
    # In the middle of a month, so that no test is about its end unless it says so.
    clock = Clock(now=1_789_500_000)
    async with img_open_scene.open_setup(tmp_path / "img-open", album, clock) as setup:
        await setup.control.settings(train_seconds=100, infer_seconds=50, fetch_pause_seconds=0)
        yield setup


@pytest.fixture
def unused_tcp_port() -> int:
    """A port where nobody listens."""
    return free_port()


@pytest.fixture
async def gallery() -> AsyncIterator[Gallery]:
    gallery = Gallery()
    async with serve(gallery.app()) as origin:
        gallery.origin = origin
        yield gallery


@pytest.fixture
async def studio(tmp_path: Path, gallery: Gallery) -> AsyncIterator[Studio]:
    """A DashScope that takes no more time than its work does, and any number of calls a second."""
    async with open_studio(tmp_path / "dashscope", gallery) as studio:
        await studio.control.turn(**INSTANT)
        yield studio


@pytest.fixture
async def slow_studio(tmp_path: Path, gallery: Gallery) -> AsyncIterator[Studio]:
    """A DashScope whose clock a test turns; a training takes 100 s of it, portraits 50 s."""
    async with open_studio(tmp_path / "dashscope", gallery, Clock()) as studio:
        await studio.control.turn(
            **INSTANT | {"train_seconds": 100, "infer_seconds": 50, "cancel_seconds": 10}
        )
        yield studio


@pytest.fixture
async def lot(tmp_path: Path) -> AsyncIterator[Lot]:
    """A MetaStudio that takes no more time than its work does, and any number of calls a second."""
    async with open_lot(tmp_path / "metastudio") as lot:
        await lot.control.hurry()
        await lot.control.settings(throttled=False)
        yield lot


@pytest.fixture
async def slow_lot(tmp_path: Path) -> AsyncIterator[Lot]:
    """A MetaStudio that takes as long as the vendor does, by a clock that leaps when a test says so."""
    async with open_lot(tmp_path / "metastudio", WorldClock()) as lot:
        await lot.control.settings(
            throttled=False,
            auto_review_seconds=600,
            manual_review_seconds=20 * 3600,
            train_seconds=60 * 3600,
            compile_seconds=6 * 3600,
            step_seconds=600,
            queue_seconds=60,
            render_seconds=600,
        )
        yield lot

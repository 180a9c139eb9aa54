"""The whole bot before a bucket at a real store: photos posted in Slack are fetched from there, and go."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.providers import RemoteState, TrainingSpec
from tests.outside.s3 import KEY_ID, KEY_SECRET, S3, running
from tests.surface import photos, stage


@pytest.fixture
async def s3(tmp_path: Path) -> AsyncIterator[S3]:
    async with running(tmp_path / "store") as found:
        yield found


async def test_a_vendor_fetches_from_the_bucket_and_the_jobs_end_empties_it(s3: S3, tmp_path: Path) -> None:
    keys = {"key_id": SecretStr(KEY_ID), "key_secret": SecretStr(KEY_SECRET)}
    settings = {f"darkroom_photo_links_{name}": value for name, value in keys.items()}
    async with (
        stage(tmp_path, darkroom_photo_links=s3.url(), **settings) as surface,
        surface.running(),
    ):
        surface.vendor.script("training", [{"state": RemoteState.RUNNING, "progress": 0.4}])
        await surface.card(await surface.train(await surface.tray(photos(2))), "training 40 %")
        spec = surface.vendor.jobs["t1"].spec
        assert isinstance(spec, TrainingSpec)
        fetched = {(await s3.http.get(one.url or "")).content for one in spec.inputs}
        assert fetched == {one.path.read_bytes() for one in spec.inputs}
        assert len(s3.names()) == 2
        assert await surface.bot.services.links.examine() is None
        assert len(s3.names()) == 2, "the trial leaves nothing"

        surface.vendor.jobs["t1"].script.clear()
        surface.vendor.jobs["t1"].script.append(RemoteState.SUCCEEDED)
        await surface.said("is ready after", within=60)

        async def empty() -> bool:
            return s3.names() == []

        await surface.until(empty, within=60)
        for one in spec.inputs:
            assert (await s3.http.get(one.url or "")).status_code == 404

"""Videos: streamed to disk, looked into in the lab, kept as they came."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest

from bot.services.errors import PhotoRefused
from storage.records.media import Refusal
from tests.imaging.test_video import film
from tests.stand_ins import Engine


async def pieces(data: bytes, size: int = 4096) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def test_a_film_is_kept_to_the_byte_with_what_it_is_like(house: Engine) -> None:
    data = film()
    kept = await house.services.videos.add(pieces(data))
    assert (kept.media_type, kept.size) == ("video/mp4", len(data))
    assert kept.width > 0
    assert kept.height > 0
    assert kept.seconds
    assert kept.sha256 == hashlib.sha256(data).hexdigest()
    assert house.store.media.path(kept.sha256).read_bytes() == data
    assert house.rows("SELECT media_type, seconds FROM medium") == [("video/mp4", kept.seconds)]


async def test_the_same_film_twice_is_one(house: Engine) -> None:
    assert await house.services.videos.add(pieces(film())) == await house.services.videos.add(pieces(film()))
    assert house.rows("SELECT count(*) FROM medium") == [(1,)]


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", Refusal.EMPTY),
        (b"dear diary, this is no film", Refusal.NOT_A_VIDEO),
        (b"\0" * (11 * 1024 * 1024), Refusal.TOO_LARGE),
    ],
)
async def test_what_is_no_film_is_refused_and_has_no_row(
    house: Engine, data: bytes, refusal: Refusal
) -> None:
    with pytest.raises(PhotoRefused) as refused:
        await house.services.videos.add(pieces(data))
    assert refused.value.refusal is refusal
    assert house.rows("SELECT * FROM medium") == []


async def test_a_film_that_was_cut_off_says_that_it_arrived_incomplete(house: Engine) -> None:
    data = film()
    with pytest.raises(PhotoRefused) as refused:
        await house.services.videos.add(pieces(data[: len(data) * 6 // 10]))
    assert refused.value.refusal is Refusal.TRUNCATED

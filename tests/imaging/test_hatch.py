"""A photo goes to its process through memory, whole, and does not stay there."""

from __future__ import annotations

import os
import sys

import pytest

from bot.imaging.hatch import Hatch, pick_up

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere photos go through a pipe")


async def test_what_is_laid_in_is_picked_up_whole_and_is_there_no_longer() -> None:
    hatch = Hatch()
    blobs = [os.urandom(3 * 1024 * 1024 + 7), b"", b"small"]
    assert await hatch.put(blobs)
    file = os.dup(hatch.number)
    assert pick_up(file, [len(blob) for blob in blobs]) == blobs
    assert os.fstat(file).st_size == 0
    assert await hatch.put([b"the next"])
    assert pick_up(file, [8]) == [b"the next"]
    hatch.close()
    os.close(file)


async def test_nothing_is_written_to_whatever_has_its_number_once_it_is_closed() -> None:
    hatch = Hatch()
    number = hatch.number
    hatch.close()
    other = os.memfd_create("other")
    try:
        assert other == number, "the system gives a free number again"
        with pytest.raises(ValueError, match="closed"):
            await hatch.put([b"a photo"])
        assert os.fstat(other).st_size == 0
    finally:
        os.close(other)

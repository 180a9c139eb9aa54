"""A photo goes to its process and back through memory, whole, and does not stay there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from bot.imaging.hatch import NONE, Hatch, Inside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere photos go through a pipe")
MIB = 1024 * 1024


@pytest.fixture
def hatch() -> Iterator[Hatch]:
    made = Hatch()
    yield made
    made.close()


def lying(hatch: Hatch) -> int:
    """Bytes that lie there."""
    return sum(os.fstat(file).st_blocks * 512 for file in hatch.numbers)


async def test_what_is_laid_in_is_picked_up_whole_and_lies_there_no_longer(hatch: Hatch) -> None:
    inside = Inside(*hatch.numbers)
    blobs = [os.urandom(3 * MIB + 7), b"", b"small"]
    assert await hatch.put(blobs)
    assert lying(hatch) > 3 * MIB
    assert inside.pick_up([len(blob) for blob in blobs]) == blobs
    assert lying(hatch) == 0
    assert await hatch.put([b"the next"])
    assert inside.pick_up([8]) == [b"the next"]


async def test_an_answer_comes_out_whole_and_lies_there_no_longer(hatch: Hatch) -> None:
    inside = Inside(*hatch.numbers)
    blobs = [os.urandom(2 * MIB), b"a preview"]
    assert inside.lay_out(blobs)
    assert lying(hatch) > 2 * MIB
    assert hatch.take([len(blob) for blob in blobs]) == blobs
    assert lying(hatch) == 0
    assert inside.lay_out([b"the next"])
    assert hatch.take([8]) == [b"the next"]


def test_an_answer_that_is_too_large_goes_another_way(hatch: Hatch) -> None:
    assert not Inside(*hatch.numbers).lay_out([bytes(9 * MIB)])


async def test_an_answer_that_is_not_all_there_is_none(hatch: Hatch) -> None:
    Inside(*hatch.numbers).lay_out([b"little"])
    with pytest.raises(EOFError):
        hatch.take([9 * MIB])


async def test_where_there_is_no_such_memory_everything_goes_another_way() -> None:
    inside = Inside(NONE, NONE)
    assert inside.pick_up([3]) is None
    assert not inside.lay_out([b"a photo"])


async def test_nothing_is_written_to_whatever_has_its_number_once_it_is_closed() -> None:
    hatch = Hatch()
    numbers = hatch.numbers
    hatch.close()
    # The system gives free numbers again, the lowest first.
    others = [os.memfd_create("other") for _ in numbers]
    try:
        with pytest.raises(ValueError, match="closed"):
            await hatch.put([b"a photo"])
        with pytest.raises(ValueError, match="closed"):
            hatch.take([1])
        assert [os.fstat(other).st_size for other in others] == [0, 0]
    finally:
        for other in others:
            os.close(other)

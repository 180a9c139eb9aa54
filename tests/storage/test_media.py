"""Files named by their hash: whole or not at all, kept once, swept late."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import resource
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from storage import Store
from storage.errors import StoreFull
from storage.media import MediaStore

HOUR = timedelta(hours=1)
DATA = b"\x89PNG and so on" * 1000


@pytest.fixture
def media(tmp_path: Path) -> MediaStore:
    return MediaStore(tmp_path / "media")


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def age(path: Path, by: timedelta) -> None:
    then = path.stat().st_mtime - by.total_seconds()
    os.utime(path, (then, then))


async def pieces(data: bytes, size: int = 4096) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def test_bytes_are_kept_under_their_hash_and_nothing_lies_aside(
    media: MediaStore, tmp_path: Path
) -> None:
    name = await media.put(DATA)
    assert name == hashlib.sha256(DATA).hexdigest()
    assert await media.read(name) == DATA
    assert files(tmp_path / "media") == [f"{name[:2]}/{name}"]


async def test_the_same_bytes_are_kept_once_however_they_come(media: MediaStore, tmp_path: Path) -> None:
    name = await media.put(DATA)
    assert await media.put(DATA) == name
    assert await media.put_stream(pieces(DATA), most=len(DATA)) == (name, len(DATA), DATA[:32])
    assert len(files(tmp_path / "media")) == 1


async def test_only_we_may_look_into_the_folder(media: MediaStore) -> None:
    path = media.path(await media.put(DATA))
    assert path.parent.stat().st_mode & 0o077 == 0


async def test_a_stream_past_its_limit_leaves_nothing(media: MediaStore, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="more than 100 bytes"):
        await media.put_stream(pieces(DATA), most=100)
    assert files(tmp_path / "media") == []


async def test_a_stream_that_breaks_off_leaves_nothing(media: MediaStore, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield DATA
        raise ConnectionResetError("the line broke")

    with pytest.raises(ConnectionResetError):
        await media.put_stream(broken(), most=10**9)
    assert files(tmp_path / "media") == []


@pytest.mark.parametrize("way", ["put", "put_stream"])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, way: str) -> None:
    """A real limit of the operating system, in a process of its own."""
    script = f"""
        import asyncio, signal, sys
        from pathlib import Path
        from storage.errors import StoreFull
        from storage.media import MediaStore

        async def pieces():
            for _ in range(64):
                yield bytes(4096)

        async def main():
            media = MediaStore(Path(sys.argv[1]))
            try:
                if {way!r} == "put":
                    await media.put(bytes(262144))
                else:
                    await media.put_stream(pieces(), most=10**9)
            except StoreFull as told:
                print("told:", told)

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        asyncio.run(main())
    """
    root = tmp_path / "media"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(root)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout == "told: the disk is full: nothing was stored\n"
    assert files(root) == []


class FullAtTheEnd(MediaStore):
    """A disk that fills up when the file gets its name."""

    def _name(self, aside: Path, sha256: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


async def test_a_disk_that_is_full_at_the_last_step_leaves_nothing(tmp_path: Path) -> None:
    media = FullAtTheEnd(tmp_path / "media")
    for attempt in (lambda: media.put(DATA), lambda: media.put_stream(pieces(DATA), most=10**9)):
        with pytest.raises(StoreFull):
            await attempt()
    assert files(tmp_path / "media") == []


async def test_an_error_of_the_disk_that_is_not_fullness_says_what_it_is(tmp_path: Path) -> None:
    class Broken(MediaStore):
        def _name(self, aside: Path, sha256: str) -> None:
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        await Broken(tmp_path / "media").put(DATA)


async def test_a_sweep_takes_old_files_that_nobody_names_and_no_others(
    media: MediaStore, tmp_path: Path
) -> None:
    old, used, young = [await media.put(data) for data in (b"old", b"used", b"young")]
    for name in (old, used):
        age(media.path(name), 2 * HOUR)
    leaving = tmp_path / "media" / "aside" / "broken-off"
    leaving.write_bytes(b"half")
    age(leaving, 2 * HOUR)
    assert await media.sweep({used}, HOUR) == 2
    assert files(tmp_path / "media") == sorted(f"{name[:2]}/{name}" for name in (used, young))


async def test_what_a_killed_process_had_aside_is_gone_when_the_next_one_opens(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        kept = await store.media.put(DATA)
    (tmp_path / "media" / "aside" / "all.zip").write_bytes(b"photos, as they were posted")
    async with Store.open(tmp_path) as store:
        assert files(tmp_path / "media") == [f"{kept[:2]}/{kept}"]
        assert await store.media.read(kept) == DATA


async def test_a_file_put_again_is_young_again(media: MediaStore) -> None:
    name = await media.put(DATA)
    age(media.path(name), 2 * HOUR)
    await media.put(DATA)
    assert await media.sweep(set(), HOUR) == 0
    assert await media.read(name) == DATA


async def test_a_file_swept_since_it_was_last_put_is_written_again(media: MediaStore) -> None:
    name = await media.put(DATA)
    age(media.path(name), 2 * HOUR)
    assert await media.sweep(set(), HOUR) == 1
    await media.put(DATA)
    assert await media.read(name) == DATA


class Looked(type(Path())):  # type: ignore[misc]
    """A path that lets others act between the sweep's look at a file and what it does then."""

    looked: ClassVar[threading.Event]
    acted: ClassVar[threading.Event]

    def stat(self, **how: bool) -> os.stat_result:
        found: os.stat_result = super().stat(**how)
        if len(self.name) == 64:
            self.looked.set()
            self.acted.wait(0.3)
        return found


async def test_a_file_put_again_while_a_sweep_looks_at_it_is_not_lost(tmp_path: Path) -> None:
    Looked.looked, Looked.acted = threading.Event(), threading.Event()
    media = MediaStore(Looked(tmp_path / "media"))
    name = await media.put(DATA)
    file = tmp_path / "media" / name[:2] / name
    age(file, 2 * HOUR)
    Looked.looked.clear()
    sweeping = asyncio.create_task(media.sweep(set(), HOUR))
    await asyncio.to_thread(Looked.looked.wait, 5)
    await media.put(DATA)
    Looked.acted.set()
    await sweeping
    assert file.read_bytes() == DATA


async def test_a_write_that_gets_its_name_while_a_sweep_looks_is_left_alone(tmp_path: Path) -> None:
    class Finishing(MediaStore):
        """A write aside that ends between the sweep's list and its look."""

        def _sweep(self, in_use: set[str], before: float) -> int:
            return super()._sweep(_Ending(in_use, tmp_path / "media" / "aside" / "write"), before)

    class _Ending(set[str]):
        def __init__(self, known: set[str], aside: Path) -> None:
            super().__init__(known)
            self._aside = aside

        def __contains__(self, name: object) -> bool:
            self._aside.unlink(missing_ok=True)
            return super().__contains__(name)

    media = Finishing(tmp_path / "media")
    aside = tmp_path / "media" / "aside" / "write"
    aside.write_bytes(b"half")
    age(aside, 2 * HOUR)
    assert await media.sweep(set(), HOUR) == 0

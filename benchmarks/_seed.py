"""Running jobs in a data folder, each with its card posted, as a busy workspace leaves them."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from storage import Store
from storage.records.ids import new_id

_PER_OWNER = 5


async def prepare(data_dir: Path) -> None:
    """Make an empty store."""
    async with Store.open(data_dir):
        pass


def add(
    data_dir: Path,
    count: int,
    *,
    provider: str,
    team: str = "T0",
    me: str = "U0",
    spread: float,
    kind: str = "training",
    word: str | None = "running",
    progress: float | None = 0.5,
) -> None:
    """Write `count` running jobs, due one after the other over `spread` seconds; the first five are `me`'s.

    A bot may be working on the folder meanwhile: to it they are rows like any other.
    """
    path = data_dir / "darkroom.sqlite3"
    now = time.time_ns() // 1_000_000
    jobs, cards = [], []
    for number in range(count):
        made = new_id("job")
        owner = f"{team}/{me}" if number < _PER_OWNER else f"{team}/U{number // _PER_OWNER:08d}"
        place = f"{team}/C{number:08d}/1790000000.{number:06d}"
        jobs.append(
            (
                made, kind, made, owner, place, place, provider, f"{provider}:{kind}", "ana spring",
                "person", '{"prompt": "a portrait by the sea, evening light", "count": 4}', "running",
                f"seed:{made}", made, now, now + round(spread * 1000 * number / count), now, now,
                f"remote-{made}", progress, word,
            )
        )  # fmt: skip
        cards.append(
            (
                new_id("note"), f"card:{made}", "card", owner, place, place.rsplit("/", 1)[0], made, "{}",
                now, now, now, place, 1, 1,
            )
        )  # fmt: skip
    conn = sqlite3.connect(path, timeout=30)
    with conn:
        conn.executemany(
            "INSERT INTO job (id, kind, root_id, owner, place, pictures_place, provider, lane, name, subject,"
            " spec, state, request_key, serial, created_at, due_at, submit_begun_at, started_at, remote_id,"
            " progress, remote_word) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            jobs,
        )
        conn.executemany(
            "INSERT INTO outbox (id, key, kind, owner, place, channel, job_id, payload, due_at, created_at,"
            " sent_at, message, wanted, sent) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            cards,
        )
    conn.close()

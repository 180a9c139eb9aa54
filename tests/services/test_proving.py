"""The daily proof that what should be gone is gone."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from storage.records.outbox import NoticeKind
from tests.stand_ins import ANA, Engine


def age(house: Engine, by: timedelta) -> None:
    """Let time pass for the tables and for the files, which go by the machine's clock."""
    house.clock.turn(by)
    for file in (house.data_dir / "media").rglob("*"):
        if file.is_file():
            then = file.stat().st_mtime - by.total_seconds()
            os.utime(file, (then, then))


async def test_a_day_with_nothing_overdue_is_proved_with_what_was_erased(house: Engine) -> None:
    await house.tray(2)
    age(house, timedelta(days=2))
    await house.services.prover.sweep_due()
    proof = await house.services.prover.last()
    assert proof is not None
    assert (proof.day, proof.files, proof.overdue, proof.kept) == ("2026-11-22", 2, 0, 0)
    assert house.wanted() == []


async def test_what_a_sweep_left_behind_is_found_and_operators_hear_of_it(house: Engine) -> None:
    await house.tray(2)
    lost = house.store.media.path("0" * 64)
    lost.parent.mkdir(exist_ok=True)
    lost.write_bytes(b"nobody's")
    age(house, timedelta(days=2))
    proof = await house.services.prover.prove()
    assert proof.overdue == 2 + 1  # Two entries of a forgotten draft, and a file that no row names.
    await house.say()
    assert len(house.world.of_kind(NoticeKind.OPERATOR)) == 1


async def test_inputs_of_a_job_that_ended_long_ago_are_overdue(house: Engine) -> None:
    job = await house.running()
    await house.services.jobs.cancel(job.id, ANA)
    await house.poll()
    age(house, timedelta(hours=26))
    assert (await house.services.prover.prove()).overdue == 0
    age(house, timedelta(hours=2))
    assert (await house.services.prover.prove()).overdue > 0
    await house.services.photos.sweep()
    assert (await house.services.prover.prove()).overdue == 0


async def test_the_proof_is_made_once_a_day_and_kept_for_a_month(house: Engine) -> None:
    days = []
    for _ in range(80):
        age(house, timedelta(hours=13))
        await house.services.prover.sweep_due()
        days = [day for (day,) in house.rows("SELECT day FROM erasure ORDER BY day")]
    assert len(days) == len(set(days))
    assert 20 < len(days) <= 32


@pytest.mark.parametrize("file_first", [True, False])
async def test_a_crash_between_the_row_and_the_file_leaks_nothing(house: Engine, *, file_first: bool) -> None:
    """Whichever of the two went before the crash, the next tick finishes the work."""
    await house.tray(1)
    ((sha256,),) = house.rows("SELECT sha256 FROM medium")
    await house.store.write(lambda tx: tx.inputs.forget_drafts(timedelta(days=-1)))
    await house.store.write(lambda tx: tx.inputs.doom([sha256]))
    if file_first:
        house.store.media.erase(sha256)
    await house.eraser.erase_due()
    assert not house.store.media.holds(sha256)
    assert house.rows("SELECT * FROM doomed") == []


async def test_a_deletion_that_does_not_come_on_is_overdue(house: Engine) -> None:
    job = await house.train()
    await house.services.deletions.ask(job.id, ANA)
    age(house, timedelta(days=1, hours=1))
    assert (await house.services.prover.prove()).overdue > 0
    await house.delete()
    assert (await house.services.prover.prove()).overdue == 0

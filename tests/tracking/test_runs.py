"""The ids of a sweep's runs: on disk before the store is asked for anything else."""

from __future__ import annotations

import pytest
from memory_store import MemoryStore
from tracked_sweep import Driver

from gensweep.tracking.cursor import SWEEP, Cursor
from gensweep.tracking.run_store import Away
from gensweep.tracking.runs import Runs


def test_a_sweep_whose_description_is_not_taken_knows_the_run_that_was_made(
    driver: Driver, memory: MemoryStore
) -> None:
    def on_disk() -> Cursor:
        return Cursor.load(driver.folder.path / "tracking.jsonl", "memory://here")

    memory.broken.add("log")
    with pytest.raises(Away):
        Runs(driver.folder, on_disk(), memory).take_up_sweep()
    assert on_disk().runs[SWEEP].run_id == "run-0"
    assert not on_disk().runs[SWEEP].described
    memory.broken.clear()
    Runs(driver.folder, on_disk(), memory).take_up_sweep()
    assert on_disk().runs[SWEEP].described
    assert list(memory.all) == ["run-0"]

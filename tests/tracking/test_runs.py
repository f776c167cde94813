"""The ids of a sweep's runs: on disk before the store is asked for anything else."""

from __future__ import annotations

import pytest
from memory_store import MemoryStore
from tracked_sweep import Driver

from gensweep.tracking.cursor import SWEEP, Cursor
from gensweep.tracking.run_store import Away, Refused
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


def test_a_start_that_died_before_it_noted_what_it_said_does_not_shut_out_more_samples(
    driver: Driver, memory: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cursor() -> Cursor:
        return Cursor.load(driver.folder.path / "tracking.jsonl", "memory://here")

    with monkeypatch.context() as killed:
        killed.setattr(Runs, "set_status", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            Runs(driver.folder, cursor(), memory).take_up_sweep()
    assert not cursor().runs[SWEEP].described
    first = memory.all["run-0"].parameters["trial.latent_size"]
    driver.folder.redefine({**driver.folder.definition, "trial": {"latent_size": 9}, "search": {"samples": 5}})
    Runs(driver.folder, cursor(), memory).take_up_sweep()
    assert cursor().runs[SWEEP].described
    assert memory.all["run-0"].parameters["trial.latent_size"] == first
    assert memory.all["run-0"].tags["gensweep.kind"] == "sweep"


def test_a_store_that_refuses_the_run_itself_is_still_an_error(driver: Driver, memory: MemoryStore) -> None:
    memory.refuses.add(driver.folder.name)
    with pytest.raises(Refused):
        Runs(driver.folder, Cursor.load(driver.folder.path / "tracking.jsonl", "memory://here"), memory).take_up_sweep()

"""What a store's pages show first of a sweep: level with it as it goes, and sent only where it changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from memory_store import MemoryStore
from tracked_sweep import Driver

from gensweep.tracking.front import NOTE
from gensweep.tracking.projection import Projection

Remember = Callable[..., Projection]
ARM, BEST, OUTCOME = "tags.`gensweep.arm`", "metrics.`best.fid`", "tags.`gensweep.outcome`"


def columns(memory: MemoryStore) -> list[str]:
    (view,) = memory.views.values()
    return list(view.columns)


def test_the_table_has_the_objective_the_arm_and_what_is_searched(
    driver: Driver, memory: MemoryStore, remember: Remember
) -> None:
    projection = remember()
    projection.sync()
    assert columns(memory) == [ARM, BEST, OUTCOME, "duration", "attributes.`Dataset`"]
    driver.issue(0, **{"training.optimizer.lr": 0.1, "latent_size": 8, "family.lambda": 2.0, "a": 1})
    driver.issue(1, **{"training.optimizer.lr": 0.1, "b": 1, "c": 1, "d": 1, "e": 1})
    projection.sync()
    assert columns(memory) == [
        ARM, BEST, "params.`family.lambda`", "params.`latent_size`", OUTCOME, "duration", "params.`training.optimizer.lr`",
        "params.`a`", "params.`b`", "params.`c`", "attributes.`Dataset`",
    ]  # fmt: skip
    driver.folder.events.append({"event": "issued", "number": 2, "key": "02" * 32, "arm": "wae", "position": 0, "parent": 0,
                                 "repeat": 0, "parameters": {}, "configuration": {}})  # fmt: skip
    projection.sync()
    assert columns(memory)[:3] == [ARM, BEST, "metrics.`test.fid`"]


@pytest.mark.parametrize(("mode", "ascending"), [("min", True), ("max", False)])
def test_the_table_begins_with_the_best(tmp_path: Path, mode: str, ascending: bool) -> None:
    driver, memory = Driver(tmp_path / "runs" / "directed", mode), MemoryStore()
    projection = Projection(driver.folder, "memory://here", open_store=lambda _: memory)
    projection.start()
    projection.sync()
    (view,) = memory.views.values()
    assert (view.order, view.ascending, view.title) == (BEST, ascending, "directed")
    assert view.parent == next(iter(memory.all))
    driver.lease.release()


def test_the_text_follows_the_sweep_and_is_sent_where_it_changed(
    driver: Driver, memory: MemoryStore, remember: Remember
) -> None:
    projection = remember()
    projection.sync()
    run = memory.runs("sweep")["study"]
    assert "It is running: 0 trials ended" in run.tags[NOTE]
    driver.issue(0)
    projection.sync()
    driver.end(0)
    projection.sync()
    assert "It is running: 1 trial ended (1 completed)" in run.tags[NOTE]
    shown = memory.calls.count("show")
    driver.issue(1)
    driver.rows(1, range(1, 2))
    projection.sync()
    assert memory.calls.count("show") == shown + 1
    driver.rows(1, range(2, 3))
    projection.sync()
    assert memory.calls.count("show") == shown + 1  # an epoch changes nothing of it
    projection.close(final=False)
    assert "It was stopped" in run.tags[NOTE]
    remember().close(final=True)
    assert "It is done" in run.tags[NOTE]


def test_a_close_that_comes_again_says_nothing_anew(driver: Driver, memory: MemoryStore, remember: Remember) -> None:
    driver.issue(0)
    driver.end(0)
    remember().close(final=True)
    memory.calls.clear()
    remember().close(final=True)
    assert "show" not in memory.calls


def test_the_verdict_is_there_once_it_is_written(driver: Driver, memory: MemoryStore, remember: Remember) -> None:
    driver.issue(0)
    driver.end(0)
    report = driver.folder.path / "report"
    report.mkdir()
    found = {"verdict": {"sentence": "wae is best."}, "progress": {"ended": 1}, "arms": []}
    (report / "comparison.json").write_text(json.dumps(found))
    projection = remember()
    projection.sync()
    assert "wae is best" not in memory.runs("sweep")["study"].tags[NOTE]
    projection.close(final=True)
    assert memory.runs("sweep")["study"].tags[NOTE].startswith("**wae is best.**")


def test_a_store_that_refuses_a_table_gets_all_else(driver: Driver, memory: MemoryStore, remember: Remember) -> None:
    projection = remember()
    memory.refuses = {"study"}
    driver.issue(0)
    driver.rows(0, range(1, 3))
    assert projection.sync().is_done
    assert memory.views == {}
    assert memory.runs()["0 wae/mmd"].series("fid") == [(1, 31.0), (2, 32.0)]
    memory.refuses = set()
    driver.end(0)
    projection.close(final=True)
    assert "It is done" in memory.runs("sweep")["study"].tags[NOTE]


def test_a_store_that_is_away_gets_the_table_when_it_is_back(
    driver: Driver, memory: MemoryStore, remember: Remember
) -> None:
    projection = remember()
    memory.broken = {"show"}
    assert not projection.sync().is_done
    memory.broken = set()
    assert projection.sync(force=True).is_done
    assert len(memory.views) == 1

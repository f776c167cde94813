"""How many trials a sweep has when it is done."""

from __future__ import annotations

from pathlib import Path

from gensweep.errors import Outcome
from gensweep.spaces.due import due
from tests.orchestration.test_driver import EPOCHS, report, start, sweep
from tests.written_sweep import DEFINITION, Writer


def test_it_is_what_the_definition_says_until_the_sweep_is_done(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep({"samples": 2}, confirm={"top": 1, "seeds": 3}))
    assert due({driver.folder: driver.state}) == 2 * 2 + 2 * 3
    other = start(tmp_path / "other", sweep({"samples": 1}, confirm="none"))
    assert due({driver.folder: driver.state, other.folder: other.state}) == 10 + 2
    while (job := driver.next()) is not None:  # all diverge, so that nothing is there to confirm
        driver.take(report(job, EPOCHS, 1.0, Outcome.DIVERGED))
    driver.finish()
    assert due({driver.folder: driver.state}) == 4


def test_of_a_definition_that_cannot_be_read_it_is_not_known(tmp_path: Path) -> None:
    folder = Writer(tmp_path / "s", {**DEFINITION, "search": {"sampler": "of another package"}}).folder
    assert due({folder: folder.state()}) is None

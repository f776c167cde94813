"""A small size of the benchmark, so that it does not rot: what it plays and prints, and not how long that took."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gensweep.benchmarks import driver
from gensweep.errors import Outcome
from gensweep.ledger.sweep_folder import SweepFolder


def test_a_small_run_prints_each_line_for_both_kinds_of_early_stopping(capsys: pytest.CaptureFixture[str]) -> None:
    driver.main(["--trials", "50", "--reports", "4"])
    lines = [re.split(r" {2,}", line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == list(driver._COLUMNS)
    calls = ["take", "next", "log MiB", "rebuild s", "rebuild CPU s", "peak MiB"]
    passes = [f"{what} {unit}" for what in ("all of it", "nothing new", "8 reports new") for unit in ("s", "CPU s")]
    expected = [["none", call] for call in [*calls, *passes]]
    assert lines[1][2] == "write and fsync"
    assert [line[:1] + line[2:3] for line in lines[2:]] == [*expected, *(["asha", call] for call in calls)]
    assert all(float(cell) >= 0 for line in lines[1:] for cell in line[3:])


@pytest.mark.parametrize("early_stopping", ["none", "asha"])
def test_every_trial_is_played_to_its_end_or_stopped(early_stopping: str, tmp_path: Path) -> None:
    list(driver.rows(driver.sweep(20, 9, early_stopping), 9, tmp_path))
    records = SweepFolder.open(tmp_path / early_stopping).state().trials.values()
    pruned = [record for record in records if record.outcome is Outcome.PRUNED]
    completed = [record for record in records if record.outcome is Outcome.COMPLETED]
    assert len(pruned) + len(completed) == len(records) == 20
    assert bool(pruned) == (early_stopping == "asha")
    assert all(len(record.reports) == 9 for record in completed)
    assert all(len(record.reports) < 9 for record in pruned)

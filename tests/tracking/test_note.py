"""What a sweep's run says at its top."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tracked_sweep import Driver

from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.objective import Objective
from gensweep.tracking.note import Standing, note

FID = Objective(metric="fid", mode="min")


def said(driver: Driver, standing: Standing, objective: Objective | None = FID) -> str:
    folder = driver.folder.path
    return note("study", SweepFolder.open(folder).state(), objective, standing, folder / "report")


def compared(driver: Driver, ended: int, **changes: Any) -> dict[str, Any]:
    """A comparison as the report of a sweep has it."""
    arm = {
        "arm": "wae", "n_search": 2, "trial": "1", "selected": 20.0, "optimism": 1.0,
        "search": {"completed": 2, "stopped_early": 1, "diverged": 0, "failed": 0, "best": 20.0, "best_trial": "1"},
        "confirmed": {"mean": 21.5, "median": 30.5, "low": 19.25, "high": 23.75, "seeds": 5},
    }  # fmt: skip
    found = {
        "metric": "fid", "verdict": {"sentence": "By fid on the test split: wae is best."}, "arms": [arm],
        "pairs": [{"a": "wae", "b": "gan", "p_adjusted": 0.01, "effect": 0.5, "low": 0.25, "high": 0.75, "distinguished": True}],
        "confirmation": {"statistic": "geometric mean", "scale": "log"}, "progress": {"ended": ended}, **changes,
    }  # fmt: skip
    report = driver.folder.path / "report"
    report.mkdir(exist_ok=True)
    (report / "comparison.json").write_text(json.dumps(found))
    return found


def test_a_sweep_that_runs_says_how_far_it_is_and_how_it_is_stopped(driver: Driver) -> None:
    for number, fid in enumerate((30.0, 20.0)):
        driver.issue(number)
        driver.end(number, "PRUNED" if number else "COMPLETED", fid=fid)
    driver.issue(2)
    driver.end(2, "DIVERGED", "nan", fid=1.0)
    driver.issue(3)
    compared(driver, 3)  # of an earlier stop: while it runs it counts for nothing
    text = said(driver, "running")
    assert "It is running: 3 trials ended (1 completed, 1 pruned and 1 diverged), 1 is not over" in text
    assert "| arm | ended | best fid | trial |" in text
    assert "| wae | 3 | 20 | 1 |" in text
    assert text.endswith("    gensweep show study\n    gensweep stop study")
    assert "wae is best" not in text


def test_the_best_is_of_the_search_alone_and_by_the_objective(driver: Driver) -> None:
    for number, fid in enumerate((30.0, 20.0, 25.0)):
        driver.issue(number)
        driver.end(number, fid=fid)
    assert "| wae | 3 | 30 | 0 |" in said(driver, "running", Objective(metric="fid", mode="max"))
    assert "best" not in said(driver, "running", None)
    driver.folder.events.append({"event": "issued", "number": 3, "key": "03" * 32, "arm": "wae", "position": 1, "parent": 1,
                                 "repeat": 0, "parameters": {}, "configuration": {}})  # fmt: skip
    driver.end(3, fid=1.0)
    assert "| wae | 4 | 20 | 1 |" in said(driver, "running")


def test_a_sweep_that_is_done_says_its_verdict_with_the_tables(driver: Driver) -> None:
    driver.issue(0)
    driver.end(0)
    compared(driver, 1)
    text = said(driver, "done")
    assert text.startswith(
        "**By fid on the test split: wae is best.**\n\n| arm | trial | fid on the test split | 95 % CI |"
    )
    assert "| wae | 1 | 21.5 | [19.2, 23.8] | 5 | 20 | 2 | 20 |" in text
    assert "| wae and gan | 0.5 [0.25, 0.75] | 0.01 | distinguished |" in text
    assert text.endswith(
        "    gensweep compare study\n    gensweep report study\n    gensweep resume study --samples +8"
    )
    compared(driver, 1, confirmation={"statistic": "median"})
    assert "| wae | 1 | 30.5 |" in said(driver, "done")


def test_without_confirmation_it_says_what_the_search_found_and_how_to_confirm(driver: Driver) -> None:
    driver.issue(0)
    driver.end(0)
    found = compared(driver, 1, verdict={"sentence": "Not confirmed."})
    del found["confirmation"]
    (driver.folder.path / "report" / "comparison.json").write_text(json.dumps(found))
    text = said(driver, "done")
    assert "| arm | best fid | trial | completed | stopped early | diverged | failed |" in text
    assert "| wae | 20 | 1 | 2 | 1 | 0 | 0 |" in text
    assert "    gensweep confirm study --top 1 --seeds 5\n" in text


def test_a_sweep_that_was_stopped_says_how_it_goes_on(driver: Driver) -> None:
    driver.issue(0)
    text = said(driver, "stopped")
    assert "It was stopped, and can go on: 0 trials ended (none), 1 is not over. There is no verdict yet." in text
    assert "    gensweep resume study\n" in text
    driver.issue(1)
    assert "ended (none), 2 are not over. There" in said(driver, "stopped")
    for number in range(2):
        driver.end(number, "COMPLETED", fid=1.0)
    assert "2 trials ended (2 completed). There is no verdict yet." in said(driver, "stopped")


@pytest.mark.parametrize("ended", [0, 2, None, "1"])
def test_a_comparison_of_other_trials_is_no_verdict(driver: Driver, ended: Any) -> None:
    driver.issue(0)
    driver.end(0)
    compared(driver, ended)
    assert "There is no verdict yet" in said(driver, "done")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"verdict": 5}', '{"verdict": {"sentence": 5}, "progress": {"ended": 1}}']
)
def test_a_comparison_that_is_none_is_left_out(driver: Driver, text: str) -> None:
    driver.issue(0)
    driver.end(0)
    compared(driver, 1)
    (driver.folder.path / "report" / "comparison.json").write_text(text)
    assert "There is no verdict yet" in said(driver, "done")


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_file_is_not_read(driver: Driver, tmp_path: Path, kind: str) -> None:
    driver.issue(0)
    driver.end(0)
    compared(driver, 1)
    file = driver.folder.path / "report" / "comparison.json"
    file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(tmp_path / "elsewhere.json") if kind == "link" else os.mkfifo(file)
    assert "There is no verdict yet" in said(driver, "done")


def test_a_strangers_texts_are_harmless(driver: Driver) -> None:
    driver.issue(0)
    driver.end(0)
    hostile = "<img src=x onerror=y> [a](javascript:b) c|d\x1b[31m"
    compared(driver, 1, verdict={"sentence": hostile}, metric=hostile, arms=[{"arm": hostile}, 5, {"arm": {"a": 1}}],
             pairs={"a": 1})  # fmt: skip
    text = said(driver, "done")
    assert "<img" not in text
    assert "[a](" not in text
    assert "\x1b" not in text
    assert "c\\|d" in text
    assert "| - | - |" in text


def test_a_long_one_keeps_the_sentence_and_the_commands(driver: Driver) -> None:
    driver.issue(0)
    driver.end(0)
    found = compared(driver, 1)
    compared(driver, 1, pairs=[found["pairs"][0]] * 200)
    text = said(driver, "done")
    assert "| wae | 1 | 21.5 |" in text
    assert "wae and gan" not in text
    compared(driver, 1, pairs=[], arms=found["arms"] * 200)
    text = said(driver, "done")
    assert text.startswith("**By fid on the test split: wae is best.**\n\n    gensweep compare study")
    assert len(text) < 5000
    compared(driver, 1, verdict={"sentence": "x" * 10_000})
    assert len(said(driver, "done")) <= 4900

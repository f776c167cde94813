"""Tiny sizes of each part, so that it does not rot: what it compares and prints, and not how long that took."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import gensweep
from gensweep.benchmarks import end_to_end, packs, steps
from gensweep.benchmarks import workloads as of
from gensweep.component import build
from gensweep.datasets.base import Dataset, load
from gensweep.spaces.check import load_and_check
from gensweep.trainers.loop import train

ROOT = Path(gensweep.__file__).parents[1]


@pytest.mark.parametrize("workload", [of.VAE_64, of.WAE_64], ids=lambda workload: workload.name)
def test_the_loop_by_hand_is_the_same_training(workload: of.Workload) -> None:
    """Both begin with the same weights and see the same items and noise: losses differ by rounding, which Adam amplifies."""
    by_hand = steps.by_hand(workload, 2).ready()()
    assert isinstance(by_hand, torch.Tensor)
    epochs = [[*progress.parts.values()][:3] for progress in train(workload.trainee(), workload.data(), 2, of.BATCH, 0)]
    assert by_hand.tolist() == pytest.approx(torch.tensor(epochs).mean(0).tolist(), rel=1e-3)


def test_a_step_is_measured_in_every_way(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(steps.step_rows([of.VAE_64, of.WAE_64], 1, 1, 2, compiled=False))
    assert [row[:2] for row in rows] == [
        (workload.name, way) for workload in (of.VAE_64, of.WAE_64) for way in ("by hand", "alone", "pack of 1", "pack of 2")
    ]  # fmt: skip
    assert all(float(ms) > 0 and float(speed) > 0 for _, _, ms, speed in rows)
    assert all(float(row[3]) == 1 for row in rows if row[1] == "by hand")
    assert "step: WAE, MLP 64-128-128-8" in capsys.readouterr().err


def test_packs_are_measured_by_their_rows() -> None:
    rows = list(steps.pack_rows([of.WGAN_64], 1, 1, (1, 2, 3), compiled=False))
    assert [row[1] for row in rows] == ["alone", "pack of 2", "pack of 3"]
    assert all(float(rate) > 0 and float(gain) > 0 for _, _, rate, gain, _ in rows)


def test_the_rounds_of_all_trainees_are_played() -> None:
    """What is divided by has to be what was played, for a family of several batches a round too."""
    for workload in (of.VAE_64, of.WGAN_64):
        trainee = workload.trainee()
        list(train(trainee, workload.data(), 2, of.BATCH, 0))
        assert trainee.step == workload.rounds(2)
        *_, last = steps.stacked(workload, 2, 3, compiled=False).ready()()  # type: ignore[misc]
        assert sorted((row, progress.step) for row, progress in last.items()) == [
            (row, trainee.step) for row in range(3)
        ]


def test_both_of_a_contest_have_the_same_trials(tmp_path: Path) -> None:
    short = end_to_end.short_trials(tmp_path)
    for contest in (short, end_to_end.default_trials()):
        sweep = load_and_check(contest.file, [*contest.overrides, "search.samples=1"])
        trial = sweep.definition()["trial"]
        plain = contest.plain
        assert trial["network"]["hidden"] == plain["hidden"]
        assert trial["training"]["epochs"] == plain["epochs"]
        assert trial["training"]["batch_size"] == plain["batch_size"]
        assert trial["evaluation"]["every"] == plain["every"]
        named = [metric if isinstance(metric, str) else metric["name"] for metric in trial["evaluation"]["metrics"]]
        assert named == list(plain["metrics"])
        assert sweep.confirm is None
    dataset = build("datasets", short.plain["dataset"])
    assert isinstance(dataset, Dataset)
    splits = load(dataset)
    assert [len(splits.train), len(splits.validation)] == [697, 1000]
    assert len(splits.train) // 64 * short.plain["epochs"] == 300
    assert short.plain["epochs"] / short.plain["every"] == 5


@pytest.mark.slow
def test_evaluation_has_a_row_for_each_mode() -> None:
    contest = end_to_end.default_trials(epochs=1)
    rows = list(packs.shares(contest, 2))  # no pack has more rows than an arm has trials
    assert [row[0] for row in rows] == ["alone", "pack of 2"]
    assert all(row[1] == "8" and 0 < float(row[4].rstrip("%")) < 100 for row in rows)


@pytest.mark.slow
def test_a_quick_run_prints_every_table() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gensweep.benchmarks.packs", "--quick"], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    lines = [re.split(r" {2,}", line) for line in done.stdout.splitlines()]
    assert re.match(r"\d+ cores of .+, Python 3.+, torch 2", done.stdout)
    assert [line[0] for line in lines if len(line) == 1 and line[0]][1:] == [
        "step", "packs", "evaluation: search_spaces/wae.yaml, whole trials", "end to end: 5 epochs of 10 steps, 5 reports",
    ]  # fmt: skip
    ways = [line[1] for line in lines if line[0] in (of.VAE_64.name, of.WGAN_64.name)]
    assert ways == [
        "by hand", "alone", "pack of 1", "pack of 2", "pack of 1, compiled", "pack of 2, compiled",
        "alone", "pack of 2", "pack of 1, compiled", "pack of 2, compiled",
    ]  # fmt: skip
    rates = {line[0]: line[1:] for line in lines if len(line) == 7 and line[0] != "way"}
    assert list(rates) == ["plain script", "pack=auto, the first time", "pack=auto, again", "pack=off"]
    assert all(cells[0] == "2" and float(cells[3]) > 0 for cells in rates.values())
    assert "not every trial was completed" not in done.stderr

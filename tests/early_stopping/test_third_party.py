"""A rule in one new file of another distribution, used from YAML with no other change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gensweep.component import build
from gensweep.errors import ConfigError
from gensweep.spaces.check import load_and_check

RULE = '''"""A rule of a third party."""

from typing import Literal

from pydantic import Field

from gensweep.early_stopping.base import EarlyStopping, GoOn, Stop


class Patience(EarlyStopping):
    """A trial ends once it has reported this often and no better than at first."""

    summary = "no better than at first after so many reports"
    name: Literal["patience"] = "patience"
    reports: int = Field(3, ge=2, description="after which a trial has to be better than at first")

    def decide(self, arm, history, trial, seed):
        if len(trial.reports) < self.reports or trial.position == 0:
            return GoOn()
        return Stop(f"patience of {self.reports} reports in {arm.label}")
'''
SPACE = """
defaults: [base, {dataset: ring}, _self_]
name: plug
objective: {metric: sliced_wasserstein}
search: {sampler: random, samples: 2, seed: 0}
early_stopping: {name: patience, reports: 2}
trial:
  dataset: {n_train: 512, n_validation: 128, n_test: 128}
  network: {name: mlp, hidden: [8]}
  latent_size: 2
  family: {name: vae, beta: loguniform(0.1, 1)}
  training: {epochs: 4}
  evaluation: {metrics: [sliced_wasserstein], every: 1}
  seed: 0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder, and beside it a distribution with the rule."""
    info = tmp_path / "site" / "patience-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: patience\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gensweep.early_stopping]\npatience = patience_rule:Patience\n")
    (tmp_path / "site" / "patience_rule.py").write_text(RULE)
    (tmp_path / "space.yaml").write_text(SPACE)
    return tmp_path


def gensweep(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS", "GENSWEEP_RUNS")
    }
    path = os.pathsep.join([str(folder / "site"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]).rstrip(
        os.pathsep
    )
    return subprocess.run(
        [sys.executable, "-m", "gensweep", *arguments], cwd=folder, capture_output=True, text=True, timeout=240,
        env={**inherited, "PYTHONPATH": path},
    )  # fmt: skip


def test_a_rule_of_another_distribution_ends_trials_of_a_sweep(folder: Path, empty_database: Path) -> None:
    shutil.copy(empty_database, folder / "mlflow.db")
    ran = gensweep(folder, "run", "space.yaml", "--in-process")
    assert ran.returncode == 0, ran.stderr
    lines = (folder / "runs" / "plug" / "ledger" / "events.jsonl").read_text().splitlines()
    ends = {e["number"]: e for e in map(json.loads, lines) if e["event"] == "ended"}
    assert {number: end["outcome"] for number, end in ends.items()} == {0: "COMPLETED", 1: "PRUNED"}
    assert ends[1]["reason"] == "patience of 2 reports in vae"
    reported = [e["epoch"] for e in map(json.loads, lines) if e["event"] == "reported" and e["number"] == 1]
    assert reported == [1, 2]


def test_its_fields_are_checked_like_any_other(folder: Path) -> None:
    wrong = gensweep(folder, "check", "space.yaml", "early_stopping={name: patience, report: 2, reports: 1}")
    assert wrong.returncode == 2
    assert "unknown field 'report' of patience. Did you mean 'reports'?" in wrong.stderr
    assert "early_stopping.reports: 1 is not allowed" in wrong.stderr


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("early_stopping={name: pbt, interval: 1}", "vae: pbt changes continuous hyperparameters"),
        (
            "early_stopping={name: hyperband, grace_period: 2}",
            "hyperband needs two brackets to stop anything, and 4 epochs",
        ),
    ],
)
def test_a_rule_that_can_do_nothing_here_is_refused_with_the_cure(folder: Path, override: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_and_check(folder / "space.yaml", [override, "trial.family.beta=1"])
    (problem,) = refused.value.problems
    assert says in problem.message
    assert "space.yaml" in problem.where or "early_stopping" in problem.where


@pytest.mark.parametrize("name", ["asha", "hyperband", "median", "none", "pbt"])
def test_every_rule_of_our_own_is_a_group_of_the_defaults_list(folder: Path, name: str) -> None:
    grouped = SPACE.replace("early_stopping: {name: patience, reports: 2}\n", "").replace("epochs: 4", "epochs: 20")
    grouped = grouped.replace("_self_]", f"{{override early_stopping: {name}}}, _self_]")
    (folder / "grouped.yaml").write_text(grouped)
    assert load_and_check(folder / "grouped.yaml").early_stopping == build("early_stopping", name)

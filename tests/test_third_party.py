"""Components in new files of another distribution, used from YAML on Ray with no other change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # an installed package, and a sweep of it on Ray: half a minute

MODULE = '''"""What a third party adds: a divergence, a searcher and a stopping rule."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gensweep.axes import space as spaces
from gensweep.divergences.base import Divergence
from gensweep.early_stopping.base import EarlyStopping, GoOn, Stop
from gensweep.searchers.base import Searcher


class MeanGap(Divergence):
    """The squared distance of the means."""

    name: Literal["mean_gap"] = "mean_gap"
    power: int = 2

    def penalty(self, x, y, nets, noise, knobs):
        return (x.mean(0) - y.mean(0)).abs().pow(self.power).sum()


class Corner(Searcher):
    """Every axis at one share, a little more at each position."""

    summary: ClassVar[str] = "every axis at one share"
    is_adaptive: ClassVar[bool] = False
    name: Literal["corner"] = "corner"
    share: float = 0.5

    def propose(self, arm, history, position, seed):
        return spaces.drawn(arm.space, lambda axis: axis.distribution.at(min(self.share + position / 8, 0.99)))


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
ENTRY_POINTS = """[gensweep.divergences]
mean_gap = third:MeanGap
[gensweep.searchers]
corner = third:Corner
[gensweep.early_stopping]
patience = third:Patience
"""
SPACE = """
defaults: [base, _self_]
name: plug
confirm: none
objective: {metric: sliced_wasserstein}
search: {sampler: corner, samples: 2, share: 0.75}
early_stopping: {name: patience, reports: 2}
trial:
  dataset: {name: array, path: points.npy}
  network: {name: mlp, hidden: [8]}
  latent_size: int(1, 8)
  family: {one_of: [{name: vae}, {name: wae, lambda: uniform(1, 9), divergence: {name: mean_gap, power: 4}}]}
  training: {epochs: 4}
  evaluation: {metrics: [sliced_wasserstein], every: 1}
  seed: 0
"""


class Swept(NamedTuple):
    """A finished sweep of the third party's components: its working folder, PYTHONPATH and the events of its log."""

    folder: Path
    path: str
    events: list[dict[str, Any]]


def gensweep(folder: Path, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    without = ("MLFLOW_TRACKING_URI", "RAY_ADDRESS", "GENSWEEP_RUNS")
    inherited = {name: value for name, value in os.environ.items() if name not in without}
    return subprocess.run(
        [sys.executable, "-m", "gensweep", *arguments], cwd=folder, capture_output=True, text=True, timeout=240,
        env={**inherited, "PYTHONPATH": path},
    )  # fmt: skip


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Swept:
    """The space beside its data in a folder of its own, run from the folder above; the workers stand in others again."""
    folder = tmp_path_factory.mktemp("third-party")
    (information := folder / "site" / "third-1.0.dist-info").mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: third\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    (folder / "site" / "third.py").write_text(MODULE)
    (folder / "study").mkdir()
    (folder / "study" / "space.yaml").write_text(SPACE)
    points = np.random.default_rng(0).normal(size=(400, 2)).astype("float32")
    np.save(folder / "study" / "points.npy", points)
    shutil.copy(empty_database, folder / "mlflow.db")
    path = os.pathsep.join([str(folder / "site"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    ran = gensweep(folder, path.rstrip(os.pathsep), "run", "study/space.yaml")
    assert ran.returncode == 0, ran.stderr
    log = (folder / "runs" / "plug" / "ledger" / "events.jsonl").read_text()
    return Swept(folder, path.rstrip(os.pathsep), [json.loads(line) for line in log.splitlines()])


def test_a_searcher_in_one_new_file_is_used(swept: Swept) -> None:
    issued = [event for event in swept.events if event["event"] == "issued"]
    assert {(event["arm"], event["position"]): event["parameters"] for event in issued} == {
        ("vae", 0): {"latent_size": 7}, ("wae", 0): {"latent_size": 7, "family.lambda": 7.0},
        ("vae", 1): {"latent_size": 8}, ("wae", 1): {"latent_size": 8, "family.lambda": 8.0},
    }  # fmt: skip


def test_a_divergence_in_one_new_file_is_used_on_workers_too(swept: Swept) -> None:
    issued = {event["number"]: event["configuration"] for event in swept.events if event["event"] == "issued"}
    trained = [e["number"] for e in swept.events if e["event"] == "ended" and e["outcome"] in ("COMPLETED", "PRUNED")]
    assert len(trained) == 4
    of_wae = [configuration for configuration in issued.values() if configuration["family"]["name"] == "wae"]
    assert [c["family"]["divergence"] for c in of_wae] == [{"name": "mean_gap", "power": 4}] * 2
    # and the workers, which stand in folders of their own, find what the file names beside itself
    assert of_wae[0]["dataset"]["path"] == str(swept.folder / "study" / "points.npy")


def test_a_stopping_rule_in_one_new_file_ends_trials(swept: Swept) -> None:
    issued = {event["number"]: event for event in swept.events if event["event"] == "issued"}
    ended = {event["number"]: event for event in swept.events if event["event"] == "ended"}
    for number, event in ended.items():
        first = issued[number]["position"] == 0
        reported = [e["epoch"] for e in swept.events if e["event"] == "reported" and e["number"] == number]
        assert event["outcome"] == ("COMPLETED" if first else "PRUNED")
        assert reported == ([1, 2, 3, 4] if first else [1, 2])
        assert first or event["reason"] == f"patience of 2 reports in {issued[number]['arm']}"


def test_their_fields_are_checked_like_any_other(swept: Swept) -> None:
    wrong = gensweep(swept.folder, swept.path, "check", "study/space.yaml", "search={sampler: corner, shar: 0.5}",
                     "early_stopping={name: patience, report: 2, reports: 1}", "trial.family=wae",
                     "trial.family.divergence={name: mean_gap, powr: 4}")  # fmt: skip
    assert wrong.returncode == 2
    for says in (
        "unknown field 'shar' of corner. Did you mean 'share'?",
        "unknown field 'report' of patience. Did you mean 'reports'?",
        "early_stopping.reports: 1 is not allowed",
        "unknown field 'powr' of mean_gap. Did you mean 'power'?",
    ):
        assert says in wrong.stderr


@pytest.mark.parametrize(
    ("kind", "name", "what"),
    [
        ("searchers", "corner", "every axis at one share"),
        ("divergences", "mean_gap", "The squared distance of the means."),
        ("early_stopping", "patience", "no better than at first after so many reports"),
    ],
)
def test_they_are_listed_among_ours(swept: Swept, kind: str, name: str, what: str) -> None:
    listed = json.loads(gensweep(swept.folder, swept.path, "list", kind, "--json").stdout)
    names = [row["name"] for row in listed]
    assert names == sorted(names)
    assert len(names) > 5
    assert {"name": name, "what": what} in [{key: row[key] for key in ("name", "what")} for row in listed]
    assert all("cannot be imported" not in row["what"] for row in listed)

"""The file that optuna-dashboard shows."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import optuna
import pytest
from optuna.trial import TrialState

from gensweep.ledger.state import SweepState
from gensweep.searchers.studies.dashboard import write_studies
from tests.searchers.searches import Sweep, arms_of

TREE = {
    "size": "choice([8], null, true)",
    "q": "quniform(0.1, 1.1, 0.3333333333333333)",
    "lr": "loguniform(1, 10)",
    "family": {"one_of": ["vae", {"name": "wae", "n": "int(1, 3)"}]},
}


@pytest.fixture
def sweep() -> Sweep:
    """Two arms; of vae trials 0 to 4 that ended in every way and one that runs, of wae trial 6."""
    arms = arms_of(TREE, "max")
    sweep = Sweep(arms["vae"])
    for i in range(6):
        sweep.issue({"size": [[8], None, True][i % 3], "q": 0.1 + i % 3 / 3, "lr": 1.0 + i})
    sweep.complete(0, 0.25, 0.75, 0.5)
    sweep.end(1, "DIVERGED", 0.9)
    sweep.end(2, "FAILED", 0.8)
    sweep.end(3, "PRUNED", 0.1, 0.2)
    sweep.end(4, "PRUNED", 0.1, math.nan)
    sweep.arm = arms["wae"]
    sweep.complete(sweep.issue({"size": None, "q": 1.1, "lr": 2.0, "n": 3, "family.n": 2}), 0.4)
    sweep.copy(5, {"size": True, "q": 0.1, "lr": 11.0})
    return sweep


def loaded(path: Path, label: str) -> optuna.Study:
    return optuna.load_study(study_name=label, storage=f"sqlite:///{path}")


def test_every_trial_is_there_with_all_that_came_of_it(sweep: Sweep, tmp_path: Path) -> None:
    write_studies(arms_of(TREE, "max"), sweep.state, tmp_path / "study.db")
    vae = loaded(tmp_path / "study.db", "vae")
    assert vae.direction is optuna.study.StudyDirection.MAXIMIZE
    assert vae.metric_names == ["fid"]
    trials = vae.get_trials()
    assert [t.user_attrs["gensweep.number"] for t in trials] == [0, 1, 2, 3, 4, 5]
    assert [t.state for t in trials] == [
        TrialState.COMPLETE, TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED, TrialState.PRUNED, TrialState.RUNNING,
    ]  # fmt: skip
    assert [t.value for t in trials] == [0.75, -math.inf, None, 0.2, None, None]
    assert trials[0].intermediate_values == {1: 0.25, 2: 0.75, 3: 0.5}
    assert math.isnan(trials[4].intermediate_values[2])
    assert [t.user_attrs.get("outcome") for t in trials] == [
        "completed", "diverged", "failed", "pruned", "pruned", None,
    ]  # fmt: skip
    assert trials[1].user_attrs["reason"] == "because"
    assert [t.params["size"] for t in trials[:3]] == ["[8]", "null", "true"]
    assert [t.params["q"] for t in trials[:3]] == pytest.approx([0.1, 0.1 + 1 / 3, 0.1 + 2 / 3])
    assert trials[5].params["lr"] == 10  # a copy moved it over the end
    (only,) = loaded(tmp_path / "study.db", "wae").get_trials()
    assert (only.value, only.user_attrs["gensweep.number"], only.params["family.n"]) == (0.4, 6, 2)
    assert vae.best_trial.number == 0


def test_the_timeline_is_that_of_the_trials(sweep: Sweep, tmp_path: Path) -> None:
    start = 1_700_000_000_000
    times = {0: (start, start + 90_000), 1: (start + 5_000, start), 5: (start + 1_000, start + 2_000)}
    write_studies(arms_of(TREE, "max"), sweep.state, tmp_path / "study.db", times)
    trials = loaded(tmp_path / "study.db", "vae").get_trials()
    assert trials[0].datetime_start == datetime.fromtimestamp(start / 1000)
    assert trials[0].duration == timedelta(seconds=90)
    assert trials[1].duration == timedelta(0)  # a clock that went back
    assert (trials[5].datetime_start, trials[5].datetime_complete) == (
        datetime.fromtimestamp(start / 1000 + 1), None,
    )  # it was taken up again, and runs  # fmt: skip


def test_the_dashboard_itself_shows_every_trial(sweep: Sweep, tmp_path: Path) -> None:
    """By the answer of its server to its page: what is not finite is there as a text, and does not break it."""
    dashboard = pytest.importorskip("optuna_dashboard", reason="pip install optuna-dashboard")
    write_studies(arms_of(TREE, "max"), sweep.state, tmp_path / "study.db")
    asked = dict[str, Any](wsgi_defaults(), PATH_INFO="/api/studies/1")
    said = list[str]()
    body = b"".join(
        dashboard.wsgi(f"sqlite:///{tmp_path / 'study.db'}")(asked, lambda status, _, __=None: said.append(status))
    )
    assert said == ["200 OK"]
    study = json.loads(body, parse_constant=pytest.fail)
    assert (study["name"], study["directions"], study["objective_names"]) == ("vae", ["maximize"], ["fid"])
    assert [(t["state"], t.get("values")) for t in study["trials"]] == [
        ("Complete", [0.75]), ("Complete", ["-inf"]), ("Fail", None), ("Pruned", [0.2]), ("Pruned", None), ("Running", None),
    ]  # fmt: skip
    (size,) = [one["param_external_value"] for one in study["trials"][0]["params"] if one["name"] == "size"]
    assert size == "[8]"


def wsgi_defaults() -> dict[str, Any]:
    asked: dict[str, Any] = {}
    setup_testing_defaults(asked)
    return asked


def test_it_replaces_the_older_file_and_leaves_nothing_else(sweep: Sweep, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.write_text("an older one")
    (tmp_path / ".study.db.new").write_text("left by a crash")
    for _ in range(2):
        write_studies(arms_of(TREE, "max"), sweep.state, path)
        assert [p.name for p in tmp_path.iterdir()] == ["study.db"]
        assert len(loaded(path, "vae").get_trials()) == 6


def test_when_it_cannot_be_written_the_older_file_stays(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "study.db"
    path.write_text("an older one")

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(optuna.Study, "add_trials", full)
    with pytest.raises(OSError, match="no space left"):
        write_studies(arms_of(TREE, "max"), sweep.state, path)
    assert path.read_text() == "an older one"
    assert [p.name for p in tmp_path.iterdir()] == ["study.db"]


def test_a_sweep_without_a_trial_has_empty_studies(tmp_path: Path) -> None:
    write_studies(arms_of(TREE), SweepState(), tmp_path / "study.db")
    assert loaded(tmp_path / "study.db", "wae").get_trials() == []
    assert loaded(tmp_path / "study.db", "wae").direction is optuna.study.StudyDirection.MINIMIZE


@pytest.mark.parametrize("name", ["a%2Fb", "what?", "x{0}y"])
def test_the_folder_keeps_the_name_it_has(tmp_path: Path, name: str) -> None:
    (folder := tmp_path / name).mkdir()
    write_studies(arms_of(TREE), SweepState(), folder / "study.db")
    assert list(tmp_path.iterdir()) == [folder]
    assert list(folder.iterdir()) == [folder / "study.db"]

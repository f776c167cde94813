"""What a machine lacks of what a sweep's trials need, asked as if another one were asked."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

import gensweep
from gensweep import registry
from gensweep.datasets import base as datasets
from gensweep.errors import CannotRun
from gensweep.spaces.needs import Mark, Needs, marked, members_of
from gensweep.spaces.sweep import Sweep
from tests.executors.ray_nodes import REPOSITORY
from tests.executors.strangers import as_nobody, needs_root

LOADED = "sys, gensweep.spaces.needs"


@pytest.fixture
def sweep() -> Sweep:
    trial = {"dataset": "ring", "family": {"one_of": ["vae", {"name": "wae", "lambda": 1.0, "divergence": "mmd"}]}}
    objective = {"metric": "sliced_wasserstein"}
    return gensweep.check(
        {"objective": objective, "trial": {**trial, "evaluation": {"metrics": ["sliced_wasserstein"]}}}
    )


def test_a_machine_that_has_all_of_it_lacks_nothing(sweep: Sweep, tmp_path: Path) -> None:
    with marked(tmp_path / "runs" / "wae") as mark:
        assert mark.file.parent == tmp_path, "the nearest folder that is there"
        needs = pickle.loads(pickle.dumps(Needs.of(sweep, mark)))
        assert needs() == []
    assert list(tmp_path.iterdir()) == []


def test_every_branch_counts(sweep: Sweep) -> None:
    found = members_of(sweep)
    wanted = {("families", "vae"), ("families", "wae"), ("divergences", "mmd"), ("metrics", "sliced_wasserstein")}
    assert wanted < found
    assert ("datasets", "ring") in found


def test_all_that_is_lacking_is_said(sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = Needs.of(sweep, Mark(tmp_path / "mark", "here"))
    (tmp_path / "mark").write_text("there")
    monkeypatch.setattr(
        registry, "names", lambda kind: [] if kind == "divergences" else [name for _, name in needs.members]
    )
    runs, member = needs()
    assert runs.startswith(f"does not see the folder of the runs: what the driver wrote into {tmp_path} is not there")
    assert member == "has no divergence 'mmd'. Install there the package that it is of, as it is here."


def test_other_data_of_the_same_name_are_said(sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with marked(tmp_path) as mark:
        needs = Needs.of(sweep, mark)
        here = datasets.load

        def other(dataset: datasets.Dataset) -> datasets.Splits:
            return replace(here(dataset), digest="f" * 64)

        monkeypatch.setattr(datasets, "load", other)
        (said,) = needs()
    assert "trial.dataset: is other data there (SHA-256 ffffffffffff) than where the command runs (" in said


@needs_root
def test_a_folder_that_cannot_be_written_there_is_said(tmp_path: Path) -> None:
    for folder in (tmp_path, *(above for above in tmp_path.parents if "pytest" in str(above))):
        folder.chmod(0o755)
    mine = {"PYTHONPATH": REPOSITORY}
    code = "from pathlib import Path; print(gensweep.spaces.needs.Mark(Path(sys.argv[1]) / 'mark', 'text').problem())"
    (tmp_path / "mark").write_text("text")
    (tmp_path / "mark").chmod(0o644)
    told = as_nobody(code, str(tmp_path), loaded=LOADED, environment=mine)
    assert "cannot be written (Permission denied), and trials write there. Make it writable" in told.stdout, told.stderr
    (tmp_path / "mark").chmod(0o600)
    told = as_nobody(code, str(tmp_path), loaded=LOADED, environment=mine)
    assert "is not there (Permission denied)" in told.stdout, told.stderr


def test_a_place_that_cannot_be_marked_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="/proc/1 cannot be written"), marked(Path("/proc/1/no")):
        pass

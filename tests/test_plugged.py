"""Folders of components in a library: several in a process, questions that travel to other machines, helpers and versions."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import gensweep
from gensweep import registry
from gensweep.campaign import synchronise
from gensweep.component import build
from gensweep.errors import ConfigError
from gensweep.plugged import Elsewhere
from gensweep.registry.folder import read
from gensweep.spaces.needs import Mark, Needs
from gensweep.spaces.sources import data_problems
from tests.own_components import FILES, SPACE, write_components

RESULT = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb'))())"


@pytest.fixture(autouse=True)
def _own_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GENSWEEP_TRUSTED", "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setattr(registry, "_used", [])
    monkeypatch.setattr(registry, "_refused", {})
    write_components(tmp_path / "mine")
    (tmp_path / "space.yaml").write_text(SPACE)


def test_a_library_runs_and_loads_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = gensweep.run("space.yaml", plugins="mine", in_process=True)
    shutil.rmtree(tmp_path / "mine")
    monkeypatch.setattr(registry, "_used", [])
    assert gensweep.load("own").best("shifted").model.sample(3).shape == (3, 2)
    monkeypatch.setattr(registry, "_used", [])
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "another-account"))
    monkeypatch.setenv("GENSWEEP_TRUSTED", "")
    results = gensweep.load("own")
    with pytest.raises(ConfigError, match="say --plugins"):
        results.best("shifted").model  # noqa: B018
    copy = results.folder.path / "plugins"
    assert gensweep.load("own", plugins=copy).best("shifted").model.sample(3).shape == (3, 2)


def test_models_of_a_sweep_whose_components_nobody_trusts_are_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = gensweep.run("space.yaml", plugins="mine", in_process=True).folder
    monkeypatch.setattr(registry, "_used", [])
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "another-account"))
    monkeypatch.setenv("GENSWEEP_TRUSTED", "")
    before = (folder.path / "ledger" / "events.jsonl").read_bytes()
    with pytest.raises(ConfigError, match="say --plugins"):
        synchronise(folder, f"sqlite:///{tmp_path}/mlflow.db")
    assert (folder.path / "ledger" / "events.jsonl").read_bytes() == before


def test_a_sweep_knows_what_it_takes_along() -> None:
    sweep = gensweep.check("space.yaml", plugins="mine")
    assert sorted(sweep.plugins) == sorted(FILES)
    assert dict(sweep.plugins) == read(Path("mine")).digests


def test_a_question_travels_with_what_it_needs(tmp_path: Path) -> None:
    sweep = gensweep.check("space.yaml", plugins="mine")
    (folder,) = registry.in_use()
    mark = Mark(tmp_path / "mark", "text")
    mark.file.write_text("text")
    (tmp_path / "asked").write_bytes(pickle.dumps(Needs.of(sweep, mark, folder)))
    shutil.rmtree(tmp_path / "mine")
    asked = subprocess.run(
        [sys.executable, "-c", RESULT, "asked"], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert asked.stdout.strip() == "[]", asked.stderr


def test_any_question_travels_with_the_plugins_that_it_needs(tmp_path: Path) -> None:
    sweep = gensweep.check("space.yaml", plugins="mine")
    (folder,) = registry.in_use()
    (tmp_path / "asked").write_bytes(pickle.dumps(Elsewhere.of(folder, partial(data_problems, sweep))))
    shutil.rmtree(tmp_path / "mine")
    asked = subprocess.run(
        [sys.executable, "-c", RESULT, "asked"], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert asked.stdout.strip() == "[]", asked.stderr


def test_two_versions_of_a_member_are_not_used_in_one_process(tmp_path: Path) -> None:
    registry.use(read(tmp_path / "mine"))
    write_components(tmp_path / "other", mean_gap=FILES["divergences/mean_gap.py"] + "# changed\n")
    with pytest.raises(
        ConfigError, match=r"other/divergences/mean_gap.py: .* is there already, of .*mine/divergences/mean_gap.py"
    ):
        registry.use(read(tmp_path / "other"))
    assert len(registry.in_use()) == 1


def test_a_folder_with_one_member_more_is_used_beside_the_first(tmp_path: Path) -> None:
    registry.use(read(tmp_path / "mine"))
    more = FILES["divergences/mean_gap.py"].replace("MeanGap", "Other").replace("mean_gap", "other")
    (tmp_path / "mine" / "divergences" / "other.py").write_text(more)
    registry.use(read(tmp_path / "mine"))
    assert {"mean_gap", "other"} <= set(registry.names("divergences"))
    assert build("divergences", "other").dump() == {"name": "other", "weight": 1.0}


def test_what_is_run_is_what_was_read_whatever_becomes_of_the_file(tmp_path: Path) -> None:
    registry.use(read(tmp_path / "mine"))
    for file in FILES:
        (tmp_path / "mine" / file).write_text("raise SystemExit('exchanged')")
    assert build("families", "shifted").dump() == {"name": "shifted"}
    assert build("divergences", "mean_gap").dump() == {"name": "mean_gap", "weight": 1.0}


def test_a_members_hash_is_of_its_file_and_of_helpers_and_of_no_other_member(tmp_path: Path) -> None:
    before = read(tmp_path / "mine")
    (tmp_path / "mine" / "families" / "shifted.py").write_text("# other")
    after = read(tmp_path / "mine")
    assert after.digest != before.digest
    assert after.digest_of("divergences", "mean_gap") == before.digest_of("divergences", "mean_gap")
    assert after.digest_of("families", "shifted") != before.digest_of("families", "shifted")
    (tmp_path / "mine" / "_shared.py").write_text("POWER = 3\n")
    assert read(tmp_path / "mine").digest_of("divergences", "mean_gap") != before.digest_of("divergences", "mean_gap")

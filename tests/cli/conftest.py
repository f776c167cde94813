"""The command line in this process: its exit code and what it wrote."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gensweep import cli

SPACE = """
defaults: [base, {dataset: ring}, _self_]
name: tiny
confirm: none
tracking: {models: none}
objective: {metric: sliced_wasserstein}
search: {sampler: random, samples: 2, seed: 0}
trial:
  network: {name: mlp, hidden: [16]}
  latent_size: choice(2, 4)
  family: {one_of: [{name: vae}, {name: wae, lambda: loguniform(1, 10), divergence: mmd}]}
  training: {epochs: 2}
  evaluation: {metrics: [sliced_wasserstein], every: 1}
  seed: 0
"""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> str:
    """One store of MLflow for all."""
    return f"sqlite:///{shutil.copy(empty_database, tmp_path_factory.mktemp('store') / 'mlflow.db')}"


def call(
    folder: Path, arguments: tuple[str, ...], patch: pytest.MonkeyPatch, read: Callable[[], tuple[str, str]]
) -> Ended:
    patch.chdir(folder)
    patch.setattr(sys, "argv", ["gensweep", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return Ended(int(ended.value.code or 0), *read())


@pytest.fixture
def gensweep(
    tmp_path: Path,
    store: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> Command:
    """Runs a command of gensweep in a folder that holds `space.yaml`; its exit code is in the report, for the table of faults."""
    (tmp_path / "space.yaml").write_text(SPACE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))  # not that of whoever runs the tests
    for name in ("RAY_ADDRESS", "GENSWEEP_RUNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)

    def run(*arguments: str, folder: Path = tmp_path) -> Ended:
        ended = call(folder, arguments, monkeypatch, capfd.readouterr)
        record_property("exit codes", ended.code)
        return ended

    return run


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory, store: str) -> tuple[Path, Ended]:
    """A folder with the finished sweep `tiny`, which trained, and what running it printed."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "space.yaml").write_text(SPACE)
    out, err = (folder / name for name in ("out.txt", "err.txt"))
    with pytest.MonkeyPatch.context() as patch, out.open("w") as stdout, err.open("w") as stderr:
        patch.setattr(sys, "stdout", stdout)
        patch.setattr(sys, "stderr", stderr)
        patch.setenv("MLFLOW_TRACKING_URI", store)
        patch.delenv("GENSWEEP_RUNS", raising=False)
        ended = call(folder, ("run", "space.yaml", "--in-process"), patch, lambda: ("", ""))
    return folder, Ended(ended.code, out.read_text(), err.read_text())

"""What the tests share: a small trial, and one thread, because two cores are shared by everything that runs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep.trial import Job

# These start Ray and commands, each busy with all cores: one after the other in one worker, the longest first.
PROCESSES = (
    "orchestration/test_survival",
    "orchestration/test_killed_driver",
    "executors/",
    "tests/test_third_party.py",
    "cli/",
    "deploy/test_ray_cluster",
)
SERVERS = (
    "deploy/",
    "tracking/",
    "evaluation/",
    "benchmarks/",
)  # mostly waited for: one after the other in another one
SHARED = (
    "families/test_known_fits.py",
    "contracts/test_datasets.py",
    "docs/test_shown_search_spaces.py",
    "docs/test_added_components.py",
)  # what their tests share takes long to set up


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that take longest first, so that no worker is alone with them at the end."""
    items.sort(key=lambda item: [part not in item.nodeid for part in (*PROCESSES, *SERVERS)])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Which tests stay together, where several workers run them."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if any(part in nodeid for part in PROCESSES):
                return "processes"
            if any(part in nodeid for part in SERVERS):
                return "servers"
            return next((part for part in SHARED if part in nodeid), nodeid)

    return Scheduling(config, log)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _signals_count() -> None:
    """A shell lets what runs in the background ignore Ctrl-C, nohup a hang-up, and all that it starts does as well."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _no_kept_stacks() -> None:
    """A process keeps emptied stacks by their shape, and tests give one name to several."""
    if (packs := sys.modules.get("gensweep.packs")) is not None:
        packs._stacks.clear()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables: making them takes seconds, copying the file does not."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of sweeps with the sweep `used`, trained and confirmed. Tests read it."""
    from tests.used_sweep import train_used

    return train_used(tmp_path_factory.mktemp("used") / "runs")


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a file into the working folder and gives its path as a user would type it."""
    monkeypatch.chdir(tmp_path)

    def _write(text: str, name: str = "study.yaml") -> Path:
        file = Path(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return _write


def small_configuration(family: Any = "vae", **training: Any) -> dict[str, Any]:
    return {
        "dataset": {"name": "digits"}, "network": {"name": "mlp", "hidden": [32]}, "latent_size": 4, "family": family,
        "training": {"epochs": 6, "batch_size": 64, **training},
        "evaluation": {"metrics": ["fid", "sliced_wasserstein"], "every": 2}, "seed": 3,
    }  # fmt: skip


def job(path: Path, configuration: dict[str, Any], number: int = 0, **more: Any) -> Job:
    """A trial outside any sweep: generation 0 is that of a folder that no driver took."""
    path.mkdir(parents=True, exist_ok=True)
    return Job(number, "0" * 64, configuration, str(path), str(path), 0, more.pop("metric", "fid"), "min", **more)

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from memory_store import MemoryStore
from mlflow_server import Server
from tracked_sweep import Driver, Store

from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.tracking.projection import Projection


@pytest.fixture
def store(tmp_path: Path, empty_database: Path) -> Store:
    path = tmp_path / "mlflow.db"
    shutil.copy(empty_database, path)
    return Store(path)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Server]:
    """One that asks for no password."""
    yield from serving(tmp_path_factory, empty_database, locked=False)


@pytest.fixture(scope="session")
def locked_server(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Server]:
    yield from serving(tmp_path_factory, empty_database, locked=True)


def serving(folders: pytest.TempPathFactory, database: Path, *, locked: bool) -> Iterator[Server]:
    path = folders.mktemp("server") / "mlflow.db"
    shutil.copy(database, path)
    server = Server(Store(path), locked=locked)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    driver = Driver(tmp_path / "runs" / "study")
    yield driver
    driver.lease.release()


@pytest.fixture
def project(driver: Driver, store: Store) -> Callable[..., Projection]:
    """A started projection of the sweep: each call is what a new process would do."""

    def start(uri: str = store.uri) -> Projection:
        projection = Projection(SweepFolder.open(driver.folder.path), uri)
        projection.start()
        return projection

    return start


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def remember(driver: Driver, memory: MemoryStore) -> Callable[..., Projection]:
    """The same into a store that is no MLflow."""

    def start(uri: str = "memory://here") -> Projection:
        projection = Projection(SweepFolder.open(driver.folder.path), uri, open_store=lambda _: memory)
        projection.start()
        return projection

    return start


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)

"""What every run store must keep: MLflow on a database, MLflow behind a real server, and the one of these tests."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_store import MemoryStore
from mlflow_server import Server, free_port
from tracked_sweep import START, Store

from gensweep.tracking import mlflow_store
from gensweep.tracking.run_store import Away, Point, Refused, RunStore, open_store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("server") / "mlflow.db"
    shutil.copy(empty_database, path)
    server = Server(Store(path))
    server.start()
    yield server
    server.kill()


@pytest.fixture(params=["memory", "mlflow on SQLite", "mlflow behind a server"])
def runs(request: pytest.FixtureRequest) -> RunStore:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "mlflow on SQLite":
        return open_store(request.getfixturevalue("store").uri)
    return open_store(request.getfixturevalue("server").url)


def content(runs: RunStore, run_id: str) -> tuple[dict[str, str], dict[str, str], str, dict[str, str]]:
    """Parameters, own tags, status and files of a run, read past the contract."""
    if isinstance(runs, MemoryStore):
        run = runs.all[run_id]
        return run.parameters, run.tags, run.status, {name: data.decode() for name, data in run.files.items()}
    assert isinstance(runs, mlflow_store.MlflowStore)
    run = runs._client.get_run(run_id)
    with tempfile.TemporaryDirectory() as folder:
        local = Path(runs._client.download_artifacts(run_id, "", folder))
        files = {str(path.relative_to(local)): path.read_text() for path in local.rglob("*") if path.is_file()}
    tags = {name: value for name, value in run.data.tags.items() if not name.startswith("mlflow.")}
    return run.data.params, tags, run.info.status, files


def points(runs: RunStore, run_id: str, name: str) -> list[tuple[float, int, int]]:
    if isinstance(runs, MemoryStore):
        found = [(point.value, point.time, point.step) for point in runs.all[run_id].points if point.name == name]
    else:
        assert isinstance(runs, mlflow_store.MlflowStore)
        history = runs._client.get_metric_history(run_id, name)
        found = [(metric.value, metric.timestamp, metric.step) for metric in history]
    return sorted(found, key=lambda point: point[2])


def mark(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"sweep": request.node.name}  # one server serves all tests


def test_what_is_logged_twice_is_there_once(runs: RunStore, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    run_id = runs.create("a", mark(request), START)
    (tmp_path / "picture.png").write_text("a picture")
    for _ in range(2):
        series = [Point("fid", 30.0 - step, START + step, step) for step in range(3)]
        runs.log(run_id, series, {"lr": "0.1"}, {"arm": "wae"})
        runs.add_file(run_id, tmp_path / "picture.png", "samples")
        runs.add_file(run_id, tmp_path / "picture.png")
        runs.add_text(run_id, "lr: 0.1\ngröße: 1\n", "configuration.yaml")
    assert points(runs, run_id, "fid") == [(30.0, START, 0), (29.0, START + 1, 1), (28.0, START + 2, 2)]
    parameters, tags, status, files = content(runs, run_id)
    assert (parameters, tags, status) == ({"lr": "0.1"}, {**mark(request), "arm": "wae"}, "RUNNING")
    assert files == {
        "samples/picture.png": "a picture",
        "picture.png": "a picture",
        "configuration.yaml": "lr: 0.1\ngröße: 1\n",
    }


def test_a_parameter_keeps_its_value_and_a_tag_takes_the_newest(runs: RunStore, request: pytest.FixtureRequest) -> None:
    run_id = runs.create("a", mark(request), START)
    runs.log(run_id, (), {"lr": "0.1"}, {"outcome": "RUNNING"})
    runs.log(run_id, (), {"lr": "0.1"}, {"outcome": "PRUNED"})
    with pytest.raises(Refused, match="lr"):
        runs.log(run_id, (), {"lr": "0.2"})
    parameters, tags, _, _ = content(runs, run_id)
    assert (parameters, tags["outcome"]) == ({"lr": "0.1"}, "PRUNED")


def test_runs_are_found_by_all_of_their_tags_the_oldest_first_and_over_all_pages(
    runs: RunStore, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(mlflow_store, "_PAGE", 2)
    tags = {**mark(request), "kind": "trial"}
    ids = {start: runs.create(f"r{start}", tags, START + start) for start in (3, 1, 4, 2, 5)}
    other = runs.create("other", {**tags, "kind": "sweep"}, START)
    assert runs.find(tags) == [ids[start] for start in range(1, 6)]
    assert runs.find({**mark(request), "kind": "sweep"}) == [other]
    runs.delete(ids[2])
    assert runs.find(tags) == [ids[start] for start in (1, 3, 4, 5)]
    assert runs.find({**tags, "kind": "nothing"}) == []


def test_a_deleted_run_takes_nothing_more(runs: RunStore, request: pytest.FixtureRequest) -> None:
    run_id = runs.create("a", mark(request), START)
    assert runs.exists(run_id)
    runs.delete(run_id)
    assert not runs.exists(run_id)
    assert not runs.exists("0" * 32)
    with pytest.raises(Refused):
        runs.log(run_id, [Point("fid", 1.0, START, 1)])


def test_a_run_that_goes_on_keeps_what_it_has(runs: RunStore, request: pytest.FixtureRequest) -> None:
    run_id = runs.create("a", mark(request), START)
    runs.log(run_id, [Point("fid", 3.0, START, 1)])
    for status in ("KILLED", "RUNNING", "FAILED", "FINISHED"):
        runs.set_status(run_id, status, START + 5000)
        assert content(runs, run_id)[2] == status
    runs.log(run_id, [Point("fid", 2.0, START + 1, 2)])
    assert points(runs, run_id, "fid") == [(3.0, START, 1), (2.0, START + 1, 2)]


def test_a_value_that_is_no_number_is_kept(runs: RunStore, request: pytest.FixtureRequest) -> None:
    run_id = runs.create("a", mark(request), START)
    runs.log(run_id, [Point("fid", math.nan, START, 1)])
    ((value, time, step),) = points(runs, run_id, "fid")
    assert math.isnan(value)
    assert (time, step) == (START, 1)


def test_more_than_a_request_may_hold_arrives(runs: RunStore, request: pytest.FixtureRequest) -> None:
    run_id = runs.create("a", mark(request), START)
    series = [Point("loss", float(step), START + step, step) for step in range(1001)]
    parameters = {f"p{n}": str(n) for n in range(101)}
    runs.log(run_id, series, parameters, {f"t{n}": str(n) for n in range(101)})
    assert len(points(runs, run_id, "loss")) == 1001
    found, tags, _, _ = content(runs, run_id)
    assert found == parameters
    assert tags["t100"] == "100"


def test_times_are_milliseconds(store: Store) -> None:
    runs = open_store(store.uri)
    run_id = runs.create("a", {"kind": "trial"}, START)
    runs.set_status(run_id, "FINISHED", START + 5000)
    assert store.ask("select start_time, end_time from runs where run_uuid = ?", run_id) == [(START, START + 5000)]


def test_a_server_that_is_gone_is_away_soon_and_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    with pytest.raises(Away) as raised:
        open_store(f"http://me:sec@ret@127.0.0.1:{free_port()}")
    assert time.monotonic() - began < 30, "MLflow's own retries take minutes"
    assert "ret" not in str(raised.value).replace("retries", "")


def test_a_deleted_experiment_is_refused_with_the_cure(store: Store) -> None:
    runs = open_store(store.uri)
    assert isinstance(runs, mlflow_store.MlflowStore)
    runs._client.delete_experiment(runs._experiment)
    with pytest.raises(Refused, match="mlflow experiments restore"):
        open_store(store.uri)


def test_the_projection_needs_no_mlflow() -> None:
    code = "import sys, gensweep.tracking.background as _; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

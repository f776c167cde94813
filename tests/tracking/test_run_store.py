"""What every run store must keep: MLflow on a database and behind a real server, Weights & Biases, and the one of these tests."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from memory_store import MemoryStore
from mlflow_server import Server, free_port
from tracked_sweep import START, Store

from gensweep import cli
from gensweep.errors import CannotRun
from gensweep.tracking import mlflow_store, sqlite_file
from gensweep.tracking.run_store import Away, Data, Point, Refused, RunStore, make_store, open_store
from gensweep.tracking.view import View, tag_of
from tests.scripted_executor import small


@pytest.fixture(params=["memory", "mlflow on SQLite", "mlflow behind a server", "wandb"])
def runs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    store = made(request, tmp_path, monkeypatch)
    yield store
    store.settle()  # what it was told can be sent


def made(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "wandb":
        pytest.importorskip("wandb", reason="pip install 'gensweep[wandb]'")
        monkeypatch.setenv("WANDB_MODE", "offline")
        monkeypatch.setenv("WANDB_DIR", str(tmp_path / "wandb of this test"))
        (tmp_path / "wandb of this test").mkdir()
        return open_store("wandb://contract")
    if request.param == "mlflow on SQLite":
        return open_store(request.getfixturevalue("store").uri)
    return open_store(request.getfixturevalue("server").url)


def content(runs: RunStore, run_id: str) -> tuple[dict[str, str], dict[str, str], str, dict[str, str]]:
    """Parameters, own tags, status and files of a run, read past the contract."""
    if isinstance(runs, MemoryStore):
        run = runs.all[run_id]
        return run.parameters, run.tags, run.status, {name: data.decode() for name, data in run.files.items()}
    if is_wandb(runs):
        told = runs._records.of(run_id)
        files = {name: file.path.read_text() if file.path else file.text for name, file in told.files.items()}
        return told.parameters, told.tags, told.status, files
    assert isinstance(runs, mlflow_store.MlflowStore)
    run = runs._client.get_run(run_id)
    with tempfile.TemporaryDirectory() as folder:
        local = Path(runs._client.download_artifacts(run_id, "", folder))
        files = {str(path.relative_to(local)): path.read_text() for path in local.rglob("*") if path.is_file()}
    tags = {name: value for name, value in run.data.tags.items() if not name.startswith("mlflow.")}
    return run.data.params, tags, run.info.status, files


def is_wandb(runs: Any) -> bool:
    return type(runs).__name__ == "WandbStore"  # the library is an extra


def points(runs: RunStore, run_id: str, name: str) -> list[tuple[float, int, int]]:
    if isinstance(runs, MemoryStore):
        found = [(point.value, point.time, point.step) for point in runs.all[run_id].points if point.name == name]
    elif is_wandb(runs):
        rows = runs._records.of(run_id).history
        found = [(values[name], time, step) for step, time, values in rows if name in values]
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


def test_a_run_can_be_renamed_and_stays_as_it_stands(runs: RunStore, request: pytest.FixtureRequest) -> None:
    run_id = runs.create("a", mark(request), START)
    runs.set_status(run_id, "FINISHED", START + 5)
    for _ in range(2):
        runs.rename(run_id, "13 wae/sinkhorn")
    if isinstance(runs, MemoryStore):
        assert (runs.all[run_id].name, runs.all[run_id].end) == ("13 wae/sinkhorn", START + 5)
    elif is_wandb(runs):
        told = runs._records.of(run_id)
        assert (told.name, told.start, told.end) == ("13 wae/sinkhorn", START, START + 5)
    else:
        assert isinstance(runs, mlflow_store.MlflowStore)
        info = runs._client.get_run(run_id).info
        assert (info.run_name, info.start_time, info.end_time) == ("13 wae/sinkhorn", START, START + 5)
    assert content(runs, run_id)[2] == "FINISHED"


def test_data_are_entered_once_and_shared(runs: RunStore, request: pytest.FixtureRequest) -> None:
    digits = Data("digits", "50cc3e08370a", '{"name": "digits"}', {"train": 1000, "test": 400})
    unsized = Data("array x.npy", "0123456789ab", "{}", {})
    ids = [runs.create(name, mark(request), START) for name in "ab"]
    for _ in range(2):
        for run_id in ids:
            runs.add_data(run_id, digits)
    runs.add_data(ids[1], unsized)
    if isinstance(runs, MemoryStore):
        assert [runs.all[run_id].data for run_id in ids] == [[digits], [digits, unsized]]
        return
    if is_wandb(runs):
        assert [runs._records.of(run_id).data for run_id in ids] == [[digits], [digits, unsized]]
        return
    assert isinstance(runs, mlflow_store.MlflowStore)
    (used,) = runs._client.get_run(ids[0]).inputs.dataset_inputs
    entry = used.dataset
    assert (entry.name, entry.digest, entry.source) == ("digits", "50cc3e08370a", '{"name": "digits"}')
    assert json.loads(entry.profile) == {"num_rows": 1400, "train": 1000, "test": 400}
    assert [(tag.key, tag.value) for tag in used.tags] == [("mlflow.data.context", "training")]
    both = runs._client.get_run(ids[1]).inputs.dataset_inputs
    assert {one.dataset.digest for one in both} == {"50cc3e08370a", "0123456789ab"}


def test_a_view_is_replaced_by_the_next_of_its_key(runs: RunStore) -> None:
    first = View("gensweep-1", "wae", "0" * 32, START, "metrics.`best.fid`", True, ("metrics.`best.fid`",))
    other = replace(first, key="gensweep-2")
    for view in (first, other, replace(first, title="new"), replace(first, title="new")):
        runs.show(view)
    if isinstance(runs, MemoryStore):
        assert runs.views == {"gensweep-1": replace(first, title="new"), "gensweep-2": other}
        return
    if is_wandb(runs):
        return  # it has none, and takes them without a word
    assert isinstance(runs, mlflow_store.MlflowStore)
    tags = runs._client.get_experiment(runs._experiment).tags
    assert tags.items() >= dict([tag_of(replace(first, title="new")), tag_of(other)]).items()


def test_a_view_that_is_hidden_is_gone_and_may_be_hidden_again(runs: RunStore) -> None:
    view = View("gensweep-9", "wae", "0" * 32, START, "metrics.`best.fid`", True, ())
    runs.show(view)
    runs.hide("gensweep-9")
    runs.hide("gensweep-9")
    if isinstance(runs, MemoryStore):
        assert "gensweep-9" not in runs.views
        return
    if is_wandb(runs):
        return
    assert isinstance(runs, mlflow_store.MlflowStore)
    assert tag_of(view)[0] not in runs._client.get_experiment(runs._experiment).tags


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


def test_each_request_is_as_large_as_mlflow_takes_and_nothing_is_sent_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, asked = open_store(store.uri), list[dict[str, list[Any]]]()
    assert isinstance(runs, mlflow_store.MlflowStore)
    monkeypatch.setattr(runs._client, "log_batch", lambda _run_id, synchronous, **sent: asked.append(sent))
    series = [Point("loss", float(step), START + step, step) for step in range(1700)]
    parameters, tags = ({f"{letter}{n}": str(n) for n in range(most)} for letter, most in [("p", 250), ("t", 101)])
    runs.log("any", series, parameters, tags)
    assert [[len(sent[kind]) for kind in ("metrics", "params", "tags")] for sent in asked] == [
        [800, 100, 100], [800, 100, 1], [100, 50, 0],
    ]  # fmt: skip
    assert [metric.step for sent in asked for metric in sent["metrics"]] == list(range(1700))
    assert [parameter.key for sent in asked for parameter in sent["params"]] == list(parameters)
    assert [tag.key for sent in asked for tag in sent["tags"]] == list(tags)


def test_times_are_milliseconds(store: Store) -> None:
    runs = open_store(store.uri)
    run_id = runs.create("a", {"kind": "trial"}, START)
    runs.set_status(run_id, "FINISHED", START + 5000)
    assert store.ask("select start_time, end_time from runs where run_uuid = ?", run_id) == [(START, START + 5000)]


def test_a_server_that_is_gone_is_away_soon_and_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    with pytest.raises(Away) as raised:
        mlflow_store.open_mlflow(f"http://me:sec@ret@127.0.0.1:{free_port()}")
    assert time.monotonic() - began < 30, "MLflow's own retries take minutes"
    assert "ret" not in str(raised.value).replace("retries", "")


def test_a_deleted_experiment_is_refused_with_the_cure(store: Store) -> None:
    runs = open_store(store.uri)
    assert isinstance(runs, mlflow_store.MlflowStore)
    runs._client.delete_experiment(runs._experiment)
    with pytest.raises(Refused, match="mlflow experiments restore"):
        mlflow_store.open_mlflow(store.uri)
    with pytest.raises(CannotRun, match="mlflow experiments restore"):  # and found before MLflow is imported
        open_store(store.uri)


def test_the_projection_needs_no_mlflow() -> None:
    code = "import sys, gensweep.tracking.background as _; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_new_database_is_there_whole_or_not_at_all(
    tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs" / "mlflow.db"

    class Dies:
        def __init__(self, tracking_uri: str) -> None:
            shutil.copy(empty_database, tracking_uri.removeprefix("sqlite:///"))
            raise KeyboardInterrupt  # in the middle of a hundred migrations

    with monkeypatch.context() as patch:
        patch.setattr(mlflow_store.mlflow, "MlflowClient", Dies)
        with pytest.raises(KeyboardInterrupt):
            open_store(f"sqlite:///{path}")
    assert list(tmp_path.rglob("*")) == []

    class Slow(Dies):
        def __init__(self, tracking_uri: str) -> None:
            with contextlib.suppress(KeyboardInterrupt):
                super().__init__(tracking_uri)

        def search_experiments(self, max_results: int) -> None:
            shutil.copy(empty_database, path)  # another process was faster, and has a run in it by now
            with contextlib.closing(sqlite3.connect(path)) as database:
                database.execute("create table theirs (x)")
                database.commit()

    path.parent.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(mlflow_store.mlflow, "MlflowClient", Slow)
        mlflow_store._create(path)
    assert list(path.parent.iterdir()) == [path]
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("select * from theirs").fetchall() == []


def test_a_database_is_made_where_there_is_none(tmp_path: Path) -> None:
    runs = open_store(f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}")
    run_id = runs.create("a", {"sweep": "a"}, START)
    assert runs.find({"sweep": "a"}) == [run_id]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mlflow.db"]


@pytest.fixture
def drafts(empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's tables are copied in place of a hundred steps that make them."""

    class Copies:
        def __init__(self, tracking_uri: str) -> None:
            self.path = Path(tracking_uri.removeprefix("sqlite:///"))

        def search_experiments(self, max_results: int) -> None:
            shutil.copy(empty_database, self.path)

    monkeypatch.setattr(mlflow_store.mlflow, "MlflowClient", Copies)


def cut_short(path: Path, empty_database: Path, version: str | None) -> None:
    """What a kill in the middle of MLflow's making leaves, an hour ago; that of a killed `mlflow ui`, for example."""
    shutil.copy(empty_database, path)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("delete from alembic_version")
        if version:
            database.execute("insert into alembic_version values (?)", [version])
        database.commit()
    os.utime(path, (earlier := time.time() - 3600, earlier))


@pytest.mark.parametrize("version", [None, "2b4d017a5e9b", "867495a8f9d4"])
def test_a_making_that_was_cut_short_is_made_again(
    drafts: None, tmp_path: Path, empty_database: Path, version: str | None
) -> None:
    path = tmp_path / "mlflow.db"
    cut_short(path, empty_database, version)
    before = path.read_bytes()
    assert sqlite_file.trouble(path) is None
    make_store(f"sqlite:///{path}")
    assert path.read_bytes() == empty_database.read_bytes()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "mlflow.db": empty_database.read_bytes(), "mlflow.db.damaged-1": before,
    }  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "insert into experiments (name, lifecycle_stage) values ('mine', 'active')",
        "insert into runs (run_uuid, experiment_id) values ('a', 0)",
        "insert into registered_models (name) values ('mine')",
        "update alembic_version set version_num = 'of a newer MLflow'",
    ],
)
def test_what_somebody_uses_is_left_alone(drafts: None, tmp_path: Path, empty_database: Path, statement: str) -> None:
    path = tmp_path / "mlflow.db"
    cut_short(path, empty_database, "2b4d017a5e9b")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(statement)
        database.commit()
    os.utime(path, (earlier := time.time() - 3600, earlier))
    before = path.read_bytes()
    assert sqlite_file.trouble(path) is not None
    make_store(f"sqlite:///{path}")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_somebody_may_just_be_making_is_left_alone(drafts: None, tmp_path: Path, empty_database: Path) -> None:
    path = tmp_path / "mlflow.db"
    cut_short(path, empty_database, None)
    os.utime(path)
    make_store(f"sqlite:///{path}")
    assert list(tmp_path.iterdir()) == [path]
    assert "was interrupted" in str(sqlite_file.trouble(path))


def test_an_empty_file_becomes_a_database_at_once(drafts: None, tmp_path: Path, empty_database: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.touch()
    make_store(f"sqlite:///{path}")
    assert path.read_bytes() == empty_database.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def opening(path: Path) -> subprocess.Popen[bytes]:
    program = f"from gensweep.tracking.run_store import open_store; open_store('sqlite:///{path}').find({{'a': 'b'}})"
    return subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE)


@pytest.mark.slow  # each start imports MLflow, and makes a hundred steps
def test_a_first_start_may_be_killed_at_any_time_and_two_may_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    rng = random.Random(0)
    for _ in range(6):
        first = opening(path)
        time.sleep(rng.uniform(2, 9))
        first.kill()
        first.communicate()
    path.unlink(missing_ok=True)
    both = [opening(path), opening(path)]
    told = [one.communicate()[1].decode() for one in both]
    assert [one.returncode for one in both] == [0, 0], told
    assert sqlite_file.trouble(path) is None


def test_nothing_that_a_run_writes_or_prints_has_the_password(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    sweep = small("guarded").definition()
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(sweep))
    uri = server.url.replace("http://", "http://me:s3cr3t@s3cr3t%2Fx%40y:s3cr3t@") + "/"
    monkeypatch.chdir(tmp_path)
    for command in (["run", "space.yaml", "--in-process"], ["sync", sweep["name"]], ["run", "space.yaml"]):
        monkeypatch.setattr(sys, "argv", ["gensweep", *command, "--tracking-uri", uri])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
    said = capfd.readouterr()
    assert f"In MLflow: gensweep ui --tracking-uri {server.url}" in said.out
    assert "s3cr3t" not in said.out + said.err
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "space.yaml"]
    assert {"tracking.jsonl", "environment.json", "events.jsonl"} <= {path.name for path in written}
    assert [path for path in [*written, server.database] if b"s3cr3t" in path.read_bytes()] == []
    assert sweep["name"].encode() in server.database.read_bytes()


def test_what_mlflow_raises_is_told_without_the_password() -> None:
    error = ValueError("cannot log in as me with s3c/r3t at http://me:s3c%2Fr3t@h")
    assert "r3t" not in mlflow_store._short(error, "http://me:s3c%2Fr3t@h")

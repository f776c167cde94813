from __future__ import annotations

import os
import shutil
import socket
import time
from pathlib import Path

import pytest
from requests.utils import should_bypass_proxies
from sqlalchemy import make_url
from tracked_sweep import Store

from gensweep.errors import CannotRun, ConfigError
from gensweep.tracking.mlflow_store import open_mlflow
from gensweep.tracking.store import check_reachable, is_relative, resolve_uri, sqlite_path
from gensweep.tracking.tracking_server import reach_directly


def test_the_argument_comes_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_uri(None) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000/")
    assert resolve_uri(None) == "http://server:5000"
    assert resolve_uri("sqlite:///other.db") == f"sqlite:///{tmp_path}/other.db"
    assert resolve_uri("sqlite:////data/other.db") == "sqlite:////data/other.db"
    assert resolve_uri("sqlite+pysqlite:///my%20runs/other.db") == f"sqlite:///{tmp_path}/my runs/other.db"


def test_a_working_folder_that_cannot_be_written_leaves_the_store_to_the_folder_of_sweeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)  # root may write anywhere
    assert resolve_uri(None) == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert resolve_uri(None, Path("/data/sweeps")) == "sqlite:////data/sweeps/mlflow.db"
    assert resolve_uri("sqlite:///given.db", Path("/data/sweeps")) == f"sqlite:///{tmp_path}/given.db"
    (tmp_path / "mlflow.db").touch()  # one that is there stays the store
    assert resolve_uri(None) == f"sqlite:///{tmp_path}/mlflow.db"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3", "[::1]"])
@pytest.mark.parametrize("others", ["", "intern.example"])
def test_a_server_on_this_machine_is_not_asked_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, host: str, others: str
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "to be restored")
        monkeypatch.delenv(name)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    if others:
        monkeypatch.setenv("NO_PROXY", others)
    uri = f"http://{host}:5000"
    assert not should_bypass_proxies(uri, None)
    reach_directly(uri)
    reach_directly(uri)
    assert should_bypass_proxies(uri, None)
    assert os.environ["no_proxy"] == ",".join(filter(None, [others, host.strip("[]")]))
    assert not should_bypass_proxies("http://other:5000", None)


def test_other_servers_and_an_environment_without_a_proxy_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    reach_directly("http://localhost:5000")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    reach_directly("http://mlflow.intern:5000")
    reach_directly("sqlite:////tmp/mlflow.db")
    assert not {"no_proxy", "NO_PROXY"} & os.environ.keys()


ODD = ["a%2Fb", "what?", "q?mode=ro", "c#1", "two words", "café", "per%25cent", "x{0}y", "a@b:c"]


@pytest.mark.parametrize("name", ODD)
def test_a_folder_keeps_the_name_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (folder := tmp_path / name).mkdir()
    monkeypatch.chdir(folder)
    own = resolve_uri(None)
    typed = f"sqlite:///{folder}/mlflow.db"
    for uri in (own, resolve_uri(own), resolve_uri("sqlite:///mlflow.db"), resolve_uri(typed)):
        assert uri == own
        assert sqlite_path(uri) == folder / "mlflow.db"
        assert make_url(uri).database == str(folder / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    assert sqlite_path(own) == folder / "mlflow.db"
    check_reachable(own)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_mlflow_makes_no_folder_of_a_quoted_name(store: Store, tmp_path: Path) -> None:
    (folder := tmp_path / "odd" / "100%2Fb?").mkdir(parents=True)
    shutil.copy(store.path, folder / "mlflow.db")
    runs = open_mlflow(resolve_uri(f"sqlite:///{folder}/mlflow.db"))
    assert runs.find({"gensweep.sweep": "none"}) == []
    assert list(folder.parent.iterdir()) == [folder]
    assert [path.name for path in folder.iterdir()] == ["mlflow.db"]


def test_a_quoted_path_and_options_are_read_as_sqlalchemy_does(tmp_path: Path) -> None:
    assert sqlite_path(f"sqlite:///{tmp_path}/with%20space.db?timeout=10") == tmp_path / "with space.db"
    assert sqlite_path(f"sqlite:///{tmp_path}/not%20there/x.db") == tmp_path / "not there" / "x.db"
    assert sqlite_path(f"sqlite+pysqlite:///{tmp_path}/x%3F.db") == tmp_path / "x?.db"


@pytest.mark.parametrize("uri", ["mlruns", "./mlruns", "file:///data/mlruns"])
def test_a_folder_is_refused_with_what_to_use(uri: str) -> None:
    with pytest.raises(ConfigError, match=r"sqlite:///path/mlflow\.db"):
        resolve_uri(uri)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("sqlite://", "names no file. Write sqlite:///mlflow.db"),
        ("sqlite:///", "names no file. Write sqlite:///mlflow.db"),
        ("sqlite:///?timeout=3", "names no file"),
        ("sqlite:", "names no file"),
        ("sqlite:///:memory:", "keeps its runs in memory only. Write sqlite:///mlflow.db"),
        ("sqlite://my.db", "Write sqlite:///my.db"),
        ("sqlite:my.db", "Write sqlite:///my.db"),
        ("http://", "names no host"),
        ("https:///mlflow", "names no host"),
        ("http://host:port", "port cannot be read. Use http://host:port."),
        ("http://host:99999", "port cannot be read"),
        ("postgresql://me:s3cr3t/x@host/db", "/ as %2F"),
        ("postgresql://me:12/s3cr3t@host/db", "/ as %2F"),
        ("http://me:s3cr3t?x@host/db", "? as %3F"),
        ("http://me:s3cr3t#x@host/db", "# as %23"),
        ("http://me:s3 cr3t@host/db", "a space as %20"),
        ("me:s3cr3t@host:5000", "http://host:port of a server"),
    ],
)
def test_what_cannot_be_a_store_is_a_mistake_with_what_to_write(uri: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        resolve_uri(uri)
    assert says in str(raised.value)
    assert "cr3t" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        ("http://host:5000//", "http://host:5000"),
        (" http://host:5000/prefix/ ", "http://host:5000/prefix"),
        ("http://host:5000/#/experiments/3?searchFilter=x", "http://host:5000"),
        ("http://me:a@b@host:5000/", "http://me:a%40b@host:5000"),
        ("postgresql://me:a%40b@host/db?sslmode=require", "postgresql://me:a%40b@host/db?sslmode=require"),
        ("mysql+pymysql://me:a@b@host/db", "mysql+pymysql://me:a%40b@host/db"),
        ("postgresql:///db?host=/tmp", "postgresql:///db?host=/tmp"),
        ("postgresql://host/db?user=me&password=a@b/c", "postgresql://host/db?user=me&password=a%40b/c"),
        ("databricks", "databricks"),
    ],
)
def test_a_servers_address_is_taken_as_people_have_it(given: str, resolved: str) -> None:
    assert resolve_uri(given) == resolve_uri(resolved) == resolved
    assert sqlite_path(resolved) is None


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("htp://me:s3cr3t@host", "MLflow knows no 'htp'. Did you mean 'http'?"),
        ("postgres://me:s3cr3t@host/db", "Did you mean 'postgresql'?"),
        ("mariadb://me:s3cr3t@host/db", "Did you mean 'mysql'?"),
        ("s3://bucket/x", "Known: databricks, http, https, mssql, mysql, postgresql, sqlite, uc"),
    ],
)
def test_a_kind_of_store_that_mlflow_has_not_is_a_mistake(uri: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check_reachable(uri)
    assert says in str(raised.value)
    assert "s3cr3t" not in str(raised.value)


def test_a_server_that_never_answers_is_noticed_soon() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(4)]  # the queue is full: further connections hang
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        began = time.monotonic()
        with pytest.raises(CannotRun, match="timed out"):
            check_reachable(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        assert time.monotonic() - began < 10
        for filler in fillers:
            filler.close()


def test_in_a_job_of_a_cluster_the_runs_are_kept_beside_the_sweeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "job").mkdir()
    monkeypatch.chdir(tmp_path / "job")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    (tmp_path / "job" / "mlflow.db").touch()  # of another job that began here
    runs = tmp_path / "runs"
    assert resolve_uri(None, runs) == f"sqlite:///{runs}/mlflow.db"
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR")
    assert resolve_uri(None, runs) == f"sqlite:///{tmp_path}/job/mlflow.db"
    (tmp_path / "job" / "mlflow.db").unlink()
    runs.mkdir()
    (runs / "mlflow.db").touch()
    assert resolve_uri(None, runs) == f"sqlite:///{runs}/mlflow.db", "where the job put it, from any folder"


@pytest.mark.parametrize(
    ("uri", "relative"),
    [
        ("sqlite:///mlflow.db", True),
        ("sqlite:////data/mlflow.db", False),
        ("sqlite+pysqlite:///a/b.db", True),
        ("http://host:5000", False),
        ("wandb://me/mine", False),
    ],
)
def test_a_file_from_the_working_folder_on_is_relative(uri: str, relative: bool) -> None:
    assert is_relative(uri) == relative

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
from gensweep.tracking.store import (
    check_reachable,
    open_ui,
    reach_directly,
    redacted,
    resolve_uri,
    sqlite_path,
    ui_command,
)


def test_the_argument_comes_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_uri(None) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000/")
    assert resolve_uri(None) == "http://server:5000"
    assert resolve_uri("sqlite:///other.db") == f"sqlite:///{tmp_path}/other.db"
    assert resolve_uri("sqlite:////data/other.db") == "sqlite:////data/other.db"


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


def test_passwords_are_stripped() -> None:
    assert redacted("https://me:se%40cret@host:5000/x") == "https://host:5000/x"
    assert redacted("http://me:p@ss:w@rd@host:5000") == "http://host:5000"
    assert redacted("postgresql://host/db?user=me&password=secret&x=1") == "postgresql://host/db?user=me&password=&x=1"
    assert redacted("no 'http://me:a@h/x' and no 'http://you:b@h/y'") == "no 'http://h/x' and no 'http://h/y'"
    assert redacted("sqlite:////home/a@b/mlflow.db") == "sqlite:////home/a@b/mlflow.db"


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


def test_the_pages_of_a_server_are_its_own() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        uri = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert open_ui(uri).url == uri
        assert open_ui(uri).process is None


def test_a_taken_port_is_said(store: Store) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        with pytest.raises(CannotRun, match="--port"):
            open_ui(store.uri, listening.getsockname()[1])


def test_the_pages_of_a_database_listen_on_this_machine_only(store: Store) -> None:
    command = ui_command(store.uri, 5050)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--default-artifact-root") + 1] == (store.path.parent / "mlartifacts").as_uri()

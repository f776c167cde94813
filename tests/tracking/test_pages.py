"""MLflow's pages: their server ends with the command, however that ends. A small server with children stands for MLflow's."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow_server import free_port
from tracked_sweep import Store

from gensweep import cli
from gensweep.errors import CannotRun
from gensweep.tracking import pages
from gensweep.tracking.access import ROOTS, new_access
from gensweep.tracking.pages import Pages, running_server, ui_command, ui_environment

# as uvicorn's: a parent that answers, a worker that has the socket too, and one that does not end when it is asked
SERVER = """
import os, signal, socket, sys, time
listening = socket.socket(fileno=0)
for ignoring in (signal.SIG_DFL, signal.SIG_IGN):
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, ignoring)
        break
else:
    signal.signal(signal.SIGTERM, lambda *_: (open("asked", "w").close(), sys.exit()))
    asking = listening.accept()[0]
    asking.recv(65536)
    asking.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
time.sleep(600)
"""
COMMAND = """
import sys
from gensweep.tracking import pages
from gensweep.tracking.access import ROOTS, new_access
pages.ui_command = lambda uri, port, app: [sys.executable, "server.py", str(port)]
from gensweep.cli import main
main()
"""


def members(mark: str) -> list[int]:
    """The processes, the command itself too, that have a mark in their environment."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            state = (process / "stat").read_text().rpartition(")")[2].split()[0] if process.name.isdigit() else "Z"
            if state != "Z" and mark.encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def wait_for(condition: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def mark(request: pytest.FixtureRequest) -> Iterator[str]:
    mark = f"GENSWEEP_TEST={os.getpid()}-{time.monotonic_ns()}"
    yield mark
    for process in members(mark):
        os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 0), ("SIGKILL", -9)])
def test_the_server_and_its_workers_end_with_the_command(
    store: Store, tmp_path: Path, mark: str, number: str, code: int
) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    port = free_port()
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "ui", "--tracking-uri", store.uri, "--port", str(port)],
        cwd=tmp_path, env={**os.environ, **dict([mark.split("=")])}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert command.stdout is not None
    assert command.stdout.readline() == f"MLflow: http://127.0.0.1:{port}\n"
    wait_for(lambda: len(members(mark)) == 6)  # the command, the keeper and who watches it, the server and its two
    command.send_signal(signal.Signals[number])
    _, err = command.communicate(timeout=60)
    assert command.returncode == code
    assert "Traceback" not in err
    if number == "SIGKILL":
        wait_for(lambda: not members(mark), 20)
    assert members(mark) == []
    assert (tmp_path / "asked").exists()  # before it was killed
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def parent_and_session(process: int) -> tuple[int, int]:
    after = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(after[1]), int(after[3])


@pytest.mark.parametrize("killed", ["the keeper and its group", "who watches it"])
def test_the_server_ends_when_the_keeper_is_killed(
    store: Store, fake: Path, mark: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, killed: str
) -> None:
    monkeypatch.setenv(*mark.split("="))
    monkeypatch.chdir(tmp_path)
    fake.write_text(SERVER)
    port = free_port()
    with contextlib.ExitStack() as stack:
        shown = stack.enter_context(Pages(store.uri, port))
        wait_for(lambda: len(members(mark)) == 5)
        keeper = shown._keeper.pid
        if killed == "who watches it":
            (watching,) = (one for one in members(mark) if one != keeper and parent_and_session(one) == (keeper, one))
            os.kill(watching, signal.SIGKILL)
        else:
            (os.killpg if "group" in killed else os.kill)(keeper, signal.SIGKILL)
            with pytest.raises(CannotRun, match="ended by itself, with exit code -9"):
                shown.wait()
    wait_for(lambda: not members(mark), 20)
    assert (tmp_path / "asked").exists()  # before it was killed
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the pages' server runs."""
    file = tmp_path / "server.py"
    monkeypatch.setattr(pages, "ui_command", lambda uri, port, app: [sys.executable, str(file), str(port)])
    return file


def test_a_server_that_ends_at_once_is_said_with_its_last_lines(store: Store, fake: Path) -> None:
    lines = "; ".join(f"print('line {n}')" for n in range(20))
    fake.write_text(f"import sys; {lines}; print('no http://me:s3cr3t@h', file=sys.stderr); sys.exit(3)")
    with pytest.raises(CannotRun, match="ended by itself, with exit code 3") as raised, Pages(store.uri, free_port()):
        pass
    assert raised.value.exit_code == 4
    assert str(raised.value).splitlines()[-2:] == ["line 19", "no http://h"]
    assert "line 0\n" not in str(raised.value)


def test_a_server_that_ends_later_is_said_too_and_what_it_says_meanwhile_is_passed_on(
    store: Store, fake: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = "\nprint('the store is', os.environ['MLFLOW_BACKEND_STORE_URI'])"
    fake.write_text(SERVER.replace("600", "0.5").replace("os.fork() == 0", "False") + said)
    with Pages(store.uri, free_port()) as shown, pytest.raises(CannotRun, match="exit code 0"):
        shown.wait()
    assert capfd.readouterr().err == f"the store is {store.uri}\n"


def test_a_server_that_never_answers_is_ended(
    store: Store, fake: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.write_text("import time; print('busy', flush=True); time.sleep(600)")
    monkeypatch.setenv(*mark.split("="))
    monkeypatch.setattr(pages, "_LIMIT", 1.0)
    with pytest.raises(CannotRun, match="does not answer within 1 s") as raised, Pages(store.uri, free_port()):
        pass
    assert "busy" in str(raised.value)
    wait_for(lambda: not members(mark), 10)


def test_a_taken_port_and_one_that_is_none_are_said(store: Store) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        for port in (listening.getsockname()[1], 99999):
            with pytest.raises(CannotRun, match="--port"), Pages(store.uri, port):
                pass


# what another account does once it sees the port in the list of processes: "taken" or why not
TAKER = """
import socket, sys
taker = socket.socket()
taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    taker.bind(("127.0.0.1", int(sys.argv[1])))
    taker.listen()
    print("taken")
except OSError as error:
    print(error.strerror)
"""


def test_nobody_else_gets_the_port_while_the_server_starts_nor_later(
    store: Store, fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be sent the password by who opens the link."""
    monkeypatch.chdir(tmp_path)
    as_another = {} if os.geteuid() else {"user": 65534, "group": 65534, "extra_groups": []}
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable  # ours may be out of its reach
    port = free_port()

    def take() -> str:
        return subprocess.run(
            [python, "-I", "-c", TAKER, str(port)], cwd="/", capture_output=True, text=True, timeout=60, **as_another
        ).stdout  # fmt: skip

    fake.write_text(
        f"open('starting', 'w').close()\nimport os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\n{SERVER}"
    )
    said: list[str] = []
    with concurrent.futures.ThreadPoolExecutor(1) as other:

        def while_it_starts() -> None:
            try:
                wait_for((tmp_path / "starting").exists)
                said.append(take())
            finally:
                (tmp_path / "go").touch()

        early = other.submit(while_it_starts)
        with Pages(store.uri, port):
            early.result()
            said.append(take())
    assert said == ["Address already in use\n"] * 2
    assert take() == "taken\n"


@pytest.mark.parametrize("answer", [None, b"", b"no HTTP\r\n\r\n"])
def test_a_connection_alone_is_no_answer(
    store: Store, fake: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    """What listens, and what takes a connection, may not have started yet."""
    monkeypatch.setattr(pages, "_LIMIT", 1.0)
    taking = f"while True:\n a = s.accept()[0]; a.recv(65536); a.sendall({answer!r}); a.close()"
    fake.write_text(
        f"import socket, time\ns = socket.socket(fileno=0)\n{'time.sleep(600)' if answer is None else taking}"
    )
    with pytest.raises(CannotRun, match="does not answer within 1 s"), Pages(store.uri, free_port()):
        pass


def test_a_store_that_cannot_be_used_is_said_before_a_server_is_started(store: Store) -> None:
    store.path.write_bytes(b"a text")
    with pytest.raises(CannotRun, match="not a SQLite database"), Pages(store.uri, free_port()):
        pass


def test_the_pages_of_a_server_are_its_own() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        assert running_server(f"http://me:s3cr3t@{place}") == f"http://{place}"
    with pytest.raises(CannotRun, match="refused"):
        running_server("http://me:s3cr3t@127.0.0.1:1")
    assert running_server("sqlite:///x.db") is None


def test_the_pages_of_a_database_listen_on_this_machine_only(store: Store) -> None:
    command = ui_command(store.uri, 5050, "app")
    own = (store.path.parent / "mlartifacts").as_uri()
    for option, value in [("--host", "127.0.0.1"), ("--default-artifact-root", own), ("--artifacts-destination", own)]:
        assert command[command.index(option) + 1] == value


def test_neither_the_address_of_a_database_nor_the_password_is_in_a_list_of_processes() -> None:
    uri = "postgresql://me:s3cr3t@host/db"
    with new_access() as access:
        words = " ".join(ui_command(uri, 5050, access.app))
        assert "s3cr3t" not in words
        assert str(access.password) not in words
        assert ui_environment(uri, access)["MLFLOW_BACKEND_STORE_URI"] == uri


def test_what_the_user_set_for_another_server_is_not_this_ones(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_AUTH_ADMIN_PASSWORD", "of another server")
    monkeypatch.setenv("MLFLOW_AUTH_CONFIG_PATH", "/elsewhere.ini")
    monkeypatch.setenv("MLFLOW_GUNICORN_OPTS", "--reload")
    monkeypatch.setenv("MLFLOW_SERVER_ALLOWED_HOSTS", "tunnel.example:*")
    monkeypatch.setenv("PYTHONPATH", "/a:/b")
    with new_access() as access:
        found = ui_environment(store.uri, access)
    assert "MLFLOW_AUTH_ADMIN_PASSWORD" not in found
    assert not found["MLFLOW_GUNICORN_OPTS"]
    assert found["MLFLOW_AUTH_CONFIG_PATH"] == f"{access.folder}/basic_auth.ini"
    assert found["MLFLOW_SERVER_ALLOWED_HOSTS"] == "tunnel.example:*"  # this one is meant for any
    assert found["PYTHONPATH"].startswith(f"{access.folder}:/a:/b:")
    with new_access(locked=False) as access:
        assert "MLFLOW_AUTH_CONFIG_PATH" not in ui_environment(store.uri, access)


def test_folders_to_show_besides_are_resolved_and_the_stores_own_are_not(store: Store, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    with new_access() as access:
        roots = json.loads(ui_environment(store.uri, access, [tmp_path / "link"])[ROOTS])
    assert roots == [f"{tmp_path}/{name}" for name in ("mlartifacts", "mlruns", "disk")]


def running(store: Store, folder: Path, mark: str, *options: str, **streams: Any) -> subprocess.Popen[str]:
    (folder / "server.py").write_text(SERVER)
    (folder / "temporary").mkdir()
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "ui", "--tracking-uri", store.uri, "--port", str(free_port()), *options], cwd=folder,
        env={**os.environ, **dict([mark.split("=")]), "TMPDIR": str(folder / "temporary")},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **streams},
    )  # fmt: skip


@pytest.mark.parametrize("number", ["SIGTERM", "SIGKILL"])
def test_the_password_lies_in_a_private_folder_that_goes_with_the_command(
    store: Store, tmp_path: Path, mark: str, number: str
) -> None:
    before = os.umask(0)
    try:
        command = running(store, tmp_path, mark)
    finally:
        os.umask(before)
    assert command.stderr is not None
    said = command.stderr.readline()
    (private,) = (tmp_path / "temporary").glob("gensweep-ui-*")
    password = (private / "password").read_text().strip()
    assert f"is in {private}/password" in said
    assert password not in said  # what is no terminal may be a file that others read
    assert private.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in private.rglob("*") if path.is_file()}
    assert set(modes.values()) == {0o600}
    assert {"password", "basic_auth.ini", "users.db"} <= set(modes)
    for process in members(mark):
        assert password.encode() not in Path(f"/proc/{process}/cmdline").read_bytes()
        assert password.encode() not in Path(f"/proc/{process}/environ").read_bytes()
    command.send_signal(signal.Signals[number])
    command.communicate(timeout=60)
    wait_for(lambda: not members(mark), 20)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_terminal_is_told_the_password_and_a_link(store: Store, tmp_path: Path, mark: str) -> None:
    ours, its = pty.openpty()
    command = running(store, tmp_path, mark, stderr=its)
    os.close(its)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        said = b""
        while b"For programs" not in said:
            said += terminal.read(1024)
        password = next((tmp_path / "temporary").glob("*/password")).read_text().strip()
        command.terminate()
        command.communicate(timeout=60)
    assert re.search(rf"Open http://gensweep:{password}@127\.0\.0\.1:\d+/enter\r\n", said.decode())
    assert f"with the password {password}" in said.decode()


def test_without_a_password_it_says_what_that_means(store: Store, tmp_path: Path, mark: str) -> None:
    command = running(store, tmp_path, mark, "--no-auth")
    assert command.stderr is not None
    assert "every account of this machine can read, change and delete" in command.stderr.readline()
    assert list((tmp_path / "temporary").glob("*/password")) == []
    command.terminate()
    command.communicate(timeout=60)


def test_a_folder_that_is_not_there_is_a_mistake_of_usage(
    store: Store, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["gensweep", "ui", "--tracking-uri", store.uri, "--artifacts", "/nowhere/at/all"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "/nowhere/at/all" in capfd.readouterr().err


def test_each_start_has_a_password_of_its_own() -> None:
    with new_access() as one, new_access() as other:
        assert len(str(one.password)) >= 32
        assert one.password != other.password
    assert not one.folder.exists()


@pytest.mark.slow
def test_mlflows_own_server_ends_with_all_its_workers(store: Store, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*mark.split("="))
    monkeypatch.setenv("MLFLOW_WORKERS", "2")
    with Pages(store.uri, free_port()) as shown:
        assert urllib.request.urlopen(f"{shown.url}/health", timeout=60).read() == b"OK"
        assert len(members(mark)) >= 5
    assert members(mark) == []

"""A sweep's folder from a stranger names a server, and links to the reader's files: no command sends anything there."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gensweep.tracking.cursor import Cursor
from tests.cli.conftest import SPACE, Ended


class Listening(BaseHTTPRequestHandler):
    """The stranger's server: it keeps what it is told."""

    heard: list[str]

    def do_GET(self) -> None:
        self.heard.append(f"{self.path} {self.headers.get('Authorization')}")
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}')

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def attacker() -> Iterator[tuple[str, list[str]]]:
    """Its address, and what it heard."""
    heard: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Mine", (Listening,), {"heard": heard}))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", heard
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(
    gensweep: Callable[..., Ended], done: tuple[Path, Ended], store: str, tmp_path: Path, attacker: tuple[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:  # fmt: skip
    """Where the sweep `tiny` of a stranger was unpacked, beside a store of the reader's."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "reader")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "the readers password")
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    place = tmp_path / "unpacked"
    place.mkdir()
    (place / "space.yaml").write_text(SPACE)
    shutil.copytree(done[0] / "runs", place / "runs")
    shutil.copy(store.removeprefix("sqlite:///"), place / "mlflow.db")
    cursor = place / "runs" / "tiny" / "tracking.jsonl"
    cursor.unlink()
    Cursor.load(cursor, attacker[0]).compact()
    return place


@pytest.mark.parametrize(
    "command",
    [["sync", "tiny"], ["run", "space.yaml", "--in-process"], ["resume", "tiny", "--in-process"], ["compare", "tiny"],
     ["show", "tiny"], ["resume", "tiny", "--samples", "3", "--in-process"]],
    ids=["sync", "run", "resume", "compare", "show", "resume for more"],
)  # fmt: skip
def test_no_command_asks_the_server_that_a_folder_names(
    gensweep: Callable[..., Ended], folder: Path, attacker: tuple[str, list[str]], command: list[str]
) -> None:
    address, heard = attacker
    ended = gensweep(*command, folder=folder)
    assert ended.code == 0, ended.err
    assert heard == []
    if command[0] in ("sync", "run", "resume"):
        assert f"says that it was sent to {address}" in ended.err
        assert f"--tracking-uri {address}" in ended.err
    else:
        assert address not in ended.err


def test_the_server_is_asked_where_the_command_line_names_it(
    gensweep: Callable[..., Ended], folder: Path, attacker: tuple[str, list[str]]
) -> None:
    address, heard = attacker
    ended = gensweep("sync", "tiny", "--tracking-uri", address, folder=folder)
    assert (ended.code, "Traceback" in ended.err) == (4, False)
    assert "Basic" in heard[0]  # what this test would hear, were it so in the others


def test_a_link_in_the_folder_is_not_sent(gensweep: Callable[..., Ended], folder: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("the victim's key")
    trial = sorted((folder / "runs/tiny/trials").iterdir())[0]
    (trial / "samples" / "key.png").symlink_to(tmp_path / "key")
    ended = gensweep("sync", "tiny", folder=folder)
    assert ended.code == 0, ended.err
    assert "samples/key.png" in ended.err
    (folder / "runs/tiny/costs.csv").unlink(missing_ok=True)
    (folder / "runs/tiny/costs.csv").symlink_to(tmp_path / "key")
    ended = gensweep("sync", "tiny", folder=folder)
    assert (ended.code, "costs.csv: is a link" in ended.err) == (5, True)
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and b"the victim's key" in path.read_bytes()]
    assert {path.resolve() for path in kept} == {tmp_path / "key"}

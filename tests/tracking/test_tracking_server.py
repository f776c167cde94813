"""What a server may answer to the one question that is asked before a sweep begins."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gensweep.tracking.tracking_server import trouble


class Answering(ThreadingHTTPServer):
    """Answers every request alike, and keeps what it was asked."""

    status, body = 200, b""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.place = f"127.0.0.1:{self.server_port}"

    def says(self, status: int, body: object) -> None:
        self.status, self.body = status, body if isinstance(body, bytes) else json.dumps(body).encode()


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Answering]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Answering()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


MISSING = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such experiment"}


def experiment(stage: str) -> dict[str, object]:
    return {"experiment": {"experiment_id": "7", "name": "gensweep", "lifecycle_stage": stage}}


@pytest.mark.parametrize(("status", "body"), [(404, MISSING), (200, experiment("active"))])
def test_a_server_of_mlflow_can_be_used(server: Answering, status: int, body: object) -> None:
    server.says(status, body)
    assert trouble(f"http://{server.place}/prefix") is None
    assert server.asked == [("/prefix/api/2.0/mlflow/experiments/get-by-name?experiment_name=gensweep", None)]


@pytest.mark.parametrize(
    ("status", "body", "why", "cure"),
    [
        (200, experiment("deleted"), "is deleted", "mlflow experiments restore -x 7"),
        (200, b"<html>", "not MLflow (200 OK)", "own page"),
        (200, ["a", "list"], "not MLflow", "own page"),
        (404, b"not found", "not MLflow (404 Not Found)", "own page"),
        (500, b"broken", "answers 500", "Mend the server"),
        (503, {"error_code": "TEMPORARILY_UNAVAILABLE"}, "answers 503", "Mend the server"),
        (401, b"You are not authenticated", "answers 401", "MLFLOW_TRACKING_PASSWORD"),
        (403, b"Invalid Host header", "answers 403", "--allowed-hosts"),
    ],
)
def test_what_else_it_may_answer_is_said_with_a_cure(
    server: Answering, status: int, body: object, why: str, cure: str
) -> None:
    server.says(status, body)
    found = trouble(f"http://me:s3cr3t@{server.place}")
    assert found is not None
    assert why in found.why
    assert cure in str(found.cure)
    assert "s3cr3t" not in str(found)
    assert "gc --experiment-ids" in str(found.cure) or "gc" not in str(found.cure)


def test_a_password_that_holds_no_more_is_told_from_none(server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    server.says(401, b"You are not authenticated")
    assert "none was given" in str(trouble(f"http://{server.place}"))
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "gensweep")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "of-yesterday")
    found = trouble(f"http://{server.place}")
    assert found is not None
    assert "other ones than it was given" in found.why
    assert "gensweep ui" in str(found.cure)
    assert "of-yesterday" not in str(found)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_it_lets_us_in_as_mlflow_would_be_let_in(server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    server.says(404, MISSING)
    trouble(f"http://me:a%40b%2F@{server.place}")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token")
    trouble(f"http://{server.place}")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pw")
    trouble(f"http://{server.place}")
    assert [how for _, how in server.asked] == [basic("me:a@b/"), "Bearer token", basic("me:pw")]


@pytest.mark.parametrize("name", ["MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4"])
def test_ways_in_that_only_mlflow_knows_are_left_to_it(
    server: Answering, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    server.says(403, b"")
    monkeypatch.setenv(name, "true")
    assert trouble(f"http://{server.place}") is None


def test_credentials_in_mlflows_file_are_left_to_it(server: Answering, tmp_path: Path) -> None:
    server.says(401, b"")
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text("[mlflow]\n")
    assert trouble(f"http://{server.place}") is None


def test_nobody_there_and_no_tls_there(server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    found = trouble("http://me:s3cr3t@127.0.0.1:1")
    assert found is not None
    assert found.why == "Connection refused"
    plain = trouble(f"https://me:s3cr3t@{server.place}")
    assert plain is not None
    assert "s3cr3t" not in str(plain)
    assert "MLFLOW_TRACKING_SERVER_CERT_PATH" in str(plain.cure)

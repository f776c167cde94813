"""`gensweep ui` says where a sweep's trials and its verdict are, and opens there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest

from gensweep.tracking import pages
from gensweep.tracking.access import Access
from tests.cli.conftest import Command
from tests.written_sweep import DEFINITION, Writer


@pytest.fixture
def study(tmp_path: Path) -> Writer:
    """A sweep of which one trial is running."""
    sweep = Writer(tmp_path / "runs" / "study", {**DEFINITION, "name": "study"})
    sweep.trial("vae", 3.0)
    sweep.trial("wae", 2.0, outcome="")
    return sweep


@pytest.fixture
def mlflow_at(store: str) -> Iterator[SimpleNamespace]:
    """A server that knows gensweep's experiment, and whom it was asked by."""
    heard = SimpleNamespace(url="", asked=list[str]())

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.asked.append(str(self.headers.get("Authorization")))
            found = mlflow.MlflowClient(tracking_uri=store).get_experiment_by_name("gensweep")
            tags = [{"key": key, "value": value} for key, value in found.tags.items()] if found else []
            data = json.dumps({"experiment": {"experiment_id": "1", "tags": tags}}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        heard.url = f"http://127.0.0.1:{server.server_port}"
        yield heard
        server.shutdown()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, mlflow_at: SimpleNamespace) -> SimpleNamespace:
    """Pages that are that server, which asks for a password; Ctrl-C ends them at once."""

    class OnTerminal(Access):
        def how_to_enter(self, url: str, *, on_terminal: bool, view: str | None = None) -> str:
            return super().how_to_enter(url, on_terminal=True, view=view)

    class Shown(pages.Pages):
        def __enter__(self) -> Shown:
            self.url, self.access = mlflow_at.url, OnTerminal(Path("folder"), "s3cr3t")
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def wait(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(pages, "Pages", Shown)
    return mlflow_at


def view_of(folder: Path) -> str:
    first = json.loads((folder / "tracking.jsonl").read_text().splitlines()[0])
    return f"gensweep-{first['sweep_id'][:12]}"


def test_ui_of_a_sweep_says_where_its_trials_and_its_verdict_are(
    study: Writer, gensweep: Command, started: SimpleNamespace, tmp_path: Path
) -> None:
    assert gensweep("sync", "study").code == 0
    ended = gensweep("ui", "study")
    view, (first, trials, verdict) = view_of(tmp_path / "runs" / "study"), ended.out.splitlines()
    assert (ended.code, first) == (0, f"MLflow: {started.url}")
    page = f"{started.url}/#/experiments/1/runs"
    assert trials == f"Trials of study: {page}?workflowType=machine_learning&viewStateShareKey={view}"
    assert verdict.startswith(f"Verdict on study: {page}/")
    assert verdict.endswith("?workflowType=machine_learning")
    assert started.asked == ["Basic Z2Vuc3dlZXA6czNjcjN0"]  # gensweep:s3cr3t
    assert f"/enter?view={view}\n" in ended.err
    assert "s3cr3t" not in ended.out


def test_ui_opens_on_the_newest_sweep_where_none_is_named(
    study: Writer, gensweep: Command, started: SimpleNamespace
) -> None:
    gensweep("sync", "study")
    ended = gensweep("ui")
    assert "Trials of study: " in ended.out
    assert "/enter\n" in ended.err


def test_a_server_that_runs_is_opened_too(study: Writer, gensweep: Command, mlflow_at: SimpleNamespace) -> None:
    gensweep("sync", "study")
    said = gensweep("ui", "--tracking-uri", mlflow_at.url).out.splitlines()
    assert said[0] == f"MLflow: {mlflow_at.url}"
    assert said[1].startswith(f"Trials of study: {mlflow_at.url}/#/experiments/1/runs?")


def test_a_sweep_that_was_not_sent_there_is_refused_before_anything_starts(
    study: Writer, gensweep: Command, started: SimpleNamespace, store: str
) -> None:
    ended = gensweep("ui", "study")
    assert (ended.code, ended.out, started.asked) == (2, "", [])
    assert f"study was not sent to {store}. Send it: gensweep sync study --tracking-uri {store}" in ended.err
    assert "--tracking-uri." in ended.err


@pytest.mark.parametrize(("name", "says"), [("studdy", "Did you mean 'study'?"), ("../x", "there is no sweep")])
def test_a_sweep_that_is_not_there_is_a_mistake_of_usage(
    study: Writer, gensweep: Command, name: str, says: str
) -> None:
    ended = gensweep("ui", name)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err


def test_a_sweep_of_an_earlier_gensweep_has_no_table_yet_and_ui_says_what_brings_it(
    study: Writer, gensweep: Command, started: SimpleNamespace, store: str, tmp_path: Path
) -> None:
    gensweep("sync", "study")
    client = mlflow.MlflowClient(tracking_uri=store)
    found = client.get_experiment_by_name("gensweep")
    assert found is not None
    client.delete_experiment_tag(found.experiment_id, f"mlflow.sharedViewState.{view_of(tmp_path / 'runs' / 'study')}")
    ended = gensweep("ui", "study")
    assert (ended.code, ended.out) == (0, f"MLflow: {started.url}\n")
    assert "the pages have no table of study yet; gensweep sync study brings it." in ended.err

"""A sweep in processes of its own, which a test watches by its log and disturbs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.counting import environment
from tests.processes import WORKERS, descendants


def gensweep(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gensweep", *arguments], cwd=folder, text=True, env=environment(folder), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process: subprocess.Popen[str], timeout: float = 400) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str], timeout: float = 300) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


def events(folder: Path, kind: str = "") -> list[dict[str, object]]:
    """The events of this kind so far, or all of them."""
    path = folder / "runs" / "survivor" / "ledger" / "events.jsonl"
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]
    return [event for event in map(json.loads, lines) if kind in ("", event.get("event"))]


def mlflow_runs(folder: Path) -> list[tuple[str, str]]:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiments = [e.experiment_id for e in client.search_experiments()]
    found = client.search_runs(experiments, max_results=1000)
    return [(run.data.tags.get("gensweep.number", "parent"), run.info.status) for run in found]


def results(folder: Path) -> bytes:
    """The table of trials, as it is on disk."""
    return (folder / "runs" / "survivor" / "results.csv").read_bytes()


def after_reports(folder: Path, driver: subprocess.Popen[str], n: int) -> None:
    """Wait until this start has taken `n` reports."""
    before = len(events(folder, "reported"))
    wait_until(lambda: len(events(folder, "reported")) >= before + n, driver)


def worker_of(driver: subprocess.Popen[str]) -> int:
    """A process in which its trials train, once there is one."""
    found: list[int] = []
    wait_until(lambda: bool(found.extend(descendants(driver.pid, WORKERS)) or found), driver)
    return found[0]

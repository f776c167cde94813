"""Real processes, really killed: the sweep goes on where it stood, and nobody could tell from its results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep.ledger.sweep_folder import SweepFolder

SPACE = """
defaults: [base, {dataset: digits}, _self_]
name: survivor
objective: {metric: sliced_wasserstein}
search: {sampler: random, samples: 2, seed: 4}
early_stopping: {name: none}
trial:
  seed: 0
  network: {name: mlp, hidden: [256, 256]}
  latent_size: choice(2, 4, 8)
  family:
    name: wae
    lambda: loguniform(1, 10)
    divergence: {one_of: [{name: mmd}, {name: sliced_wasserstein, projections: choice(20, 50)}]}
  training: {epochs: 20, optimizer: {lr: loguniform(1e-4, 1e-3)}}
  evaluation: {metrics: [sliced_wasserstein], every: 1}
"""


def gensweep(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
    return subprocess.Popen(
        [sys.executable, "-m", "gensweep", *arguments], cwd=folder, text=True, env=environment, start_new_session=True,
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


def events(folder: Path, kind: str) -> list[dict[str, object]]:
    path = folder / "runs" / "survivor" / "ledger" / "events.jsonl"
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]
    return [event for event in map(json.loads, lines) if event.get("event") == kind]


def mlflow_runs(folder: Path) -> list[tuple[str, str]]:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiments = [e.experiment_id for e in client.search_experiments()]
    found = client.search_runs(experiments, max_results=1000)
    return [(run.data.tags.get("gensweep.number", "parent"), run.info.status) for run in found]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "space.yaml").write_text(SPACE)
    code, out, err = finish(gensweep(folder, "run", "space.yaml"))
    assert code == 0, err
    assert "sliced_wasserstein" in out
    return folder


def results(folder: Path) -> bytes:
    return (folder / "runs" / "survivor" / "results.csv").read_bytes()


def test_killing_the_driver_changes_no_result_and_leaves_one_mlflow_run_a_trial(
    tmp_path: Path, undisturbed: Path
) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    driver = gensweep(tmp_path, "run", "space.yaml")
    wait_until(lambda: len(events(tmp_path, "reported")) >= 25, driver)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    before = {
        number: record.epoch
        for number, record in SweepFolder.open(tmp_path / "runs" / "survivor").state().trials.items()
    }
    code, _, err = finish(gensweep(tmp_path, "resume", "survivor"))
    assert code == 0, err
    assert results(tmp_path) == results(undisturbed)
    runs = Counter(mlflow_runs(tmp_path))
    assert runs == Counter({("parent", "FINISHED"): 1, **{(str(n), "FINISHED"): 1 for n in range(4)}})
    # no report of an epoch that had been reported before: nothing known was trained twice
    reported = Counter((event["number"], event["epoch"]) for event in events(tmp_path, "reported"))
    assert set(reported.values()) == {1}
    assert any(epoch > 0 for epoch in before.values())


def test_killing_a_worker_costs_its_trial_one_interval_and_the_sweep_nothing(tmp_path: Path, undisturbed: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    driver = gensweep(tmp_path, "run", "space.yaml")
    wait_until(lambda: len(events(tmp_path, "reported")) >= 10, driver)
    workers: list[int] = []
    wait_until(lambda: bool(workers.extend(worker_processes(driver.pid)) or workers), driver)  # named while they train
    os.kill(workers[0], signal.SIGKILL)
    code, _, err = finish(driver)
    assert code == 0, err
    assert results(tmp_path) == results(undisturbed)
    assert len(events(tmp_path, "lost")) == len(events(tmp_path, "continued")) == 1


def test_ctrl_c_saves_says_how_to_go_on_and_exits_130(tmp_path: Path, undisturbed: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    driver = gensweep(tmp_path, "run", "space.yaml")
    wait_until(lambda: len(events(tmp_path, "reported")) >= 10, driver)
    os.kill(driver.pid, signal.SIGINT)
    code, _, err = finish(driver, timeout=60)
    assert code == 130, err
    assert "gensweep resume survivor" in err
    assert not [run for run in mlflow_runs(tmp_path) if run[1] == "RUNNING"]
    code, _, err = finish(gensweep(tmp_path, "resume", "survivor"))
    assert code == 0, err
    assert results(tmp_path) == results(undisturbed)


def test_sigterm_is_resumable_with_exit_75(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    command = ("run", "space.yaml", "search.samples=20")  # more than can end before the second one has answered
    driver = gensweep(tmp_path, *command)
    wait_until(lambda: len(events(tmp_path, "reported")) >= 3, driver)
    second = gensweep(tmp_path, *command)
    code, _, err = finish(second, timeout=200)
    assert code == 4, err
    assert f"locked by {os.uname().nodename}:{driver.pid}" in err
    os.kill(driver.pid, signal.SIGTERM)
    code, _, err = finish(driver, timeout=60)
    assert code == 75, err
    assert "SIGTERM" in err


def worker_processes(driver: int) -> list[int]:
    """The processes that train: Ray names them after the actor's class."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and "Trainable" in (entry / "cmdline").read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    mine = {driver}
    grown = True
    parents = {
        pid: int((Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[1]) for pid in all_pids()
    }
    while grown:
        more = {pid for pid, parent in parents.items() if parent in mine} - mine
        grown = bool(more)
        mine |= more
    return [pid for pid in found if pid in mine]


def all_pids() -> list[int]:
    return [int(e.name) for e in Path("/proc").iterdir() if e.name.isdigit() and (e / "stat").exists()]

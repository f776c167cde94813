"""Real processes, really killed: the sweep goes on where it stood, and nobody could tell from its results.

One sweep lives through all of it, because each start of Ray takes as long as its training.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gensweep.ledger.sweep_folder import SweepFolder
from tests.living_sweep import after_reports, events, finish, gensweep, mlflow_runs, results, wait_until, worker_of
from tests.processes import driver_of

pytestmark = pytest.mark.slow  # test_killed_driver.py is the quick one

SPACE = """
defaults: [base, {dataset: digits}, _self_]
name: survivor
confirm: none
objective: {metric: sliced_wasserstein}
search: {sampler: random, samples: 3, seed: 4}
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


@dataclass
class Start:
    """One start of the sweep: how it ended, and what stood in its folder then."""

    code: int
    err: str
    epochs: dict[int, int] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    in_mlflow: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Life:
    """The sweep that was disturbed at each start but its last, and who came while it ran."""

    folder: Path
    starts: list[Start]
    second: Start
    first_pid: int


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """The same sweep, left alone and in one process."""
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copy(empty_database, folder / "mlflow.db")
    (folder / "space.yaml").write_text(SPACE)
    code, out, err = finish(gensweep(folder, "run", "space.yaml", "--in-process"))
    assert code == 0, err
    assert "sliced_wasserstein" in out
    return folder


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    folder = tmp_path_factory.mktemp("disturbed")
    (folder / "space.yaml").write_text(SPACE)
    driver = gensweep(folder, "run", "space.yaml")
    after_reports(folder, driver, 4)
    holder = driver_of(folder / "runs" / "survivor")
    os.kill(holder, signal.SIGSTOP)  # or it might be done before the second one asks
    refused = ended(folder, gensweep(folder, "run", "space.yaml", "--in-process"))
    os.kill(holder, signal.SIGCONT)
    os.kill(worker_of(driver), signal.SIGKILL)
    wait_until(lambda: bool(events(folder, "continued")), driver)
    os.kill(driver.pid, signal.SIGINT)
    starts = [ended(folder, driver)]
    for number, where in ((signal.SIGKILL, ()), (signal.SIGTERM, ("--in-process",))):
        again = gensweep(folder, "resume", "survivor", *where)
        after_reports(folder, again, 10)
        of_it = driver_of(folder / "runs" / "survivor") if number == signal.SIGKILL else again.pid
        os.kill(of_it, number)
        starts.append(ended(folder, again))
    starts.append(ended(folder, gensweep(folder, "resume", "survivor", "--in-process")))
    return Life(folder, starts, refused, holder)


def ended(folder: Path, process: subprocess.Popen[str]) -> Start:
    code, _, err = finish(process, timeout=300)
    state = SweepFolder.open(folder / "runs" / "survivor").state()
    epochs = {number: record.epoch for number, record in state.trials.items()}
    kinds = [str(event["event"]) for event in events(folder)]
    return Start(code, err, epochs, kinds, mlflow_runs(folder))


def test_no_disturbance_changes_a_result(life: Life, undisturbed: Path) -> None:
    assert results(life.folder) == results(undisturbed)
    assert life.starts[-1].code == 0, life.starts[-1].err
    assert any(epoch > 0 for start in life.starts[:-1] for epoch in start.epochs.values())
    assert len(life.starts[0].epochs) < len(life.starts[-1].epochs) == 6  # they ended in the middle


def test_nothing_known_is_trained_twice(life: Life) -> None:
    reported = Counter((event["number"], event["epoch"]) for event in events(life.folder, "reported"))
    assert set(reported.values()) == {1}
    assert len(reported) == 6 * 20


def test_a_killed_worker_costs_its_trial_one_interval_and_the_sweep_nothing(life: Life) -> None:
    assert Counter(life.starts[0].events)["lost"] == Counter(life.starts[0].events)["continued"] == 1


def test_ctrl_c_saves_says_how_to_go_on_and_exits_130(life: Life) -> None:
    stopped = life.starts[0]
    assert stopped.code == 130, stopped.err
    assert stopped.events[-1] == "stopped"
    assert "gensweep resume survivor" in stopped.err
    assert not [run for run in stopped.in_mlflow if run[1] == "RUNNING"]


def test_for_a_driver_that_is_killed_its_parent_speaks_and_its_trials_go_on(life: Life) -> None:
    killed = life.starts[1]
    assert killed.code == 75
    assert killed.events[-1] == "stopped"
    assert "its process was killed (SIGKILL)" in killed.err
    for number, epoch in killed.epochs.items():
        assert life.starts[2].epochs[number] >= epoch


def test_sigterm_is_resumable_with_exit_75(life: Life) -> None:
    assert life.starts[2].code == 75, life.starts[2].err
    assert life.starts[2].events[-1] == "stopped"
    assert "SIGTERM" in life.starts[2].err


def test_a_second_driver_is_refused_with_the_name_of_the_first(life: Life) -> None:
    assert life.second.code == 4, life.second.err
    assert f"locked by {os.uname().nodename}:{life.first_pid}" in life.second.err


def test_after_all_of_it_there_is_one_mlflow_run_a_trial(life: Life) -> None:
    expected = {("parent", "FINISHED"): 1, **{(str(n), "FINISHED"): 1 for n in range(6)}}
    assert Counter(life.starts[-1].in_mlflow) == Counter(expected)

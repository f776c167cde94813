"""Every signal at every moment, and Ray's own processes killed: an exit code that says so, a word in the ledger, and after
`resume` the results of a sweep that nobody disturbed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.counting import count_in
from tests.faults.figures import Record, figures
from tests.living_sweep import events, finish, gensweep, mlflow_runs, results, wait_until
from tests.processes import descendants
from tests.small_memory import SmallMemory

pytestmark = pytest.mark.slow  # tests/test_parent.py and tests/test_drive.py are the quick ones

SPACE = """
name: survivor
confirm: {top: 1, seeds: 2}
objective: {metric: sliced_wasserstein}
search: {sampler: random, samples: 2, seed: 4}
early_stopping: none
trial:
  dataset: {name: digits}
  seed: 0
  network: {name: mlp, hidden: [64]}
  latent_size: choice(2, 4, 8)
  family: {name: vae, beta: "loguniform(0.1, 1)"}
  training: {epochs: 12, batch_size: 64, lr_schedule: counted}
  evaluation: {metrics: [sliced_wasserstein], every: 1}
"""
MARGIN, STEP = 1500 << 20, 256 << 20  # bytes from what is used before to Ray's threshold; of one look at it
INTERVAL = 2 * 15  # steps of an epoch of digits, for each of two trials
CODES = {"SIGINT": 130, "SIGTERM": 75, "SIGHUP": 75, "SIGUSR1": 75}
Command = subprocess.Popen[str]
Moment = Callable[[Path, Command], None]


def at_half_a_second(folder: Path, command: Command) -> None:
    time.sleep(0.5)


def while_ray_starts(folder: Path, command: Command) -> None:
    wait_until(lambda: bool(descendants(command.pid, "")) and any("gcs_server" in c for c in _below(command)), command)


def while_a_trial_trains(folder: Path, command: Command) -> None:
    wait_until(lambda: len(events(folder, "reported")) >= 4, command)


def between_trials(folder: Path, command: Command) -> None:
    wait_until(lambda: bool(events(folder, "ended")), command)


def in_the_confirmation(folder: Path, command: Command) -> None:
    def is_confirming() -> bool:
        confirming = {event["number"] for event in events(folder, "issued") if event.get("parent") is not None}
        return any(event["number"] in confirming for event in events(folder, "reported"))

    wait_until(is_confirming, command)


def in_the_report(folder: Path, command: Command) -> None:
    wait_until(lambda: bool(events(folder, "finished")), command)


def _below(command: Command) -> list[str]:
    return list(descendants(command.pid).values())


BEFORE: tuple[Moment, ...] = (at_half_a_second, while_ray_starts)
MOMENTS: tuple[Moment, ...] = (while_a_trial_trains, between_trials, in_the_confirmation, in_the_report)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    folder = made(tmp_path_factory.mktemp("undisturbed"), empty_database)
    code, _, err = finish(gensweep(folder, "run", "space.yaml", "--in-process"))
    assert code == 0, err
    return folder


def made(folder: Path, empty_database: Path) -> Path:
    shutil.copy(empty_database, folder / "mlflow.db")
    (folder / "space.yaml").write_text(SPACE)
    count_in(folder)
    return folder


def left_of(before: set[int], patience: float = 10.0) -> set[int]:
    """Those of the processes that live on `patience` seconds after the command."""
    deadline = time.monotonic() + patience
    while (left := {pid for pid in before if _is_running(pid)}) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def went_on(folder: Path, undisturbed: Path, ended: int, left: set[int], record: Record) -> None:
    """After a start that ended so, and left these processes."""
    code, _, err = finish(gensweep(folder, "run", "space.yaml", "--in-process"))
    assert code == 0, err
    found = figures(folder, undisturbed)
    found.record(record, (ended, code), left)
    assert found.holds
    assert 0 <= found.steps_redone <= INTERVAL
    assert results(folder) == results(undisturbed)
    assert events(folder)[-1]["event"] == "closed"
    pairs = [(event["number"], event["epoch"]) for event in events(folder, "reported")]
    assert len(pairs) == len(set(pairs)) == 4 * 12
    runs = mlflow_runs(folder)
    assert len(runs) == len({name for name, _ in runs}) == 5
    assert {status for _, status in runs} == {"FINISHED"}


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("moment", BEFORE, ids=lambda one: one.__name__)
def test_before_the_first_trial_a_signal_leaves_nothing(
    tmp_path: Path, empty_database: Path, number: str, moment: Moment, record_property: Record
) -> None:
    command = gensweep(made(tmp_path, empty_database), "run", "space.yaml")
    moment(tmp_path, command)
    before = set(descendants(command.pid))
    command.send_signal(signal.Signals[number])
    code, _, err = finish(command)
    assert code == CODES[number]
    assert "nothing was begun" in err
    assert "Traceback" not in err
    assert not (tmp_path / "runs" / "survivor" / "sweep.yaml").exists()
    left = left_of(before)
    record_property("exit codes", code)
    record_property("processes left", len(left))
    assert not left


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda one: one.__name__)
def test_from_the_first_trial_to_the_last_word_a_signal_stops_it_resumably(
    tmp_path: Path,
    empty_database: Path,
    undisturbed: Path,
    number: str,
    moment: Moment,
    record_property: Record,
) -> None:
    where = ["--in-process"] if number in ("SIGTERM", "SIGHUP") else []  # Ray replaces the others' handlers
    command = gensweep(made(tmp_path, empty_database), "run", "space.yaml", *where)
    moment(tmp_path, command)
    before = set(descendants(command.pid))
    os.killpg(command.pid, signal.Signals[number])  # as a terminal or a scheduler does
    code, _, err = finish(command)
    assert code == CODES[number], err
    assert "Traceback" not in err
    assert events(tmp_path)[-1]["event"] == "stopped"
    assert events(tmp_path)[-1]["code"] == CODES[number]
    left = left_of(before)
    assert not left
    went_on(tmp_path, undisturbed, code, left, record_property)


@pytest.mark.parametrize("victim", ["raylet", "gcs_server", "the driver", "the parent"])
def test_whatever_of_it_is_killed_it_is_resumable(
    tmp_path: Path, empty_database: Path, undisturbed: Path, victim: str, record_property: Record
) -> None:
    command = gensweep(made(tmp_path, empty_database), "run", "space.yaml")
    while_a_trial_trains(tmp_path, command)
    below = descendants(command.pid)
    driver = next(pid for pid, name in below.items() if "gensweep run" in name)
    of_ray = {pid: name for pid, name in below.items() if f"/{victim} " in name}
    pid = {"the driver": driver, "the parent": command.pid}.get(victim) or next(iter(of_ray))
    os.kill(pid, signal.SIGKILL)
    code, _, err = finish(command)
    is_done = code == 0 and victim in (
        "raylet",
        "gcs_server",
    )  # what is left of it may take less time than Ray to miss them
    assert is_done or code == (-signal.SIGKILL if victim == "the parent" else 75), err
    left = left_of(set(below))
    assert not left
    assert events(tmp_path)[-1]["event"] == ("closed" if is_done else "stopped")
    went_on(tmp_path, undisturbed, code, left, record_property)


def test_a_worker_that_the_kernel_killed_for_memory_is_told_from_others_and_goes_on(
    tmp_path: Path, empty_database: Path, undisturbed: Path, record_property: Record
) -> None:
    with SmallMemory(4096) as place:
        command = gensweep(made(tmp_path, empty_database), "run", "space.yaml")
        while_a_trial_trains(tmp_path, command)
        for pid, name in descendants(command.pid, "ray::").items():
            if "Agent" not in name:  # one that trains nothing takes no memory, and lives
                place.take(pid)
        wait_until(lambda: bool(events(tmp_path, "lost")), command)
        code, _, err = finish(command)
    assert code == 0, err
    told = {(lost["fault"], lost["reason"]) for lost in events(tmp_path, "lost")}
    assert told == {("MEMORY", "the memory ran out: the kernel killed its process")}
    assert results(tmp_path) == results(undisturbed)
    found = figures(tmp_path, undisturbed)
    found.record(record_property, (code,))
    assert found.holds
    assert 0 <= found.steps_redone <= INTERVAL


def test_a_worker_that_rays_monitor_killed_for_memory_is_told_from_others_and_goes_on(
    tmp_path: Path,
    empty_database: Path,
    undisturbed: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Record,
) -> None:
    """As on a cluster: the switch stands where Ray was started. This process fills the memory until a worker is gone."""
    total, free = memory()
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "100")
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{(total - free + MARGIN) / total:.4f}")
    command = gensweep(made(tmp_path, empty_database), "run", "space.yaml")
    wait_until(lambda: bool(events(tmp_path, "issued")), command)
    ballast: list[bytearray] = []

    def is_lost() -> bool:
        if len(ballast) * STEP < 2 * MARGIN:
            ballast.append(bytearray(b"x") * STEP)
        return bool(events(tmp_path, "lost"))

    wait_until(is_lost, command)
    ballast.clear()
    code, _, err = finish(command)
    assert code in (0, 1, 3), err  # 1 and 3: it took some twice before this process had given the memory back
    assert "Traceback" not in err
    assert {lost["fault"] for lost in events(tmp_path, "lost")} == {"MEMORY"}
    told = {str(lost["reason"]) for lost in events(tmp_path, "lost")}
    assert all(reason.startswith("the memory ran out: Ray's memory monitor killed its process at ") for reason in told)
    if code:
        again, _, err = finish(gensweep(tmp_path, "resume", "survivor", "--retry-failed", "all", "--in-process"))
        assert again == 0, err
    assert results(tmp_path) == results(undisturbed)
    found = figures(tmp_path, undisturbed)
    found.record(record_property, (code, 0))
    assert found.holds


def memory() -> tuple[int, int]:
    """The bytes of this machine, and those that are free."""
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(lines[name].split()[0]) << 10 for name in ("MemTotal", "MemAvailable"))
    if free < 4 * MARGIN:
        pytest.skip(
            f"{free >> 20} MiB of memory are free; this fills {2 * MARGIN >> 20}. Free some, or use a larger machine"
        )
    return total, free

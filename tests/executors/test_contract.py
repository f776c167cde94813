"""What every executor keeps, told by a driver that follows a script; the trials are real."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray

from gensweep.configuration import Resources
from gensweep.errors import CannotRun, Outcome
from gensweep.executors.base import Executor
from gensweep.executors.in_process import InProcess
from gensweep.executors.ray_cluster import RayCluster
from gensweep.executors.ray_tune import RayTune
from gensweep.faults import Fault
from gensweep.ledger.trial_folder import TrialFolder
from gensweep.trainers.checkpoint import from_bytes
from gensweep.trial import STATE, Failure, Job, Report
from tests.processes import descendants

PLACES = 2
MONITOR = (
    "1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 127.0.0.1, ID: 2c01) was 22.80GB "
    "used / 23.54GB limit (0.968565)\nOOM kill reason: Memory usage 24481436672B exceeded threshold of 24012684738B\n"
    "Top 10 memory users: PID\tMEM(GB)\tCOMMAND\n4711\t0.40\tnot our ValueError: at all\n"
)


class Script:
    """A driver that hands out these jobs (None: none now), and keeps what it hears. `answers` decide on a report."""

    def __init__(self, *jobs: Job | None, answer: Callable[[Report | Failure], bool] = lambda said: False) -> None:
        self.jobs, self.answer = deque(jobs), answer
        self.heard: list[Report | Failure] = []
        self.told_lost: list[tuple[int, str]] = []
        self.given: list[int] = []
        self.running: set[int] = set()
        self.stop: tuple[str, int] | None = None

    @property
    def is_stopping(self) -> bool:
        return self.stop is not None

    @property
    def is_done(self) -> bool:
        return not self.jobs and not self.running

    @property
    def left(self) -> int:
        return len(self.jobs) + len(self.running)

    def next(self, like: Job | None = None) -> Job | None:
        if like is not None and (not self.jobs or self.jobs[0] is None or self.jobs[0].shape != like.shape):
            return None
        job = self.jobs.popleft() if self.jobs and not self.is_stopping else None
        if job is not None:
            self.given.append(job.number)
            self.running.add(job.number)
        return job

    def take(self, said: Report | Failure) -> bool:
        assert said.number in self.running
        self.heard.append(said)
        is_over = self.answer(said) or isinstance(said, Failure) or said.outcome is not None
        if is_over:
            self.running.discard(said.number)
        return is_over or self.is_stopping

    def lost(self, number: int, reason: str, fault: Fault = Fault.LOST) -> None:
        self.running.remove(number)
        self.told_lost.append((number, reason))

    def left_out(self, machine: str, reason: str) -> None:
        raise AssertionError("there is one node")

    def resized(self, n_at_once: int, machines: int, joined: Sequence[str], gone: Sequence[str], why: str = "") -> None:
        raise AssertionError("no node comes or goes")

    def request_stop(self, reason: str, code: int) -> None:
        self.stop = self.stop or (reason, code)

    def epochs(self, number: int) -> list[int]:
        return [said.epoch for said in self.heard if isinstance(said, Report) and said.number == number]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    found = RayCluster(None, Resources(max_concurrent=PLACES))
    yield found
    found.close()


@pytest.fixture(params=["in_process", "ray_tune"])
def crowded(request: pytest.FixtureRequest, tmp_path: Path) -> Executor:
    """With as many places as it can have."""
    is_ray = request.param == "ray_tune"
    return RayTune(request.getfixturevalue("cluster"), tmp_path / ".ray") if is_ray else InProcess()


@pytest.fixture
def executor(crowded: Executor) -> Executor:
    """With one place, for what needs no more: each worker takes seconds to start."""
    if isinstance(crowded, RayTune):
        crowded.cluster = copy(crowded.cluster)
        crowded.cluster.places = 1
    return crowded


@pytest.fixture
def jobs(tmp_path: Path) -> Callable[..., Job]:
    """Small trials of one sweep, which no driver took: generation 0."""
    (tmp_path / "sweep.yaml").touch()

    def make(number: int, epochs: int = 3, batch_size: int = 64, n: int = 1000) -> Job:
        folder = tmp_path / "trials" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        configuration: dict[str, Any] = {
            "dataset": {"name": "ring", "n_train": n}, "network": {"name": "mlp", "hidden": [8]}, "latent_size": 2,
            "family": "gan", "training": {"epochs": epochs, "batch_size": batch_size},
            "evaluation": {"metrics": ["sliced_wasserstein"], "every": 1}, "seed": number,
        }  # fmt: skip
        return Job(number, "0" * 64, configuration, str(folder), str(tmp_path), 0, "sliced_wasserstein", "min")

    return make


def test_every_report_is_taken_once_and_in_order(crowded: Executor, jobs: Callable[..., Job]) -> None:
    script = Script(None, jobs(0), None, None, *(jobs(number) for number in range(1, 4)))  # None: ask again
    crowded.run(script)
    assert script.given == [0, 1, 2, 3]
    assert all(script.epochs(number) == [1, 2, 3] for number in range(4))
    outcomes = [(said.epoch, said.outcome) for said in script.heard if isinstance(said, Report) and said.outcome]
    assert outcomes == [(3, Outcome.COMPLETED)] * 4
    assert script.told_lost == []


def test_a_trial_stops_at_the_report_that_is_answered_so(executor: Executor, jobs: Callable[..., Job]) -> None:
    script = Script(jobs(0, epochs=50), jobs(1, epochs=50), jobs(2), answer=lambda said: said.number < 2)
    executor.run(script)
    assert [script.epochs(number) for number in range(3)] == [[1], [1], [1, 2, 3]]
    assert [row.epoch for row in TrialFolder(Path(jobs(0).folder)).rows()] == [1]  # it trained no further


def test_a_job_that_comes_again_goes_on_with_the_weights_it_was_given(
    executor: Executor, jobs: Callable[..., Job]
) -> None:
    first = jobs(0)

    def exploit(said: Report | Failure) -> bool:
        if said.number != 0 or script.epochs(0) != [1]:
            return False
        TrialFolder(Path(first.folder)).copy_from(TrialFolder(Path(jobs(1).folder)), 1)
        script.jobs.append(replace(first, copies=1))
        return True

    script = Script(jobs(1), first, answer=exploit)
    executor.run(script)
    assert script.epochs(0) == [1, 1, 2, 3]  # what it reached is said again
    checkpoint = TrialFolder(Path(first.folder)).newest()
    assert checkpoint is not None
    assert from_bytes(checkpoint.read(STATE), "cpu")["copies"] == 1


def test_an_error_of_the_code_is_one_failure_and_the_next_job_runs(
    executor: Executor, jobs: Callable[..., Job]
) -> None:
    script = Script(jobs(0, batch_size=100_000), jobs(1), jobs(2))
    executor.run(script)
    failures = [said for said in script.heard if isinstance(said, Failure)]
    assert [said.number for said in failures] == [0]
    assert failures[0].reason.startswith("training.batch_size: 100000 is more than")
    assert "Traceback" in failures[0].details
    assert script.epochs(1) == script.epochs(2) == [1, 2, 3]
    assert script.told_lost == []


def test_stopping_ends_within_a_report_and_leaves_the_rest(crowded: Executor, jobs: Callable[..., Job]) -> None:
    def second(said: Report | Failure) -> bool:
        if len(script.heard) == 2:
            script.request_stop("enough", 75)
        return False

    script = Script(*(jobs(number, epochs=1000) for number in range(4)), answer=second)
    crowded.run(script)
    assert 2 <= len(script.heard) <= 1 + crowded.n_at_once
    assert script.given == list(range(crowded.n_at_once))
    assert script.told_lost == []


def test_an_error_of_the_driver_ends_the_run_as_itself(executor: Executor, jobs: Callable[..., Job]) -> None:
    def full(said: Report | Failure) -> bool:
        raise OSError(28, "No space left on device")

    script = Script(*(jobs(number, epochs=1000) for number in range(3)), answer=full)
    with pytest.raises(OSError, match="No space left"):
        executor.run(script)
    assert len(script.heard) == 1


def test_a_killed_worker_is_told_once_and_its_trial_goes_on(
    cluster: RayCluster, tmp_path: Path, jobs: Callable[..., Job], record_property: Callable[[str, object], None]
) -> None:
    class Retrying(Script):
        def lost(self, number: int, reason: str, fault: Fault = Fault.LOST) -> None:
            super().lost(number, reason, fault)
            self.jobs.append(jobs(0, epochs=5))

    def kill(said: Report | Failure) -> bool:
        if not script.told_lost and len(script.heard) == 2:
            for pid in descendants(beginning="ray::Worker"):
                os.kill(pid, signal.SIGKILL)
        return False

    script = Retrying(jobs(0, epochs=5), answer=kill)
    RayTune(cluster, tmp_path / ".ray").run(script)
    assert [number for number, _ in script.told_lost] == [0]
    epochs = script.epochs(0)
    assert epochs[:2] == [1, 2]
    assert epochs[2:] == list(range(epochs[2], 6))
    assert 2 <= epochs[2] <= 3  # it was killed before or after the checkpoint of the third epoch
    rows = [row.epoch for row in TrialFolder(tmp_path / "trials" / "0").rows()]
    assert rows == [1, 2, 3, 4, 5]
    record_property("epochs lost, doubled", f"{5 - len(set(rows))}, {len(rows) - len(set(rows))}")


def test_a_kill_of_rays_memory_monitor_is_a_loss_of_its_trial_and_the_others_go_on(
    cluster: RayCluster, tmp_path: Path, jobs: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's own error in place of an answer, as on a cluster whose monitor is on; tests/faults has a real one."""
    told: list[Fault] = []
    get = ray.get

    class Retrying(Script):
        def lost(self, number: int, reason: str, fault: Fault = Fault.LOST) -> None:
            super().lost(number, reason, fault)
            told.append(fault)
            self.jobs.append(jobs(number, epochs=5))

    def answered(future: object, **options: Any) -> object:
        found = get(future, **options)
        if script.heard and not told and isinstance(found, dict) and "said" in found:
            raise ray.exceptions.OutOfMemoryError(MONITOR)
        return found

    script = Retrying(jobs(0, epochs=5), jobs(1))
    cluster.ready()
    monkeypatch.setattr(ray, "get", answered)
    RayTune(cluster, tmp_path / ".ray").run(script)
    assert told == [Fault.MEMORY]
    ((number, reason),) = script.told_lost
    assert reason.partition("\n")[0] == (
        "the memory ran out: Ray's memory monitor killed its process at 22.80GB of 23.54GB on its node"
    )
    rows = {n: [row.epoch for row in TrialFolder(Path(jobs(n).folder)).rows()] for n in (0, 1)}
    assert rows == {0: [1, 2, 3, 4, 5], 1: rows[1]}
    assert rows[1] == list(range(1, 6 if number == 1 else 4))


@pytest.mark.parametrize(("n_trials", "share"), [(6, 0.5), pytest.param(40, 0.8, marks=pytest.mark.slow)])
def test_workers_overlap_and_are_kept(
    cluster: RayCluster, tmp_path: Path, jobs: Callable[..., Job], n_trials: int, share: float
) -> None:
    """In turns it were none; how many of them beyond the half, a machine with other work decides."""
    seen: set[int] = set()

    def look(said: Report | Failure) -> bool:
        seen.update(descendants(beginning="ray::Worker"))
        return False

    script = Script(*(jobs(number, n=8000) for number in range(n_trials)), answer=look)  # of about a second
    RayTune(cluster, tmp_path / ".ray").run(script)
    rows = {number: TrialFolder(Path(jobs(number).folder)).rows() for number in script.given}
    lives = {number: (of[0].time - 1000 * of[0].seconds, of[-1].time) for number, of in rows.items()}
    reports = [(number, row.time) for number, of in rows.items() for row in of]
    beside = [
        any(begin <= time <= end for other, (begin, end) in lives.items() if other != number)
        for number, time in sorted(reports, key=lambda report: report[1])
    ]
    both = beside[beside.index(True) :]  # since there are two workers
    assert sum(both) >= share * len(both)
    assert len(both) >= 0.5 * len(reports)
    assert len(seen) == PLACES


@pytest.fixture
def packed(jobs: Callable[..., Job]) -> Callable[..., Job]:
    """Trials that can train in packs of two."""
    return lambda number, **more: replace(jobs(number, **more), shape="one", rows=2)


def test_a_pack_is_filled_and_what_leaves_it_makes_room(crowded: Executor, packed: Callable[..., Job]) -> None:
    def second(said: Report | Failure) -> bool:
        together.add(len(script.running))
        return said.number == 1 and isinstance(said, Report) and said.epoch == 2

    together = set[int]()
    script = Script(*(packed(number, epochs=3 + number % 2) for number in range(9)), answer=second)
    crowded.run(script)
    assert script.given == list(range(9))
    assert script.told_lost == []
    assert [script.epochs(number) for number in range(9)] == [
        [1, 2] if number == 1 else list(range(1, 4 + number % 2)) for number in range(9)
    ]
    assert max(together) == 2 * crowded.n_at_once
    modes = {said.mode for said in script.heard if isinstance(said, Report)}
    assert modes == {"pack of 2"}


def test_of_a_killed_pack_every_member_is_told_lost_once(
    cluster: RayCluster, tmp_path: Path, packed: Callable[..., Job]
) -> None:
    class Retrying(Script):
        def lost(self, number: int, reason: str, fault: Fault = Fault.LOST) -> None:
            super().lost(number, reason, fault)
            self.jobs.append(packed(number, epochs=4))

    def kill(said: Report | Failure) -> bool:
        if not script.told_lost and said.number == 1 and isinstance(said, Report) and said.epoch == 2:
            for pid in descendants(beginning="ray::Worker"):
                os.kill(pid, signal.SIGKILL)
        return False

    alone = copy(cluster)
    alone.places = 1
    script = Retrying(packed(0, epochs=4), packed(1, epochs=4), answer=kill)
    RayTune(alone, tmp_path / ".ray").run(script)
    assert sorted(number for number, _ in script.told_lost) == [0, 1]
    for number in (0, 1):
        rows = [row.epoch for row in TrialFolder(tmp_path / "trials" / str(number)).rows()]
        assert rows == [1, 2, 3, 4]
        epochs = script.epochs(number)
        assert epochs[:2] == [1, 2]
        assert epochs[2] in (2, 3)  # at most the interval that was under way is trained again


def test_a_mailbox_that_was_killed_costs_no_trial(
    cluster: RayCluster, tmp_path: Path, packed: Callable[..., Job]
) -> None:
    killed = []

    def kill(said: Report | Failure) -> bool:
        boxes = descendants(beginning="ray::_Answers")
        if boxes and not killed:
            killed.extend(boxes)
            for pid in boxes:
                os.kill(pid, signal.SIGKILL)
        return False

    script = Script(*(packed(number, epochs=6) for number in range(4)), answer=kill)
    RayTune(cluster, tmp_path / ".ray").run(script)
    assert len(killed) == 1
    assert script.told_lost == []
    assert [script.epochs(number) for number in range(4)] == [list(range(1, 7))] * 4


def test_a_sweep_that_its_node_does_not_see_is_a_failure_that_says_so(
    cluster: RayCluster, tmp_path: Path, jobs: Callable[..., Job]
) -> None:
    script = Script(replace(jobs(0), sweep="/nowhere"))
    RayTune(cluster, tmp_path / ".ray").run(script)
    (failure,) = script.heard
    assert isinstance(failure, Failure)
    assert failure.reason.startswith("/nowhere is not visible on this node")


def test_what_cannot_run_says_so_when_it_is_asked() -> None:
    cluster = RayCluster("127.0.0.1:1", Resources())
    with pytest.raises(CannotRun, match=r"--address 127\.0\.0\.1:1: no Ray cluster can be joined there"):
        cluster.ready()
    cluster.close()


def test_nothing_is_left_running_after_close(cluster: RayCluster, tmp_path: Path) -> None:
    """The last test here: it ends the cluster that the others share."""
    cluster.ready()
    assert any("raylet" in command for command in descendants().values())
    with RayTune(cluster, tmp_path / ".ray"):
        pass
    assert not [command for command in descendants().values() if "ray" in command]

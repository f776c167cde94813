"""A sweep of 60 trials on Ray that is never left alone, beside the same one that is.

    python -m tests.faults.chaos FOLDER        every fault in turn until the sweep is done, then the table of it

Every few seconds something is killed with SIGKILL: a worker, the driver, a raylet, MLflow's server, Ray's control store, the
parent. Once its disk fills up, where this user may mount a small one. What was trained is counted outside gensweep: by a
schedule of the learning rate, which is asked once a step, in a file of its own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import mlflow

from tests.counting import count_in, environment, steps
from tests.living_sweep import events, results
from tests.processes import descendants
from tests.tracking.mlflow_server import Server
from tests.tracking.tracked_sweep import Store

EPOCHS, TRIALS = 12, 60
SPACE = f"""
name: survivor
confirm: none
objective: {{metric: sliced_wasserstein}}
search: {{sampler: random, samples: {TRIALS // 2}, seed: 4}}
early_stopping: none
trial:
  dataset: {{name: digits}}
  seed: 0
  network: {{name: mlp, hidden: [256, 256]}}
  latent_size: choice(2, 4, 8)
  family: {{one_of: [{{name: vae, beta: "loguniform(0.1, 1)"}}, {{name: wae, lambda: "loguniform(1, 10)"}}]}}
  training: {{epochs: {EPOCHS}, batch_size: 64, lr_schedule: counted}}
  evaluation: {{metrics: [sliced_wasserstein], every: 1}}
"""
BETWEEN = 25  # reports from one fault to the next
DISK = 256 << 20  # bytes


@dataclass
class Told:
    """What was done to a sweep, and what came of it."""

    faults: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)
    starts: int = 0
    seconds: float = 0.0
    is_sent_later: bool = False


@dataclass(frozen=True)
class Outcome:
    """What stands in a sweep's folder and in MLflow in the end."""

    pairs: Counter[tuple[int, int]]
    results: bytes
    runs: Counter[tuple[str, str]]
    points: Counter[tuple[str, int]]
    steps: int


class Folder:
    """A working folder with the search space, the schedule that counts, and a store of MLflow."""

    def __init__(self, path: Path, uri: str) -> None:
        self.path, self.uri = path, uri
        count_in(path)
        (path / "space.yaml").write_text(SPACE)
        self.environment = environment(path)

    def run(self, *where: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "gensweep", "run", "space.yaml", "--tracking-uri", self.uri, *where], cwd=self.path,
            env=self.environment, text=True, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def outcome(self) -> Outcome:
        pairs = Counter((int(str(e["number"])), int(str(e["epoch"]))) for e in events(self.path, "reported"))
        client = mlflow.MlflowClient(self.uri)
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        runs = client.search_runs(experiments, max_results=1000)
        named = {run.info.run_id: run.data.tags.get("gensweep.number", "parent") for run in runs}
        points = Counter(
            (name, point.step)
            for run_id, name in named.items()
            for point in client.get_metric_history(run_id, "sliced_wasserstein")
            if name != "parent"
        )
        statuses = Counter((named[run.info.run_id], run.info.status) for run in runs)
        return Outcome(pairs, results(self.path), statuses, points, steps(self.path))


class Chaos:
    """Faults in turn. `disk` is the mounted place of the sweep, or None."""

    def __init__(self, folder: Folder, server: Server, disk: Path | None) -> None:
        self.folder, self.server, self.disk, self.told = folder, server, disk, Told()
        self._turns = self._victims()
        self._starting: threading.Timer | None = None  # MLflow's server

    def play(self) -> Told:
        began = time.monotonic()
        for self.told.starts in count(1):
            command = self.folder.run()
            err: list[str] = []
            reading = threading.Thread(target=lambda c=command, e=err: e.append(c.stderr.read()))  # or it would fill up
            reading.start()
            before = self._disturb(command)
            code = command.wait(timeout=300)
            reading.join(timeout=30)
            self.told.codes[str(code)] += 1
            self.told.left += _left_of(before)
            if self.disk:
                (self.disk / "ballast").unlink(missing_ok=True)
            if code == 0:
                self._send_what_is_left(err[0])
                break
            if "Traceback" in err[0] or self.told.starts > TRIALS:
                raise AssertionError(err[0])
        self.told.seconds = time.monotonic() - began
        return self.told

    def _send_what_is_left(self, said: str) -> None:
        """Where MLflow was away for the whole last minute, the sweep's last words are the command that sends what is missing."""
        if self._starting:
            self._starting.join()
        if "gensweep sync" in said:
            self.told.is_sent_later = True
            command = [sys.executable, "-m", "gensweep", "sync", "survivor", "--tracking-uri", self.folder.uri]
            subprocess.run(command, cwd=self.folder.path, env=self.folder.environment, check=True, timeout=300)

    def _disturb(self, command: subprocess.Popen[str]) -> set[int]:
        """Fault after fault until the command has ended; the processes that it had."""
        seen = set[int]()
        while command.poll() is None:
            known = self._n_reports()
            while command.poll() is None and self._n_reports() < known + BETWEEN:
                time.sleep(0.05)
            seen |= set(descendants(command.pid))
            if command.poll() is None:
                name, fault = next(self._turns)
                if fault(command):
                    self.told.faults[name] += 1
        return seen

    def _n_reports(self) -> int:
        path = self.folder.path / "runs" / "survivor" / "ledger" / "events.jsonl"
        return path.read_bytes().count(b'"reported"') if path.exists() else 0

    def _victims(self) -> Iterator[tuple[str, Callable[[subprocess.Popen[str]], bool]]]:
        yield from (("a worker", self._kill("ray::")), ("MLflow's server", self._stop_mlflow))
        if self.disk:
            yield "the disk", self._fill
        while True:
            yield "the driver", self._kill_driver
            yield "a worker", self._kill("ray::")
            yield "a raylet", self._kill("/raylet ")
            yield "MLflow's server", self._stop_mlflow
            yield "Ray's control store", self._kill("/gcs_server ")
            yield "the parent", lambda command: _killed(command.pid)

    def _kill(self, what: str) -> Callable[[subprocess.Popen[str]], bool]:
        def fault(command: subprocess.Popen[str]) -> bool:
            found = [pid for pid, name in descendants(command.pid).items() if what in name]
            return bool(found) and _killed(found[0])

        return fault

    def _kill_driver(self, command: subprocess.Popen[str]) -> bool:
        found = [pid for pid, name in descendants(command.pid).items() if "gensweep run" in name]
        return bool(found) and _killed(min(found))

    def _stop_mlflow(self, _: subprocess.Popen[str]) -> bool:
        if self._starting:
            self._starting.join()
        self.server.kill()
        self._starting = threading.Timer(3, self.server.start)
        self._starting.start()
        return True

    def _fill(self, _: subprocess.Popen[str]) -> bool:
        assert self.disk
        with (self.disk / "ballast").open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(b"b" * 4096)
            except OSError:
                return True


def _killed(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _left_of(before: set[int], patience: float = 10.0) -> list[str]:
    """The commands of those processes that live on `patience` seconds after the command."""
    deadline = time.monotonic() + patience
    while (left := {pid: name for pid in before if (name := _command(pid))}) and time.monotonic() < deadline:
        time.sleep(0.2)
    return list(left.values())


def _command(pid: int) -> str:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return "" if state == "Z" else Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def mounted(place: Path) -> Path | None:
    """A small disk of its own at `place`, where this user may mount one."""
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    done = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    return place if done else None


def figures(told: Told, found: Outcome, alone: Outcome) -> dict[str, str]:
    """What was done and what came of it."""
    doubled = sum(n - 1 for n in found.pairs.values())
    return {
        "faults": ", ".join(f"{n} x {name}" for name, n in told.faults.items()),
        "starts, with their exit codes": ", ".join(f"{n} x {code}" for code, n in sorted(told.codes.items())),
        "seconds": f"{told.seconds:.0f}",
        "reports: missing, doubled, in all": f"{len(alone.pairs.keys() - found.pairs.keys())}, {doubled}, {found.pairs.total()}",
        "steps trained, undisturbed": f"{found.steps}, {alone.steps} ({found.steps / alone.steps - 1:+.1%})",
        "results.csv": "equal" if found.results == alone.results else "DIFFERS",
        "MLflow: runs, not FINISHED": f"{found.runs.total()}, {sum(n for (_, s), n in found.runs.items() if s != 'FINISHED')}",
        "MLflow was level": "after gensweep sync" if told.is_sent_later else "at the end",
        "points: missing, doubled": f"{len(alone.points.keys() - found.points.keys())}, "
        f"{sum(n - 1 for n in found.points.values())}",
        "processes left after 10 s": ", ".join(told.left) or "0",
    }


def lived(place: Path, database: Path | None = None) -> tuple[Told, Outcome, Outcome]:
    """What was done to a sweep in `place`, what came of it, and what came of the one that was left alone there.

    `database` is one with MLflow's tables, to be copied; without it the server makes its own.
    """
    (place / "alone").mkdir(parents=True)
    alone = Folder(place / "alone", f"sqlite:///{place / 'alone' / 'mlflow.db'}")
    if database:
        for name in ("alone/mlflow.db", "mlflow.db"):
            shutil.copy(database, place / name)
    command = alone.run("--in-process")
    _, err = command.communicate(timeout=600)
    if command.returncode:
        raise AssertionError(err)
    server = Server(Store(place / "mlflow.db"))
    (place / "disturbed").mkdir()
    disk = mounted(place / "disturbed" / "runs")
    try:
        disturbed = Folder(place / "disturbed", server.url)
        server.start()
        told = Chaos(disturbed, server, disk).play()
        return told, disturbed.outcome(), alone.outcome()
    finally:
        server.kill()
        if disk:
            subprocess.run(["umount", "-l", str(disk)], check=True)


def main() -> None:
    """The command."""
    lines = [f"| {what} | {said} |" for what, said in figures(*lived(Path(sys.argv[1]))).items()]
    print("\n".join(["| what | figures |", "|---|---|", *lines]))


if __name__ == "__main__":
    main()

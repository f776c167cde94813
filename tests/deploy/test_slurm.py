"""deploy/slurm on a real Slurm of two nodes: the time limit, the signal, the requeue, the end; and an array."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from compose_checks import DEPLOY
from slurm_cluster import NO_SLURM, SlurmCluster, slurm_root

pytestmark = pytest.mark.slow

PATIENCE = 600.0  # seconds; a minute where nobody else wants the machine
ENDED = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL")

# A step waits for 0.1 s as long as there is no file `go`, so that what is interrupted is surely in the middle.
WAITING = '''"""A constant rate, slow until it may go."""

import time
from pathlib import Path
from typing import Literal

from gensweep.lr_schedules.base import LrSchedule


class Waiting(LrSchedule):
    """A constant rate."""

    name: Literal["waiting"] = "waiting"

    def factor(self, progress):
        if not Path({go!r}).exists():
            time.sleep(0.1)
        return 1.0
'''


@pytest.fixture(scope="module")
def slurm() -> Iterator[SlurmCluster]:
    root = slurm_root()
    if root is None:
        pytest.skip(NO_SLURM)
    cluster = SlurmCluster(root)
    yield cluster
    cluster.close()


@pytest.fixture
def working_folder(tmp_path: Path) -> Path:
    """Where a user stands, with spaces in its name: a search space, a component of its own, the scripts."""
    folder = tmp_path / "my sweeps"
    (folder / "own parts/lr_schedules").mkdir(parents=True)
    (folder / "own parts/lr_schedules/waiting.py").write_text(WAITING.format(go=str(folder / "go")))
    smoke = (DEPLOY.parent / "search_spaces/smoke.yaml").read_text()
    slow = smoke.replace("training: {", "training: {lr_schedule: waiting, ").replace("epochs: 2", "epochs: 30")
    assert "waiting" in slow
    assert "epochs: 30" in slow
    (folder / "a b.yaml").write_text(slow)
    return folder


def output(folder: Path, job: str) -> str:
    file = folder / f"gensweep-{job}.out"
    return file.read_text() if file.exists() else ""


def kinds(folder: Path, name: str) -> list[str]:
    """The kinds of the events of a sweep so far."""
    file = folder / f"runs/{name}/ledger/events.jsonl"
    return [json.loads(line)["event"] for line in file.read_text().split("\n")[:-1]] if file.exists() else []


def test_a_sweep_on_two_nodes_survives_the_time_limit(slurm: SlurmCluster, working_folder: Path) -> None:
    """Slurm itself sends USR1, 180 s before the end, as the file says; the job comes back, and ends with what is done."""
    script = str(DEPLOY / "slurm/many-nodes.sbatch")
    arguments = ("a b.yaml", "name=two", "search.samples=1", "--plugins", "own parts")
    job = slurm.submit(working_folder, "--cpus-per-task=1", script, *arguments)
    slurm.wait_for(
        lambda: "reported" in kinds(working_folder, "two") or slurm.job(job)["JobState"] in ENDED, "report", PATIENCE
    )
    hours, minutes, _ = map(int, slurm.job(job)["RunTime"].split(":"))
    slurm.call("scontrol", "update", f"JobId={job}", f"TimeLimit={60 * hours + minutes + 3}")
    slurm.wait_for(lambda: slurm.job(job)["Restarts"] == "1", "requeue", PATIENCE)
    slurm.call("scontrol", "update", f"JobId={job}", "TimeLimit=60")
    (working_folder / "go").touch()
    slurm.wait_for(lambda: slurm.job(job)["JobState"] in ENDED, "end", PATIENCE)
    said = output(working_folder, job)
    assert slurm.job(job)["JobState"] == "COMPLETED", said
    assert "stopped by SIGUSR1" in said
    assert said.count("Ray has 2 of 2 nodes") == 2, said
    assert [kinds(working_folder, "two").count(kind) for kind in ("stopped", "finished")] == [1, 1]
    assert not list(Path("/tmp").glob(f"gensweep-{job}-*")), "Ray's folder stays on the nodes"


def test_an_array_is_independent_sweeps(slurm: SlurmCluster, working_folder: Path) -> None:
    (working_folder / "go").touch()
    script = str(DEPLOY / "slurm/one-node.sbatch")
    arguments = ("a b.yaml", "name=smoke-%a", "search.seed=%a", "search.samples=1", "--plugins", "own parts")
    job = slurm.submit(working_folder, "--array=3-4", "--cpus-per-task=2", script, *arguments)
    slurm.wait_for(lambda: not slurm.call("squeue", "--noheader", f"--job={job}").strip(), "end", PATIENCE)
    outputs = "".join(file.read_text() for file in working_folder.glob("gensweep-*.out"))
    for index in (3, 4):
        assert "finished" in kinds(working_folder, f"smoke-{index}"), outputs
        assert f"seed: {index}" in (working_folder / f"runs/smoke-{index}/sweep.yaml").read_text()


def test_what_is_cancelled_is_not_started_again(slurm: SlurmCluster, working_folder: Path) -> None:
    """--signal=INT --batch saves first and ends with 130."""
    script = str(DEPLOY / "slurm/one-node.sbatch")
    arguments = ("a b.yaml", "search.samples=1", "--plugins", "own parts")
    job = slurm.submit(working_folder, "--cpus-per-task=2", script, *arguments)
    slurm.wait_for(
        lambda: "reported" in kinds(working_folder, "smoke") or slurm.job(job)["JobState"] in ENDED, "report", PATIENCE
    )
    slurm.call("scancel", "--signal=INT", "--batch", job)
    slurm.wait_for(lambda: slurm.job(job)["JobState"] in ENDED, "end", PATIENCE)
    assert slurm.job(job)["ExitCode"] == "130:0", output(working_folder, job)
    assert slurm.job(job)["Restarts"] == "0"
    assert "everything is saved" in output(working_folder, job)

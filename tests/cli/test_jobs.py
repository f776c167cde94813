"""A sweep whose driver is a job of a Ray cluster: a real head with a real dashboard, and Ray's own client."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

import gensweep
from gensweep.ledger.sweep_folder import SweepFolder
from tests.counting import environment
from tests.processes import descendants

REPOSITORY = Path(gensweep.__file__).parents[1]
DASHBOARD = REPOSITORY / "build" / "ray-default"  # what Ray's dashboard imports, where the environment has it not
NEEDS = ("aiohttp_cors", "colorful", "opencensus", "prometheus_client", "smart_open")
TOKEN = "0123456789abcdef" * 4
SCHEDULE = '''
from typing import Literal
from gensweep.lr_schedules.base import LrSchedule


class Halved(LrSchedule):
    """Half of the rate."""

    name: Literal["halved"] = "halved"

    def factor(self, progress):
        return 0.5
'''
SPACE = """
defaults: [base, {dataset: ring}, _self_]
name: handed-in
confirm: none
tracking: {models: none}
objective: {metric: sliced_wasserstein}
search: {sampler: random, samples: 2, seed: 0}
trial:
  network: {name: mlp, hidden: [8]}
  latent_size: choice(2, 4)
  family: vae
  training: {epochs: 2, lr_schedule: halved}
  evaluation: {metrics: [sliced_wasserstein], every: 1}
  seed: 0
"""
LONG = ("name=long", "trial.training.epochs=30000", "trial.evaluation.every=20")


def has_dashboard() -> bool:
    return all(find_spec(name) or (DASHBOARD / name).exists() for name in NEEDS)


pytestmark = [
    pytest.mark.skipif(
        not has_dashboard(),
        reason="Ray's dashboard lacks what it imports: make build/ray-default/.ready",
    ),
]


def free_port() -> int:
    """Above those that Ray gives to workers."""
    for port in range(20100 + os.getpid() % 5000, 30000):
        with suppress(OSError), socket.create_server(("", port)):
            return port
    raise AssertionError("no port is free")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a head with a place for a trial, as `ray start` makes it."""
    folder, port = Path(f"/tmp/gs-jobs-{os.getpid()}"), free_port()
    own = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "GENSWEEP_", "MLFLOW_"))}
    log = tmp_path_factory.mktemp("head") / "log"
    with log.open("wb") as out:
        head = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=1", f"--port={port}",
             f"--temp-dir={folder}", "--dashboard-host=127.0.0.1", f"--dashboard-port={port + 5000}", "--disable-usage-stats",
             "--dashboard-agent-listen-port=0", "--object-store-memory=80000000"],
            stdout=out, stderr=subprocess.STDOUT, cwd="/", start_new_session=True,
            env=own | {
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), own["PATH"]]), "OMP_NUM_THREADS": "1",
                "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(DASHBOARD)]), "RAY_AUTH_MODE": "token",
                "RAY_AUTH_TOKEN": TOKEN, "RAY_memory_monitor_refresh_ms": "0",
            },
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while b"Ray runtime started" not in log.read_bytes():
            assert head.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port + 5000}"
    finally:
        below = {head.pid, *descendants(head.pid)}
        head.terminate()
        with suppress(subprocess.TimeoutExpired):
            head.wait(timeout=20)
        for pid in below:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        head.wait()
        subprocess.run(["rm", "-rf", folder])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "space.yaml").write_text(SPACE)
    (tmp_path / "mine" / "lr_schedules").mkdir(parents=True)
    (tmp_path / "mine" / "lr_schedules" / "halved.py").write_text(SCHEDULE)
    return tmp_path


def run(folder: Path, *words: str, token: str = TOKEN) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gensweep", *words], cwd=folder, capture_output=True, text=True, timeout=300,
        env=environment(folder) | {"RAY_AUTH_TOKEN": token},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_it_travels_with_its_components_is_found_again_and_gives_the_same_numbers(folder: Path, address: str) -> None:
    there = ("--address", address)
    code, out, err = run(folder, "submit", "space.yaml", "--plugins", "mine", "--runs", str(folder / "runs"), *there)
    assert code == 0, out + err
    assert "handed-in has begun as job" in out
    assert f"gensweep logs handed-in --address {address} -f" in out
    code, out, err = run(folder, "logs", "handed-in", "-f", *there)
    assert (code, err) == (0, "")
    assert "In MLflow: gensweep ui" in out.splitlines()[-1]
    assert out.count("starting the first trials") == 1
    told = json.loads(run(folder, "status", "handed-in", "--json", *there)[1])
    assert (told["state"], told["exit_code"], told["runs"]) == ("done", 0, str(folder / "runs"))
    assert run(folder, "stop", "handed-in", *there)[:2] == (0, "handed-in does not run.\n")
    assert (folder / "runs" / "mlflow.db").exists(), "in a job's working folder it would be lost"
    code, _, err = run(folder, "run", "space.yaml", "--plugins", "mine", "--in-process", "--runs", "here")
    assert code == 0, err
    mine, theirs = (folder / runs / "handed-in" / "results.csv" for runs in ("here", "runs"))
    assert mine.read_bytes() == theirs.read_bytes()


@pytest.mark.slow
def test_it_is_stopped_says_so_and_goes_on_when_it_is_handed_in_again(folder: Path, address: str) -> None:
    words = ("submit", "space.yaml", *LONG, "--plugins", "mine", "--runs", str(folder / "runs"), "--address", address)
    code, out, err = run(folder, *words)
    assert code == 0, out + err
    code, _, err = run(folder, *words)
    assert code == 4
    assert f"gensweep stop long --address {address}" in err
    assert "waiting" in (row := run(folder, "status", "--address", address)[1]) or "running" in row
    code, out, err = run(folder, "stop", "long", "--address", address)
    assert (code, out) == (0, "long has stopped. The same gensweep submit goes on with it.\n"), err
    assert run(folder, "status", "long")[1].startswith("long: stopped, exit code 75: SIGTERM\n"), "by its folder"
    code, out, err = run(folder, *words)
    assert code == 0, out + err
    events = SweepFolder.open(folder / "runs" / "long").events
    assert len(events.of_kind("started")) == 2
    assert run(folder, "stop", "long", "--address", address)[0] == 0


def test_what_is_wrong_there_is_told_here_with_its_exit_code(folder: Path, address: str) -> None:
    runs = ("--plugins", "mine", "--runs", str(folder / "runs"), "--address", address)
    lost = ("name=lost", "trial.dataset={name: array, path: /not/there.npy}")
    code, out, err = run(folder, "submit", "space.yaml", *lost, *runs)
    assert code == 2, out + err
    assert "/not/there.npy: no such file" in err
    told = json.loads(run(folder, "status", "lost", "--json", "--address", address)[1])
    assert (told["state"], told["exit_code"]) == ("failed", 2)
    code, _, err = run(folder, "submit", "space.yaml", *runs, "--tracking-uri", "http://127.0.0.1:9")
    assert code == 4
    assert "MLflow at http://127.0.0.1:9 cannot be used" in err


def test_another_token_is_told_with_the_cure(folder: Path, address: str) -> None:
    code, _, err = run(folder, "status", "--address", address, token="f" * 64)
    assert code == 4
    assert err.startswith(f"gensweep: --address {address}: the cluster asks for its token")
    assert "RAY_AUTH_TOKEN_PATH=FILE" in err

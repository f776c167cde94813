"""gensweep submit: what it refuses before anything is started; and one that outlives its terminal, found again and stopped."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from gensweep.ledger.sweep_folder import SweepFolder
from tests.cli.conftest import Command
from tests.counting import environment
from tests.living_sweep import events, finish, results
from tests.living_sweep import gensweep as command

SPACE = """
defaults: [base, {dataset: digits}, _self_]
name: survivor
confirm: none
objective: {metric: sliced_wasserstein}
search: {sampler: random, samples: 1, seed: 4}
early_stopping: {name: none}
trial:
  seed: 0
  network: {name: mlp, hidden: [64]}
  latent_size: choice(2, 4, 8)
  family: {one_of: [{name: vae}, {name: wae, lambda: loguniform(1, 10), divergence: mmd}]}
  training: {epochs: 200, optimizer: {lr: loguniform(1e-4, 1e-3)}}
  evaluation: {metrics: [sliced_wasserstein], every: 5}
"""
JOBS = "http://127.0.0.1:9"  # where nobody listens


def test_a_bad_file_is_refused_and_nothing_is_started(gensweep: Command, tmp_path: Path) -> None:
    found = gensweep("submit", "space.yaml", "trial.trainning.epochs=2")
    assert found.code == 2
    assert "trainning" in found.err
    assert not (tmp_path / "runs").exists()


def test_a_store_that_cannot_be_reached_is_refused_and_nothing_is_started(gensweep: Command, tmp_path: Path) -> None:
    found = gensweep("submit", "space.yaml", "--tracking-uri", JOBS)
    assert found.code == 4
    assert "MLflow at http://127.0.0.1:9 cannot be used" in found.err
    assert not (tmp_path / "runs").exists()


def test_a_sweep_that_another_driver_holds_is_refused(gensweep: Command, tmp_path: Path) -> None:
    folder = SweepFolder.create(tmp_path / "runs" / "tiny", {"name": "tiny"})
    with folder.hold():
        found = gensweep("submit", "space.yaml")
    assert found.code == 4
    assert "is locked by" in found.err
    assert "gensweep stop tiny" in found.err
    assert os.listdir(tmp_path / "runs") == ["tiny"]


def test_places_that_ray_would_throw_away_are_refused_all_at_once(gensweep: Command) -> None:
    found = gensweep("submit", "space.yaml", "--address", JOBS, "--tracking-uri", "sqlite:///mlflow.db")
    assert found.code == 2
    assert "--runs runs: would be in a folder that Ray throws away" in found.err
    assert "--tracking-uri sqlite:///mlflow.db: would be" in found.err
    assert "sqlite:////shared/mlflow.db" in found.err


def test_paths_of_this_machine_are_refused_before_a_job_is_handed_in(gensweep: Command, tmp_path: Path) -> None:
    words = ("submit", "space.yaml", "--address", JOBS, "--runs", "/shared/runs")
    array = "trial.dataset={name: array, path: data/x.npy, labels: /shared/y.npy}"
    scored = "trial.evaluation.metrics=[{name: fid, extractor: 'file:net.pt2'}, sliced_wasserstein]"
    found = gensweep(*words, array, scored, "--artifacts", "/shared/kept", "--allow-changed", "trial.seed")
    assert found.code == 2
    assert f"trial.dataset.path: 'data/x.npy' is {tmp_path}/data/x.npy on this machine" in found.err
    assert f"trial.evaluation.metrics[0].extractor: 'file:net.pt2' is file:{tmp_path}/net.pt2 on this" in found.err
    assert found.err.count("Write the path in full, as every node of the cluster sees it") == 2, (
        "/shared/y.npy is in full"
    )
    assert "--artifacts /shared/kept: is no URL" in found.err
    assert "--allow-changed trial.seed: trial.seed cannot be allowed" in found.err, "all at once"
    in_full = gensweep(*words, array.replace("data/", "/shared/"), scored.replace("net.pt2", "/shared/net.pt2"))
    assert in_full.code == 4, in_full.err
    assert "no jobs can be handed in there" in in_full.err, "data need not be here"


def test_what_a_job_would_leave_in_the_folder_that_ray_throws_away_is_refused_there(
    gensweep: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "working_dir_files" / "_ray_pkg_0123456789abcdef"
    shutil.copytree(tmp_path, folder, ignore=shutil.ignore_patterns("working_dir_files"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    found = gensweep("run", "space.yaml", "--in-process", folder=folder)
    assert found.code == 2
    assert "--runs runs: lies in a folder that Ray throws away" in found.err
    assert f"--tracking-uri {folder}/mlflow.db: lies in a folder that Ray throws away" in found.err
    assert not (folder / "runs").exists()


def test_a_password_does_not_travel_to_where_all_may_read_it(gensweep: Command) -> None:
    store = "http://me:hunter2@mlflow:5000"
    found = gensweep("submit", "space.yaml", "--address", JOBS, "--runs", "/shared/runs", "--tracking-uri", store)
    assert found.code == 2
    assert "MLFLOW_TRACKING_USERNAME" in found.err
    assert "hunter2" not in found.err


@pytest.mark.parametrize("words", [("--in-process",), ("--trust", "x.pt")])
def test_what_is_of_this_machine_is_refused_for_a_job(gensweep: Command, words: tuple[str, ...]) -> None:
    found = gensweep("submit", "space.yaml", "--address", JOBS, "--runs", "/shared/runs", *words)
    assert found.code == 2
    assert words[0] in found.err


@pytest.mark.parametrize(
    "words",
    [
        ("submit", "space.yaml", "--runs", "/shared/runs"),
        ("status",),
        ("status", "tiny"),
        ("logs", "tiny"),
        ("stop", "tiny"),
    ],
)
def test_where_no_jobs_are_handed_in_the_cure_is_said(
    gensweep: Command, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    found = gensweep(*words, "--address", JOBS)
    assert found.code == 4
    assert f"gensweep: --address {JOBS}: no jobs can be handed in there" in found.err
    assert "pip install 'ray[default]'" in found.err
    assert len(found.err.strip().splitlines()) == 1


def test_now_is_not_for_a_job(gensweep: Command) -> None:
    found = gensweep("stop", "tiny", "--now", "--address", JOBS)
    assert found.code == 2
    assert "gensweep stop tiny --now --runs" in found.err


@pytest.fixture
def finished(done: tuple[Path, object], gensweep: Command) -> Path:
    return done[0]


def test_the_status_of_one_that_is_done(finished: Path, gensweep: Command) -> None:
    found = gensweep("status", "tiny", folder=finished)
    assert found.code == 0
    first, second, third = found.out.splitlines()
    assert first == "tiny: done, exit code 0"
    assert second.startswith("4 of 4 trials so far have ended; best sliced_wasserstein 0.")
    assert third == "The answer: gensweep compare tiny"
    told = json.loads(gensweep("status", "tiny", "--json", folder=finished).out)
    assert (told["state"], told["exit_code"], told["ended"], told["reason"]) == ("done", 0, 4, None)
    assert told["host"] == socket.gethostname()


def test_without_a_name_it_is_the_list(finished: Path, gensweep: Command) -> None:
    assert gensweep("status", folder=finished).out == gensweep("ls", folder=finished).out


def test_the_log_of_one_that_was_run_in_a_terminal(finished: Path, gensweep: Command) -> None:
    found = gensweep("logs", "tiny", folder=finished)
    assert found.code == 0
    assert "gensweep run space.yaml --in-process" in found.out.splitlines()[0]
    assert found.out.splitlines()[-1].endswith("ended: done")
    assert gensweep("logs", "tiny", "-f", "-n", "1", folder=finished).out == f"{found.out.splitlines()[-1]}\n"


def test_a_sweep_that_is_not_there_is_a_mistake(finished: Path, gensweep: Command) -> None:
    for name in ("status", "logs"):
        found = gensweep(name, "tyni", folder=finished)
        assert found.code == 2
        assert "there is no sweep 'tyni' in runs. Known: tiny." in found.err


def test_ctrl_c_ends_following_without_a_word(tmp_path: Path) -> None:
    folder = SweepFolder.create(tmp_path / "runs" / "tiny", {"name": "tiny"})
    (folder.path / "gensweep.log").write_text("a line\n")
    with folder.hold():
        process = command(tmp_path, "logs", "tiny", "-f")
        assert process.stdout is not None
        assert process.stdout.readline() == "a line\n"
        process.send_signal(signal.SIGINT)
        assert finish(process) == (130, "", "")


def in_a_terminal(folder: Path, *words: str) -> tuple[int, int, str]:
    """The command as a terminal starts it: its process, its exit code, and what was shown. Then the terminal is closed."""
    words = (sys.executable, "-c", "import os, sys; os.chdir(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])",
             str(folder), sys.executable, "-m", "gensweep", *words)  # fmt: skip
    pid, terminal = pty.fork()
    if not pid:
        os.execve(sys.executable, words, environment(folder))
    text = b""
    with suppress(OSError):  # which comes when all that had it have ended
        while data := os.read(terminal, 4096):
            text += data
    os.close(terminal)  # SIGHUP for what is left of its session
    return pid, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


@pytest.mark.slow
def test_it_outlives_its_terminal_is_found_again_stopped_and_goes_on_to_the_same_numbers(
    tmp_path: Path, empty_database: Path
) -> None:
    for name in ("undisturbed", "submitted"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "space.yaml").write_text(SPACE)
        shutil.copy(empty_database, tmp_path / name / "mlflow.db")
    code, _, err = finish(command(tmp_path / "undisturbed", "run", "space.yaml", "--in-process"))
    assert code == 0, err
    folder = tmp_path / "submitted"
    pid, code, shown = in_a_terminal(folder, "submit", "space.yaml", "--in-process")
    assert code == 0, shown
    assert "survivor has begun on" in shown
    assert "gensweep logs survivor -f" in shown
    sweep = SweepFolder.open(folder / "runs" / "survivor")
    holder = sweep.holder()
    assert holder is not None
    assert os.getsid(holder.pid) != pid
    assert finish(command(folder, "submit", "space.yaml", "--in-process"))[0] == 4
    told = json.loads(finish(command(folder, "status", "survivor", "--json"))[1])
    assert (told["state"], told["host"], told["pid"]) == ("running", socket.gethostname(), holder.pid)
    following = command(folder, "logs", "survivor", "-f")
    code, out, err = finish(command(folder, "stop", "survivor"))
    assert (code, out) == (0, "survivor has stopped. Continue with: gensweep resume survivor\n"), err
    code, out, err = finish(following, timeout=30)
    assert code == 0, err
    assert "gensweep stop on" in out
    assert events(folder)[-1]["event"] == "stopped"
    assert 0 < len(events(folder, "reported")) < 80
    code, out, _ = finish(command(folder, "status", "survivor"))
    assert out.startswith(f"survivor: stopped, exit code 75: gensweep stop on {socket.gethostname()}\n")
    assert out.endswith("Continue with: gensweep resume survivor\n")
    code, _, err = finish(command(folder, "resume", "survivor", "--in-process"))
    assert code == 0, err
    assert results(folder) == results(tmp_path / "undisturbed")


@pytest.mark.slow
def test_killed_three_seconds_after_sigterm_it_says_so_and_goes_on(tmp_path: Path, empty_database: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    slow = ("trial.training.epochs=20000", "trial.evaluation.every=20000")  # no report comes in time
    code, _, err = finish(command(tmp_path, "submit", "space.yaml", "--in-process", *slow))
    assert code == 0, err
    sweep = SweepFolder.open(tmp_path / "runs" / "survivor")
    holder = sweep.holder()
    assert holder is not None
    session = os.getsid(holder.pid)
    for number, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 0.5)):
        os.killpg(session, number)
        time.sleep(patience)
    code, out, _ = finish(command(tmp_path, "status", "survivor"))
    assert out.startswith("survivor: stopped, exit code 75: SIGTERM, then killed\n")
    process = command(tmp_path, "resume", "survivor", "--in-process")
    while not [event for event in events(tmp_path, "started") if event["generation"] != 1]:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    assert finish(command(tmp_path, "stop", "survivor", "--now"))[0] == 0
    assert finish(process, timeout=60)[0] == 75
    told = [
        (event["event"], event.get("reason")) for event in events(tmp_path) if event["event"] in ("started", "stopped")
    ]
    assert told[:3] == [("started", None), ("stopped", "SIGTERM, then killed"), ("started", None)]

"""ray-cluster.yaml by Ray's own launcher, its setup lines by a shell; and mutations that must not pass."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_checks import DEPLOY
from ray_checks import cluster_problems

ORIGINAL = yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text())


def test_ray_accepts_the_file() -> None:
    assert cluster_problems(ORIGINAL) == []


def test_what_is_copied_to_the_nodes_exists_here() -> None:
    copied = [source for source in ORIGINAL["file_mounts"].values() if not source.startswith("~")]
    assert copied == ["."], "relative to the repository's root, from which `ray up` is run"


def test_no_secret_run_or_data_travels_to_the_nodes() -> None:
    assert {".git", ".venv", "runs", ".data", "deploy/.env", "mlartifacts", "mlruns", ".env"} <= set(
        ORIGINAL["rsync_exclude"]
    )


def test_rsync_leaves_out_what_mlflow_and_a_sweep_left(tmp_path: Path) -> None:
    if shutil.which("rsync") is None:
        pytest.skip("rsync is missing: apt-get install rsync")
    here = tmp_path / "here"
    for name in (
        "mlartifacts/1/x.png",
        "runs/wae/sweep.yaml",
        "mlflow.db",
        "mlflow.db-wal",
        "deploy/.env",
        ".env",
        "a.py",
    ):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).touch()
    excluded = [word for pattern in ORIGINAL["rsync_exclude"] for word in ("--exclude", pattern)]
    subprocess.run(["rsync", "-a", *excluded, f"{here}/", f"{tmp_path}/there/"], check=True)
    assert [path.name for path in (tmp_path / "there").rglob("*") if path.is_file()] == ["a.py"]


@pytest.mark.parametrize("with_shared_folder", [True, False])
def test_the_setup_lines_run_in_a_shell(tmp_path: Path, with_shared_folder: bool) -> None:
    """Every line but pip's, in a home of its own: the token's mode, the environment file, the missing shared folder."""
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray/auth_token").write_text("secret")
    (tmp_path / ".ray/auth_token").chmod(0o644)  # what Ray itself leaves
    shared = tmp_path / "shared"
    if with_shared_folder:
        (shared / "gensweep").mkdir(parents=True)
    lines = [line.replace("/shared", str(shared)) for line in ORIGINAL["setup_commands"] if "-venv/bin/" not in line]
    assert len(lines) == len(ORIGINAL["setup_commands"]) - 2
    script = "\n".join(["set -e", *lines, ". ~/gensweep-env", 'echo "$RAY_AUTH_MODE $GENSWEEP_DATA"'])
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (tmp_path / ".ray/auth_token").stat().st_mode & 0o777 == 0o600
    if with_shared_folder:
        assert done.stdout.split() == ["token", f"{shared}/gensweep/data"]
    else:
        assert done.returncode == 1
        assert "mount the shared folder" in done.stderr


MUTATIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "unknown top-level key": (lambda f: f.update(max_worker=2), "max_worker"),
    "unknown key of the provider": (lambda f: f["provider"].update(workers_ips=[]), "workers_ips"),
    "no worker_ips": (lambda f: f["provider"].pop("worker_ips"), "worker_ips"),
    "empty worker_ips": (lambda f: f["provider"].update(worker_ips=[]), "no worker_ips"),
    "worker_ips as text": (lambda f: f["provider"].update(worker_ips="10.0.0.1"), "is not of type 'array'"),
    "no head_ip": (lambda f: f["provider"].pop("head_ip"), "head_ip"),
    "head among the workers": (lambda f: f["provider"]["worker_ips"].append("head.example.org"), "started twice"),
    "unknown provider": (lambda f: f["provider"].update(type="locals"), "locals"),
    "max_workers as text": (lambda f: f.update(max_workers="2"), "TypeError: '>' not supported"),
    "minutes as text": (lambda f: f.update(idle_timeout_minutes="5"), "'5' is not of type 'number'"),
    "head type missing": (
        lambda f: f.update(
            provider={"type": "aws", "region": "us-east-1"},
            head_node_type="head",
            max_workers=1,
            available_node_types={"gpu": {"resources": {}, "node_config": {"InstanceType": "g6.xlarge"}}},
        ),
        "head_node_type",
    ),
    "node types with a local provider": (
        lambda f: f.update(available_node_types={"gpu": {"resources": {"GPU": 1}, "node_config": {}}}),
        "available_node_types",
    ),
    "commands as text": (lambda f: f.update(setup_commands="true"), "TypeError: can only concatenate str"),
    "the token left behind": (lambda f: f["file_mounts"].pop("~/.ray/auth_token"), "not copied"),
    "the token for everybody": (
        lambda f: f["setup_commands"].remove("chmod 600 ~/.ray/auth_token"),
        "readable by others",
    ),
    "a worker that forgets the token": (
        lambda f: f["worker_start_ray_commands"].__setitem__(1, "ray start --address=$RAY_HEAD_IP:6379"),
        "without RAY_AUTH_MODE",
    ),
    "an open dashboard": (
        lambda f: f["head_start_ray_commands"].__setitem__(
            1, f["head_start_ray_commands"][1].replace("127.0.0.1", "0.0.0.0")
        ),
        "dashboard",
    ),
    "no autoscaler": (
        lambda f: f["head_start_ray_commands"].__setitem__(1, ". ~/gensweep-env && ray start --head --port=6379"),
        "no worker is ever started",
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    mutate, expected = MUTATIONS[name]
    document = copy.deepcopy(ORIGINAL)
    mutate(document)
    problems = cluster_problems(document)
    captured = capsys.readouterr()
    assert problems
    assert expected in "\n".join([*problems, captured.out, captured.err])  # Ray prints the reason of an abort

"""The Dockerfile by hadolint and by the files that it names; and mutations that must not pass."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
import yaml
from compose_checks import DEPLOY
from dockerfile_checks import dockerfile_problems

ROOT = DEPLOY.parent
TEXT = (DEPLOY / "Dockerfile").read_text()
IGNORED = (DEPLOY / "Dockerfile.dockerignore").read_text()


def test_hadolint_accepts_the_dockerfile() -> None:
    assert dockerfile_problems(TEXT, IGNORED, ROOT) == []


def test_torch_index_is_optional_and_reaches_pip() -> None:
    """A shell decides between PyPI's wheel (CUDA), by its hash, and that of another index."""
    import subprocess

    lines = re.search(r"^RUN (if (?:.*\\\n)*.* fi)$", TEXT, re.M)
    assert lines
    for index, expected in (
        ("", ["--require-hashes", "--no-deps", "-r", "requirements/torch-pypi.txt"]),
        (
            "https://example.org/cpu",
            ["--constraint", "constraints.txt", "--index-url", "https://example.org/cpu", "torch"],
        ),
    ):
        said = ["sh", "-c", f'pip() {{ printf "%s\\n" "$@"; }}\n{lines[1]}']
        words = subprocess.run(said, env={"TORCH_INDEX": index}, capture_output=True, text=True, check=True).stdout
        assert words.split("\n")[:-1] == ["install", "--no-cache-dir", *expected]


@pytest.mark.parametrize("stage", ["tracking", "gensweep"])
def test_the_locks_of_an_image_are_whole(stage: str) -> None:
    """What is installed without looking at dependencies has them all: what the project asks for, and what it is run with."""
    from tests.test_requirements import PROJECT, pins, plain

    text = TEXT.partition(f"AS {stage}\n")[2].partition("\nFROM ")[0]
    locks = re.findall(r"-r requirements/([\w-]+)\.txt", text)
    locked = {name for lock in locks for name in pins(lock)}
    asked = {"gensweep": PROJECT["project"]["dependencies"], "tracking": ["mlflow[auth]", "psycopg2-binary", "boto3"]}
    assert {plain(name) for name in asked[stage]} <= locked
    here = (
        {plain(name) for name in ("flask-wtf", "sqlalchemy")} if stage == "tracking" else {"aiohttp-cors", "setuptools"}
    )
    assert here <= locked
    versions = {lock: pins(lock) for lock in locks}
    for lock, other in itertools.combinations(locks, 2):
        same = versions[lock].keys() & versions[other].keys()
        assert {name for name in same if versions[lock][name] != versions[other][name]} == set()


def test_every_image_of_ours_is_a_target_and_has_one_version() -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)", TEXT, re.M)) - {"base"}
    built = {
        (service["image"], service["build"]["target"])
        for service in yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values()
        if "build" in service
    }
    assert {target for _, target in built} == targets
    files = "".join(file.read_text() for file in DEPLOY.rglob("*.yaml"))
    used = set(re.findall(r"\b(gensweep(?:-tracking)?:\d[\w.]*)", files))
    assert used == {image for image, _ in built}


def test_both_stages_start_from_the_python_that_constraints_are_for() -> None:
    version = re.search(r"^ARG PYTHON=(\d+\.\d+)", TEXT, re.M)
    assert version
    assert version[1] in (DEPLOY / "ray-cluster.yaml").read_text()  # `python3.11 -m venv`: pickles cross the nodes


MUTATIONS = {
    "latest": (r"python:\$\{PYTHON\}", "python:latest", "DL3007"),
    "no tag": (r"python:\$\{PYTHON\}", "python", "DL3006"),
    "root at the end": (r"USER 1000\n# A sweep", "USER root\n# A sweep", "DL3002"),
    "no user": (r"USER 1000\n", "", "runs as root"),
    "a user by name": (r"USER 1000", "USER gensweep", "DL3066"),
    "pip's cache kept": (r" --no-cache-dir", "", "DL3042"),
    "any file of the versions": (r" --require-hashes", "", "nobody tested"),
    "dependencies as of today": (r" --no-deps --no-build-isolation \.", " .", "nobody tested"),
    "a package more": (r"requirements/jobs.txt", "requirements/jobs.txt gcsfs", "nobody tested"),
    "a lock without hashes": (r"-r requirements/tracking.txt", "-r constraints.txt", "nobody tested"),
    "torch as of today": (r" --constraint constraints.txt", "", "nobody tested"),
    "a lock that is not there": (r"COPY requirements ", "COPY requirement ", "no such file"),
    "apt lists kept": (r" \\\n    && rm -rf /var/lib/apt/lists/\*", "", "DL3009"),
    "a file that is not there": (r"COPY gensweep ", "COPY gensweeps ", "no such file"),
    "no commit": (r"ARG COMMIT=\"\"\n", "", "does not say its commit"),
    "a commit without a label": (r"LABEL org.*\n", "", "does not say its commit"),
    "a version without a commit": (r"ENV GENSWEEP_COMMIT.*\n", "", "does not say its commit"),
    "a commit before torch": (r"ARG TORCH_INDEX", "ARG COMMIT\nARG TORCH_INDEX", "built anew for every commit"),
    "a server that is never asked": (r"HEALTHCHECK .*\\\n.*\n", "", "tracking has no HEALTHCHECK"),
    "a sweep that is never asked": (r"HEALTHCHECK --interval=5m.*\n", "", "gensweep has no HEALTHCHECK"),
    "an unknown instruction": (r"WORKDIR", "WORKDIRS", "DL1000"),
    "shell form": (r'ENTRYPOINT \["gensweep"\]', "ENTRYPOINT gensweep", "DL3025"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    pattern, replacement, expected = MUTATIONS[name]
    mutated, count = re.subn(pattern, replacement, TEXT)
    assert count
    try:
        problems = dockerfile_problems(mutated, IGNORED, ROOT)
    except ValueError as error:  # pragma: no cover - hadolint could not even parse it
        problems = [str(error)]
    assert expected in "\n".join(problems)


def test_a_context_that_sends_everything_is_caught(tmp_path: Path) -> None:
    assert any("allowlist" in problem for problem in dockerfile_problems(TEXT, IGNORED.replace("*\n", "", 1), ROOT))
    assert any(
        "not in the build context" in p for p in dockerfile_problems(TEXT, IGNORED.replace("!gensweep\n", ""), ROOT)
    )

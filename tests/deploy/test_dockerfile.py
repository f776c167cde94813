"""The Dockerfile by hadolint and by the files that it names; and mutations that must not pass."""

from __future__ import annotations

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
    """The shell's own expansion decides between PyPI's wheel (CUDA) and another index."""
    import subprocess

    line = re.search(r"pip install (.*\$\{TORCH_INDEX.*)$", TEXT, re.M)
    assert line
    for index, expected in (("", []), ("https://example.org/cpu", ["--index-url", "https://example.org/cpu"])):
        echo = ["sh", "-c", f'printf "%s\\n" {line[1]}']
        words = subprocess.run(echo, env={"TORCH_INDEX": index}, capture_output=True, text=True, check=True).stdout
        assert words.split("\n")[3:-1] == [*expected, "torch"]


def test_every_image_of_ours_is_a_target_and_has_one_version() -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)", TEXT, re.M)) - {"base"}
    built = {
        (service["image"], service["build"]["target"])
        for service in yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values()
        if "build" in service
    }
    assert {target for _, target in built} == targets
    files = "".join(file.read_text() for file in DEPLOY.glob("*.yaml"))
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
    "untested versions": (r" --constraint constraints.txt", "", "nobody tested"),
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

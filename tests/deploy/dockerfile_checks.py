"""What is wrong with a Dockerfile: hadolint, then whether what it copies exists and who runs it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from compose_checks import tool


def dockerfile_problems(text: str, ignored: str, root: Path) -> list[str]:
    """Every reason not to ship this Dockerfile with this .dockerignore; an empty list when there is none."""
    done = subprocess.run(
        [tool("hadolint"), "--format", "json", "-"], input=text, capture_output=True, text=True, check=False, timeout=60
    )
    problems = [f"{found['code']} line {found['line']}: {found['message']}" for found in json.loads(done.stdout)]
    checks = (_copy_problems(text, ignored, root), _user_problems(text), _pip_problems(text), _image_problems(text))
    return [*problems, *(problem for found in checks for problem in found)]


def _copy_problems(text: str, ignored: str, root: Path) -> Iterator[str]:
    sent = {line[1:] for line in ignored.splitlines() if line.startswith("!")}
    if "*" not in ignored.splitlines():
        yield "the build context is not an allowlist: secrets and data would travel to the builder"
    copied = {source for line in re.findall(r"^COPY (.+)$", text, re.M) for source in line.split()[:-1]}
    yield from (f"COPY {source}: no such file" for source in sorted(copied) if not (root / source).exists())
    yield from (f"COPY {source}: not in the build context" for source in sorted(copied - sent))
    yield from (f"{source} is sent and never copied" for source in sorted(sent - copied))


def _user_problems(text: str) -> Iterator[str]:
    for stage in re.split(r"^FROM ", text, flags=re.M)[2:]:
        users = re.findall(r"^USER (\S+)$", stage, re.M)
        if not users or users[-1] in ("root", "0"):
            yield f"stage {stage.splitlines()[0]} runs as root"


def _image_problems(text: str) -> Iterator[str]:
    """Every image says whether it is well, and that of gensweep of which commit it is."""
    for stage in re.split(r"^FROM ", text, flags=re.M)[2:]:
        name = stage.splitlines()[0].split()[-1]
        if not re.search(r"^HEALTHCHECK (.*\\\n)?.*CMD \[", stage, re.M):
            yield f"stage {name} has no HEALTHCHECK"
        if name == "gensweep":
            order = [
                stage.find(line) for line in ("ARG COMMIT", "org.opencontainers.image.revision=", "GENSWEEP_COMMIT=")
            ]
            if -1 in order or order != sorted(order):
                yield f"stage {name} does not say its commit"
            if order[0] < stage.rfind("RUN "):
                yield f"stage {name} is built anew for every commit"


def _pip_problems(text: str) -> Iterator[str]:
    """Files that a lock names, by their hashes; torch of another index by its version; and what was copied, alone."""
    for line in re.findall(r"pip install ([^;&\n]*)", text.replace("\\\n", " ")):
        words = set(line.split()) - {"--no-cache-dir"}
        locks = {word for word in words if re.fullmatch(r"requirements/[\w-]+\.txt", word)}
        locked = {"--require-hashes", "--no-deps", "-r", *locks}
        of_an_index = {"--constraint", "constraints.txt", "--index-url", '"${TORCH_INDEX}"', "torch"}
        if words not in (locked, of_an_index, {"--no-deps", "--no-build-isolation", "."}):
            yield f"`pip install {line}` installs files that nobody tested"

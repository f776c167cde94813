"""Where a sweep ran: versions, machine and the state of the code, so that a number can be traced."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
from collections.abc import Mapping
from importlib import metadata
from typing import Any

LIBRARIES = {"torch": "torch", "ray": "ray", "mlflow": "mlflow", "optuna": "optuna", "pot": "POT", "numpy": "numpy"}


def describe() -> dict[str, Any]:
    """Plain data about this interpreter, this machine and the git repository of the working directory."""
    return {
        "gensweep": _version("gensweep"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions(),
        "git": _git_state(),
        "hostname": socket.gethostname(),
        "cpu_count": os.cpu_count(),
    }


def versions() -> dict[str, str]:
    """Of the libraries that numbers come from, those that are installed."""
    found = {name: _version(distribution) for name, distribution in LIBRARIES.items()}
    return {name: version for name, version in found.items() if version is not None}


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What is another version than before, as in `torch 2.12.0 -> 2.13.0`; what was not there before is no change.

    >>> changes({"torch": "2.12.0", "numpy": "2.4.6"}, {"torch": "2.13.0", "numpy": "2.4.6", "ray": "2.60.0"})
    ['torch 2.12.0 -> 2.13.0']
    """
    return [
        f"{name} {before[name]} -> {version}"
        for name, version in now.items()
        if name in before and version != before[name]
    ]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _git_state() -> dict[str, Any]:
    """The commit, and whether a tracked file differs from it; null where there is no repository or no git."""
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no") if commit else None
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

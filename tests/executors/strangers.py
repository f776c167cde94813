"""Another account of this machine, without any right, and what it tries."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

NOBODY = 65534
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user: run the tests as root")

_AT = "at = sys.argv[1] + '/r/session_latest/'; "
TRIES = {
    "list the folder": "os.listdir(sys.argv[1])",
    "list the sessions": "os.listdir(sys.argv[1] + '/r')",
    "read the token": "open(sys.argv[1] + '/token').read()",
    "read a log": _AT + "open(at + 'logs/raylet.out').read()",
    "put a link in a log's place": _AT + "os.symlink('/etc/hosts', at + 'x'); os.replace(at + 'x', at + 'logs/raylet.out')",
    "rename a socket": _AT + "os.rename(at + 'sockets/plasma_store', at + 'x'); os.rename(at + 'x', at + 'sockets/plasma_store')",
    "talk to a socket": _AT + "socket.socket(socket.AF_UNIX).connect(at + 'sockets/plasma_store')",
    "add a file to the session": _AT + "open(at + 'new', 'x')",
    "rename the folder": "os.rename(sys.argv[1], sys.argv[1] + '-old')",
}  # fmt: skip


def as_nobody(
    code: str, *arguments: str, loaded: str = "os, socket, sys", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python as an account that owns nothing and is in no group of ours. What it imports is loaded while it is root."""
    drop = f"import {loaded}, os\nos.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
    return subprocess.run(
        [sys.executable, "-c", drop + code, *arguments],
        cwd="/", env={"HOME": "/nonexistent", **(environment or {})}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def what_succeeds(path: Path, tries: Mapping[str, str] = TRIES) -> dict[str, str]:
    """What of `tries` another account can do to Ray's folder at `path`, with what it said where that was no refusal."""
    ended = {name: as_nobody(code, str(path)) for name, code in tries.items()}
    return {name: end.stderr for name, end in ended.items() if "PermissionError" not in end.stderr}

"""Runs a command, ends it with all that it started once stdin ends, and removes a folder: `python _keeper.py FOLDER COMMAND...`.

Who is killed can end nothing any more. Its end of the pipe to this process then closes by itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

_GRACE = 5.0  # seconds from asking to killing, and from killing to giving up
_PAUSE = 0.05


def main(folder: str, command: list[str]) -> int:
    """Run the command in a process group of its own, and then remove the folder; its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: _ask(child.pid))
    threading.Thread(target=_end_with_stdin, args=[child.pid], daemon=True).start()
    code = child.wait()
    _kill(child.pid)
    shutil.rmtree(folder, ignore_errors=True)
    return code if code >= 0 else 128 - code


def _end_with_stdin(group: int) -> None:
    while os.read(0, 1024):
        pass
    _ask(group)
    time.sleep(_GRACE)
    _kill(group)


def _ask(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)


def _kill(group: int) -> None:
    """Kill what is left of a group, and wait until nothing is: what it listened on is free then."""
    deadline = time.monotonic() + _GRACE
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, signal.SIGKILL)
            time.sleep(_PAUSE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

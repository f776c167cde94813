"""Runs a command, ends it with all that it started once stdin ends, and removes a folder.

`python _keeper.py FOLDER DESCRIPTOR COMMAND...`: the descriptor, an open one, is the command's stdin.

Who is killed can end nothing any more. Its end of the pipe to this process then closes by itself. This process may be
killed too: another one that holds a pipe to it, and does nothing else, then ends the command in its place.
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
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(folder: str, descriptor: int, command: list[str]) -> int:
    """Run the command in a process group of its own, and then remove the folder; its exit code."""
    child = subprocess.Popen(command, stdin=descriptor, process_group=0)
    os.close(descriptor)  # a socket that listens does so as long as anybody has it
    _watch(child.pid)
    for number in _SIGNALS:
        signal.signal(number, lambda *_: _ask(child.pid))
    threading.Thread(target=_end_with_stdin, args=[child.pid], daemon=True).start()
    code = child.wait()
    _kill(child.pid)
    shutil.rmtree(folder, ignore_errors=True)
    return code if code >= 0 else 128 - code


def _watch(group: int) -> None:
    """Start the process that ends the group once this one is gone, in a session that no signal to this one reaches."""
    reading, writing = os.pipe()  # the command has not inherited them, so that only this process holds `writing`
    if os.fork():
        os.close(reading)
        return
    os.setsid()
    os.close(writing)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):  # who reads what the command says, does not wait for this process
        os.dup2(nowhere, stream)
    os.read(reading, 1)
    _end(group)
    os._exit(0)


def _end_with_stdin(group: int) -> None:
    while os.read(0, 1024):
        pass
    _end(group)


def _end(group: int) -> None:
    """Ask a group to end, and kill what is left of it after a while."""
    _ask(group)
    deadline = time.monotonic() + _GRACE
    while time.monotonic() < deadline and _is_alive(group):
        time.sleep(_PAUSE)
    _kill(group)


def _is_alive(group: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


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
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))

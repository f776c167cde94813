"""A Ray cluster on this machine: a head without places for trials, and nodes that are daemons of their own.

What is measured on it is what orchestration costs, not how fast many machines train: all nodes share the cores that are here.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from gensweep.benchmarks._telling import surroundings

_HOST = "127.0.0.1"
_PATIENCE = 120.0  # seconds for a daemon to start, and for all of its processes to end
_OBJECTS = 80_000_000  # bytes for Ray's objects on a node: reports are small


class Nodes:
    """Nodes that were started with `ray start`, as people start them. They end with the context, and listen on 127.0.0.1."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="gs-"))  # short: Ray's sockets lie below it
        self._started: list[subprocess.Popen[bytes]] = []
        self.address = f"{_HOST}:{_free_port()}"
        self.environment = {
            **{name: value for name, value in surroundings().items() if not name.startswith("RAY_")},
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_AIR_NEW_OUTPUT": "0",
            "OMP_NUM_THREADS": "1",
        }

    def __enter__(self) -> Nodes:
        port = self.address.rpartition(":")[2]
        try:
            self._start(
                "--head", f"--port={port}", f"--temp-dir={self._folder}/r", "--num-cpus=0", "--include-dashboard=false"
            )
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return max(0, len(self._started) - 1)

    def grow(self, n: int, places: int = 1) -> None:
        """Start nodes with so many places each until there are n."""
        while len(self) < n:
            self._start(f"--address={self.address}", f"--num-cpus={places}")

    def close(self) -> None:
        """End all of them, the head last."""
        for process in reversed(self._started):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_PATIENCE)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._started.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, *options: str) -> None:
        """Start a node, and wait until it is one: several at once are late on few cores."""
        command = [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", *options, "--block", "--disable-usage-stats"),
            *(f"--node-ip-address={_HOST}", "--dashboard-agent-listen-port=0", f"--object-store-memory={_OBJECTS}"),
        ]
        log = self._folder / f"{len(self._started)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=subprocess.STDOUT, cwd="/", env=self.environment, start_new_session=True
            )
        self._started.append(process)
        deadline = time.monotonic() + _PATIENCE
        while b"Ray runtime started" not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Ray does not start here: {' '.join(command)}\n{log.read_text(errors='replace')}")
            time.sleep(0.1)


def _free_port() -> int:
    with socket.create_server((_HOST, 0)) as server:
        return int(server.getsockname()[1])

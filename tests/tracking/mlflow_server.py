"""A real MLflow server on a SQLite store, to be killed for real."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from gensweep.tracking.access import new_access
from gensweep.tracking.pages import listen, ui_command, ui_environment
from tests.tracking.tracked_sweep import Store


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One worker, no job runner; `kill` is kill -9 of the whole process group."""

    def __init__(self, store: Store, *, locked: bool = False) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._access = new_access(locked=locked)
        self.access = self._access.__enter__()
        self._command = [*ui_command(store.uri, self.port, self.access.app), "--workers", "1"]
        self._environment = ui_environment(store.uri, self.access)
        self.store, self.database = store, store.path

    def start(self) -> None:
        with listen(self.port) as listener:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                start_new_session=True,
                stdin=listener,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=1)
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return
        raise AssertionError("the server did not start within a minute")

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

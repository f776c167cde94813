"""Ray itself: started here, or joined, in the background while the caller prepares other things."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray

from gensweep.configuration import Resources
from gensweep.credentials import redacted
from gensweep.errors import CannotRun
from gensweep.executors.resources import places
from gensweep.executors.visible import worker_environment


class RayCluster:
    """Ray on this machine, or the cluster at `address`. It begins at once, in a thread; `ready` waits for that."""

    def __init__(self, address: str | None, resources: Resources, say: Callable[[str], None] = lambda _: None) -> None:
        self.address, self.resources, self._say = address, resources, say
        self.places = 0
        self.nodes: list[dict[str, Any]] = []
        self._error: BaseException | None = None
        self._is_ours = False
        self._started, self._closing = threading.Event(), threading.Event()
        # Ray's processes die with the thread that started them (PR_SET_PDEATHSIG), so that it lives until `close`.
        self._thread = threading.Thread(target=self._hold, name="gensweep-ray", daemon=True)
        self._thread.start()

    def ready(self) -> None:
        """Wait until Ray can run trials.

        Raises:
            CannotRun: no cluster answers at `address`, no node of it can hold a trial, or Ray does not start here.
        """
        self._started.wait()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Leave the cluster; a Ray that was started here ends, with all its processes."""
        self._closing.set()
        self._thread.join()

    def _hold(self) -> None:
        try:
            self._start()
        except BaseException as error:  # told in `ready`, to the thread that asks
            self._error = error
        finally:
            self._started.set()
        if self._error is None:
            self._closing.wait()
        if self._is_ours:  # not a Ray that another part of this process is connected to
            ray.shutdown()

    def _start(self) -> None:
        environment = {"env_vars": _environment(self.resources.threads)}
        options = {
            "log_to_driver": False,
            "logging_level": "ERROR",
            "configure_logging": True,
            "runtime_env": environment,
        }
        if self.address is None:
            self._say("starting Ray on this machine")
            _start_here(options)
        else:
            self._say(f"joining the Ray cluster at {redacted(self.address)}")
            _join(self.address, options)
        self._is_ours = True
        self.nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self.places = places(self.resources, self.nodes)


def _start_here(options: dict[str, Any]) -> None:
    try:
        ray.init(address="local", include_dashboard=False, **options)
    except (RuntimeError, OSError) as error:
        raise CannotRun(
            f"Ray does not start on this machine ({_first_line(error)}). If the machine is very busy, try again; "
            f"--in-process runs one trial after another without Ray."
        ) from error
    _private_token()


def _join(address: str, options: dict[str, Any]) -> None:
    try:
        _knock(address)
        ray.init(address=address, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        why = redacted(_first_line(error), address)
        raise CannotRun(
            f"--address {redacted(address)}: no Ray cluster can be joined there ({why}). Start one with "
            f"`ray start --head`, check the address and RAY_AUTH_MODE / the token, or leave --address out to run on "
            f"this machine."
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _knock(address: str) -> None:
    """Raise OSError if nobody listens there: Ray itself would go on trying for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdigit():
        with socket.create_connection((host, int(port)), timeout=10):
            pass


def _private_token() -> None:
    """Ray writes its token readable for everyone."""
    token = Path.home() / ".ray" / "auth_token"
    if token.exists():
        token.chmod(0o600)


def _environment(threads: int) -> dict[str, str]:
    """What the workers' libraries read when they are loaded. A cluster's workers get none of the driver's variables."""
    n = str(threads)
    return {"OMP_NUM_THREADS": n, "MKL_NUM_THREADS": n, **worker_environment()}

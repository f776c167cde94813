"""Ray itself: started here, or joined, in the background while the caller prepares other things."""

from __future__ import annotations

import atexit
import itertools
import os
import re
import socket
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray._private import state
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]
from ray.job_config import JobConfig

from gensweep.configuration import Resources
from gensweep.credentials import redacted
from gensweep.errors import CannotRun
from gensweep.executors._ray_demand import Demand
from gensweep.executors.private_folder import PrivateFolder, has_shared_memory
from gensweep.executors.ray_access import on_loopback, provide_token, warnings, withdraw_token
from gensweep.executors.ray_address import found_head, nobody
from gensweep.executors.resources import lacking, on_node, places, provisional
from gensweep.executors.visible import worker_environment
from gensweep.faults import memory_limit
from gensweep.text import counted, duration
from gensweep.trainers.arithmetic import WORKSPACE

_LOOKS = 1.0  # seconds from one look at the nodes to the next, while some are waited for
_PATIENCE = 30.0  # seconds without a new log file, after which a Ray that starts here is given up
_DEAD = 5.0  # seconds for Ray's own shutdown where its head or daemon is dead already
_OBJECTS = 200_000_000  # bytes for Ray's objects where there is no shared memory: a trial's reports are small
_DOLLAR = "A_DOLLAR"  # a variable that comes before those that need it, also where Ray sorts them
_LOST = re.compile(r"\$\{[A-Z0-9_]+\}")


class RayCluster:
    """Ray on this machine, or the cluster at `address`. It begins at once, in a thread; `ready` waits for that.

    `runs` is the last place that is tried for Ray's own files. `refuse` is asked while nodes are waited for, and raises where a
    stop was asked for. `is_dead`: what is left of it will not answer.
    """

    def __init__(
        self,
        address: str | None,
        resources: Resources,
        say: Callable[[str], None] = lambda _: None,
        runs: Path | None = None,
        refuse: Callable[[], None] = lambda: None,
    ) -> None:
        self.address, self.resources, self.say, self._runs, self._refuse = address, resources, say, runs, refuse
        self.places = 0
        self.nodes: list[dict[str, Any]] = []
        self._error: BaseException | None = None
        self._is_ours = False
        self._folder: PrivateFolder | None = None
        self._gave_up = self.is_dead = False
        self._started, self._closing = threading.Event(), threading.Event()
        # Ray's processes die with the thread that started them (PR_SET_PDEATHSIG), so that it lives until `close`.
        self._thread = threading.Thread(target=self._hold, name="gensweep-ray", daemon=True)
        self._thread.start()
        atexit.register(self.close)  # where an error comes before anybody could close it

    def ready(self) -> None:
        """Wait until Ray can run trials.

        Raises:
            CannotRun: no cluster answers at `address`, no node of it can hold a trial, or Ray does not start here.
        """
        before = -1
        while not self._started.wait(_PATIENCE):
            now = len(list(self.logs.glob("*"))) if self.logs else before + 1
            if now <= before:
                self._gave_up = True
                raise _no_start(f"nothing happened for {_PATIENCE:g} s", self.logs)
            before = now
        if self._error is not None:
            raise self._error

    @property
    def logs(self) -> Path | None:
        """What the processes of a Ray that was started here write; None for another one's."""
        return self._folder.logs if self._folder else None

    def close(self) -> None:
        """Leave the cluster; a Ray that was started here ends, with all its processes."""
        self._closing.set()
        if not self._gave_up:  # else the thread hangs in Ray, whose processes die with it at the end of this one
            self._thread.join(timeout=_DEAD if self.is_dead else 2 * _PATIENCE)
        self.abandon()
        atexit.unregister(self.close)

    def abandon(self) -> None:
        """Before this process ends at once: Ray's processes end with it, its folder would stay."""
        if self._folder:
            self._folder.remove()
            withdraw_token(self._folder)

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
        options: dict[str, Any] = {
            "log_to_driver": False,
            "logging_level": "ERROR",
            "configure_logging": True,
            "runtime_env": {"env_vars": literal(_environment(self.resources.threads))},
            "job_config": OwnImports(),
        }
        if self.address is None and (least := self.resources.min_nodes) > 1:
            raise CannotRun(
                f"resources.min_nodes is {least}, and a Ray that is started on this machine has one node. --address HEAD:PORT "
                "joins a cluster; without one write resources.min_nodes=1."
            )
        for warning in warnings(self.address):
            self.say(warning)
        if self.address is None:
            self.say("starting Ray on this machine")
            self._folder = PrivateFolder(self._runs)
            options["runtime_env"]["env_vars"] |= literal({"PYTHONPATH": os.pathsep.join(imports())})
            _start_here(options, self._folder)
        else:
            self.say(f"joining the Ray cluster at {redacted(self.address)}")
            _join(self.address, options)
        self._is_ours = True
        self.nodes = self._nodes()
        self.settle(provisional(self.resources, self.nodes))

    def _nodes(self) -> list[dict[str, Any]]:
        """What each node has; on another's cluster once as many as it takes can hold a trial, which is waited for."""
        found, least = alive(), self.resources.min_nodes
        if self.address is None:
            return _resources(found)
        began, patience, demand, told = time.monotonic(), self.resources.node_timeout, Demand(), False
        try:
            while (missing := least - _n_able(self.resources, found)) > 0:
                if time.monotonic() - began >= patience:
                    raise CannotRun(_too_few(self.resources, found))
                if not told:
                    self.say(_waiting(self.resources, found))
                    told = True
                demand.want(missing, self.resources, [node["NodeID"] for node in found], is_apart=True)
                if self._closing.wait(_LOOKS):
                    raise CannotRun("left while nodes of the cluster were waited for")
                self._refuse()
                found = alive()
        finally:
            demand.withdraw()
        return _resources(found)

    def settle(self, resources: Resources) -> None:
        """Take these for what a trial gets.

        Raises:
            CannotRun: no node has so much.
        """
        self.resources, self.places = resources, places(resources, self.nodes)


def alive() -> list[dict[str, Any]]:
    """The nodes of the cluster, as Ray describes them, without those that are to be taken away (drained)."""
    leaving = state.state.get_draining_nodes()
    return [node for node in ray.nodes() if node["Alive"] and node["NodeID"] not in leaving]


def _resources(nodes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [node["Resources"] for node in nodes]


def _n_able(resources: Resources, nodes: Sequence[Mapping[str, Any]]) -> int:
    """How many of the nodes can hold a trial."""
    having = _resources(nodes)
    return sum(on_node(provisional(resources, having), one) > 0 for one in having)


def _waiting(resources: Resources, nodes: Sequence[Mapping[str, Any]]) -> str:
    n, having = _n_able(resources, nodes), _resources(nodes)
    why = (
        f"{counted(n, 'node')} of {resources.min_nodes} can hold a trial"
        if n
        else lacking(resources, having).rstrip(".")
    )
    return f"waiting for nodes, up to {duration(resources.node_timeout)} (resources.node_timeout): {why}"


def _too_few(resources: Resources, nodes: Sequence[Mapping[str, Any]]) -> str:
    n, waited = _n_able(resources, nodes), resources.node_timeout
    what = (
        f"resources.min_nodes is {resources.min_nodes}, and {counted(n, 'node')} of the cluster can hold a trial."
        if n
        else lacking(resources, _resources(nodes))
    )
    after = f" Waited {duration(waited)} for more (resources.node_timeout)." if waited else ""
    lower = "Lower resources.min_nodes" if n else "Lower resources.cpu or resources.gpu"
    return f"{what}{after} {lower}, or add a node: ray start --address=HEAD:PORT, there. Nothing was started."


class OwnImports(JobConfig):
    """A job whose workers import from what they are started with.

    Ray would put the driver's working folder and its script's before the standard library: a user's random.py would kill
    every worker.
    """

    def _serialize(self) -> Any:
        self._py_driver_sys_path: list[str] = []  # filled by ray.init
        return super()._serialize()


def imports() -> list[str]:
    """The folders that this process looks for modules in before the standard library: its script's, and PYTHONPATH."""
    library = sysconfig.get_path("stdlib")
    before = itertools.takewhile(lambda path: path != library and not path.endswith(".zip"), sys.path)
    return [os.path.abspath(path) for path in before]


def _start_here(options: dict[str, Any], folder: PrivateFolder) -> None:
    if ray.is_initialized():
        raise _no_start("this process is connected to a Ray already; ray.shutdown() leaves it", None)
    _refuse_no_loopback()
    provide_token(folder)
    if not has_shared_memory():
        options |= {"_plasma_directory": str(folder.path), "object_store_memory": _OBJECTS}
    _read_settings_again()
    try:
        with on_loopback():
            ray.init(address="local", include_dashboard=False, _temp_dir=str(folder.ray), **options)
    except Exception as error:  # Ray raises bare ones too
        ray.shutdown()
        raise _no_start(_first_line(error), folder.logs) from error


def _no_start(why: str, logs: Path | None) -> CannotRun:
    said = (
        [line for file in sorted(logs.glob("*.err")) for line in file.read_text(errors="replace").splitlines()]
        if logs
        else []
    )
    last = f"; its processes said: {said[-1]}" if said and said[-1].strip() else ""
    last += f"; it has to start{limit}" if (limit := memory_limit()) else ""
    return CannotRun(
        f"Ray does not start on this machine ({why}{last}). If the machine is very busy, try again; RAY_TMPDIR names a short, "
        f"writable folder for its files; --in-process runs one trial after another without Ray."
    )


def _refuse_no_loopback() -> None:
    """Ray's processes talk over 127.0.0.1; where that is not there, they would try for minutes."""
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname(), timeout=10),
        ):
            pass
    except OSError as error:
        raise CannotRun(
            f"Ray does not start on this machine: its processes cannot reach each other at 127.0.0.1 "
            f"({error.strerror or error}). Bring the loopback interface up (ip link set lo up); --in-process runs one trial "
            "after another without Ray."
        ) from error


def _join(address: str, options: dict[str, Any]) -> None:
    head = found_head(address)
    try:
        _read_settings_again()
        ray.init(address=head, **options)
    except Exception as error:  # Ray raises bare ones too
        raise CannotRun(nobody(address, _first_line(error))) from error


def _read_settings_again() -> None:
    """RAY_AUTH_MODE, where something imported Ray before this package; the token, where this process had another Ray."""
    if not ray.is_initialized():
        Config.initialize("")
        AuthenticationTokenLoader.instance().reset_cache()


def _first_line(error: BaseException) -> str:
    said = str(error).strip()
    if said.startswith("Version mismatch"):  # what differs stands in the lines below
        return " ".join(said.split())
    return said.splitlines()[0] if said else type(error).__name__


def literal(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables as they must be given to Ray for workers to have them as they are: Ray expands $NAME in them.

    Raises:
        CannotRun: Ray would change one all the same.
    """
    for name, value in variables.items():
        if lost := _LOST.search(value):
            raise CannotRun(
                f"{name} for Ray's workers names a folder with {lost[0]} in it ({value}), which Ray removes from it. Rename the "
                f"folder, or give another path to it; --in-process runs one trial after another without Ray."
            )
    return {_DOLLAR: "$"} | {name: value.replace("$", f"${{{_DOLLAR}}}") for name, value in variables.items()}


def _environment(threads: int) -> dict[str, str]:
    """What the workers' libraries read when they are loaded. A cluster's workers get none of the driver's variables."""
    n, cublas = str(threads), os.environ.get(WORKSPACE)
    told = {WORKSPACE: cublas} if cublas else {}
    return {"OMP_NUM_THREADS": n, "MKL_NUM_THREADS": n, **told, **worker_environment()}

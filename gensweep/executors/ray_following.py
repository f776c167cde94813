"""Follows a cluster while a sweep runs on it: nodes that join or go, and sweeps that come beside it.

    nodes that are there -> asked what trials need -> their places -> dealt to the sweeps there -> the limit, and what is told

It looks every few seconds, in a thread of its own, and never waits for Tune, nor Tune for it.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any

from ray._private import state

from gensweep.configuration import Resources
from gensweep.errors import Stopped
from gensweep.executors._ray_changes import Changes
from gensweep.executors._ray_demand import Demand
from gensweep.executors._ray_joining import Joining
from gensweep.executors._ray_limit import dealt
from gensweep.executors._ray_places import Losing, changed, is_left_out, leave_out
from gensweep.executors._ray_shares import Sweeps
from gensweep.executors.base import Work
from gensweep.executors.ray_cluster import RayCluster, alive
from gensweep.executors.resources import most, on_node
from gensweep.executors.visible import names_of
from gensweep.text import counted, duration

_EVERY = 2.0  # seconds
_KNOCK = 1.0  # seconds in which a daemon that lives lets somebody in
_PATIENCE = 3.0  # seconds in which the thread ends, unless Ray hangs; less than RayWatch waits
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Seen:
    """What a look saw: the ids of the nodes that trials use, and the places of this sweep; the sweeps beside it."""

    used: frozenset[str]
    places: int
    beside: int = 0


class Following:
    """Follows the cluster while the context is open; without an address there is nothing to follow."""

    def __init__(self, cluster: RayCluster, changes: Changes, losing: Losing, joining: Joining) -> None:
        self.cluster, self.changes, self.losing, self.joining = cluster, changes, losing, joining
        self._names = dict(losing.places)
        self._seen = _Seen(frozenset(losing.places), changes.limit.places)
        self._demand, self._sweeps = Demand(), Sweeps(is_on_gpus=cluster.resources.gpu_share > 0)
        self._none_since: float | None = None
        self._is_busy = False
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="gensweep-ray-follows", daemon=True)

    def __enter__(self) -> Following:
        if self.cluster.address is not None:
            self.changes.is_followed = True
            self._tried(self.look)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)

    def _follow(self) -> None:
        while not self._left.wait(_EVERY):
            self._tried(self.look)
        self._tried(self._demand.withdraw)
        self._tried(self._sweeps.leave)

    def _tried(self, what: Callable[[], None]) -> None:
        try:
            what()
        except Exception as error:  # Ray raises bare ones too; whether it is dead, RayWatch finds out
            _log.debug("following the cluster", exc_info=error)

    def look(self) -> None:
        """Look at the cluster once, and let the limit follow."""
        resources, there = self.cluster.resources, alive()
        able = {node["NodeID"]: node for node in there if on_node(resources, node["Resources"])}
        if new := [node for name, node in able.items() if name not in self._names]:
            self._names |= names_of(new)
        admitted, refused = self.joining.look(able)
        for name, lacking in refused.items():
            leave_out(name)
            self.changes.add(partial(_refuse, name=self._names[name], lacking=lacking))
        used = {name: able[name] for name in admitted if not is_left_out(name)}
        self.losing.places = {name: self._names[name] for name in used}
        changed(self.joining.asked, max((node["Resources"].get("CPU", 0.0) for node in used.values()), default=0.0))
        self._limit(used)
        self._wait_for_nodes(used, there)
        self._demand.want(self._wanted(), resources, [node["NodeID"] for node in there])

    def _limit(self, used: Mapping[str, Mapping[str, Any]]) -> None:
        resources, limit = self.cluster.resources, self.changes.limit
        fitting = sum(on_node(resources, node["Resources"]) for node in used.values())
        mine = most(resources, fitting)
        if fitting:
            self._sweeps.say(min(mine, self.changes.left or mine) / fitting)
        wants = self._sweeps.wants(fitting, mine)
        seen = _Seen(frozenset(used), dealt(fitting, wants, self._sweeps.me), len(wants) - 1)
        available = state.available_resources_per_node()
        for name, node in used.items():
            if self.changes.is_suspect(name) and _lives(node):
                self.changes.reported(name)  # its process ended, and not with its node
        with self.changes.lock:
            sure = [name for name in used if not self.changes.is_suspect(name)] or [*used]
            free = sum(on_node(resources, available.get(name, {})) for name in sure)
            limit.places, limit.now = seen.places, min(seen.places, limit.n_processes() + free)
        self._tell(seen)

    def _tell(self, seen: _Seen) -> None:
        before, self._seen = self._seen, seen
        if (before.used, before.places) != (seen.used, seen.places):
            joined, gone = (
                tuple(sorted(self._names[name] for name in names if not is_left_out(name)))
                for names in (seen.used - before.used, before.used - seen.used)
            )
            why = f"the cluster is shared with {counted(seen.beside, 'other sweep')}" if seen.beside else ""
            self.changes.add(partial(_resize, seen=seen, joined=joined, gone=gone, why=why))
        limit = self.changes.limit
        is_busy = bool(seen.used) and limit.now == 0 and limit.n_packs() == 0
        if is_busy and not self._is_busy:
            self.cluster.say("others use all places of the cluster: waiting until one is free")
        self._is_busy = is_busy

    def _wait_for_nodes(self, used: Mapping[str, Any], there: list[dict[str, Any]]) -> None:
        """Where trials have no node at all: say so once, and end the run where none comes in time."""
        if used:
            self._none_since = None
            return
        now, patience = time.monotonic(), self.cluster.resources.node_timeout
        if self._none_since is None:
            self._none_since = now
            self.cluster.say(
                f"no node of the cluster can hold a trial now ({counted(len(there), 'node')} there): waiting up to "
                f"{duration(patience)} for one (resources.node_timeout)"
            )
        if now - self._none_since > patience and not self.joining.asked:
            why = f"no node of the cluster could hold a trial for {duration(patience)} (resources.node_timeout)"
            self.changes.add(lambda work: work.request_stop(why, Stopped.exit_code))

    def _wanted(self) -> int:
        """How many more places there is work for: none, where the driver has no job for those that there are."""
        resources = self.cluster.resources
        if self.changes.limit.n_packs() < self._seen.places:
            return 0
        packs = -(-self.changes.left // (resources.rows or _rows(resources)))
        return max(0, min(packs, resources.max_concurrent or packs) - self._seen.places)


def _lives(node: Mapping[str, Any]) -> bool:
    """Whether Ray's daemon there lets somebody in: of one that died with its node, Ray itself knows only after a while."""
    with suppress(OSError), socket.create_connection((node["NodeManagerAddress"], node["NodeManagerPort"]), _KNOCK):
        return True
    return False


def _rows(resources: Resources) -> int:
    """How many trials a process may have where that is measured there: a GPU holds many, so few nodes are asked for."""
    return 16 if resources.gpu_share else 1


def _resize(work: Work, seen: _Seen, joined: Sequence[str], gone: Sequence[str], why: str) -> None:
    work.resized(seen.places, len(seen.used), joined, gone, why)


def _refuse(work: Work, name: str, lacking: tuple[str, ...]) -> None:
    told = " ".join(" ".join(one.split()) for one in lacking)
    work.left_out(name, f"it joined and lacks what they need: {told} Then start Ray there anew.")

"""Where on a Ray cluster trials are put: a node that loses them, one after the other, gets no more.

What a trial takes is said by a function that Tune pickles with the worker's class and asks anew for each trial. So what it
looks at is the process's own: the nodes that are left out, those that are still asked, and what the largest one has.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray._private import state
from ray.exceptions import RayError
from ray.tune import PlacementGroupFactory

from gensweep.configuration import Resources
from gensweep.executors.resources import NODE, gpus_of
from gensweep.faults import Fault

MOST_LOSSES = 3  # processes in a row, each with trials that the ones before had not
_ITS_OWN = (Fault.MEMORY, Fault.CRASH, Fault.HANG)  # may be the trials' doing as well
_ACTOR = re.compile(r"actor_id: (\w+)")

_left_out: set[str] = set()


@dataclass
class _Nodes:
    """What changes while a sweep runs: the ids of nodes that are still asked, and the CPUs of the one that has most."""

    asked: frozenset[str] = frozenset()
    most: float = 0.0


_nodes = _Nodes()


class _Place(PlacementGroupFactory):
    """A place on none of some nodes. By whether two are equal Tune tells whose process may be reused for whom.

    So a node that is only asked makes no difference: the processes elsewhere are as good as before.
    """

    def __init__(self, bundle: Mapping[str, float], left_out: Sequence[str], asked: Sequence[str]) -> None:
        no = sorted({*left_out, *asked})
        selector = {"bundle_label_selector": [{NODE: f"!in({','.join(no)})"}]} if no else {}
        super().__init__([dict(bundle)], **selector)
        self._key = (tuple(sorted(bundle.items())), tuple(sorted(left_out)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Place) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def changed(asked: Collection[str], most: float) -> None:
    """From now on these nodes are asked, and get no trials meanwhile; the largest of the others has so many CPUs."""
    _nodes.asked, _nodes.most = frozenset(asked), most


def leave_out(node: str) -> None:
    """From now on this node gets no trials."""
    _left_out.add(node)


def is_left_out(node: str) -> bool:
    """Whether a node gets no more trials."""
    return node in _left_out


def place(resources: Resources, most: float, configuration: Mapping[str, Any]) -> PlacementGroupFactory:
    """What a trial takes: its share of CPUs, as far as one node has so many, and of a GPU; on no node that is left out.

    `most` is what the largest node had at the start.
    """
    share = configuration["job"]["share"]
    cpu = max(resources.cpu, min(resources.cpu * share, _nodes.most or most))
    return _Place({"CPU": cpu, "GPU": gpus_of(resources.gpu_share, share)}, tuple(_left_out), tuple(_nodes.asked))


def node_of(told: str) -> str:
    """The id of the node on which the actor ran of whose death Ray tells; "" where it does not say."""
    found = _ACTOR.search(told)
    if found is None or not ray.is_initialized():
        return ""
    try:
        return str(state.actors(found[1])["Address"]["NodeID"])
    except (RayError, KeyError, TypeError):  # Ray has forgotten it
        return ""


@dataclass
class _Row:
    """The losses of a node since a trial last reported there, and the trials that were lost."""

    n: int = 0
    numbers: set[int] = field(default_factory=set)
    is_of_trials: bool = True  # each may have been the trials' own doing


class Losing:
    """Counts what each node loses. `places` maps the ids of nodes that can hold a trial to what people call them."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self.places = places
        self._rows: dict[str, _Row] = {}
        self._reporting = set[str]()
        _left_out.clear()
        changed((), 0.0)

    def reported(self, node: str) -> None:
        """A trial came to a report there."""
        self._reporting.add(node)
        self._rows.pop(node, None)

    def lost(self, node: str, numbers: Iterable[int], fault: Fault) -> str | None:
        """A process was lost there; the node's name where from now on it gets no more trials.

        One that is the last never is, nor one where the trials may have died of themselves, before others reported elsewhere.
        """
        row, lost = self._rows.setdefault(node, _Row()), set(numbers)
        row.n += bool(lost - row.numbers)
        row.numbers |= lost
        row.is_of_trials &= fault in _ITS_OWN
        others = self.places.keys() - _left_out - {node}
        if node in _left_out or node not in self.places or not others or row.n < MOST_LOSSES:
            return None
        if row.is_of_trials and not self._reporting & others:
            return None
        leave_out(node)
        return self.places[node]

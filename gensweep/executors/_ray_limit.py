"""How many packs run side by side: a number that follows the cluster. Tune knows no limit of its own that could change.

A sweep's places are those on the cluster's nodes, dealt in turn to the sweeps that run on it. Of them it uses now what its own
processes have, and what nobody else uses.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ray.tune.execution import tune_controller
from ray.tune.utils.object_cache import _ObjectCache

_PENDING = (
    "TUNE_MAX_PENDING_TRIALS_PG"  # how many trials Tune asks for before their places are there: 1, unless it is told
)
_ALL = "100000"


def none() -> int:
    """Of what is not there yet."""
    return 0


@dataclass
class Limit:
    """`places` are the sweep's; `now` is how many packs may be there now. `n_packs` and `n_processes` count what is there."""

    places: int
    now: int
    n_packs: Callable[[], int] = none
    n_processes: Callable[[], int] = none

    @classmethod
    def of(cls, n: int) -> Limit:
        """So many as long as nothing changes."""
        return cls(n, n)

    @property
    def is_reached(self) -> bool:
        """Whether no pack may begin now."""
        return self.n_packs() >= self.now

    @property
    def is_exceeded(self) -> bool:
        """Whether there are more packs than places, so that none takes new trials."""
        return self.n_packs() > self.places


def dealt(places: int, wants: Mapping[str, int], me: str) -> int:
    """How many of the places `me` gets, where they are dealt one by one to all that want some, in the order of their names.

    >>> dealt(4, {"a": 4, "b": 4}, "b"), dealt(4, {"a": 4, "b": 1}, "a"), dealt(3, {"a": 9, "b": 9}, "a")
    (2, 3, 2)
    """
    got = dict.fromkeys(wants, 0)
    while places > 0 and (able := [name for name in sorted(wants) if got[name] < wants[name]]):
        for name in able[:places]:
            got[name] += 1
        places -= len(able[:places])
    return got[me]


class _Kept(_ObjectCache):
    """The warm processes that Tune keeps for a next pack: not one, where the limit leaves room for none."""

    def __init__(self, limit: Limit, may_keep_one: bool = True) -> None:
        super().__init__(may_keep_one=may_keep_one)
        self._limit = limit

    def flush_cached_objects(self, force_all: bool = False) -> Iterator[Any]:
        """What is to end now."""
        is_over = self.total_max_objects == 0 and self._limit.is_reached
        yield from super().flush_cached_objects(force_all=force_all or is_over)


@contextmanager
def kept_within(limit: Limit) -> Iterator[None]:
    """Inside, a Tuner asks for as many trials as the limit lets it have, and keeps no process beyond it."""
    managers, before = tune_controller.RayActorManager, os.environ.get(_PENDING)

    def manager(*given: Any, **named: Any) -> Any:
        made = managers(*given, **named)
        limit.n_processes = lambda: made.num_live_actors
        return made

    tune_controller.RayActorManager = manager
    tune_controller._ObjectCache = lambda **named: _Kept(limit, **named)
    os.environ[_PENDING] = _ALL
    try:
        yield
    finally:
        tune_controller.RayActorManager, tune_controller._ObjectCache = managers, _ObjectCache
        os.environ.pop(_PENDING)
        if before is not None:
            os.environ[_PENDING] = before

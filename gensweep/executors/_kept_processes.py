"""Two places where Ray Tune 2.60 would throw away processes that the next trial needs.

- Tune gives its actors a runtime_env of their own (PL_DISABLE_FORK), so that none of the processes that Ray has started in
  advance will do, and each worker begins anew: six seconds of CPU time. Here actors take what the job has.
- A trial's actor is kept for the next one only while other trials wait. Where a searcher has none for a moment, all but one
  would end. Here they stay until the search is over.

Both are inside Tune, which has no setting for them; a test notices when they move.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.tune.execution import tune_controller
from ray.tune.execution.class_cache import _ActorClassCache
from ray.tune.utils.object_cache import _ObjectCache


class _PlainClasses(_ActorClassCache):
    def get(self, trainable_cls: type) -> Any:
        return self._cache.setdefault(trainable_cls, ray.remote(trainable_cls))


class _KeepAll(_ObjectCache):
    def cache_object(self, key: Any, obj: Any) -> bool:
        self._cached_objects[key].append(obj)
        self._num_cached_objects += 1
        return True

    def flush_cached_objects(self, force_all: bool = False) -> Iterator[Any]:
        if force_all:
            yield from super().flush_cached_objects(force_all=True)


@contextmanager
def kept_processes() -> Iterator[None]:
    """While this is open, a Tune controller that is made keeps its processes."""
    ours = {"_ActorClassCache": _PlainClasses, "_ObjectCache": _KeepAll}
    theirs = {name: getattr(tune_controller, name) for name in ours}
    for name, value in ours.items():
        setattr(tune_controller, name, value)
    try:
        yield
    finally:
        for name, value in theirs.items():
            setattr(tune_controller, name, value)

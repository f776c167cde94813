"""Which sweeps run on a cluster, by what they write into its key-value store; a job that is dead counts no more."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import ray
from ray._private import state
from ray.experimental import internal_kv

_SPACE = b"gensweep"
_SWEEP = b"sweep:"


class Sweeps:
    """This sweep among the others. Those that train on GPUs, and those that train on CPUs, take no places of each other."""

    def __init__(self, *, is_on_gpus: bool) -> None:
        self.me = str(ray.get_runtime_context().get_job_id())
        self._is_on_gpus = is_on_gpus

    def say(self, part: float) -> None:
        """That this sweep could use such a part of all places."""
        said = {"part": part, "gpu": self._is_on_gpus}
        internal_kv._internal_kv_put(_SWEEP + self.me.encode(), json.dumps(said).encode(), namespace=_SPACE)

    def wants(self, places: int, mine: int) -> dict[str, int]:
        """How many of so many places each sweep could use, this one `mine` of them."""
        parts = {
            job: part for job, said in self._others().items() if (part := _part(said, is_on_gpus=self._is_on_gpus))
        }
        return {**{job: math.ceil(part * places) for job, part in parts.items()}, self.me: mine}

    def leave(self) -> None:
        """That this sweep is over."""
        internal_kv._internal_kv_del(_SWEEP + self.me.encode(), namespace=_SPACE)

    def _others(self) -> dict[str, bytes]:
        keys = internal_kv._internal_kv_list(_SWEEP, namespace=_SPACE)
        jobs = {bytes(key)[len(_SWEEP) :].decode(errors="replace"): key for key in keys}
        jobs.pop(self.me, None)
        if not jobs:
            return {}
        alive = {job["JobID"] for job in state.state.job_table() if not job["IsDead"]}
        return {
            job: internal_kv._internal_kv_get(key, namespace=_SPACE) or b"" for job, key in jobs.items() if job in alive
        }


def _part(said: bytes, *, is_on_gpus: bool) -> float:
    """What another sweep could use; 0 where it has other machines, or says what cannot be read."""
    try:
        read = json.loads(said)
    except ValueError:
        return 0.0
    if not isinstance(read, Mapping) or read.get("gpu") is not is_on_gpus:
        return 0.0
    part = read.get("part")
    return min(1.0, max(0.0, part)) if isinstance(part, float | int) and math.isfinite(part) else 0.0

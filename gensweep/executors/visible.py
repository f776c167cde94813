"""What the nodes of a cluster see: a question asked on each of them, and the folders that their workers are told."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from gensweep.configuration import Resources
from gensweep.datasets.base import WORKING_FOLDER
from gensweep.errors import CannotRun
from gensweep.executors.base import T
from gensweep.extractors.trust import VARIABLE, trusted
from gensweep.file_modes import for_workers
from gensweep.home import expanded

_SECONDS = 60  # a worker has to start and import torch first, from a network's folder perhaps
_SECONDS_OF_A_PROBE = 300  # which trains a little of every arm, and measures what of it
_FOLDERS = ("GENSWEEP_DATA", "GENSWEEP_CACHE", "GENSWEEP_INCEPTION")


def answers(question: Callable[[], T], resources: Resources) -> dict[str, T]:
    """What `question` answers on each node that can hold a trial, but for this one, by the node's address.

    A node that does not answer in time is left out.

    Raises:
        CannotRun: it cannot be asked on a node, where gensweep is missing or another one.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and _holds_a_trial(node["Resources"], resources)]
    here = ray.get_runtime_context().get_node_id()
    asked = {_asked(question, node["NodeID"]): node["NodeManagerAddress"] for node in nodes if node["NodeID"] != here}
    return _answers(asked, _SECONDS)


def answers_beside_gpus(question: Callable[[], T]) -> dict[str, T]:
    """What `question` answers on each node with GPUs, this one among them, in a process that has one, by the node's address.

    A node that does not answer in time is left out, as one whose GPUs are others' now.

    Raises:
        CannotRun: as in `answers`.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU", 0) >= 1]
    return _answers(
        {_asked(question, node["NodeID"], 1): node["NodeManagerAddress"] for node in nodes}, _SECONDS_OF_A_PROBE
    )


def _answers(asked: dict[Any, str], seconds: float) -> dict[str, Any]:
    answered, late = ray.wait(list(asked), num_returns=len(asked), timeout=seconds) if asked else ([], [])
    for one in late:
        ray.cancel(one, force=True)  # what waits for a GPU would hold it from the trials
    return {asked[one]: answer for one in answered for answer in _answer(one, asked[one])}


def worker_environment() -> dict[str, str]:
    """The folders that this process was told or stands in, what it trusts, and how it makes files: workers stand in others."""
    told = {name: expanded(value, name).absolute() for name in _FOLDERS if (value := os.environ.get(name))}
    known = {WORKING_FOLDER: str(Path.cwd()), **for_workers()}
    if hashes := trusted():
        known[VARIABLE] = ",".join(sorted(hashes))
    return {**{name: str(path) for name, path in told.items()}, **known}


def _asked(question: Callable[[], Any], node: str, gpus: int = 0) -> Any:
    there = NodeAffinitySchedulingStrategy(node, soft=False)
    return ray.remote(_reply).options(num_cpus=0, num_gpus=gpus, scheduling_strategy=there).remote(question)


def _reply(question: Callable[[], T]) -> T:
    return question()


def _answer(asked: Any, address: str) -> list[Any]:
    """The answer; none where the node was lost meanwhile."""
    try:
        return [ray.get(asked)]
    except RayTaskError as error:
        reason = str(error).strip().splitlines()[-1]
        raise CannotRun(f"node {address}: cannot run gensweep ({reason}). Install the same version there.") from error
    except RayError:
        return []


def _holds_a_trial(node: dict[str, float], resources: Resources) -> bool:
    return node.get("CPU", 0) >= resources.cpu and node.get("GPU", 0) >= resources.gpu_share

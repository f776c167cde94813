"""What the nodes of a cluster see: a question asked on each of them, and the folders that their workers are told."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from gensweep.configuration import Resources
from gensweep.datasets.base import WORKING_FOLDER
from gensweep.errors import CannotRun
from gensweep.executors import _probe
from gensweep.executors.base import Answer, T
from gensweep.extractors.trust import VARIABLE, trusted
from gensweep.file_modes import for_workers
from gensweep.home import expanded

_SECONDS_OF_A_PROBE = 300  # which trains a little of every arm, and measures what of it
_FOLDERS = ("GENSWEEP_DATA", "GENSWEEP_CACHE", "GENSWEEP_INCEPTION")
_CURES = {
    "Python": "Start Ray there in an environment with the same Python",
    "torch": "Install the same there: pip install torch=={}",
    "gensweep": "Install the same there: pip install gensweep=={}",
}


def answers(question: Callable[[], T], resources: Resources, patience: float) -> dict[str, Answer[T]]:
    """What `question` answers on each node that can hold a trial, by the node's name and address, in `patience` seconds.

    A node that is lost meanwhile is left out.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and _holds_a_trial(node["Resources"], resources)]
    names = dict(zip([node["NodeID"] for node in nodes], _named(nodes), strict=True))
    cloudpickle.register_pickle_by_value(_probe)
    try:
        asking = ray.remote(num_cpus=0, max_calls=1)(_probe.reply)  # what it read is not kept
        asked = {asking.options(scheduling_strategy=_on(node)).remote(_pickled(question)): node for node in names}
    finally:
        cloudpickle.unregister_pickle_by_value(_probe)
    if asked:
        ray.wait(list(asked), num_returns=len(asked), timeout=patience)
    said = {node: _said(one, patience) for one, node in asked.items()}
    left = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
    return {names[node]: answer for node, answer in said.items() if node in left}


def answers_beside_gpus(question: Callable[[], T]) -> dict[str, T]:
    """What `question` answers on each node with GPUs, this one among them, in a process that has one, by the node's address.

    A node that does not answer in time is left out, as one whose GPUs are others' now.

    Raises:
        CannotRun: it cannot be asked on a node.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU", 0) >= 1]
    asking = ray.remote(num_cpus=0, num_gpus=1)(_reply)
    asked = {
        asking.options(scheduling_strategy=_on(node["NodeID"])).remote(question): node["NodeManagerAddress"]
        for node in nodes
    }
    seconds = _SECONDS_OF_A_PROBE
    answered, late = ray.wait(list(asked), num_returns=len(asked), timeout=seconds) if asked else ([], [])
    for one in late:
        ray.cancel(one, force=True)  # what waits for a GPU would hold it from the trials
    return {asked[one]: answer for one in answered for answer in _answer(one, asked[one])}


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


def worker_environment() -> dict[str, str]:
    """The folders that this process was told or stands in, what it trusts, and how it makes files: workers stand in others."""
    told = {name: expanded(value, name).absolute() for name in _FOLDERS if (value := os.environ.get(name))}
    known = {WORKING_FOLDER: str(Path.cwd()), **for_workers()}
    if hashes := trusted():
        known[VARIABLE] = ",".join(sorted(hashes))
    return {**{name: str(path) for name, path in told.items()}, **known}


def _pickled(question: Callable[[], Any]) -> bytes:
    return bytes(cloudpickle.dumps(question))


def _on(node: str) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node, soft=False)


def _named(nodes: list[dict[str, Any]]) -> list[str]:
    """What people call each node: the name that it was started with or its host's, and its address."""
    names = []
    for node in nodes:
        address = node["NodeManagerAddress"]
        given = node.get("NodeName") or address
        names.append(f"{given if given != address else node['NodeManagerHostname']} ({address})")
    often = Counter(names)
    return [
        name if often[name] == 1 else f"{name[:-1]}, {node['NodeID'][:8]})"
        for name, node in zip(names, nodes, strict=True)
    ]


def _said(asked: Any, patience: float) -> Answer[Any]:
    if not ray.wait([asked], timeout=0)[0]:
        ray.cancel(asked, force=True)
        late = f"did not answer within {patience:.0f} s. See whether it is overloaded, or a folder of its hangs."
        return Answer((late,))
    try:
        said = ray.get(asked)
    except RayError as error:
        return Answer((f"cannot run Python as Ray starts it there ({str(error).strip().splitlines()[-1]}).",))
    wrong = tuple(_differences(said["versions"], said["missing"]))
    if "error" in said and not wrong:  # another gensweep need not understand the question
        wrong = (f"cannot run gensweep ({said['error']}). Install there what is installed here.",)
    return Answer(wrong, said.get("answer"))


def _differences(versions: Mapping[str, str], missing: Mapping[str, str]) -> Iterator[str]:
    """What is there of another version than here, or not at all; a line each, with the cure."""
    here, _ = _probe.versions()
    for name, version in here.items():
        cure = _CURES[name].format(version)
        if name in missing:
            yield f"{name} cannot be imported ({missing[name]}). {cure}."
        elif versions[name] != version:
            yield f"{name} {versions[name]} is there, and here it is {version}. {cure}."


def _holds_a_trial(node: dict[str, float], resources: Resources) -> bool:
    return node.get("CPU", 0) >= resources.cpu and node.get("GPU", 0) >= resources.gpu_share

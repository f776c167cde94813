"""What the nodes of a cluster see: a question asked on each of them, and the folders that their workers are told."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import ray
from ray import cloudpickle
from ray.exceptions import RayError
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
    said = _asked(question, nodes, patience)
    left = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
    return {name: _answer(one, patience) for (node, name), one in said.items() if node in left}


def answers_of(question: Callable[[], T], nodes: list[dict[str, Any]], patience: float) -> dict[str, Answer[T]]:
    """What `question` answers on each of these nodes, by its id."""
    return {node: _answer(said, patience) for (node, _), said in _asked(question, nodes, patience).items()}


def names_of_places(resources: Resources) -> dict[str, str]:
    """What people call each node that can hold a trial, by its id."""
    return names_of([node for node in ray.nodes() if node["Alive"] and _holds_a_trial(node["Resources"], resources)])


def names_of(nodes: list[dict[str, Any]]) -> dict[str, str]:
    """What people call each of these nodes, by its id."""
    return dict(zip([node["NodeID"] for node in nodes], _named(nodes), strict=True))


def answers_beside_gpus(question: Callable[[], T]) -> dict[str, T]:
    """What `question` answers on each node with GPUs, this one among them, in a process that has one, by the node's name.

    A node that does not answer in time is left out, as one whose GPUs are others' now, and so is one that is lost.

    Raises:
        CannotRun: it cannot be answered on a node; with the reason.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU", 0) >= 1]
    found = dict[str, T]()
    for (_, name), said in _asked(question, nodes, _SECONDS_OF_A_PROBE, gpus=1).items():
        if isinstance(said, dict):
            answer: Answer[T] = _answer(said, _SECONDS_OF_A_PROBE)
            if answer.wrong:
                raise CannotRun("\n".join(f"node {name}: {why}" for why in answer.wrong))
            found[name] = cast(T, answer.value)
    return found


def _asked(
    question: Callable[[], Any], nodes: list[dict[str, Any]], patience: float, gpus: int = 0
) -> dict[tuple[str, str], dict[str, Any] | RayError | None]:
    """What each node said, by its id and its name: the reply of a probe, Ray's error in its place, or None in so many seconds."""
    pickled = bytes(cloudpickle.dumps(question))
    cloudpickle.register_pickle_by_value(_probe)
    try:
        asking = ray.remote(num_cpus=0, num_gpus=gpus, max_calls=1)(_probe.reply)  # what it read is not kept
        asked = {
            (node["NodeID"], name): asking.options(scheduling_strategy=_on(node["NodeID"])).remote(pickled)
            for node, name in zip(nodes, _named(nodes), strict=True)
        }
    finally:
        cloudpickle.unregister_pickle_by_value(_probe)
    answered, late = ray.wait([*asked.values()], num_returns=len(asked), timeout=patience) if asked else ([], [])
    for one in late:
        ray.cancel(one, force=True)  # what waits for a GPU would hold it from the trials
    return {node: _reply(one) if one in answered else None for node, one in asked.items()}


def _reply(asked: Any) -> dict[str, Any] | RayError:
    try:
        return dict(ray.get(asked))
    except RayError as error:
        return error


def worker_environment() -> dict[str, str]:
    """The folders that this process was told or stands in, what it trusts, and how it makes files: workers stand in others."""
    told = {name: expanded(value, name).absolute() for name in _FOLDERS if (value := os.environ.get(name))}
    known = {WORKING_FOLDER: str(Path.cwd()), **for_workers()}
    if hashes := trusted():
        known[VARIABLE] = ",".join(sorted(hashes))
    return {**{name: str(path) for name, path in told.items()}, **known}


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


def _answer(said: dict[str, Any] | RayError | None, patience: float) -> Answer[Any]:
    if said is None:
        return Answer(
            (f"did not answer within {patience:.0f} s. See whether it is overloaded, or a folder of its hangs.",)
        )
    if isinstance(said, RayError):
        return Answer((f"cannot run Python as Ray starts it there ({str(said).strip().splitlines()[-1]}).",))
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

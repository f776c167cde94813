"""Whether a trial fits anywhere, asked before anything starts: Ray itself would wait for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gensweep.configuration import Resources
from gensweep.errors import CannotRun

NODE = "ray.io/node-id"  # the label that Ray gives every node


def places(resources: Resources, nodes: Sequence[Mapping[str, Any]]) -> int:
    """How many trials fit at once on `nodes`, each {name: amount} as Ray gives them ("CPU", "GPU").

    Raises:
        CannotRun: no node can hold one trial; the message says what each node has.
    """
    fitting = sum(on_node(resources, node) for node in nodes)
    if fitting == 0:
        raise CannotRun(f"{lacking(resources, nodes)} Lower resources.cpu or resources.gpu, or add a node.")
    return most(resources, fitting)


def most(resources: Resources, fitting: int) -> int:
    """How many trials the sweep may have at once of those that fit: one at least where one fits."""
    share = max(1, int(fitting * resources.cluster_share + 1e-9))
    return min(fitting, share, resources.max_concurrent or fitting)


def lacking(resources: Resources, nodes: Sequence[Mapping[str, Any]]) -> str:
    """A sentence on what a trial asks for, where no node has it, and on what each has."""
    kinds = Counter(f"{n.get('CPU', 0):g} CPU, {n.get('GPU', 0):g} GPU" for n in nodes)
    have = "; ".join(f"{n} x {kind}" if n > 1 else kind for kind, n in kinds.items()) or "no node is alive"
    return f"resources: a trial asks for {resources.cpu:g} CPU and {resources.gpu_share:g} GPU, and no node has that ({have})."


def provisional(resources: Resources, nodes: Sequence[Mapping[str, Any]]) -> Resources:
    """With a GPU for a trial where that is left open and a node has one; without where none has."""
    if resources.gpu != "auto":
        return resources
    return resources.settled(float(any(on_node(resources.settled(1.0), node) for node in nodes)))


def gpus_of(wanted: float, share: int) -> float:
    """How many GPUs a trial gets that gets so many times the resources of one: at most a whole one in place of a part.

    >>> gpus_of(0.25, 2), gpus_of(1.0, 2), gpus_of(0.0, 2)
    (0.5, 1.0, 0.0)
    """
    return max(wanted, min(1.0, wanted * share))


def on_node(resources: Resources, node: Mapping[str, Any]) -> int:
    """How many trials fit on a node, or into what is free of it."""
    fits = int(node.get("CPU", 0) / resources.cpu + 1e-9)
    wanted, gpus = resources.gpu_share, node.get("GPU", 0)
    if not wanted:
        return fits
    if wanted >= 1:
        return min(fits, int(gpus / wanted + 1e-9))
    return min(fits, int(gpus) * int(1 / wanted + 1e-9))  # a fraction never straddles two devices

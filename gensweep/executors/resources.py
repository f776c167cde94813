"""Whether a trial fits anywhere, asked before anything starts: Ray itself would wait for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gensweep.configuration import Resources
from gensweep.errors import CannotRun


def places(resources: Resources, nodes: Sequence[Mapping[str, Any]]) -> int:
    """How many trials fit at once on `nodes`, each {name: amount} as Ray gives them ("CPU", "GPU").

    Raises:
        CannotRun: no node can hold one trial; the message says what each node has.
    """
    fitting = sum(_on_node(resources, node) for node in nodes)
    if fitting == 0:
        have = "; ".join(f"{n.get('CPU', 0):g} CPU, {n.get('GPU', 0):g} GPU" for n in nodes) or "no node is alive"
        raise CannotRun(
            f"resources: a trial asks for {resources.cpu:g} CPU and {resources.gpu_share:g} GPU, and no node has that ({have}). "
            f"Lower resources.cpu or resources.gpu, or add a node."
        )
    return min(fitting, resources.max_concurrent or fitting)


def provisional(resources: Resources, nodes: Sequence[Mapping[str, Any]]) -> Resources:
    """With a GPU for a trial where that is left open and a node has one; without where none has."""
    if resources.gpu != "auto":
        return resources
    return resources.settled(float(any(_on_node(resources.settled(1.0), node) for node in nodes)))


def gpus_of(wanted: float, share: int) -> float:
    """How many GPUs a trial gets that gets so many times the resources of one: at most a whole one in place of a part.

    >>> gpus_of(0.25, 2), gpus_of(1.0, 2), gpus_of(0.0, 2)
    (0.5, 1.0, 0.0)
    """
    return max(wanted, min(1.0, wanted * share))


def _on_node(resources: Resources, node: Mapping[str, Any]) -> int:
    fits = int(node.get("CPU", 0) / resources.cpu + 1e-9)
    wanted, gpus = resources.gpu_share, node.get("GPU", 0)
    if not wanted:
        return fits
    if wanted >= 1:
        return min(fits, int(gpus / wanted + 1e-9))
    return min(fits, int(gpus) * int(1 / wanted + 1e-9))  # a fraction never straddles two devices

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
            f"resources: a trial asks for {resources.cpu:g} CPU and {resources.gpu:g} GPU, and no node has that ({have}). "
            f"Lower resources.cpu or resources.gpu, or add a node."
        )
    return min(fitting, resources.max_concurrent or fitting)


def _on_node(resources: Resources, node: Mapping[str, Any]) -> int:
    fits = int(node.get("CPU", 0) / resources.cpu + 1e-9)
    if not resources.gpu:
        return fits
    gpus = node.get("GPU", 0)
    if resources.gpu >= 1:
        return min(fits, int(gpus / resources.gpu + 1e-9))
    return min(fits, int(gpus) * int(1 / resources.gpu + 1e-9))  # a fraction never straddles two devices

"""Asks a cluster for nodes that it does not have, for one that grows by what waits: as placement groups that nothing fills.

A group is placed on none of the nodes that are known, so it takes nothing from them, and it ends with this job, however that
ends. `ray.autoscaler.sdk.request_resources` would stay behind a driver that is killed, and two sweeps would undo each other's.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from gensweep.configuration import Resources
from gensweep.executors.resources import NODE

MOST = 32  # places that are asked for at a time; more once these are there


class Demand:
    """What waits. Not for a Ray that was started here, to which no node comes."""

    def __init__(self) -> None:
        self._groups: list[PlacementGroup] = []
        self._known: frozenset[str] = frozenset()
        self._bundle: dict[str, float] = {}

    def want(self, n: int, resources: Resources, known: Collection[str], *, is_apart: bool = False) -> None:
        """Ask for so many more places for a trial than those nodes have, or, `is_apart`, for so many nodes with one."""
        bundle = {"CPU": resources.cpu, **({"GPU": resources.gpu_share} if resources.gpu_share else {})}
        n, groups = min(n, MOST), self._groups
        if (frozenset(known), bundle) != (self._known, self._bundle) or (is_apart and n != self._n_bundles):
            self.withdraw()
            groups, self._known, self._bundle = self._groups, frozenset(known), bundle
        while self._n_bundles > n:
            remove_placement_group(groups.pop())
        if is_apart and self._n_bundles < n:
            groups.append(self._asked(n, "STRICT_SPREAD"))
        while self._n_bundles < n:
            groups.append(self._asked(1, "PACK"))

    def withdraw(self) -> None:
        """Ask for nothing."""
        while self._groups:
            remove_placement_group(self._groups.pop())

    @property
    def _n_bundles(self) -> int:
        return sum(group.bundle_count for group in self._groups)

    def _asked(self, n: int, strategy: str) -> PlacementGroup:
        elsewhere: dict[str, Any] = {}
        if self._known:
            elsewhere["bundle_label_selector"] = [{NODE: f"!in({','.join(sorted(self._known))})"}] * n
        return placement_group([dict(self._bundle)] * n, strategy=strategy, **elsewhere)

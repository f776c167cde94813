"""One searched value: where it stands, what it is drawn from, and when it exists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gensweep.axes.distributions import Distribution

_BRANCH = re.compile(r"\[[^\]]*\]")


class AxisPath(str):
    """The name of an axis, as the ledger holds it: with the branches that have to be chosen for it to exist.

    With divergences mmd and sinkhorn as branches, `family.divergence` is the axis that chooses between the labels, and
    `family.divergence[mmd].kernel` is there only when it says mmd.
    """

    __slots__ = ()

    def into(self, part: str | int) -> AxisPath:
        """The path of what stands at `part` in the node that this one names."""
        return AxisPath(f"{self}.{part}" if self else part)

    def branch(self, label: str) -> AxisPath:
        """The path of a branch of the choice that this one names."""
        return AxisPath(f"{self}[{label}]")

    @property
    def place(self) -> str:
        """Where its value stands in a configuration, which holds one branch only: `family.divergence.kernel`."""
        return _BRANCH.sub("", self)

    @property
    def name(self) -> str:
        """The last part of its place, for people: `kernel`."""
        return self.place.rsplit(".", 1)[-1]


@dataclass(frozen=True)
class Axis:
    """A distribution at a path; `given` are the choices that have to fall as they say for the axis to exist.

    `chooses_branch`: its values are the labels of a one_of.
    """

    path: AxisPath
    distribution: Distribution
    given: Mapping[str, str] = field(default_factory=dict)
    chooses_branch: bool = False

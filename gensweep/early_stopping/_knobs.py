"""Which axes of an arm are knobs, and how their values are explored."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm
from gensweep.axes.axis import Axis
from gensweep.axes.distributions import Choice, Distribution
from gensweep.configuration import TrialConfiguration


def knob_axes(arm: Arm) -> tuple[Axis, ...]:
    """The axes whose values reach the loss or the optimiser as 0-d tensors, so that a running trial may change them."""
    return tuple(axis for axis in arm.axes if axis.path.place in knob_places(arm, axis))


def knob_places(arm: Arm, axis: Axis | None = None) -> frozenset[str]:
    """The places of all knobs in the first configuration of the arm in which `axis` exists; none where it is unsound."""
    chosen = {**axis.given, axis.path: axis.distribution.ends()[0]} if axis else {}

    def ask(other: Axis) -> Any:
        return chosen[other.path] if other.path in chosen else other.distribution.ends()[0]

    try:
        configuration = arm.configuration(spaces.drawn(arm.space, ask), seed=0)
        return TrialConfiguration.model_validate(configuration).knob_places()
    except ValidationError:  # `check` reports it
        return frozenset()


def perturbed(distribution: Distribution, value: Any, factor: float) -> Any:
    """The value times `factor`, within the distribution; the next smaller or larger option of a choice."""
    if isinstance(distribution, Choice):
        options = sorted(distribution.options, key=float)
        k = options.index(value) + (1 if factor > 1 else -1 if factor < 1 else 0)
        return options[min(max(k, 0), len(options) - 1)]
    ends = distribution.ends()
    moved = min(max(value * factor, ends[0]), ends[-1])
    return moved if distribution.n_values is None else distribution.at(distribution.share(moved))

"""What keeps a critic in its function class: a term in its loss, or a correction after each of its moves."""

from __future__ import annotations

import enum
from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from gensweep.component import Component
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise, Parameters, PopulationObjective
from gensweep.mathematics.best_critics import BestCritic

NO_WEIGHT = "{name} of weight 0 holds nothing, and the critic's gap has no upper bound. Give a weight above 0"
_UNDECLARED = (
    "constraint {name} does not say what it bounds, so the critic's gap may have no upper bound. Its class says it in "
    "the property `bounds`, as gensweep/constraints/clip.py does: Bounds.SLOPE or Bounds.NORM"
)
_UNBOUNDED = (
    "constraint {name} bounds {what}, so the critic's gap has no upper bound. Give constraint: lipschitz_penalty"
)


class Bounds(enum.Enum):
    """What a constraint bounds, from which follows where it is of use. The value says it to a person."""

    UNKNOWN = "what it does not say"
    NOTHING = "nothing"
    SLOPE_AT_DATA = "the critic's slope at the data alone"
    SLOPE = "the critic's slope between data and samples"
    NORM = "a norm of the critic, which it holds at a value"

    @property
    def is_of_gap(self) -> bool:
        """Whether the supremum of E_P f - E_Q f is finite under it."""
        return self in (Bounds.SLOPE, Bounds.NORM)


class Constraint(Component, ABC):
    """A constraint on a critic. Both ways default to doing nothing; a member overrides the one it uses.

    A member says itself what it implies: `bounds`, `default_optimizer` and `population_objective`. One that does not is
    taken to bound nothing that is known: where a gap must be bounded it is refused, and no target is computed for it.

    `default_optimizer` is the one that the critic and generator of its paper were trained with; None: the family's own.
    `needs_plain_layers`: it holds the critic through its weight matrices alone, which layers that normalise undo.
    """

    kind: ClassVar[str] = "constraints"
    default_optimizer: ClassVar[Mapping[str, Any] | None] = None
    needs_plain_layers: ClassVar[bool] = False

    @property
    def bounds(self) -> Bounds:
        """What is bounded, with these fields."""
        return Bounds.UNKNOWN

    def unbounded(self) -> str | None:
        """Why the supremum of E_P f - E_Q f under it is not known to be finite, and the cure; None where it is."""
        if self.bounds is Bounds.UNKNOWN:
            return _UNDECLARED.format(name=self.name)
        return None if self.bounds.is_of_gap else _UNBOUNDED.format(name=self.name, what=self.bounds.value)

    def population_objective(self) -> PopulationObjective | None:
        """What a generator minimises that descends the gap of an ideal critic under it; None where that is not known."""
        return None

    def best_critic(self) -> BestCritic | None:
        """The critic of the largest gap under it between two laws on the line; None where that is not known."""
        return None

    def state(self) -> dict[str, torch.nn.Module]:
        """Networks that no optimiser trains and `after_move` changes, by name: a multiplier."""
        return {}

    def noise(self, shape: tuple[int, ...], batch_size: int) -> dict[str, Draw]:
        """What `penalty` needs besides the two batches."""
        return {}

    def penalty(self, real: torch.Tensor, fake: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> Loss:
        """The term of the critic nets["critic"], [n, *shape] -> [n, 1], on data and samples [n, *shape]."""
        return Loss(real.new_zeros(()), {})

    def after_move(self, parameters: Parameters, parts: Mapping[str, torch.Tensor], knobs: Knobs) -> Parameters:
        """The parameters of the critic and of `state`, `network.name` -> value, as they shall be after a critic's move.

        A pure function of them and of the parts of that move's penalty.
        """
        return parameters


def constrained(loss: Loss, penalty: Loss) -> Loss:
    """A critic's loss and its constraint's term as one; a gap is logged normalised too, where its norm is known."""
    parts = {**loss.parts, **penalty.parts, "penalty": penalty.total}
    if "critic_gap" in parts and "omega" in parts:  # comparable between trials even while Omega is not 1
        parts["normalised_gap"] = parts["critic_gap"] / parts["omega"].clamp(min=1e-12).sqrt()
    return Loss(loss.total + penalty.total, parts)

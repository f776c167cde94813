"""No constraint."""

from __future__ import annotations

from typing import Literal

from gensweep.constraints.base import Bounds, Constraint


class NONE(Constraint):
    """Leaves the critic as it is: no term in its loss, no correction after its moves."""

    name: Literal["none"] = "none"

    @property
    def bounds(self) -> Bounds:
        """Nothing."""
        return Bounds.NOTHING

    def unbounded(self) -> str:
        """Nothing bounds it."""
        return (
            "without a constraint the critic's gap has no upper bound. "
            "Give constraint: gradient_penalty, lipschitz_penalty, spectral_norm or clip"
        )

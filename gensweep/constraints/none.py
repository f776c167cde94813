"""No constraint."""

from __future__ import annotations

from typing import ClassVar, Literal

from gensweep.constraints.base import Constraint


class NONE(Constraint):
    """Leaves the critic as it is: no term in its loss, no correction after its moves."""

    bounds_the_critic: ClassVar[bool] = False

    name: Literal["none"] = "none"

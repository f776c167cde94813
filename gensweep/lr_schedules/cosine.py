"""Half a cosine down."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from gensweep.lr_schedules.base import LrSchedule


class Cosine(LrSchedule):
    """factor(t) = end + (1 - end) (1 + cos(pi t)) / 2.

    Fields:
        end: the factor that the last round comes close to, in [0, 1].

    Source: I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, arXiv:1608.03983,
    equation 5.
    Differs: no restarts.
    """

    name: Literal["cosine"] = "cosine"
    end: float = Field(0.0, ge=0, le=1, description="factor at the end")

    def factor(self, progress: float) -> float:
        """The point on the cosine."""
        return self.end + (1 - self.end) * (1 + math.cos(math.pi * progress)) / 2

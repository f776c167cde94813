"""A straight line down."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gensweep.lr_schedules.base import LrSchedule


class Linear(LrSchedule):
    """factor(t) = 1 - (1 - end) t.

    Fields:
        end: the factor that the last round comes close to, in [0, 1].

    Source: I. Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, arXiv:1704.00028, whose residual
    networks train at a rate that falls linearly to zero.
    """

    name: Literal["linear"] = "linear"
    end: float = Field(0.0, ge=0, le=1, description="factor at the end")

    def factor(self, progress: float) -> float:
        """The point on the line."""
        return 1 - (1 - self.end) * progress

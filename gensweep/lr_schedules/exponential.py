"""The same percentage less each round."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gensweep.lr_schedules.base import LrSchedule


class Exponential(LrSchedule):
    """factor(t) = end^t.

    Fields:
        end: the factor that the last round comes close to, in (0, 1].

    Source: I. Tolstikhin et al., "Wasserstein Auto-Encoders", 2018, arXiv:1711.01558; the authors' code, schedule
    `manual_smooth` for CelebA, which falls to 1/100.
    """

    name: Literal["exponential"] = "exponential"
    end: float = Field(0.01, gt=0, le=1, description="factor at the end")

    def factor(self, progress: float) -> float:
        """The power."""
        return float(self.end**progress)

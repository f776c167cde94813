"""The same rate throughout."""

from __future__ import annotations

from typing import Literal

from gensweep.lr_schedules.base import LrSchedule


class Constant(LrSchedule):
    """factor(t) = 1.

    Source: none; the null schedule.
    """

    name: Literal["constant"] = "constant"

    def factor(self, progress: float) -> float:
        """One."""
        return 1.0

"""No early stopping."""

from __future__ import annotations

from typing import ClassVar, Literal

from gensweep.axes.arms import Arm
from gensweep.early_stopping.base import Decision, EarlyStopping, GoOn
from gensweep.ledger.history import History, TrialRecord


class None_(EarlyStopping):  # noqa: N801 -- named like its file
    """Every trial trains for all its epochs."""

    summary: ClassVar[str] = "every trial trains for all its epochs"
    ends_trials: ClassVar[bool] = False

    name: Literal["none"] = "none"

    def decide(self, arm: Arm, history: History, trial: TrialRecord, seed: int) -> Decision:
        """Go on."""
        return GoOn()

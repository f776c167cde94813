"""Asynchronous successive halving."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gensweep.axes.arms import Arm
from gensweep.early_stopping._epochs import too_short
from gensweep.early_stopping._rungs import Rungs
from gensweep.early_stopping.base import Decision, EarlyStopping, GoOn, Stop
from gensweep.ledger.history import History, TrialRecord


class ASHA(EarlyStopping):
    """At a rung a trial goes on only if it is among the best there so far.

    The rungs are at grace_period * reduction_factor^k epochs, and the best are 1 / reduction_factor of the trials of the
    arm that have reached the rung.

    Source: L. Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, arXiv:1810.05934, Algorithm 2.
    Differs: trials are stopped at a rung instead of being paused until they are promoted, and a rung is met by the first
    evaluation at or after it.
    """

    summary: ClassVar[str] = (
        "successive halving without waiting: a trial ends at a rung unless it is among the best there"
    )
    paper: ClassVar[str] = "Li et al. 2020, arXiv:1810.05934"

    name: Literal["asha"] = "asha"
    grace_period: int = Field(1, ge=1, description="epochs of the first rung")
    reduction_factor: int = Field(3, ge=2, description="one in so many goes on at each rung")

    def idle(self, arm: Arm) -> str | None:
        """See the contract: every trial is over before it may end."""
        return too_short(arm, self.grace_period)

    def decide(self, arm: Arm, history: History, trial: TrialRecord, seed: int) -> Decision:
        """See the class."""
        rungs = history.fold(self, lambda: Rungs(arm.objective, self.grace_period, self.reduction_factor), Rungs.enter)
        if rungs.is_among_best(trial):
            return GoOn()
        return Stop(f"at epoch {trial.reports[-1].epoch}, ranked within {arm.label}")

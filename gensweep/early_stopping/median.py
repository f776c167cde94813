"""The median stopping rule."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gensweep.axes.arms import Arm
from gensweep.early_stopping._averages import Averages
from gensweep.early_stopping._epochs import too_short
from gensweep.early_stopping.base import Decision, EarlyStopping, GoOn, Stop
from gensweep.ledger.history import History, TrialRecord


class Median(EarlyStopping):
    """A trial ends where its best objective so far is worse than the median of what the others had on average by then.

    At epoch e, over the other trials of the arm that reached e or ended before it, the median is of the mean of each one's
    objectives reported up to e. Needs no assumption about the form of learning curves, and stops about half of the trials
    that are no better than their arm.

    Source: D. Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section 3.2.1.
    Differs: running trials that reached the epoch count too, not completed ones alone, or a wide sweep could stop nothing
    in its first wave; a diverged trial counts as the worst.
    """

    summary: ClassVar[str] = "a trial ends when its best is worse than the median of the others' means up to that epoch"
    paper: ClassVar[str] = "Golovin et al. 2017, Google Vizier, section 3.2.1"

    name: Literal["median"] = "median"
    grace_period: int = Field(1, ge=1, description="epochs before which no trial ends")
    min_trials: int = Field(3, ge=1, description="other trials to compare with, below which no trial ends")

    def idle(self, arm: Arm) -> str | None:
        """See the contract: every trial is over before it may end."""
        return too_short(arm, self.grace_period)

    def decide(self, arm: Arm, history: History, trial: TrialRecord, seed: int) -> Decision:
        """See the class."""
        averages = history.fold(self, lambda: Averages(arm.objective), Averages.enter)
        epoch = trial.reports[-1].epoch
        if epoch < self.grace_period or averages.n_others(trial) < self.min_trials:
            return GoOn()
        if averages.best(trial) <= averages.median_of_others(trial):
            return GoOn()
        return Stop(f"at epoch {epoch}, worse than the median of {averages.n_others(trial)} others of {arm.label}")

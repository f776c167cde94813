"""Hyperband without waiting: brackets of asynchronous successive halving."""

from __future__ import annotations

from functools import cache
from typing import ClassVar, Literal

from pydantic import Field

from gensweep.axes.arms import Arm
from gensweep.early_stopping._epochs import most_epochs
from gensweep.early_stopping._rungs import Rungs
from gensweep.early_stopping.base import Decision, EarlyStopping, GoOn, Stop, WrongField
from gensweep.ledger.history import Change, History, TrialRecord
from gensweep.text import counted


class Hyperband(EarlyStopping):
    """ASHA with several grace periods side by side, for when it is not known how early the good trials show.

    With R the most epochs that a trial of the arm may train and eta the reduction factor, bracket s has its first rung at
    R / eta^s epochs (rounded up), for s = 0 (which stops nothing) to the largest s with R / eta^s >= grace_period. Of every
    sum_s n_s trials of the arm, bracket s gets n_s = ceil((s_max + 1) eta^s / (s + 1)), spread evenly over their positions.
    A trial is ranked within its bracket.

    Source: L. Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR 18(185), 2018,
    Algorithm 1; L. Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, arXiv:1810.05934, for
    brackets of asynchronous successive halving.
    Differs: the brackets take turns instead of following one another, so that any number of trials has nearly the paper's
    shares; trials are stopped at a rung instead of being paused until they are promoted.
    """

    summary: ClassVar[str] = "several ASHA brackets with different grace periods: a hedge against stopping too early"
    paper: ClassVar[str] = "Li et al. 2018, JMLR 18(185)"

    name: Literal["hyperband"] = "hyperband"
    grace_period: int = Field(1, ge=1, description="fewest epochs of a first rung")
    reduction_factor: int = Field(3, ge=2, description="one in so many goes on at each rung")

    def decide(self, arm: Arm, history: History, trial: TrialRecord, seed: int) -> Decision:
        """See the class."""
        rungs = history.fold(self, lambda: _Brackets(self, arm), _Brackets.enter).of(trial)
        if rungs.is_among_best(trial):
            return GoOn()
        return Stop(
            f"at epoch {trial.reports[-1].epoch}, ranked within {arm.label} and the bracket of grace period "
            f"{rungs.grace_period}"
        )

    def wrong_field(self, arm: Arm) -> WrongField | None:
        """See the contract: with one bracket, nothing is ever stopped."""
        epochs, least = most_epochs(arm), self.grace_period * self.reduction_factor
        if least <= epochs:
            return None
        field = "grace_period" if self.reduction_factor <= epochs else "reduction_factor"
        cures = {
            f"grace_period: {epochs // self.reduction_factor}": field == "grace_period",
            "{grace_period: 1, reduction_factor: 2}": field == "reduction_factor" and epochs > 1,
            f"trial: {{training: {{epochs: {least}}}}}": True,
        }
        return WrongField(
            field,
            f"{getattr(self, field)} is not allowed: hyperband needs two brackets to stop anything, and "
            f"{counted(epochs, 'epoch')} are fewer than grace_period * reduction_factor = {least}. Write "
            f"{' or '.join(cure for cure, fits in cures.items() if fits)}",
        )

    def bracket(self, position: int, epochs: int) -> int:
        """The s of the trial at this position of an arm whose longest trial has this many epochs."""
        turns = _turns(self._largest(epochs), self.reduction_factor)
        return turns[position % len(turns)]

    def _largest(self, epochs: int) -> int:
        s = 0
        while self.grace_period * self.reduction_factor ** (s + 1) <= epochs:
            s += 1
        return s


class _Brackets:
    """The rungs of each bracket."""

    def __init__(self, rule: Hyperband, arm: Arm) -> None:
        self._rule, self._objective, self._epochs = rule, arm.objective, most_epochs(arm)
        self._rungs: dict[int, Rungs] = {}

    def of(self, trial: TrialRecord) -> Rungs:
        """Those that a trial is ranked at."""
        s, eta = self._rule.bracket(trial.position, self._epochs), self._rule.reduction_factor
        if s not in self._rungs:
            self._rungs[s] = Rungs(self._objective, -(-self._epochs // eta**s), eta)
        return self._rungs[s]

    def enter(self, change: Change) -> None:
        """Take in what happened."""
        self.of(change.record).enter(change)


@cache
def _turns(largest: int, eta: int) -> tuple[int, ...]:
    """The bracket of each position of a cycle: bracket s stands there n_s times, at equal distances."""
    sizes = {s: -(-(largest + 1) * eta**s // (s + 1)) for s in range(largest + 1)}
    places = [((k + 0.5) / n, -s) for s, n in sizes.items() for k in range(n)]
    return tuple(-s for _, s in sorted(places))

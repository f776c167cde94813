"""Population-based training."""

from __future__ import annotations

import random
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from gensweep.axes.arms import Arm
from gensweep.axes.axis import Axis
from gensweep.early_stopping._epochs import most_epochs
from gensweep.early_stopping._knobs import knob_axes, knob_places, perturbed
from gensweep.early_stopping._population import Population
from gensweep.early_stopping.base import Copy, Decision, EarlyStopping, GoOn, WrongField
from gensweep.ledger.history import Change, History, TrialRecord
from gensweep.text import counted

_Factor = Annotated[float, Field(gt=0)]


class PBT(EarlyStopping):
    """Every so many epochs, a trial among the worst goes on from the weights of one of the best, with changed knobs.

    Exploit (truncation): a trial in the worst `quantile` of its population at an epoch takes weights, optimiser moments and
    knobs of one drawn uniformly from the best `quantile`. Explore: each knob is multiplied by one of `factors`, or, with
    probability `resample`, drawn anew from its distribution; it never leaves the distribution.

    A population is the trials of an arm that agree on every axis that is not a knob. No trial ends early, and what a trial
    has in the end is a schedule of its knobs, not one value.

    Source: M. Jaderberg et al., "Population Based Training of Neural Networks", 2017, arXiv:1711.09846, Algorithm 1 and
    section 4.1.1 (truncation selection of 20 %; factors 0.8 and 1.2).
    Differs: a trial is compared with all that have reached its epoch so far, at that epoch, running or not, so that the
    number of trials at once may be smaller than the population.
    """

    summary: ClassVar[str] = "the worst trials go on from the weights of the best, with changed continuous knobs"
    paper: ClassVar[str] = "Jaderberg et al. 2017, arXiv:1711.09846"
    ends_trials: ClassVar[bool] = False
    moves_knobs: ClassVar[bool] = True

    name: Literal["pbt"] = "pbt"
    interval: int = Field(5, ge=1, description="epochs from one comparison to the next")
    quantile: float = Field(0.2, gt=0, le=0.5, description="share of the worst that copy, and of the best that give")
    factors: tuple[_Factor, ...] = Field((0.8, 1.2), min_length=1, description="what a knob is multiplied by")
    resample: float = Field(0.0, ge=0, le=1, description="probability that a knob is drawn anew instead")

    def decide(self, arm: Arm, history: History, trial: TrialRecord, seed: int) -> Decision:
        """See the class."""
        exchange = history.fold(self, lambda: _Exchange(self, arm), _Exchange.enter)
        if trial.reports[-1].epoch >= _epochs(trial):  # nothing would be trained any more
            return GoOn()
        rng = random.Random(seed)
        position = exchange.population.source(trial, self.quantile, rng)
        if position is None:
            return GoOn()
        source = history[position]
        return Copy(source.number, self._explored(exchange.knobs, source, rng))

    def misfit(self, arm: Arm) -> str | None:
        """See the contract: there is nothing to change."""
        places = knob_places(arm)
        if places and not knob_axes(arm):
            return (
                "pbt changes continuous hyperparameters that reach the loss or the optimiser, and none is searched here. "
                f"Make one of {', '.join(sorted(places))} a distribution, as in loguniform(1e-4, 1e-2), or use asha."
            )
        return None

    def wrong_field(self, arm: Arm) -> WrongField | None:
        """See the contract: there is no epoch at which to copy."""
        epochs = most_epochs(arm)
        if self.interval < epochs:
            return None
        cure = f"interval: {max(1, epochs // 4)}" if epochs > 1 else "trial: {training: {epochs: 20}}"
        return WrongField(
            "interval",
            f"{self.interval} is not allowed: trials train for {counted(epochs, 'epoch')}, and pbt copies before the last. "
            f"Write {cure}",
        )

    def _explored(self, knobs: tuple[Axis, ...], source: TrialRecord, rng: random.Random) -> dict[str, Any]:
        """A value for each knob that the trial has: the population shares the choices on which that depends."""
        values: dict[str, Any] = {}
        for axis in knobs:
            if axis.path in source.parameters:
                resampled, factor = rng.random() < self.resample, rng.choice(self.factors)
                value = source.parameters[axis.path]
                distribution = axis.distribution
                values[axis.path] = distribution.sample(rng) if resampled else perturbed(distribution, value, factor)
        return values


class _Exchange:
    """What the rule keeps of an arm: its knobs, and who stood where."""

    def __init__(self, rule: PBT, arm: Arm) -> None:
        self.knobs = knob_axes(arm)
        self.population = Population(arm.objective, rule.interval, {axis.path for axis in self.knobs})

    def enter(self, change: Change) -> None:
        """Take in what happened."""
        self.population.enter(change)


def _epochs(trial: TrialRecord) -> float:
    return float(trial.configuration["training"]["epochs"])

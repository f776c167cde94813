"""How long the trials of an arm train."""

from __future__ import annotations

from gensweep.axes.arms import Arm
from gensweep.axes.distributions import Distribution
from gensweep.configuration import Training
from gensweep.text import counted


def most_epochs(arm: Arm) -> int:
    """The most epochs that a trial of the arm trains for; the default where the space says nothing sound."""
    default: int = Training.model_fields["epochs"].default
    training = arm.space.get("training")
    given = training.get("epochs") if isinstance(training, dict) else None
    ends = given.ends() if isinstance(given, Distribution) else [given]
    return max((end for end in ends if isinstance(end, int)), default=default)


def too_short(arm: Arm, grace_period: int) -> str | None:
    """What is to be said where no trial of the arm outlasts a grace period; None where one may."""
    epochs = most_epochs(arm)
    return (
        f"grace_period is {grace_period}, and it trains for {counted(epochs, 'epoch')}"
        if grace_period > epochs
        else None
    )

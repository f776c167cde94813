"""Maximum likelihood on the smoothed data: every item that a player sees is moved by normal noise of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, TypeAlias

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.families.base import Player, Setting
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise

NOISE = "smoothing"
_SAYS = "deviation of normal noise that is added to the items it is trained on, in units of the data; 0: none"

# A sweep that names none is what it was before there was any.
Smoothing: TypeAlias = Annotated[float, Field(ge=0, exclude_if=lambda sigma: sigma == 0, description=_SAYS)]
SmoothingKnob: TypeAlias = Annotated[float, Knob(), Field(ge=0, exclude_if=lambda sigma: sigma == 0, description=_SAYS)]


def smoothed(player: Player, setting: Setting, sigma: float) -> Player:
    """The player with its loss at x + sigma eps, eps ~ N(0, I) anew for every item of every move; itself where sigma is 0.

    In the mean over eps it minimises KL(p_sigma || model), p_sigma = (1/n) sum_i N(x_i, sigma^2 I) being the empirical law
    smoothed: a Gaussian model's covariance is that of the data plus sigma^2 I. The knob `smoothing` is sigma.
    """
    if not sigma:
        return player

    def loss(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
        return player.loss(nets, batch + knobs["smoothing"] * noise[NOISE], noise, knobs)

    drawn = {**player.noise, NOISE: Draw((setting.batch_size, *setting.shape))}
    return replace(player, loss=loss, noise=drawn)

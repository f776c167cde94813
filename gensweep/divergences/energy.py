"""The energy distance."""

from __future__ import annotations

from typing import Literal

import torch

from gensweep.divergences._kernels import mmd_squared_unbiased, negative_distance
from gensweep.divergences.base import Divergence
from gensweep.losses import Knobs, Nets, Noise, PopulationObjective


class Energy(Divergence):
    """The energy distance: what two samples' distances between exceed their distances within.

    E(x, y) = 2 E ||x - y|| - E ||x - x'|| - E ||y - y'||, estimated without bias, so it may be below zero.

    It is a squared quantity: the MMD^2 of the kernel -||x - y||, and in one dimension 2 int (F - G)^2, twice the squared
    Cramer distance. Between N(0, 1) and N(1, 1) it is 0.541807. It has no width to choose.

    Source: G. Szekely, M. Rizzo, "Energy statistics: A class of statistics based on distances", 2013, eq. 5;
    M. Bellemare et al., "The Cramer Distance as a Solution to Biased Wasserstein Gradients", 2017, arXiv:1705.10743,
    section 4.1 (the use).
    """

    name: Literal["energy"] = "energy"

    def population_objective(self) -> PopulationObjective:
        """Twice int (F - G)^2."""
        return PopulationObjective("cramer")

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """The unbiased estimate from x [n, d] and y [n, d], 0-d."""
        return mmd_squared_unbiased(x, y, negative_distance)

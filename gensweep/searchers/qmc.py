"""Points that fill the space evenly."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm
from gensweep.ledger.history import History
from gensweep.searchers.base import Parameters, Searcher
from gensweep.seeding import derive


class QMC(Searcher):
    """A scrambled Sobol' sequence: each trial takes the next point, each axis one of its coordinates.

    The sequence belongs to the sweep: its dimensions are the places of the axes of all arms, those that most arms share
    first, and its scrambling comes from the seed. So both hold: arms that share an axis get the same value at the same
    position, and the points of an arm, which are a projection of the sequence, are even along each axis and along its axes
    together. Axes at one place in different branches of one arm never exist together, and share a dimension. The first 2^k
    trials of an arm have one value in each 2^k-th of every range; that every two axes fill their square takes 32 trials or
    so, as with any Sobol' sequence. In a conditional space this holds for the axes that all trials have; those of a branch
    get the points that fall on it.

    Source: I. M. Sobol', 1967; S. Joe, F. Y. Kuo, "Constructing Sobol' sequences with better two-dimensional projections",
    SIAM J. Sci. Comput. 30, 2008; scrambling: J. Matoušek, "On the L2-discrepancy for anchored boxes", J. Complexity 14, 1998.
    The first point counts: A. B. Owen, "On dropping the first Sobol' point", 2020, arXiv:2008.08051.
    """

    summary: ClassVar[str] = (
        "scrambled Sobol' points: random search without its gaps; best with 2^k samples, 32 or more"
    )
    paper: ClassVar[str] = "Sobol' 1967; Joe and Kuo 2008"
    is_adaptive: ClassVar[bool] = False
    most_pending: ClassVar[int | None] = None
    draws: ClassVar[bool] = True

    name: Literal["qmc"] = "qmc"

    def propose(self, arm: Arm, history: History, position: int, seed: int) -> Parameters:
        """See the class."""
        places = arm.places or tuple(dict.fromkeys(axis.path.place for axis in arm.axes))
        point = _sobol(len(places), derive(seed, "sobol"), position) if places else []
        shares = dict(zip(places, point, strict=True))
        return spaces.drawn(arm.space, lambda axis: axis.distribution.at(shares[axis.path.place]))

    def misfit(self, arm: Arm) -> str | None:
        """It has so many dimensions and no more."""
        most = torch.quasirandom.SobolEngine.MAXDIM
        n = len(arm.places or arm.axes)
        return f"{n} axes, and Sobol' sequences have {most} dimensions. Take sampler: random" if n > most else None


def _sobol(n_dimensions: int, seed: int, position: int) -> list[float]:
    """Point `position` of the sequence."""
    engine = torch.quasirandom.SobolEngine(n_dimensions, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    engine.fast_forward(position)  # type: ignore[no-untyped-call]
    point = engine.draw(1, dtype=torch.float64)
    return [float(x) for x in point[0]]

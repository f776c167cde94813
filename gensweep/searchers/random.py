"""Independent draws."""

from __future__ import annotations

from typing import ClassVar, Literal

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm
from gensweep.ledger.history import History
from gensweep.searchers.base import Parameters, Searcher, share


class Random(Searcher):
    """Every axis drawn by itself from its distribution.

    The draw of an axis depends on the seed, the axis and the position within the arm alone. So arms that share an axis get
    the same values at the same position: they differ by what they are, and not by their luck with the latent size.

    Source: J. Bergstra, Y. Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13, 2012.
    """

    summary: ClassVar[str] = (
        "independent draws from the space; the only fair basis for distributions over configurations"
    )
    paper: ClassVar[str] = "Bergstra and Bengio 2012, JMLR 13"
    is_adaptive: ClassVar[bool] = False
    most_pending: ClassVar[int | None] = None
    draws: ClassVar[bool] = True

    name: Literal["random"] = "random"

    def propose(self, arm: Arm, history: History, position: int, seed: int) -> Parameters:
        """See the class."""
        return spaces.drawn(arm.space, lambda axis: axis.distribution.at(share(axis, seed, position)))

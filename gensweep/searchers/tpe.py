"""Tree-structured Parzen estimators."""

from __future__ import annotations

from typing import ClassVar, Literal

from optuna.samplers import BaseSampler, TPESampler
from pydantic import Field

from gensweep.searchers._modelled import Modelled


class TPE(Modelled):
    """The values that are likely among the best trials and unlikely among the others.

        maximise l(x) / g(x),   l: density of the best tenth (at most 25), g: of the rest,

    over `n_ei_candidates` draws from l. Axes that exist together are modelled together, each group of a conditional space
    by itself. Running trials are in g, trials that were stopped early rank below whole ones by how far they came, and
    trials that diverged come last.

    Source: J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011; S. Watanabe, "Tree-Structured
    Parzen Estimator", 2023, arXiv:2304.11127. By Optuna's TPESampler.
    Differs: the first `n_startup_trials` are the draws of `random` with all branches in turn.
    """

    summary: ClassVar[str] = "Optuna's estimator of densities: for any space, and from few trials on"
    paper: ClassVar[str] = "Bergstra et al. 2011, NeurIPS"

    name: Literal["tpe"] = "tpe"
    n_ei_candidates: int = Field(24, ge=1, description="draws among which the best is proposed")

    def sampler(self, seed: int) -> BaseSampler:
        """See the class."""
        return TPESampler(
            seed=seed,
            n_startup_trials=1,
            n_ei_candidates=self.n_ei_candidates,
            multivariate=True,
            group=True,
            constant_liar=True,
        )

"""Bayesian optimisation with a Gaussian process."""

from __future__ import annotations

from typing import ClassVar, Literal

from optuna.samplers import BaseSampler, GPSampler
from pydantic import Field

from gensweep.searchers._modelled import Modelled


class GP(Modelled):
    """Where a Gaussian process of the scores expects the most improvement.

        maximise log E[max(f(x) - best, 0)],   f ~ GP(Matern 5/2, a length for each axis),

    jointly with the running trials. A trial that diverged scores like the worst that did not.

    Source: J. Snoek et al., "Practical Bayesian Optimization of Machine Learning Algorithms", NeurIPS 2012; S. Ament et al.,
    "Unexpected Improvements to Expected Improvement", NeurIPS 2023, arXiv:2310.20708. By Optuna's GPSampler.
    Differs: an axis that a trial does not have is taken to stand at its middle (J.-C. Lévesque et al., "Bayesian
    optimization for conditional hyperparameter spaces", IJCNN 2017), so that conditional axes are modelled too. The first
    `n_startup_trials` are the draws of `random` with all branches in turn. Trials that were stopped early teach it nothing:
    with early stopping take `tpe`.
    """

    summary: ClassVar[str] = "a Gaussian process: for few axes and costly trials, without early stopping"
    paper: ClassVar[str] = "Snoek et al. 2012, NeurIPS"
    imputes: ClassVar[bool] = True
    learns_from_pruned: ClassVar[bool] = False

    name: Literal["gp"] = "gp"
    deterministic_objective: bool = Field(False, description="whether a configuration has one score, without noise")

    def sampler(self, seed: int) -> BaseSampler:
        """See the class."""
        return GPSampler(
            seed=seed,
            n_startup_trials=1,
            deterministic_objective=self.deterministic_objective,
            warn_independent_sampling=False,
        )

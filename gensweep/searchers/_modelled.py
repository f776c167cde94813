"""Searchers whose model is one of Optuna's samplers."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import ClassVar

from optuna.samplers import BaseSampler
from pydantic import Field

from gensweep.axes.arms import Arm
from gensweep.ledger.history import History
from gensweep.searchers._startup import start_up
from gensweep.searchers.base import Parameters, Searcher
from gensweep.searchers.studies.memory import ArmStudy
from gensweep.seeding import derive


class Modelled(Searcher):
    """Random draws at first, then what a fresh sampler, seeded for the position, says to the arm's study.

    `imputes`: the sampler models only axes that all trials have, so the study gives every trial all of them.
    """

    imputes: ClassVar[bool] = False

    n_startup_trials: int = Field(
        10, ge=1, description="trials of an arm, and results that the model can use, before it is asked"
    )

    @abstractmethod
    def sampler(self, seed: int) -> BaseSampler:
        """Optuna's sampler, which asks its model from the first trial on."""

    def propose(self, arm: Arm, history: History, position: int, seed: int) -> Parameters:
        """See the class."""
        study = history.fold(("study", self.imputes), lambda: ArmStudy(arm, imputed=self.imputes), ArmStudy.enter)
        n_results = study.n_completed + (study.n_pruned if self.learns_from_pruned else 0)
        if min(position, n_results) < self.n_startup_trials:
            return start_up(arm, position, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is experimental in Optuna is chosen with open eyes
            sampler = self.sampler(derive(seed, "search", position) % 2**32)
        return study.ask(sampler)

"""The sweeps that are simulated: small, each kind of what a driver decides among them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from typing import Any

from gensweep.spaces.sweep import Sweep, from_definition
from tests.simulation.choices import Choices
from tests.simulation.workers import METRIC

_SAMPLERS: tuple[dict[str, Any], ...] = (
    {"sampler": "random"},
    {"sampler": "qmc"},
    {"sampler": {"name": "grid", "points": 2}},
)
_RULES: tuple[dict[str, Any], ...] = (
    {"name": "none"},
    {"name": "asha", "grace_period": 1, "reduction_factor": 2},
    {"name": "pbt", "interval": 1, "quantile": 0.5},
)
SWEEPS = 24
_FAMILIES: tuple[dict[str, Any], ...] = (
    {"name": "vae", "beta": "loguniform(0.1, 1)"},
    {"name": "wae", "lambda": "uniform(1, 9)"},
)


@dataclass(frozen=True)
class Plan:
    """A sweep to simulate: its definition, how many trials run at once, and how many samples it has in the end.

    `has_order`: reports come in one order, or none that matters, so that the results are the undisturbed sweep's.
    """

    definition: str
    workers: int
    samples: int
    finally_samples: int
    has_order: bool
    time_budget: float | None

    @property
    def sweeps(self) -> list[Sweep]:
        """The sweep as it begins, and as it is when all is asked for."""
        return [
            _sweep(self.definition, samples, self.time_budget)
            for samples in sorted({self.samples, self.finally_samples})
        ]


def plan(choices: Choices) -> Plan:
    """One of them. There are not many, so that each is run undisturbed once, for all that is done to it."""
    number, workers, has_budget = (
        choices.below(SWEEPS, "sweep"),
        1 + choices.below(3, "sweep"),
        choices.below(4, "sweep") == 3,
    )
    rng = random.Random(number)
    rule, sampler, is_confirmed = _RULES[number % 3], _SAMPLERS[number // 3 % 3], number % 4 == 3
    n_arms = 1 + number // 2 % 2
    samples, more = 4 - n_arms - is_confirmed, number % 5 == 4
    epochs, every = rng.choice([2, 2, 3]), rng.choice([1, 1, 2])
    families = list(_FAMILIES[:n_arms])
    definition: dict[str, Any] = {
        "name": "simulated", "objective": {"metric": METRIC}, "early_stopping": rule,
        "search": {**sampler, "seed": number},
        "trial": {
            "dataset": {"name": "ring"}, "network": {"name": "mlp", "hidden": [8]}, "latent_size": 2,
            "family": {"one_of": families} if n_arms > 1 else families[0],
            "training": {"epochs": epochs, "batch_size": 64, "optimizer": {"lr": "loguniform(1e-4, 1e-2)"}},
            "evaluation": {"metrics": [METRIC], "every": min(every, epochs - 1)},
        },
    }  # fmt: skip
    if is_confirmed:
        definition["confirm"] = {"top": 1, "seeds": 2}
    has_order = workers == 1 or (rule["name"] == "none" and not is_confirmed)
    return Plan(json.dumps(definition), workers, samples, samples + more, has_order, 8.0 if has_budget else None)


@cache
def _sweep(definition: str, samples: int, time_budget: float | None) -> Sweep:
    found = json.loads(definition)
    found["resources"] = {} if time_budget is None else {"time_budget": time_budget}
    found["search"]["samples"] = samples
    sweep = from_definition(found)
    sweep.arms  # noqa: B018 - worked out once for all simulations of this sweep
    return sweep

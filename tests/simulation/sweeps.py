"""The sweeps that are simulated: small, each kind of what a driver decides among them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
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
_LARGE = 4  # one in so many; in the others as much can go wrong, and there are more of them
_FAMILIES: tuple[dict[str, Any], ...] = (
    {"name": "vae", "beta": "loguniform(0.1, 1)"},
    {"name": "wae", "lambda": "uniform(1, 9)"},
)


@dataclass(frozen=True)
class Stage:
    """What somebody asks of the sweep until it is done: a definition, what of it may differ from before, and another try."""

    sweep: Sweep
    allowed: tuple[str, ...] = ()
    retries: bool = False


@dataclass(frozen=True)
class Plan:
    """A sweep to simulate: its definition, how many trials run at once, and what is asked of it when it is done.

    More samples, a search in another way (`then`, with --allow-changed), another try of what failed and was mended meanwhile.
    `has_order`: reports come in one order, or none that matters, so that the results are the undisturbed sweep's.
    """

    definition: str
    then: str
    workers: int
    samples: int
    finally_samples: int
    retries: bool
    has_order: bool
    time_budget: float | None

    @property
    def stages(self) -> list[Stage]:
        """One after the other."""
        found = [Stage(_sweep(self.definition, self.samples, self.time_budget))]
        if self.then != self.definition or self.finally_samples != self.samples:
            allowed = ("search", "early_stopping") if self.then != self.definition else ()
            found.append(Stage(_sweep(self.then, self.finally_samples, self.time_budget), allowed))
        return [*found, replace(found[-1], allowed=(), retries=True)] if self.retries else found

    @property
    def ranks(self) -> bool:
        """Whether trials are stopped early, or copied, by what others reported before."""
        return any(json.loads(text)["early_stopping"]["name"] != "none" for text in (self.definition, self.then))

    def calm(self) -> Plan:
        """The same, in one order."""
        return replace(self, workers=1, has_order=True, time_budget=None)


def plan(choices: Choices) -> Plan:
    """One of them. There are not many, so that each is run undisturbed once, for all that is done to it."""
    number, workers, has_budget, is_large = (
        choices.below(SWEEPS, "sweep"),
        1 + choices.below(3, "sweep"),
        choices.below(4, "sweep") == 3,
        choices.below(_LARGE, "sweep") == _LARGE - 1,
    )
    rule, is_confirmed, n_arms = _RULES[number % 3], number % 4 == 3, 1 + number // 2 % 2
    definition = _definition(number, rule, _FAMILIES[:n_arms], is_large=is_large)
    if is_confirmed:
        definition["confirm"] = {"top": 1, "seeds": 2}
    samples = (4 if is_large else 3) - n_arms - is_confirmed
    is_changed = number % 6 == 5
    then = definition
    if is_changed:
        then = {
            **definition,
            "search": {"sampler": "random", "seed": number + 100},
            "early_stopping": _RULES[(number + 1) % 3],
        }
    found = Plan(
        json.dumps(definition), json.dumps(then), workers, max(1, samples), max(1, samples) + (number % 5 == 4 or is_changed),
        retries=number % 2 == 0, has_order=False, time_budget=8.0 if has_budget else None,
    )  # fmt: skip
    return replace(found, has_order=workers == 1 or not (found.ranks or is_confirmed))


def _definition(
    number: int, rule: dict[str, Any], families: tuple[dict[str, Any], ...], *, is_large: bool
) -> dict[str, Any]:
    rng = random.Random(number)
    epochs, every = rng.choice([2, 2, 3]) if is_large else 2, rng.choice([1, 1, 2])
    return {
        "name": "simulated", "objective": {"metric": METRIC}, "early_stopping": rule,
        "search": {**_SAMPLERS[number // 3 % 3], "seed": number},
        "trial": {
            "dataset": {"name": "ring"}, "network": {"name": "mlp", "hidden": [8]}, "latent_size": 2,
            "family": {"one_of": list(families)} if len(families) > 1 else families[0],
            "training": {"epochs": epochs, "batch_size": 64, "optimizer": {"lr": "loguniform(1e-4, 1e-2)"}},
            "evaluation": {"metrics": [METRIC], "every": min(every, epochs - 1)},
        },
    }  # fmt: skip


@cache
def _sweep(definition: str, samples: int, time_budget: float | None) -> Sweep:
    found = json.loads(definition)
    found["resources"] = {} if time_budget is None else {"time_budget": time_budget}
    found["search"]["samples"] = samples
    sweep = from_definition(found)
    sweep.arms  # noqa: B018 - worked out once for all simulations of this sweep
    return sweep

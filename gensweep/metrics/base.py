"""What every metric is: a score of a trained model against one split of the data, with the protocol it was taken by."""

from __future__ import annotations

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import torch

from gensweep import registry
from gensweep.component import Component
from gensweep.datasets.base import Dataset, SplitName
from gensweep.mathematics.best_critics import BestCritic
from gensweep.seeding import derive


class Model(Protocol):
    """What a metric may ask of a trained model."""

    def samples(self, n: int) -> torch.Tensor:
        """The first n of one fixed sequence of samples, [n, *shape], float32: asking for more never changes the first."""
        ...

    def reconstructions(self, x: torch.Tensor) -> torch.Tensor | None:
        """x [n, *shape] encoded and decoded, through the mean of q(z|x), or None where the family has no encoder."""
        ...

    def codes(self, x: torch.Tensor) -> torch.Tensor | None:
        """A draw from q(z|x) for each of x [n, *shape], [n, latent_size], or None where the family has no encoder."""
        ...

    def prior(self, n: int) -> torch.Tensor | None:
        """n draws of the law that codes are held to, [n, latent_size]; None where that is N(0, I), or nothing is latent."""
        ...

    def log_likelihood(self, x: torch.Tensor) -> tuple[torch.Tensor, bool] | None:
        """log p(x) of x [n, *shape] in nats, [n], and whether it is exact or a lower bound; None where there is none."""
        ...

    def log_conditionals(self, x: torch.Tensor, block: int, n: int) -> torch.Tensor | None:
        """log p(x_i | z_j) in nats, [m, n], of x [m, *shape] at n draws z_j of the prior; None where there is none.

        Every `block` has draws of its own, and the same ones for all items.
        """
        ...


@dataclass(frozen=True)
class TrainedCritic:
    """A critic beside the law of the model that it judges, on the line, where the best critic is known.

    `values(x)` are the critic's at x [n], [n], at the scale of the `best` one; the model is N(`mean`, `deviation`^2).
    """

    values: Callable[[torch.Tensor], torch.Tensor]
    best: BestCritic
    mean: float
    deviation: float


@runtime_checkable
class Criticised(Protocol):
    """What a metric may ask besides of a model that may have a critic."""

    def critic(self) -> TrainedCritic | None:
        """Its critic; None where it has none, where the best one is not known, or the model is no Gaussian on the line."""
        ...


@dataclass(frozen=True)
class Score:
    """One value, and what else the same computation shows (a floor, a standard deviation), by name.

    A value that is not a number is a result. It means that the samples cannot be scored, or that the family has no
    answer: no encoder to reconstruct with, no likelihood. Only as the objective of a sweep does it end a trial.
    """

    value: float
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoreProtocol:
    """Everything that a score depends on besides the model, as plain data."""

    content: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """The first 8 hexadecimal digits of the SHA-256 of the content: equal hashes may be ranked together."""
        return hashlib.sha256(json.dumps(self.content, sort_keys=True).encode()).hexdigest()[:8]


class Scorer(ABC):
    """A metric bound to its reference data. Building it may be slow and is shared between trials; scoring is not."""

    protocol: ScoreProtocol

    @abstractmethod
    def score(self, model: Model) -> Score:
        """The score of `model`. Bad samples do not raise: what cannot be scored is not a number.

        Raises:
            ConfigError: an image lies outside the range that an extractor declares.
        """


class Metric(Component, ABC):
    """A measure of a model. `mode` says which direction is better, `bounds` between which values every score lies.

    A metric with `is_quality` false only watches for something, such as copies of the training data: a worse model
    need not score worse, so it is no objective. `is_ratio`: scores are above 0, spread in proportion to their size, and are
    compared by their ratios. `detail_modes` names the details by which models may be ranked too, each
    with the direction that is better; the others only tell.
    """

    kind: ClassVar[str] = "metrics"
    mode: ClassVar[Literal["min", "max"]]
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    is_quality: ClassVar[bool] = True
    is_ratio: ClassVar[bool] = False
    detail_modes: ClassVar[Mapping[str, Literal["min", "max"]]] = {}

    @abstractmethod
    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """This metric with its reference taken from `split`. Callers use `scorer`, which keeps it.

        Raises:
            ConfigError: this metric has no meaning on this dataset.
        """

    def misfit(self, dataset: Dataset) -> str | None:
        """Why this metric has no meaning on `dataset`; None where it has. Reads no data."""
        return None

    def shortage(self, n_items: int, split: SplitName) -> str | None:
        """Why the `n_items` of `split` are too few for this metric; None where they are enough."""
        return None

    def problem(self) -> str | None:
        """Why it cannot score on this machine (a file that it needs is missing), with the cures; None where it can."""
        return None

    def left_unopened(self) -> str | None:
        """Why `gensweep check` does not open what `ready` opens, which would be fetched; None where it does."""
        return None

    def ready(self, dataset: Dataset) -> None:
        """Open what a score on `dataset` takes besides the data.

        Raises:
            ConfigError: it is missing or damaged, or cannot take such data.
        """

    def notes(self) -> Mapping[str, str]:
        """Details of a score that a trial's record speaks of where one is above 0: what that means, by name."""
        return {}

    def trust(self) -> None:
        """Remember that the user, who wrote this metric, trusts the code in the files that it names, where it says so."""

    def n_wanted(self) -> int | None:
        """How many samples a score takes, where that is known before any data are read; None where it is not."""
        return None


@lru_cache(maxsize=64)
def scorer(metric: Metric, dataset: Dataset, split: SplitName) -> Scorer:
    """The scorer of `metric` on `split` of `dataset`, prepared once a process and shared by every trial in it."""
    found = metric.against(dataset, split)
    if plugin := registry.plugin_of(type(metric)):  # whose code may change under the same name
        found.protocol = ScoreProtocol({**found.protocol.content, "plug-in": plugin[1]})
    return found


def subset(data: torch.Tensor, n: int, seed: int, name: str) -> torch.Tensor:
    """At most n items of data [N, *shape], by a permutation that depends on `seed`, `name` and N only."""
    generator = torch.Generator().manual_seed(derive(seed, "subset", name))
    return data[torch.randperm(len(data), generator=generator)[:n]]

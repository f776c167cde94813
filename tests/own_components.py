"""Components of a user's own in a folder, as tests write them."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "_shared.py": "POWER = 2\n",
    "divergences/mean_gap.py": '''"""The distance of the means."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from .._shared import POWER
from gensweep.component import Knob
from gensweep.divergences.base import Divergence
from gensweep.losses import Knobs, Nets, Noise


class MeanGap(Divergence):
    """The distance of two samples' means: D(x, y) = weight ||E x - E y||^2.

    Fields:
        weight: a factor, > 0; a knob.

    Source: none.
    """

    name: Literal["mean_gap"] = "mean_gap"
    weight: Annotated[float, Knob(), Field(gt=0, description="a factor")] = 1.0

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        return knobs["weight"] * (x.mean(0) - y.mean(0)).abs().pow(POWER).sum()
''',
    "metrics/mean_error.py": '''"""How far the mean of the samples is from that of the data."""

from typing import ClassVar, Literal

from gensweep.datasets.base import load
from gensweep.metrics.base import Metric, Score, Scorer, ScoreProtocol


class MeanError(Metric):
    """The distance of the mean of 500 samples from the mean of the split."""

    mode: ClassVar[Literal["min", "max"]] = "min"
    name: Literal["mean_error"] = "mean_error"

    def against(self, dataset, split):
        return _Scorer(dataset, split)


class _Scorer(Scorer):
    def __init__(self, dataset, split):
        self.mean = load(dataset).split(split).mean(0)
        self.protocol = ScoreProtocol({"metric": "mean_error", "data": load(dataset).digest, "split": split})

    def score(self, model):
        return Score(float((model.samples(500).mean(0) - self.mean).norm()))
''',
    "families/shifted.py": '''"""A linear generator with the mean of the data."""

from typing import ClassVar, Literal

from gensweep.families.base import Family, Game, Player
from gensweep.losses import Draw, Loss


class Shifted(Family):
    """A generator whose samples have the means of the data."""

    summary: ClassVar[str] = "a generator that matches means"
    name: Literal["shifted"] = "shifted"

    def game(self, setting):
        def sample(nets, noise):
            return setting.into_bounds(nets["generator"](noise["latent"]))

        def loss(nets, batch, noise, knobs):
            gap = (sample(nets, noise).mean(0) - batch.mean(0)).square().sum()
            return Loss(gap, {"gap": gap})

        networks = {"generator": setting.network.decoder(setting.latent_size, setting.shape)}
        batch, one = Draw((setting.batch_size, setting.latent_size)), Draw((setting.latent_size,))
        return Game(networks, (Player("generator", ("generator",), loss, {"latent": batch}),), sample, {"latent": one})
''',
    "searchers/corner.py": '''"""Every axis at one share."""

from typing import ClassVar, Literal

from gensweep.axes import space as spaces
from gensweep.searchers.base import Searcher


class Corner(Searcher):
    """Every axis at one share, a little more at each position."""

    summary: ClassVar[str] = "every axis at one share"
    is_adaptive: ClassVar[bool] = False
    name: Literal["corner"] = "corner"
    share: float = 0.5

    def propose(self, arm, history, position, seed):
        return spaces.drawn(arm.space, lambda axis: axis.distribution.at(min(self.share + position / 8, 0.99)))
''',
}
SPACE = """
defaults: [base, _self_]
name: own
confirm: none
tracking: {models: none}
objective: mean_error
search: {sampler: corner, samples: 2, share: 0.6}
trial:
  dataset: {name: ring, n_train: 500, n_validation: 500, n_test: 500}
  network: {name: mlp, hidden: [8]}
  latent_size: int(1, 8)
  family: {one_of: [{name: wae, divergence: {name: mean_gap, weight: "uniform(1, 9)"}}, shifted]}
  training: {epochs: 2}
  evaluation: {metrics: [mean_error, sliced_wasserstein], every: 1}
  seed: 0
"""


def write_components(folder: Path, **changed: str) -> Path:
    """The folder, written with all files; `changed` has the text of a member's file by its name."""
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(changed.get(file.stem, text))
    return folder

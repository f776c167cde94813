"""Whether a model repeats its training data."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.cache import WORTH_A_FILE, cached
from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.errors import ConfigError
from gensweep.metrics._featured import Featured
from gensweep.metrics._neighbours import nearest, radii
from gensweep.metrics._samples import fakes, protocol
from gensweep.metrics.base import Model, Score, Scorer, subset

_DEFAULT_FAKE = 1000
_MAX_TRAIN = 50_000


class NearestNeighbour(Featured):
    """How much nearer samples are to training items than to held-out ones, against what held-out items themselves show.

    Score = (d(Q, train) / d(Q, held-out)) / (d(P, train) / d(P, held-out)), where d(·, S) is the mean distance to the nearest
    item of S, and P are the held-out items, each compared with the others. The second ratio stands for the two sets'
    different sizes. About 1 for a model that is no nearer to what it was trained on, 0 for one that repeats it. It says
    nothing of quality: noise scores near 1 too. `copies` is the share of samples that are nearer to a training item
    than any two of them are, but for one pair in a hundred.

    What counts as near is the extractor's word, and the protocol says which. Of digits and Fashion-MNIST, training images
    moved by one pixel score 0.96 to 1.06 in pixels, like fresh data, and 0.95 to 1.11 in the features that ship, which tell
    classes and so keep where strokes lie. With `extractor: spectrum` they score 0.05 to 0.26, with 78 % to 98 % of the
    copies seen, and held-out items 0.98 to 1.00. An image that lost ink over the border is another one there too: digits
    moved down score 0.98. Mirrored, stretched and recoloured copies are seen by no extractor that ships; `inception` or a
    file may.

    What it cannot see, whichever the features: a few copies among many samples move a mean little (`copies` is for them);
    copying in one region may be made up for by underfitting in another, so that 1 is no proof (Meehan et al. test region
    by region); held-out items that are near-duplicates of training ones hide it. Nor is a low score memory for sure: Stein
    et al. find that no such measure tells memorisation from underfitting or shrunken modes. Jiralerspong et al. fit a
    width to each sample on the training items instead, so that copies, being narrow, count little for held-out ones.

    Fields: `extractor` as in Featured; `n_fake` samples; `seed` of the choice of training items where there are over
    50,000.

    Source: Q. Xu et al., "An empirical study on evaluation metrics of generative adversarial networks", 2018,
    arXiv:1806.07755, section 2 (nearest neighbours against held-out data). On what such tests see: C. Meehan, K. Chaudhuri,
    S. Dasgupta, "A Non-Parametric Test to Detect Data-Copying in Generative Models", 2020, arXiv:2004.05675; M. Jiralerspong
    et al., "Feature Likelihood Divergence", 2023, arXiv:2302.04440; G. Stein et al., "Exposing flaws of generative model
    evaluation metrics and their unfair treatment of diffusion models", 2023, arXiv:2306.04675.
    Differs: a ratio of mean distances, set against that of real data.
    """

    mode: ClassVar[Literal["min", "max"]] = "max"
    is_quality: ClassVar[bool] = False

    name: Literal["nearest_neighbour"] = "nearest_neighbour"
    n_fake: int = Field(_DEFAULT_FAKE, ge=1, description="samples")
    seed: int = Field(0, ge=0, description="seed of the choice of training items where there are over 50,000")

    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """The scorer; takes the features of the training and held-out items once, and keeps what they show on disk."""
        if reason := self.misfit(dataset):
            raise ConfigError(reason)
        if split == "train":
            raise ConfigError("metric nearest_neighbour needs held-out data: evaluate on validation or test.")
        return _Scorer(self, dataset, split)


class _Scorer(Scorer):
    def __init__(self, metric: NearestNeighbour, dataset: Dataset, split: SplitName) -> None:
        splits = load(dataset)
        self.extractor, self.n_fake = metric.features(dataset), metric.n_fake
        train = subset(splits.train, _MAX_TRAIN, metric.seed, "train")
        self.train, self.held = (self.extractor.features(items).double() for items in (train, splits.split(split)))
        self.protocol = protocol(
            metric, dataset, split, (len(self.held), metric.n_fake), **self.extractor.described, n_train=len(train),
            estimator="ratio of mean nearest distances to train and to held-out, over that of held-out items; float64",
        )  # fmt: skip
        large = len(self.train) >= WORTH_A_FILE
        prepared = cached(self.protocol.content, self._prepare) if large else self._prepare()
        self.expected, self.close = float(prepared["expected"]), float(prepared["close"])

    def score(self, model: Model) -> Score:
        drawn = fakes(model, self.n_fake)
        if drawn is None:
            return Score(math.nan)
        features = self.extractor.features(drawn).double()
        if not bool(torch.isfinite(features).all()):
            return Score(math.nan)
        to_train = nearest(features, self.train)
        ratio = _ratio(to_train, nearest(features, self.held))
        copies = float((to_train < self.close).double().mean())
        value = ratio / self.expected if self.expected else math.nan
        return Score(value, {"copies": copies, "to_train": float(to_train.mean())})

    def _prepare(self) -> dict[str, torch.Tensor]:
        expected = _ratio(nearest(self.held, self.train), radii(self.held, 1))
        close = radii(self.train, 1).quantile(0.01) if len(self.train) > 1 else torch.tensor(0.0)
        return {"expected": torch.tensor(expected, dtype=torch.float64), "close": close.double()}


def _ratio(a: torch.Tensor, b: torch.Tensor) -> float:
    below = float(b.mean())
    return float(a.mean()) / below if below else math.nan

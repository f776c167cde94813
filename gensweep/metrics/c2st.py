"""The classifier two-sample test: whether samples can be told from the data."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.metrics._classifiers import nearest_neighbours, neural_network
from gensweep.metrics._featured import Featured
from gensweep.metrics._sample_metric import Reference, SampleMetric, Statistic
from gensweep.metrics.base import Score
from gensweep.seeding import derive


class C2ST(Featured, SampleMetric):
    """How well a classifier tells samples from items of the data: 1/2 + |a − 1/2|, with a its accuracy on held-out rows.

    It is trained on one half of n samples and n items and asked about the other half. 0.5, the best, is chance: the classifier
    sees no difference. `accuracy` is a itself. Below 1/2 by more than chance it is no better than as much above: samples lie
    between the items as independent ones would not, as copies of these very items do; so the score counts both sides alike.
    `standard_error` is (a (1 − a) / m)^(1/2) over the m rows asked about, n or one fewer. `p_value` is the test's, one-sided:
    how likely so high an accuracy or a higher one is for equal laws, 1 − Φ((a − 1/2) 2 √m).

    A small n hides what a larger one shows: compare scores of one n, with `floor`, the score of n training items. The folded
    score of equal laws is above 0.5 by 0.4 / √m on average.

    Fields: `classifier`, `knn` (the vote of the √n nearest of the rows it was trained on) or `neural` (one hidden layer of 20
    units); `extractor` as in Featured; `n` items on each side (null: 1000, or as many as the split has); `seed` of the choice of
    items and of the network.

    Source: D. Lopez-Paz, M. Oquab, "Revisiting Classifier Two-Sample Tests", 2017, arXiv:1610.06545, section 3.
    Differs: the score is folded at 1/2.
    """

    mode: ClassVar[Literal["min", "max"]] = "min"
    bounds: ClassVar[tuple[float, float]] = (0.5, 1.0)
    estimator: ClassVar[str] = "accuracy on the held-out halves, folded at 1/2"

    name: Literal["c2st"] = "c2st"
    n: int | None = Field(
        None, ge=8, description="items on each side, a half of them to train; null: min(1000, the split's)"
    )
    classifier: Literal["knn", "neural"] = Field(
        "knn", description="nearest neighbours, or a perceptron of 20 hidden units"
    )

    def statistic(self, reference: Reference) -> Statistic:
        """The folded accuracy, with the test beside it."""
        seed = derive(self.seed, "c2st")

        def of(features: torch.Tensor) -> Score:
            (real, real_asked), (fake, fake_asked) = _halves(reference.real), _halves(features)
            x, labels = torch.cat([real, fake]), _labels(real, fake)
            asked, truth = torch.cat([real_asked, fake_asked]), _labels(real_asked, fake_asked)
            is_knn = self.classifier == "knn"
            found = nearest_neighbours(x, labels, asked) if is_knn else neural_network(x, labels, asked, seed)
            return _scored(float((found == truth).double().mean()), len(truth))

        return of


def _halves(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    half = len(rows) // 2
    return rows[:half], rows[half : 2 * half]


def _labels(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.zeros(len(real), dtype=torch.long), torch.ones(len(fake), dtype=torch.long)])


def _scored(accuracy: float, m: int) -> Score:
    z = (accuracy - 0.5) * 2 * math.sqrt(m)
    return Score(
        0.5 + abs(accuracy - 0.5),
        {
            "accuracy": accuracy,
            "standard_error": math.sqrt(accuracy * (1 - accuracy) / m),
            "p_value": 0.5 * math.erfc(z / math.sqrt(2)),
        },
    )

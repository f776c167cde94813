"""How far a trained critic is from the best one, where that is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch

from gensweep.datasets.base import Dataset, SplitName
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.errors import ConfigError
from gensweep.mathematics.best_critics import BestCritic, Laws, discriminator
from gensweep.metrics._samples import protocol
from gensweep.metrics.base import Criticised, Metric, Model, Score, Scorer

_MISFIT = (
    "metric critic_diagnostics needs data of one dimension whose density is known. Use dataset: {name: gaussian_mixture} "
    "with numbers as means"
)


class CriticDiagnostics(Metric):
    """The root mean square, under (P + Q) / 2, of the trained critic less the best critic of the model as it stands.

    P is the law of the data, a mixture of Gaussians on the line with density p, and Q the model's, with density q, which is
    N(b, a a^T) where its decoder is affine (network affine). The best critic of each game is
      gan, divergence jensen_shannon:  D = p / (p + q); for the form sqrt p^2 / (p^2 + q^2), for linear 1[p > q];
      f_gan, divergence f_divergence:  T = f'(p / q); divergence kl: log p / q;
      wgan, divergence wasserstein_dual, held by lipschitz_penalty or gradient_penalty: Kantorovich's potential, whose
        slope is the sign of G - F, the distribution functions of Q and P; up to a constant, so both have the mean 0;
      the same held by clip or spectral_norm: up to a factor too, which is the one that brings the critic nearest;
      sobolev_gan, sobolev_ipm (measure mixture): the slope (G - F) / (mu S) with mu = (p + q) / 2; up to a constant;
      fisher_gan, fisher_ipm:  (p - q) / (mu d).
    The mean is taken within five deviations of each component and of the model, in the units of the critic: T of reverse_kl,
    jeffrey, neyman and squared_hellinger grows so fast where the data end that the mean is of what lies there. Details:
    `deviation`, the best critic's standard deviation under the same law; `correlation` of the two, whatever their scale, not
    a number where one of them is constant; and `relative`, the one to compare games by: the value over `deviation`, both of
    the D = u / (1 + u) of the ratio u = p / q that the critic stands for where it stands for one (gan, f_gan), so that 0 is
    the best critic and 1 one that knows nothing.

    With `training.ema` both generator and critic are the averaged ones. Not a number for a family without a critic; for one
    that another constraint holds than its theory has (gan, f_gan); for mmd_gan and cramer_gan, whose witness belongs to
    features that are learned; for a model that is no Gaussian. A bad model may have a perfect critic, so models are not ranked
    by it.

    Source: I. Goodfellow et al., "Generative Adversarial Nets", 2014, arXiv:1406.2661, proposition 1; S. Nowozin, B.
    Cseke, R. Tomioka, "f-GAN", 2016, arXiv:1606.00709, equation 5; C. Villani, "Optimal Transport: Old and New", 2009,
    remark 6.5; Y. Mroueh, T. Sercu, "Fisher GAN", 2017, arXiv:1705.09675, theorem 1.
    """

    mode: ClassVar[Literal["min", "max"]] = "min"
    is_quality: ClassVar[bool] = False

    name: Literal["critic_diagnostics"] = "critic_diagnostics"

    def misfit(self, dataset: Dataset) -> str | None:
        """Any data but a one-dimensional mixture."""
        return None if _components(dataset) else _MISFIT

    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """The scorer. The split is not looked at: the law is known."""
        if reason := self.misfit(dataset):
            raise ConfigError(reason)
        return _Scorer(self, dataset, split)


@dataclass(frozen=True)
class Diagnosis:
    """A trained critic [n] and the best one [n] at the points of `laws`, with what the game leaves open chosen alike."""

    laws: Laws
    critic: torch.Tensor
    best: torch.Tensor
    of: BestCritic

    @cached_property
    def distance(self) -> float:
        """The root mean square of their difference."""
        return float(self.laws.norm(self.critic - self.best))

    @cached_property
    def deviation(self) -> float:
        """The standard deviation of the best one."""
        return float(self.laws.norm(self.laws.centred(self.best)))

    @cached_property
    def relative(self) -> float:
        """Distance over deviation, as probabilities where the critic stands for a ratio; not a number where nothing differs."""
        critic, best = self.critic, self.best
        if self.of.probability is not None:
            critic, best = self.of.probability(critic), discriminator(self.laws)
        scale = float(self.laws.norm(self.laws.centred(best)))
        return float(self.laws.norm(critic - best)) / scale if scale > 0 else math.nan

    @cached_property
    def correlation(self) -> float:
        """Of the two; not a number where one of them is constant."""
        x, y = self.laws.centred(self.critic), self.laws.centred(self.best)
        scale = float(self.laws.norm(x) * self.laws.norm(y))
        return float(self.laws.mean(x * y)) / scale if scale > 0 else math.nan


def diagnosis(model: Model, dataset: Dataset) -> Diagnosis | None:
    """The critic of `model` beside the best one; None where one of them or a density is not known, or is not finite."""
    data, critic = _components(dataset), model.critic() if isinstance(model, Criticised) else None
    if not data or critic is None or not math.isfinite(critic.mean + critic.deviation):
        return None
    laws = Laws(data, [(1.0, critic.mean, critic.deviation)])
    values, best = critic.best.aligned(critic.values(laws.x), laws)
    return Diagnosis(laws, values, best, critic.best) if bool(torch.isfinite(values + best).all()) else None


def _components(dataset: Dataset) -> list[tuple[float, float, float]]:
    """Weight, mean and deviation of each component of a mixture on the line; none of other data."""
    found = dataset.components() if isinstance(dataset, GaussianMixture) else None
    return list(zip(*found, strict=True)) if found else []


class _Scorer(Scorer):
    def __init__(self, metric: CriticDiagnostics, dataset: Dataset, split: SplitName) -> None:
        self.dataset = dataset
        self.protocol = protocol(
            metric, dataset, split, (0, 0), estimator="root mean square under (P + Q) / 2, exact laws"
        )

    def score(self, model: Model) -> Score:
        found = diagnosis(model, self.dataset)
        if found is None:
            return Score(math.nan)
        details = {
            "deviation": found.deviation, "correlation": found.correlation, "relative": found.relative,
        }  # fmt: skip
        return Score(found.distance, details)

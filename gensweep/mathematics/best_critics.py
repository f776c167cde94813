"""What a critic is once it is ideal, for two laws on the line whose densities are known.

P is the law of the data, with density p and distribution function F, and Q the model's, with q and G. What each best
critic leaves open, a constant or a factor, says `up_to`.

Source: I. Goodfellow et al., "Generative Adversarial Nets", 2014, arXiv:1406.2661, proposition 1; S. Nowozin, B. Cseke,
R. Tomioka, "f-GAN", 2016, arXiv:1606.00709, equation 5; C. Villani, "Optimal Transport: Old and New", 2009, remark 6.5
(Kantorovich and Rubinstein's duality); Y. Mroueh, T. Sercu, "Fisher GAN", 2017, arXiv:1705.09675, theorem 1; Y. Mroueh,
C.-L. Li, T. Sercu, A. Raj, Y. Cheng, "Sobolev GAN", 2018, arXiv:1711.04894.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import torch

from gensweep.losses import Nets
from gensweep.mathematics.f_divergences import F_DIVERGENCES, FDivergence, Map

Normal: TypeAlias = tuple[float, float, float]  # weight, mean and standard deviation of a component

_REACH, _FINE = (
    5,
    64,
)  # each component is seen up to so many deviations, each cut into so many; beyond lies a mass of 6e-7


@dataclass(frozen=True)
class Laws:
    """P and Q at points `x` [n], ascending: each of `p` and `q` is a mixture of Gaussians. All is float64.

    The points lie within five deviations of a component, closely where that is narrow.
    """

    p: Sequence[Normal]
    q: Sequence[Normal]

    @cached_property
    def x(self) -> torch.Tensor:
        """The points."""
        steps = torch.arange(-_REACH * _FINE, _REACH * _FINE + 1, dtype=torch.float64) / _FINE
        found = torch.cat([m + s * steps for _, m, s in (*self.p, *self.q)]).sort().values
        return found[torch.cat([torch.tensor([True]), found.diff() > 0])]  # each once

    @cached_property
    def log_p(self) -> torch.Tensor:
        """log p(x)."""
        return _log_density(self.p, self.x)

    @cached_property
    def log_q(self) -> torch.Tensor:
        """log q(x)."""
        return _log_density(self.q, self.x)

    @cached_property
    def log_ratio(self) -> torch.Tensor:
        """log p(x) / q(x)."""
        return self.log_p - self.log_q

    @cached_property
    def log_middle(self) -> torch.Tensor:
        """log (p + q) / 2."""
        return torch.logaddexp(self.log_p, self.log_q) - math.log(2)

    @cached_property
    def weights(self) -> torch.Tensor:
        """What a mean under (P + Q) / 2 gives each point, by the trapezoidal rule; they sum to 1."""
        width = torch.zeros_like(self.x)
        width[:-1] += self.x.diff() / 2
        width[1:] += self.x.diff() / 2
        found = width * self.log_middle.exp()
        return found / found.sum()

    @cached_property
    def gap(self) -> torch.Tensor:
        """F - G, exact in both tails."""
        (below_p, above_p), (below_q, above_q) = _tails(self.p, self.x), _tails(self.q, self.x)
        return torch.where(below_p < 0.5, below_p - below_q, above_q - above_p)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean of values [n] under (P + Q) / 2, 0-d."""
        return self.weights @ values

    def centred(self, values: torch.Tensor) -> torch.Tensor:
        """Values [n] less their mean."""
        return values - self.mean(values)

    def norm(self, values: torch.Tensor) -> torch.Tensor:
        """The root mean square of values [n], 0-d."""
        return self.mean(values.square()).sqrt()

    def antiderivative(self, slopes: torch.Tensor) -> torch.Tensor:
        """The function [n] with these slopes [n] and the mean 0, by the trapezoidal rule."""
        steps = self.x.diff() * (slopes[1:] + slopes[:-1]) / 2
        return self.centred(torch.cat([steps.new_zeros(1), steps.cumsum(0)]))


@dataclass(frozen=True)
class BestCritic:
    """The best critic as a function of the laws, [n], and what of it the game leaves open.

    `probability` makes of a critic's values [n] the D = u / (1 + u), [n], of the ratio u that they stand for; None where
    they stand for none.
    """

    of: Callable[[Laws], torch.Tensor]
    up_to: Literal["nothing", "a constant", "a constant and a factor"] = "nothing"
    probability: Callable[[torch.Tensor], torch.Tensor] | None = None

    def aligned(self, values: torch.Tensor, laws: Laws) -> tuple[torch.Tensor, torch.Tensor]:
        """A critic's values [n] and the best one's [n], with what is open chosen alike.

        A constant: both have the mean 0 under (P + Q) / 2. A factor: the critic has the one, not below 0, that brings it
        nearest to the best one.
        """
        best = self.of(laws)
        if self.up_to == "nothing":
            return values, best
        values, best = laws.centred(values), laws.centred(best)
        if self.up_to == "a constant":
            return values, best
        spread = laws.mean(values.square())
        factor = laws.mean(values * best).clamp(min=0) / spread if float(spread) > 0 else 0.0
        return factor * values, best


@dataclass(frozen=True)
class Judge:
    """A critic of items: `values(nets, x)` for items x [n, *shape], [n], and the `best` one where that is known.

    The values are float64 on the CPU and at the scale of the best one: probabilities of a discriminator, T of an f-divergence.
    """

    values: Callable[[Nets, torch.Tensor], torch.Tensor]
    best: BestCritic | None = None


def discriminator(laws: Laws, power: float = 1.0) -> torch.Tensor:
    """D = p / (p + q), or p^power / (p^power + q^power), [n]."""
    return torch.sigmoid(power * laws.log_ratio)


def side(laws: Laws) -> torch.Tensor:
    """1 where p > q, else 0, [n]."""
    return (laws.log_ratio > 0).double()


RATIO = BestCritic(lambda laws: laws.log_ratio, probability=torch.sigmoid)  # log p / q
DISCRIMINATOR = BestCritic(discriminator, probability=lambda d: d)
ROOT = BestCritic(lambda laws: discriminator(laws, power=2), probability=lambda d: torch.sigmoid(d.logit() / 2))


def tangent(f: Map) -> Callable[[Laws], torch.Tensor]:
    """T = f'(p / q), [n], of an f-divergence E_Q f(p / q); `f` maps each element of a tensor."""
    return lambda laws: _slope(f, laws.log_ratio.exp())


def of_f(divergence: FDivergence) -> BestCritic:
    """T = f'(p / q), [n]. The ratio that a T stands for is f*'(T), where f' takes every value but once."""
    is_invertible = divergence is not F_DIVERGENCES["total_variation"]

    def inverse(t: torch.Tensor) -> torch.Tensor:
        ratio = _slope(divergence.conjugate, t).clamp(min=0)  # Pearson's f* goes on below f'(0), where no ratio is
        return 1 / (1 + 1 / ratio)

    return BestCritic(tangent(divergence.f), probability=inverse if is_invertible else None)


def potential(laws: Laws) -> torch.Tensor:
    """Kantorovich's potential of Wasserstein-1, f' = sign(G - F), with the mean 0, [n].

    E_P f - E_Q f = int f' (G - F), and |f'| <= 1.
    """
    return laws.antiderivative(-laws.gap.sign())


def sobolev(laws: Laws) -> torch.Tensor:
    """f' = (G - F) / (mu S) with mu = (p + q) / 2 and S^2 = int (F - G)^2 / mu, with the mean 0, [n].

    Then E_mu f'^2 = 1.
    """
    slopes = -laws.gap * (-laws.log_middle).exp()
    return laws.antiderivative(slopes / laws.norm(slopes))


def fisher(laws: Laws) -> torch.Tensor:
    """f = (p - q) / (mu d) with mu = (p + q) / 2 and d^2 = int (p - q)^2 / mu, [n]. Then E_mu f^2 = 1."""
    share = 2 * torch.tanh(laws.log_ratio / 2)  # (p - q) / mu
    return share / laws.norm(share)


def _slope(function: Map, at: torch.Tensor) -> torch.Tensor:
    """The derivative of a function of each element."""
    with torch.enable_grad():
        places = at.detach().requires_grad_()
        (found,) = torch.autograd.grad(function(places).sum(), places)
    return found


def _log_density(law: Sequence[Normal], x: torch.Tensor) -> torch.Tensor:
    logs = [-0.5 * ((x - m) / s) ** 2 + math.log(w / (s * math.sqrt(2 * math.pi))) for w, m, s in law]
    return torch.stack(logs).logsumexp(0)


def _tails(law: Sequence[Normal], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The probabilities below and above x, each exact where it is small."""
    z = [(w, (x - m) / s) for w, m, s in law]
    below = torch.stack([w * torch.special.ndtr(each) for w, each in z]).sum(0)
    above = torch.stack([w * torch.special.ndtr(-each) for w, each in z]).sum(0)
    return below, above

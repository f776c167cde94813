"""The f-divergences D_f(P || Q) = E_Q f(p / q), each with what its variational form needs.

D_f = sup over T of E_P T - E_Q f*(T), reached at T = f'(p / q), with the conjugate f*(t) = sup over u > 0 of u t - f(u).
A critic's free output v enters as T = g(v), g increasing onto the domain of f*. `composite` is f*(g(v)) written so that
no step of it overflows before its value does.

Source: S. Nowozin, B. Cseke, R. Tomioka, "f-GAN: Training Generative Neural Samplers using Variational Divergence
Minimization", 2016, arXiv:1606.00709, tables 1, 2 and 6.
Differs: `pearson` is (u - 1)^2, E_Q (p/q - 1)^2, and `neyman` (1 - u)^2 / u; some tables have the two integrals swapped.
The Jensen-Shannon entry is twice the divergence, as the paper's f is, and is named so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch

from gensweep.losses import PopulationObjective

Map: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class FDivergence:
    """One divergence. Every function maps a tensor of any shape element by element.

    `f` takes u > 0, `activation` is g, `conjugate` takes t in its domain, `threshold` is f'(1) = T where p = q.
    """

    f: Map
    activation: Map
    conjugate: Map
    composite: Map
    threshold: float


def _softplus(v: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.softplus(v)


def jeffrey_conjugate(t: torch.Tensor) -> torch.Tensor:
    """W + 1/W + t - 2 with W = W(e^(1-t)), Lambert's function, which is e^-s - s - 1 with W = e^s and s + e^s = 1 - t.

    The first way overflows at t << 0, and cancels. The left side of the equation is convex and increasing and both starts
    lie above its root, so Newton's steps fall to it: five are exact to rounding for any t, and a sixth makes the slope so.
    """
    y = 1 - t
    s = torch.where(y > 1, y.clamp(min=1).log(), y)
    for _ in range(6):
        w = s.exp()
        s = s - (s + w - y) / (1 + w)
    return (-s).exp() - s - 1


def alpha_divergence(alpha: float) -> FDivergence:
    """f = (u^alpha - 1 - alpha (u - 1)) / (alpha (alpha - 1)), alpha not 0 or 1: Hellinger at 1/2 (twice), Pearson at 2 (half).

    f* = ((alpha - 1) t + 1)^(alpha / (alpha - 1)) / alpha - 1 / alpha, for t < 1 / (1 - alpha) where alpha < 1; above 1
    the base is cut at 0.

    Differs: between 0 and 1 g(v) = (1 - e^-(1 - alpha) v) / (1 - alpha), which makes v the logarithm of the ratio, and goes
    to v as alpha does to 1. The paper's 1 / (1 - alpha) - log(1 + e^-v) is p = q at v = -1 / (1 - alpha): a critic that
    starts at 0 starts at an f* of 3e10 where alpha is 0.9.
    """
    power = alpha / (alpha - 1)

    def f(u: torch.Tensor) -> torch.Tensor:
        return (u**alpha - 1 - alpha * (u - 1)) / (alpha * (alpha - 1))

    def conjugate(t: torch.Tensor) -> torch.Tensor:
        return (((alpha - 1) * t + 1).clamp(min=0) ** power - 1) / alpha

    def composite(v: torch.Tensor) -> torch.Tensor:
        # (alpha - 1) g(v) + 1 = (1 - alpha) softplus(-v), whose logarithm is -v to rounding where softplus underflows.
        log_softplus = torch.where(v > 30, -v, _softplus(-v.clamp(max=30)).log())
        return (torch.exp(power * (math.log(1 - alpha) + log_softplus)) - 1) / alpha

    if alpha > 1:
        return FDivergence(f, lambda v: v, conjugate, conjugate, 0.0)
    if alpha > 0:
        return FDivergence(
            f,
            lambda v: torch.expm1((alpha - 1) * v) / (alpha - 1),
            conjugate,
            lambda v: torch.expm1(alpha * v) / alpha,
            0.0,
        )
    return FDivergence(f, lambda v: 1 / (1 - alpha) - _softplus(-v), conjugate, composite, 0.0)


_NAMED = {-1.0: "neyman", 0.5: "squared_hellinger", 2.0: "pearson"}  # up to factors


def refuse_limits(alpha: float) -> None:
    """Nothing, for an alpha that has a divergence.

    Raises:
        ValueError: alpha is 0 or 1, where the formula is 0 / 0; with the name of its limit.
    """
    if alpha in (0.0, 1.0):
        cure = "reverse_kl" if alpha == 0 else "kl"
        raise ValueError(f"alpha {alpha:g} is the limit that has a name of its own. Write f: {cure}")


def objective_of(alpha: float) -> PopulationObjective:
    """What the divergence of alpha is called."""
    name = _NAMED.get(alpha, "alpha")
    return PopulationObjective(name, alpha if name == "alpha" else 1.0)


F_DIVERGENCES: dict[str, FDivergence] = {
    "kl": FDivergence(
        f=lambda u: u * u.log(),
        activation=lambda v: v,
        conjugate=lambda t: (t - 1).exp(),
        composite=lambda v: (v - 1).exp(),
        threshold=1.0,
    ),
    "reverse_kl": FDivergence(
        f=lambda u: -u.log(),
        activation=lambda v: -(-v).exp(),
        conjugate=lambda t: -1 - (-t).log(),
        composite=lambda v: v - 1,
        threshold=-1.0,
    ),
    "jeffrey": FDivergence(
        f=lambda u: (u - 1) * u.log(),
        activation=lambda v: v,
        conjugate=jeffrey_conjugate,
        composite=jeffrey_conjugate,
        threshold=0.0,
    ),
    "pearson": FDivergence(
        f=lambda u: (u - 1).square(),
        activation=lambda v: v,
        conjugate=lambda t: t.square() / 4 + t,
        composite=lambda v: v.square() / 4 + v,
        threshold=0.0,
    ),
    "neyman": FDivergence(
        f=lambda u: (1 - u).square() / u,
        activation=lambda v: 1 - (-v).exp(),
        conjugate=lambda t: 2 - 2 * (1 - t).sqrt(),
        composite=lambda v: 2 - 2 * (-v / 2).exp(),
        threshold=0.0,
    ),
    "squared_hellinger": FDivergence(
        f=lambda u: (u.sqrt() - 1).square(),
        activation=lambda v: 1 - (-v).exp(),
        conjugate=lambda t: t / (1 - t),
        composite=lambda v: v.exp() - 1,
        threshold=0.0,
    ),
    "twice_jensen_shannon": FDivergence(
        f=lambda u: u * u.log() - (u + 1) * ((1 + u) / 2).log(),
        activation=lambda v: math.log(2) - _softplus(-v),
        conjugate=lambda t: -(2 - t.exp()).log(),
        composite=lambda v: _softplus(v) - math.log(2),
        threshold=0.0,
    ),
    "gan": FDivergence(  # twice Jensen-Shannon less log 4
        f=lambda u: u * u.log() - (u + 1) * (u + 1).log(),
        activation=lambda v: -_softplus(-v),
        conjugate=lambda t: -(1 - t.exp()).log(),
        composite=_softplus,
        threshold=-math.log(2),
    ),
    "total_variation": FDivergence(
        f=lambda u: (u - 1).abs() / 2,
        activation=lambda v: v.tanh() / 2,
        conjugate=lambda t: t,
        composite=lambda v: v.tanh() / 2,
        threshold=0.0,
    ),
}

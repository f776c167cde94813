"""Where batches show a generator its way, and where they do not."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from gensweep.studies.gaussian_pair import Mixture
from gensweep.studies.gaussian_slopes import has_variance
from gensweep.studies.gaussian_targets import best_gaussian

PUBLIC = Mixture((0.33, 0.67), (-1.0, 2.0), (0.25, math.sqrt(2)))
TWO = Mixture((0.5, 0.5), (-2.0, 1.0), (math.sqrt(0.5), 1.0))
ONE = Mixture((1.0,), (0.0,), (1.0,))


@pytest.mark.parametrize(
    ("objective", "alpha", "edge"),
    [
        ("neyman", -1.0, math.sqrt(1.5)),
        ("pearson", 2.0, math.sqrt(0.75)),
        ("kl", 1.0, math.sqrt(0.5)),
        ("alpha", -0.5, 2**0.5),
    ],
)
def test_the_second_moment_of_the_slope_converges_where_it_is_said_to(
    objective: str, alpha: float, edge: float
) -> None:
    """By quadrature over growing intervals: within a factor of the edge it settles or grows without end."""

    def moment(sigma: float, far: float) -> float:
        p, q = stats.norm(0, 1).logpdf, stats.norm(0, sigma).logpdf
        slope = lambda x: x / sigma**2 - x  # noqa: E731  # d/dx log(p / q)
        return integrate.quad(
            lambda x: np.exp(2 * alpha * p(x) + (1 - 2 * alpha) * q(x)) * slope(x) ** 2, -far, far, limit=500
        )[0]

    wide = edge > 1  # finite below the edge, else above it
    good, bad = (edge * 0.9, edge * 1.1) if wide else (edge * 1.1, edge * 0.9)
    assert has_variance(objective, ONE, good, alpha)
    assert not has_variance(objective, ONE, bad, alpha)
    assert moment(good, 24) == pytest.approx(moment(good, 16), rel=0.01)
    assert moment(bad, 24) > 2 * moment(bad, 16)


def test_bounded_slopes_have_one() -> None:
    for objective in ("reverse_kl", "squared_hellinger", "jensen_shannon", "wasserstein_2", "mmd_rbf"):
        assert all(has_variance(objective, ONE, sigma) for sigma in (0.1, 1.0, 10.0))


@pytest.mark.parametrize(("mixture", "settles"), [(PUBLIC, True), (TWO, False)])
def test_with_the_best_critic_itself_a_gaussian_settles_just_there(mixture: Mixture, settles: bool) -> None:
    """So it is not the critic: 2 d/dx (q/p), exact, on batches of 512."""
    target = best_gaussian("neyman", mixture)
    assert target is not None
    assert has_variance("neyman", mixture, target.sigma) == settles
    weights, means, deviations = (torch.tensor(v) for v in (mixture.weights, mixture.means, mixture.deviations))
    generator = torch.Generator().manual_seed(0)
    mu, sigma = torch.zeros((), requires_grad=True), torch.tensor(mixture.deviation, requires_grad=True)
    optimizer = torch.optim.Adam([mu, sigma], lr=8e-3, betas=(0.5, 0.999))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2000)
    for _ in range(2000):
        x = mu + sigma * torch.randn(512, generator=generator)
        log_p = (weights.log() + torch.distributions.Normal(means, deviations).log_prob(x[:, None])).logsumexp(1)
        log_q = torch.distributions.Normal(mu.detach(), sigma.detach()).log_prob(x)
        optimizer.zero_grad()
        (2 * (log_q - log_p).exp().mean()).backward()
        torch.nn.utils.clip_grad_norm_([mu, sigma], 10)
        optimizer.step()
        schedule.step()
    off = math.hypot(mu.item() - target.mu, sigma.item() - target.sigma)
    assert off < 0.03 if settles else off > 0.2

"""Best critics by what defines them: each reaches its divergence, keeps its constraint, and agrees with POT's potential."""

from __future__ import annotations

import math

import numpy as np
import ot
import pytest
import torch

from gensweep.mathematics.best_critics import (
    DISCRIMINATOR,
    RATIO,
    ROOT,
    BestCritic,
    Laws,
    discriminator,
    fisher,
    of_f,
    potential,
    side,
    sobolev,
    tangent,
)
from gensweep.mathematics.f_divergences import F_DIVERGENCES, FDivergence, alpha_divergence
from gensweep.studies.gaussian_pair import Mixture, Pair
from gensweep.studies.gaussian_targets import OBJECTIVES

MIXTURE = Mixture((0.33, 0.67), (-1.0, 2.0), (0.25, math.sqrt(2)))
LAWS = Laws(MIXTURE.components, [(1.0, 1.3, 1.7)])
PAIR = Pair(MIXTURE, 1.3, 1.7)


def known(objective: str) -> float:
    """The divergence by quadrature on other points."""
    with np.errstate(divide="ignore"):
        return OBJECTIVES[objective](PAIR, 1.0)


def gap(values: torch.Tensor, laws: Laws = LAWS) -> float:
    """E_P f - E_Q f: (p - q) / ((p + q) / 2) = 2 tanh(log(p / q) / 2)."""
    return float(laws.mean(values * 2 * torch.tanh(laws.log_ratio / 2)))


def of_each(laws: Laws) -> tuple[torch.Tensor, torch.Tensor]:
    """What means under P and under Q give each point."""
    share = torch.sigmoid(laws.log_ratio)
    return 2 * laws.weights * share, 2 * laws.weights * (1 - share)


def test_two_gaussians_have_critics_in_closed_form() -> None:
    """log N(0, 1) / N(1, 1) = 1/2 - x, and the potential of a shift to the right falls by 1."""
    laws = Laws([(1.0, 0.0, 1.0)], [(1.0, 1.0, 1.0)])
    torch.testing.assert_close(RATIO.of(laws), 0.5 - laws.x)
    torch.testing.assert_close(discriminator(laws), torch.sigmoid(0.5 - laws.x))
    torch.testing.assert_close(side(laws), (laws.x < 0.5).double())
    torch.testing.assert_close(potential(laws), 0.5 - laws.x, atol=1e-4, rtol=0)
    assert float(laws.weights.sum()) == pytest.approx(1)


@pytest.mark.parametrize("name", [name for name in F_DIVERGENCES if name != "gan"])
def test_the_tangent_reaches_its_divergence(name: str) -> None:
    """E_P T - E_Q f*(T) = D_f at T = f'(p / q), which no other T exceeds."""
    divergence = F_DIVERGENCES[name]
    objective = {"twice_jensen_shannon": "jensen_shannon"}.get(name, name)
    best = tangent(divergence.f)(LAWS)
    assert bound(divergence, best) == pytest.approx(
        known(objective), rel=5e-3
    )  # Neyman's tails reach beyond 5 deviations
    # of total variation T = 1/2 or -1/2, the ends of its domain
    assert bound(divergence, divergence.threshold + 0.9 * (best - divergence.threshold)) < bound(divergence, best)


def bound(divergence: FDivergence, values: torch.Tensor) -> float:
    of_p, of_q = of_each(LAWS)
    return float(of_p @ values - of_q @ divergence.conjugate(values))


def test_the_tangent_of_alpha_2_is_half_of_pearsons() -> None:
    torch.testing.assert_close(2 * tangent(alpha_divergence(2.0).f)(LAWS), tangent(F_DIVERGENCES["pearson"].f)(LAWS))


def test_the_discriminator_reaches_jensen_shannon() -> None:
    """E_P log D + E_Q log(1 - D) = 2 JSD - log 4."""
    of_p, of_q = of_each(LAWS)
    d = discriminator(LAWS)
    assert float(of_p @ d.log() + of_q @ (1 - d).log()) == pytest.approx(
        known("jensen_shannon") - math.log(4), rel=1e-4
    )
    root = discriminator(LAWS, power=2)
    assert float(of_p @ root.sqrt() + of_q @ (1 - root).sqrt()) == pytest.approx(known("root") + math.sqrt(2), rel=1e-4)


def test_a_gap_reaches_its_metric() -> None:
    assert gap(potential(LAWS)) == pytest.approx(known("wasserstein_1"), rel=1e-3)
    assert gap(sobolev(LAWS)) == pytest.approx(known("sobolev"), rel=2e-3)
    # d^2 = int (p - q)^2 / ((p + q) / 2), and least squares is int (p - q)^2 / (p + q) / 4
    assert gap(fisher(LAWS)) == pytest.approx(math.sqrt(8 * known("least_squares")), rel=1e-4)


def test_the_critics_of_norms_keep_their_constraints() -> None:
    assert float(LAWS.norm(fisher(LAWS))) == pytest.approx(1)
    values = sobolev(LAWS)
    slopes = torch.gradient(values, spacing=(LAWS.x,))[0]
    assert float(LAWS.norm(slopes)) == pytest.approx(1, rel=1e-2)


def test_the_potential_is_that_of_pot() -> None:
    """The two laws on a grid of 400 cells: POT's dual variable is the potential, up to a constant and the cells' width."""
    edges = np.linspace(-5, 8, 401)
    centres = (edges[1:] + edges[:-1]) / 2
    p = np.diff(MIXTURE.tails(edges)[0])
    q = np.diff(Mixture((1.0,), (1.3,), (1.7,)).tails(edges)[0])
    costs = np.abs(centres[:, None] - centres[None])
    _, found = ot.emd(p / p.sum(), q / q.sum(), costs, log=True, numItermax=10**6)
    theirs = torch.from_numpy((costs - found["v"]).min(1))  # f(x) = min_y |x - y| - v(y), 1-Lipschitz
    ours = torch.from_numpy(np.interp(centres, LAWS.x.numpy(), potential(LAWS).numpy()))
    middle = torch.from_numpy(p + q) / 2
    centred = (ours - theirs) - middle @ (ours - theirs)
    assert float((middle @ centred.square()).sqrt()) < 0.02  # half a cell; the potential's own spread is above 0.3
    assert float(LAWS.norm(potential(LAWS))) > 0.3


def test_what_is_open_is_chosen_alike_and_nothing_else() -> None:
    exact, moved, scaled = (
        BestCritic(potential, up_to)  # type: ignore[arg-type]
        for up_to in ("nothing", "a constant", "a constant and a factor")
    )
    best = potential(LAWS)

    def distance(of: BestCritic, values: torch.Tensor) -> float:
        critic, ideal = of.aligned(values, LAWS)
        return float(LAWS.norm(critic - ideal))

    assert distance(exact, best) == 0
    assert distance(exact, best + 0.7) == pytest.approx(0.7)
    assert distance(moved, best + 0.7) == pytest.approx(0, abs=1e-12)
    assert distance(moved, 3 * best) == pytest.approx(2 * float(LAWS.norm(best)))
    assert distance(scaled, 3 * best + 0.7) == pytest.approx(0, abs=1e-12)
    assert distance(scaled, -best) == pytest.approx(
        float(LAWS.norm(best))
    )  # a critic the wrong way round knows nothing
    assert distance(scaled, torch.zeros_like(best)) == pytest.approx(float(LAWS.norm(best)))


@pytest.mark.parametrize("name", [*F_DIVERGENCES, "alpha 0.3", "alpha 3", "alpha -1"])
def test_what_a_critic_stands_for_is_the_discriminator(name: str) -> None:
    """f*' is the inverse of f'."""
    of = of_f(alpha_divergence(float(name.split()[1])) if name.startswith("alpha") else F_DIVERGENCES[name])
    if name == "total_variation":  # T = 1/2 says no more than p > q
        assert of.probability is None
        return
    assert of.probability is not None
    near = Laws([(1.0, 0.0, 1.0)], [(1.0, 0.5, 1.1)])
    torch.testing.assert_close(of.probability(of.of(near)), discriminator(near), atol=1e-6, rtol=0)


def test_discriminators_and_logits_stand_for_it_too() -> None:
    for of in (DISCRIMINATOR, RATIO, ROOT):
        assert of.probability is not None
        torch.testing.assert_close(of.probability(of.of(LAWS)), discriminator(LAWS), atol=1e-6, rtol=0)


def test_below_the_slope_at_0_a_critic_stands_for_no_data_at_all() -> None:
    of = of_f(F_DIVERGENCES["pearson"])  # f'(0) = -2
    assert of.probability is not None
    assert of.probability(torch.tensor([-9.0, -2.0, 0.0])).tolist() == [0.0, 0.0, 0.5]

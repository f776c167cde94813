import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.datasets import make_moons

from gensweep.component import build

N = 200_000


def drawn(name: str, **fields: object) -> torch.Tensor:
    return build("datasets", {"name": name, "n_train": N, **fields}).read().train.double()


@pytest.mark.parametrize(
    ("name", "expected"), [("ring", (1.0, 1.0)), ("grid", (1.0, 1.0)), ("swiss_roll", (0.883, 0.925))]
)
def test_the_toys_of_the_wgan_gp_paper_have_their_measured_standard_deviations(name, expected):
    # The three digits that were measured, and four standard errors of a standard deviation of N light-tailed numbers.
    assert drawn(name).std(0).tolist() == pytest.approx(expected, abs=0.0005 + 4 / math.sqrt(2 * N))


@pytest.mark.parametrize(("name", "k", "far"), [("ring", 8, 2 / 1.414), ("grid", 25, math.sqrt(32) / 2.828)])
def test_every_item_lies_around_one_of_the_modes_in_equal_parts(name, k, far):
    centres, sigma = build("datasets", name).modes()
    assert centres.shape == (k, 2)
    assert float(centres.norm(dim=1).max()) == pytest.approx(far, rel=1e-6)
    x = drawn(name)
    distances = torch.cdist(x, centres.double())
    nearest = distances.argmin(1)
    # A fair multinomial's counts, each within 5 standard deviations of N/k.
    assert (nearest.bincount(minlength=k) - N / k).abs().max() < 5 * math.sqrt(N / k)
    # |x − c|²/σ² is χ² of 2 degrees: mean 2, standard deviation 2.
    assert float((distances.min(1).values / sigma).square().mean()) == pytest.approx(2, abs=5 * 2 / math.sqrt(N))


def test_fields_move_the_modes():
    centres, sigma = build("datasets", {"name": "ring", "n_modes": 4, "radius": 1.414, "sigma": 1.414}).modes()
    assert torch.allclose(centres, torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]]), atol=1e-6)
    assert sigma == 1
    centres, _ = build("datasets", {"name": "grid", "side": 2, "spacing": 2.828}).modes()
    assert centres.abs().unique().tolist() == pytest.approx([0.5])


def test_a_mixture_has_modes_where_its_gaussians_are_round_and_equal():
    fields = {"name": "gaussian_mixture", "weights": [0.5, 0.5], "means": [[0, 1], [2, 3]]}
    centres, sigma = build("datasets", fields | {"covariances": [0.25, [0.25, 0.25]]}).modes()
    assert centres.tolist() == [[0, 1], [2, 3]]
    assert sigma == 0.5
    for unlike in ([0.25, 1], [0.25, [0.25, 0.3]], [0.25, [[0.25, 0.1], [0.1, 0.25]]]):
        assert build("datasets", fields | {"covariances": unlike}).modes() is None
    assert build("datasets", "two_moons").modes() is None


def test_the_roll_without_noise_is_the_spiral():
    x = 7.5 * drawn("swiss_roll", noise=0)
    radius = x.norm(dim=1)
    assert radius.min() >= 1.5 * math.pi - 1e-5
    assert radius.max() <= 4.5 * math.pi + 1e-5
    assert torch.allclose(x, radius[:, None] * torch.stack([radius.cos(), radius.sin()], 1), atol=1e-4)


def test_the_moons_have_scikit_learns_moments():
    theirs, _ = make_moons(N, noise=0.05, random_state=0)
    ours = drawn("two_moons").numpy()
    assert np.allclose(ours.mean(0), theirs.mean(0), atol=0.01)
    assert np.allclose(np.cov(ours.T), np.cov(theirs.T), atol=0.01)
    # Without noise every point lies on one of the two half circles.
    x, y = drawn("two_moons", noise=0).T
    outer = ((x.hypot(y) - 1).abs() < 1e-6) & (y >= -1e-6)
    inner = (((1 - x).hypot(0.5 - y) - 1).abs() < 1e-6) & (y <= 0.5 + 1e-6)
    assert bool((outer | inner).all())
    assert float(outer.double().mean()) == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(N))


@pytest.mark.parametrize(("dimensions", "radius"), [(1, 1.0), (2, 1.0), (5, 3.0)])
def test_the_ball_is_filled_evenly(dimensions, radius):
    x = drawn("uniform_ball", dimensions=dimensions, radius=radius)
    filled = (x.norm(dim=1) / radius) ** dimensions  # uniform on [0, 1]
    assert float(filled.max()) <= 1 + 1e-5
    quantiles = torch.linspace(0.05, 0.95, 19, dtype=torch.float64)
    assert torch.allclose(torch.quantile(filled[:100_000], quantiles), quantiles, atol=5 * 0.5 / math.sqrt(100_000))
    assert float(x.mean(0).abs().max()) < 5 * radius / math.sqrt(N)


@pytest.mark.parametrize(
    "node", [{"name": "ring", "sigma": 0}, {"name": "uniform_ball", "dimensions": 0}, {"name": "grid", "n_train": 1}]
)
def test_what_is_no_law_is_refused(node):
    with pytest.raises(ValidationError):
        build("datasets", node)

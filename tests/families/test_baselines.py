"""Models without players, against what can be computed by hand or with SciPy and scikit-learn."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from gensweep.component import build
from gensweep.datasets import base as datasets
from gensweep.datasets.base import Dataset
from gensweep.families import pca_gaussian
from gensweep.families.base import Family, Fitted, Setting
from gensweep.networks.base import Network
from gensweep.trainers.streams import draw
from gensweep.trial import run_trial
from tests.conftest import job, small_configuration


def digits() -> Dataset:
    return cast(Dataset, build("datasets", "digits"))


def fitted(node: Any, data: torch.Tensor, bounds: tuple[float, float] | None = None, labels: Any = None) -> Any:
    network = cast(Network, build("networks", "mlp"))
    game = cast(Family, build("families", node)).game(Setting(tuple(data.shape[1:]), bounds, 2, 8, network, labels))
    assert game.fit is not None
    return game, game.fit(game.networks, data)


def samples(node: Any, data: torch.Tensor, n: int, bounds: Any = None, labels: Any = None) -> torch.Tensor:
    game, model = fitted(node, data, bounds, labels)
    return model.sample({}, {name: draw(wanted, i, n) for i, (name, wanted) in enumerate(game.sample_noise.items())})


def wasserstein_to_test(x: torch.Tensor) -> float:
    """Exact W1 between equally many items, by assignment; the definition, apart from our metric."""
    from scipy.optimize import linear_sum_assignment

    test = datasets.load(digits()).test.flatten(1)
    costs = torch.cdist(x.flatten(1), test).numpy()
    return float(costs[linear_sum_assignment(costs)].mean())


def test_the_memoriser_repeats_its_items_equally_often() -> None:
    data = torch.arange(10.0)[:, None]
    drawn = samples("memoriser", data, 20_000)
    counts = torch.stack([(drawn == x).sum() for x in data.flatten()])
    assert int(counts.sum()) == 20_000
    assert stats.chisquare(counts.numpy()).pvalue > 1e-4
    assert samples({"name": "memoriser", "n_items": 3}, data, 1000).max() == 2


def test_class_means_are_the_means_of_the_digits_as_often_as_they_occur() -> None:
    data = datasets.load(digits()).train
    labels = partial(digits().classes, "train")
    drawn = samples("class_means", data, 4000, (0.0, 1.0), labels)
    of = labels()
    assert of is not None
    means = {digit: data[of == digit].mean(0) for digit in range(10)}
    shares = [float((drawn - mean).flatten(1).abs().amax(1).lt(1e-5).float().mean()) for mean in means.values()]
    assert sum(shares) == pytest.approx(1)
    expected = (torch.bincount(of) / len(of)).tolist()
    assert shares == pytest.approx(expected, abs=5 * (0.1 * 0.9 / 4000) ** 0.5)


def test_without_classes_the_centres_of_k_means_stand_for_them() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    data = centres[torch.randint(3, (600,), generator=generator)] + 0.1 * torch.randn(600, 2, generator=generator)
    found = samples({"name": "class_means", "clusters": 3}, data, 500).unique(dim=0)
    assert found.shape == (3, 2)
    assert torch.cdist(centres, found).amin(1).max() < 0.05


def test_the_pca_gaussian_has_the_first_eigenvalues_of_the_data_and_nothing_else() -> None:
    generator = torch.Generator().manual_seed(0)
    scales = torch.tensor([4.0, 2.0, 1.0, 0.5]).sqrt()
    data = torch.randn(5000, 4, generator=generator) * scales + 3
    drawn = samples({"name": "pca_gaussian", "k": 2}, data, 50_000)
    values = torch.linalg.eigvalsh(drawn.T.double().cov())
    expected = torch.linalg.eigvalsh(data.T.double().cov())[-2:]
    assert values[:2].abs().max() < 1e-6
    assert values[-2:].tolist() == pytest.approx(expected.tolist(), rel=0.04)
    assert drawn.mean(0).tolist() == pytest.approx(data.mean(0).tolist(), abs=0.05)
    whole = samples({"name": "pca_gaussian", "k": 99}, data, 50_000)
    torch.testing.assert_close(whole.T.cov(), data.T.cov(), rtol=0.05, atol=0.06)


def test_the_principal_components_of_many_dimensions_are_those_of_the_eigenvectors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = torch.Generator().manual_seed(0)
    scales = torch.linspace(3, 0.1, 90)
    data = torch.randn(400, 90, generator=generator) * scales + 1
    mean = data.double().mean(0)
    exact = pca_gaussian._principal(data, mean, 5)
    monkeypatch.setattr(pca_gaussian, "_LARGEST", 10)
    state = torch.random.get_rng_state()
    found = pca_gaussian._principal(data, mean, 5)
    torch.testing.assert_close(found @ found.T, exact @ exact.T, rtol=0, atol=0.02)
    torch.testing.assert_close(found.square().sum(0), exact.square().sum(0).flip(0), rtol=1e-4, atol=0)
    assert torch.equal(state, torch.random.get_rng_state())


def test_uniform_noise_fills_the_bounds_or_the_box_of_the_data() -> None:
    data = torch.tensor([[0.0, -2.0], [1.0, 6.0]])
    within = samples("uniform_noise", data, 5000)
    assert stats.kstest(within[:, 1].numpy(), stats.uniform(-2, 8).cdf).pvalue > 1e-4
    assert samples("uniform_noise", data, 5000, bounds=(-3.0, 9.0))[:, 0].min() < -2.9


@pytest.mark.parametrize(
    ("node", "published"),
    [("class_means", 1.606), ({"name": "pca_gaussian", "k": 2}, 1.827), ({"name": "pca_gaussian", "k": 8}, 1.588),
     ({"name": "pca_gaussian", "k": 32}, 1.723), ("uniform_noise", 3.670)],
    ids=str,
)  # fmt: skip
def test_wasserstein_distances_of_the_digits_are_the_known_ones(node: Any, published: float) -> None:
    """Reference values for 1000 training and 797 test digits of another permutation; here 400 against 400."""
    data = datasets.load(digits()).train
    x = samples(node, data, 400, (0.0, 1.0), partial(digits().classes, "train"))
    assert wasserstein_to_test(x) == pytest.approx(published, abs=0.12)


def test_the_parzen_window_is_that_of_scipy() -> None:
    data = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, model = fitted({"name": "parzen", "sigma": 0.4}, data)
    x = torch.randn(300, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    kernels = [stats.multivariate_normal(centre, 0.16 * np.eye(3)).pdf(x.numpy()) for centre in data.numpy()]
    np.testing.assert_allclose(model.likelihood.evaluate({}, x, {}).numpy(), np.log(np.mean(kernels, 0)), rtol=1e-10)
    assert model.likelihood.is_exact


def test_the_best_sigma_is_that_of_held_out_items() -> None:
    data = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0))
    _, model = fitted("parzen", data)
    grid = np.logspace(-1, 0, 10)
    held, rest = data[-200:].double(), data[:-200].double()
    scores = [stats.norm(rest.numpy().T, sigma).pdf(held.numpy()).mean(1) for sigma in grid]
    best = grid[np.argmax([np.log(s).mean() for s in scores])]
    expected = np.log(stats.norm(data.double().numpy().T, best).pdf(np.zeros((1, 1))).mean())
    assert float(model.likelihood.evaluate({}, torch.zeros(1, 1), {})) == pytest.approx(expected, rel=1e-9)


def test_smoothing_adds_its_variance_to_the_fit_and_likelihood_is_minus_divergence_minus_entropy() -> None:
    """E_mu[log p] = -KL(mu | p) - H(mu), and its maximum over Gaussians p has the variance s^2 + sigma^2."""
    points, sigma = torch.tensor([[0.0], [0.1], [0.2], [5.0]], dtype=torch.float64), 0.3
    _, model = fitted({"name": "parzen", "sigma": sigma}, points)
    grid = np.linspace(-6, 12, 40_001)
    log_mu = cast(Fitted, model).likelihood.evaluate({}, torch.tensor(grid)[:, None], {}).numpy()  # type: ignore[union-attr]
    mu = np.exp(log_mu)
    mean, variance = float(points.mean()), float(points.var(correction=0)) + sigma**2

    def integral(values: Any) -> float:
        return float(integrate.trapezoid(values, grid))

    assert integral(mu) == pytest.approx(1, abs=1e-9)
    assert integral(mu * (grid - mean) ** 2) == pytest.approx(variance, rel=1e-6)

    def expected_log(v: float) -> float:
        return integral(mu * stats.norm(mean, v**0.5).logpdf(grid))

    log_p = stats.norm(mean, variance**0.5).logpdf(grid)
    kl, entropy = integral(mu * (log_mu - log_p)), -integral(mu * log_mu)
    assert expected_log(variance) == pytest.approx(-kl - entropy, rel=1e-9)
    assert expected_log(variance) > max(expected_log(0.98 * variance), expected_log(1.02 * variance))


def test_a_trial_without_players_is_evaluated_once_and_continues(tmp_path: Path) -> None:
    configuration = small_configuration("pca_gaussian")
    reports = list(run_trial(job(tmp_path, configuration)))
    assert [report.epoch for report in reports] == [6]
    assert reports[-1].scores["fid"] > 0
    assert list(run_trial(job(tmp_path, configuration)))[-1] == reports[-1]

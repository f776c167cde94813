import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.stats import multivariate_normal

from gensweep.component import build
from gensweep.datasets.gaussian_mixture import GaussianMixture

FULL = {
    "name": "gaussian_mixture",
    "weights": [0.2, 0.5, 0.3],
    "means": [[0, 0], [3, -1], [-2, 4]],
    "covariances": [0.5, [1, 0.25], [[2, 0.5], [0.5, 1]]],
}
MATRICES = [0.5 * np.eye(2), np.diag([1, 0.25]), np.array([[2, 0.5], [0.5, 1]])]


def test_the_density_is_scipys():
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)) * 3
    parts = zip(FULL["weights"], FULL["means"], MATRICES, strict=True)
    expected = np.log(sum(w * multivariate_normal(m, c).pdf(x.numpy()) for w, m, c in parts))
    assert np.allclose(build("datasets", FULL).log_density(x), expected, atol=1e-6)


def test_the_default_has_the_moments_and_entropy_of_the_f_gan_papers_mixture():
    mixture = GaussianMixture(n_train=200_000)
    x = mixture.read().train
    # Four standard errors: of the mean, of the variance (fourth central moment below 35), of the entropy.
    assert float(x.double().mean()) == pytest.approx(1.01, abs=4 * math.sqrt(3.350525 / 2e5))
    assert float(x.double().var()) == pytest.approx(3.350525, abs=4 * math.sqrt(35 / 2e5))
    logs = mixture.log_density(x)
    assert -float(logs.mean()) == pytest.approx(1.735404, abs=4 * float(logs.std()) / math.sqrt(2e5))


def test_samples_of_full_covariances_have_the_mixtures_moments():
    x = build("datasets", FULL | {"n_train": 200_000}).read().train.double()
    weights, means = np.array(FULL["weights"]), np.array(FULL["means"], dtype=float)
    mean = weights @ means
    second = sum(w * (c + np.outer(m, m)) for w, m, c in zip(weights, means, MATRICES, strict=True))
    assert np.allclose(x.mean(0), mean, atol=0.03)
    assert np.allclose(x.T.cov(), second - np.outer(mean, mean), atol=0.1)


def test_a_splits_size_changes_no_other_split_and_the_seed_changes_all():
    first, larger = GaussianMixture().read(), GaussianMixture(n_train=20_000).read()
    assert torch.equal(first.validation, larger.validation)
    assert torch.equal(first.test, larger.test)
    other = GaussianMixture(seed=1).read()
    assert not any(torch.equal(first.split(s), other.split(s)) for s in ("train", "validation", "test"))
    assert not torch.equal(first.validation, first.test)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weights": [0.5, 0.5]}, "one weight, mean and covariance a component"),
        ({"weights": [0.2, 0.5, 0.4]}, "sum to 1.1"),
        ({"weights": [1.2, -0.5, 0.3]}, "must be positive"),
        ({"means": [[0, 0], [3, -1], [1, 2, 3]]}, "same number of dimensions"),
        ({"covariances": [0.5, [1, 0.25], [[1, 2], [2, 1]]]}, r"covariances\[2\].*positive definite"),
        ({"covariances": [0.5, [1, 0.25], [[1, 0.5], [0.4, 1]]]}, r"covariances\[2\].*symmetric"),
        ({"covariances": [-1, [1, 0.25], 1]}, r"covariances\[0\].*positive definite"),
        ({"covariances": [0.5, [1, 0.25, 1], 1]}, r"covariances\[1\].*2 numbers or a 2 × 2 matrix"),
    ],
)
def test_what_is_no_mixture_is_refused_with_the_reason(change, reason):
    with pytest.raises(ValidationError, match=reason):
        build("datasets", FULL | change)

import math

import numpy as np
import ot
import pytest
import torch
from scipy.linalg import sqrtm
from torchmetrics.image.fid import FrechetInceptionDistance

from gensweep.mathematics.frechet import frechet_distance, frechet_distance_from_root, moments, root
from tests.metrics.conftest import normal


def covariance(d: int, rank: int, seed: int) -> torch.Tensor:
    factor = normal(d, rank, seed)
    return factor @ factor.T / rank


def by_sqrtm(m1, c1, m2, c2) -> float:
    cross = np.real(np.trace(sqrtm(c1.numpy() @ c2.numpy())))
    return float((m1 - m2).square().sum() + c1.trace() + c2.trace() - 2 * cross)


def test_it_is_the_usual_formula_with_the_root_of_the_product():
    m1, m2 = normal(2, 40, seed=3)
    c1, c2 = covariance(40, 80, 1), covariance(40, 60, 2)
    expected = by_sqrtm(m1, c1, m2, c2)
    assert frechet_distance(m1, c1, m2, c2) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance_from_root(m1, root(c1), m2, c2) == frechet_distance(m1, c1, m2, c2)
    assert frechet_distance(m2, c2, m1, c1) == pytest.approx(expected, rel=1e-6)


def test_bures_known_value_and_pot():
    m = torch.tensor([[0.0, 0.0], [1.0, 2.0]], dtype=torch.float64)
    c = torch.tensor([[[2, 0.5], [0.5, 1]], [[1, -0.3], [-0.3, 3]]], dtype=torch.float64)
    found = frechet_distance(m[0], c[0], m[1], c[1])
    assert found == pytest.approx(5.9293119, abs=1e-7)
    # POT's function of the squared distance's name gives the distance itself.
    assert math.sqrt(found) == pytest.approx(
        ot.gaussian.bures_wasserstein_distance(m[0].numpy(), m[1].numpy(), c[0].numpy(), c[1].numpy()), abs=1e-9
    )


def test_equal_covariances_leave_the_shift():
    d = 512
    zero, one, identity = torch.zeros(d), torch.ones(d), torch.eye(d, dtype=torch.float64)
    assert frechet_distance(zero, identity, one, identity) == pytest.approx(d, rel=1e-9)


def test_diagonal_covariances_compare_standard_deviations():
    a, b = torch.tensor([4.0, 1.0, 0.0]), torch.tensor([1.0, 9.0, 4.0])
    zero = torch.zeros(3)
    assert frechet_distance(zero, a.diag(), zero, b.diag()) == pytest.approx((1 + 4 + 4), rel=1e-9)


def test_fewer_vectors_than_dimensions():
    x, y = normal(20, 64), normal(30, 64, seed=1) * 2
    a, b = moments([x]), moments([y])
    assert int(torch.linalg.matrix_rank(a.covariance)) == 19
    # For Tr (AB)^½ of low-rank A = X Xᵀ, B = Y Yᵀ: the sum of the singular values of Xᵀ Y.
    xc, yc = ((z - z.mean(0)) / math.sqrt(len(z) - 1) for z in (x, y))
    cross = torch.linalg.svdvals(xc @ yc.T).sum()
    expected = (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace() - 2 * cross
    assert frechet_distance(a.mean, a.covariance, b.mean, b.covariance) == pytest.approx(float(expected), rel=1e-6)


def test_the_bias_falls_as_one_over_n():
    d, n, draws = 32, 500, 20
    zero, identity = torch.zeros(d, dtype=torch.float64), torch.eye(d, dtype=torch.float64)
    found = [moments([normal(n, d, seed)]) for seed in range(draws)]
    values = [frechet_distance_from_root(zero, identity, m.mean, m.covariance) for m in found]
    theory = (d + d * (d + 1) / 4) / n  # 0.28 d²/n here
    # The standard deviation of one value is about 6 % of it, of their mean 1.3 %; higher orders add about 2 %.
    assert np.mean(values) == pytest.approx(theory, rel=0.07)


def test_the_known_bias_against_fifty_thousand_items():
    real = moments([normal(50_000, 128, seed=99)])
    kept = root(real.covariance)
    for n, known in ((500, 8.85), (2000, 2.21), (10_000, 0.516)):  # about 0.27 d²/n, and the real side's own
        found = moments([normal(n, 128, seed=n)])
        value = frechet_distance_from_root(real.mean, kept, found.mean, found.covariance)
        # Six draws spread by 1.7, 1.7 and 2.6 %; the known values are one draw each.
        assert value == pytest.approx(known, rel=0.09)


def test_streamed_moments_are_numpys_even_far_from_zero():
    x = normal(1001, 7) + 1e6
    streamed = moments(x.split([1, 400, 599, 1]))
    assert streamed.n == 1001
    assert np.allclose(streamed.mean, x.mean(0), rtol=1e-14)
    assert np.allclose(streamed.covariance, np.cov(x.numpy().T), rtol=0, atol=1e-8)


def test_float32_input_is_summed_in_float64():
    x = (normal(5000, 4) + 50).float()
    assert np.allclose(moments([x]).covariance, np.cov(x.double().numpy().T), atol=1e-10)


def test_torchmetrics_gives_the_same_on_the_same_features():
    class Flat(torch.nn.Module):
        num_features = 12

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.flatten(1)

    real, fake = torch.rand(300, 3, 2, 2), torch.rand(200, 3, 2, 2).square()
    theirs = FrechetInceptionDistance(feature=Flat(), input_img_size=(3, 2, 2), normalize=True)
    theirs = theirs.set_dtype(torch.float64)
    theirs.update(real, real=True)
    theirs.update(fake, real=False)
    a, b = (moments([x.flatten(1)]) for x in (real, fake))
    found = frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    assert found == pytest.approx(float(theirs.compute()), rel=1e-5)


def test_one_vector_has_no_covariance():
    with pytest.raises(ValueError, match="two rows, 1 given"):
        moments([torch.zeros(1, 3)])


def test_what_is_not_finite_is_not_a_number():
    zero, identity = torch.zeros(2), torch.eye(2)
    assert math.isnan(frechet_distance(zero, identity, zero + math.inf, identity))
    assert math.isnan(frechet_distance(zero, identity * math.nan, zero, identity))

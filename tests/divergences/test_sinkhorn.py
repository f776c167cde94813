import ot
import pytest
import torch

from gensweep.component import build
from gensweep.divergences.sinkhorn import sinkhorn_divergence


def divergence(x, y, eps, iterations=100):
    return sinkhorn_divergence(x, y, torch.tensor(eps, dtype=x.dtype), iterations)


@pytest.fixture
def samples():
    torch.manual_seed(0)
    return torch.randn(20, 3).double() * 1.5 + 0.5, torch.randn(20, 3).double()


@pytest.mark.parametrize(
    ("eps", "value"), [(0.1, 1.999922), (0.5, 1.998055), (2.0, 1.970579), (10.0, 1.650977), (100.0, 1.089554)]
)
def test_gaussians_in_closed_form(eps, value):
    """N(0, 1) and N(1, 4): H. Janati et al. 2020, arXiv:2006.02572, theorem 1, with eps = 2 sigma^2."""
    n = 400
    x = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(n, dtype=torch.float64) + 0.5) / n)[:, None]
    x = x / x.std(correction=0)
    # Measured errors of this grid fall as 1/n: 9e-5 at n = 400.
    assert float(divergence(x, 1 + 2 * x, eps, 60)) == pytest.approx(value, abs=3e-4)


@pytest.mark.parametrize("eps", [5.0, 20.0])
def test_it_is_assembled_from_pots_entropic_transport(samples, eps):
    x, y = samples

    def transport(a, b):
        cost = ot.dist(a.numpy(), b.numpy())
        return ot.solve(cost, reg=eps, reg_type="KL", max_iter=2000, tol=1e-11).value

    expected = transport(x, y) - (transport(x, x) + transport(y, y)) / 2
    assert float(divergence(x, y, eps, 200)) == pytest.approx(expected, abs=1e-7)


def test_eps_is_the_square_of_the_blur(samples):
    value = build("divergences", "sinkhorn").penalty(*samples, {}, {}, {"blur": torch.tensor(3.0)})
    assert float(value) == pytest.approx(float(divergence(*samples, 9.0)), rel=1e-6)


def test_the_defaults_have_converged():
    torch.manual_seed(0)
    x, y = torch.randn(64, 8).double() * 1.5 + 0.5, torch.randn(64, 8).double()
    default = build("divergences", "sinkhorn")
    value = default.penalty(x, y, {}, {}, {"blur": torch.tensor(default.blur)})
    assert float(value) == pytest.approx(float(divergence(x, y, default.blur**2, 2000)), rel=1e-4)


def test_limits(samples):
    x, y = samples
    exact = ot.emd2([], [], ot.dist(x.numpy(), y.numpy()))
    assert float(divergence(x, y, 1e-3, 3000)) == pytest.approx(exact, rel=2e-3)
    means = float((x.mean(0) - y.mean(0)).square().sum())
    assert float(divergence(x, y, 1e6)) == pytest.approx(means, rel=1e-3)


def test_the_gradient_is_that_of_the_converged_value(samples):
    x, y = samples[0][:8].requires_grad_(), samples[1][:8]
    assert torch.autograd.gradcheck(lambda x: divergence(x, y, 5.0, 100), (x,), eps=1e-5, atol=1e-7)


def test_a_translation_moves_every_point_by_twice_the_gap_over_n():
    x = torch.randn(30, 2, dtype=torch.float64)
    shift = torch.tensor([0.3, -1.0], dtype=torch.float64)
    moved = (x + shift).requires_grad_()
    value = divergence(moved, x, 5.0, 100)
    value.backward()
    # S_eps is ||shift||^2 plus a divergence of the centred samples, which is zero here.
    assert float(value.detach()) == pytest.approx(float(shift.square().sum()), abs=1e-5)
    torch.testing.assert_close(moved.grad.sum(0), 2 * shift, rtol=1e-5, atol=1e-5)


def test_a_sample_is_at_zero_from_itself(samples):
    x = samples[0]
    assert float(divergence(x, x, 10.0, 100)) == pytest.approx(0, abs=1e-9)


def test_samples_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="sizes"):
        divergence(torch.zeros(4, 2), torch.zeros(5, 2), 1.0)

import math

import numpy as np
import ot
import pytest
import torch
from torch.func import grad, vmap

from gensweep.component import build
from gensweep.divergences._potentials import potentials, scaled_cap
from gensweep.divergences.sinkhorn import sinkhorn_divergence
from gensweep.mathematics.kernels import squared_distances


def divergence(x, y, eps, iterations=100, tolerance=1e-13):
    return sinkhorn_divergence(x, y, torch.tensor(eps, dtype=x.dtype), iterations, tolerance).value


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
    assert float(value) == pytest.approx(float(divergence(*samples, 9.0, None, 1e-3)), rel=1e-6)


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


def gaussians(n, d, seed=0):
    """A sample near N(0, I) and one of it, [n, d]."""
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, n, d, generator=generator, dtype=torch.float64)
    return 1.2 * x + 0.3, y


def found(x, y, blur, *given):
    """S_eps and its gradient in x, in float64, by the defaults or as `given`."""
    x = x.clone().requires_grad_()
    value = sinkhorn_divergence(x, y, torch.tensor(blur, dtype=x.dtype).square(), *given).value
    value.backward()
    return float(value.detach()), x.grad.double()


def apart(a, b):
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize(("n", "blur"), [(32, 1.0), (32, 0.5), (32, 0.3)])
def test_value_and_gradient_are_those_of_pots_plans(n, blur):
    x, y = gaussians(n, 2)
    eps, weights = blur**2, np.full(n, 1 / n)

    def plan(a, b):
        costs = ot.dist(a.numpy(), b.numpy())
        best = ot.bregman.sinkhorn(
            weights, weights, costs, eps, method="sinkhorn_log", numItermax=1500, stopThr=1e-6, warn=False
        )
        value = (best * costs).sum() + eps * (best * np.log(np.maximum(best * n**2, 1e-300))).sum()
        return value, torch.from_numpy(best)

    (between, across), (of_x, within), (of_y, _) = plan(x, y), plan(x, x), plan(y, y)
    value, slope = found(x, y, blur)
    assert value == pytest.approx(between - (of_x + of_y) / 2, rel=1e-4)
    assert apart(slope, 2 * (within @ x - across @ y)) < 0.005


@pytest.mark.parametrize(("n", "d", "blur"), [(64, 2, 0.1), (64, 8, 0.3), (64, 64, 1.0), (64, 64, 0.3)])
def test_the_defaults_have_converged_at_small_blurs_too(n, d, blur):
    """In float32, as in training, against a plan whose two marginals are right: that plan is the best one."""
    x, y = gaussians(n, d)
    eps = torch.tensor(blur**2, dtype=torch.float64)
    costs = torch.stack([squared_distances(x, y), squared_distances(x, x), squared_distances(y, y)])
    g, is_short = potentials(costs, eps, 1e-6, 20_000)
    f = -eps * (torch.logsumexp((g[:, None, :] - costs) / eps, -1) - math.log(n))
    columns = torch.exp((f[:, :, None] + g[:, None, :] - costs) / eps).mean(1)
    assert not is_short
    assert float((columns - 1).abs().mean()) < 1e-5
    value, slope = found(x, y, blur, 20_000, 1e-6)
    quick_value, quick_slope = found(x.float(), y.float(), blur)
    assert quick_value == pytest.approx(value, rel=1e-4)
    assert apart(quick_slope, slope) < 0.01
    assert apart(found(x.float(), y.float(), blur, 5)[1], slope) > 0.01


def test_the_cap_grows_with_cost_over_eps_up_to_a_limit():
    caps = [scaled_cap(ratio) for ratio in (1, 1e3, 1e4, 1e5, 1e30)]
    assert caps == [1001, 1100, 2000, 3000, 3000]


@pytest.mark.parametrize("iterations", [1, 2, 5, 30])
def test_too_few_steps_are_said(iterations):
    x, y = gaussians(64, 8)
    given = build("divergences", {"name": "sinkhorn", "blur": 0.1, "iterations": iterations})
    loss = given.measured(x, y, {}, {}, {"blur": torch.tensor(0.1)})
    assert float(loss.parts["unconverged"]) == 1
    assert loss.parts.keys() == given.notes().keys()
    assert loss.total.isfinite()
    assert torch.equal(loss.total, given.penalty(x, y, {}, {}, {"blur": torch.tensor(0.1)}))


@pytest.mark.parametrize("node", [{}, {"iterations": None}, {"iterations": 30}, {"iterations": 5000}])
def test_enough_steps_are_not(node):
    given = build("divergences", {"name": "sinkhorn", **node})
    assert float(given.measured(*gaussians(64, 8), {}, {}, {"blur": torch.ones(())}).parts["unconverged"]) == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_gives_no_number_and_no_note(bad):
    x, y = gaussians(8, 2)
    x[3, 1] = bad
    value, unconverged = sinkhorn_divergence(x, y, torch.tensor(1.0, dtype=torch.float64))
    assert not value.isfinite()
    assert float(unconverged) == 0


def test_each_member_of_a_stack_has_as_many_steps_as_it_needs():
    x, y = torch.stack([gaussians(16, 3)[0], gaussians(16, 3, 1)[0]]), gaussians(16, 3)[1]
    blurs = torch.tensor([4.0, 0.05], dtype=torch.float64)

    def both(x, y, blur):
        measured = sinkhorn_divergence(x, y, blur.square(), 20)
        return *measured, grad(lambda x: sinkhorn_divergence(x, y, blur.square(), 20).value)(x)

    together = vmap(both, in_dims=(0, None, 0))(x, y, blurs)
    one_blur = vmap(both, in_dims=(0, None, None))(x, y, blurs[1])
    assert together[1].tolist() == [0, 1]
    for i in range(2):
        for stacked, alone in zip(together, both(x[i], y, blurs[i]), strict=True):
            torch.testing.assert_close(stacked[i], alone, rtol=1e-9, atol=1e-11)
        for stacked, alone in zip(one_blur, both(x[i], y, blurs[1]), strict=True):
            torch.testing.assert_close(stacked[i], alone, rtol=1e-9, atol=1e-11)


def test_a_blur_whose_square_is_nothing_gives_no_number():
    value, unconverged = sinkhorn_divergence(*gaussians(8, 2), torch.tensor(0.0, dtype=torch.float64))
    assert not value.isfinite()
    assert float(unconverged) == 0

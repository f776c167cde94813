"""The penalties on a critic's slope against closed forms, on critics whose slope is known."""

import pytest
import torch

from gensweep.component import build

W = torch.tensor([3.0, -4.0], dtype=torch.float64)  # slope 5


def affine(x):
    return (x @ W)[:, None]


def bowl(x):
    return x.square().sum(-1, keepdim=True) / 2  # slope ||x||


def penalty(node, real, fake, critic, mixing=None, **nets):
    constraint = build("constraints", node)
    knobs = {name: torch.tensor(value, dtype=torch.float64) for name, value in constraint.knobs().items()}
    noise = {} if mixing is None else {"mixing": torch.tensor(mixing, dtype=torch.float64)}
    state = {name: net.double() for name, net in constraint.state().items()}
    return constraint.penalty(real, fake, {"critic": critic, **state, **nets}, noise, knobs)


def points(*rows):
    return torch.tensor(rows, dtype=torch.float64)


REAL, FAKE = points([0.0, 0.0], [1.0, 1.0]), points([4.0, 0.0], [1.0, 1.0])


def test_the_two_sided_penalty_of_an_affine_critic():
    found = penalty({"name": "gradient_penalty", "weight": 2.5}, REAL, FAKE, affine, [0.1, 0.9])
    assert found.total.item() == pytest.approx(2.5 * (5 - 1) ** 2, rel=1e-7)
    assert found.parts["slope"].item() == pytest.approx(5)
    shallow = penalty("gradient_penalty", REAL, FAKE, lambda x: affine(x) / 10, [0.1, 0.9])
    assert shallow.total.item() == pytest.approx(10 * 0.5**2, rel=1e-6)


def test_the_one_sided_penalty_spares_shallow_critics():
    steep = penalty("lipschitz_penalty", REAL, FAKE, affine, [0.1, 0.9])
    assert steep.total.item() == pytest.approx(10 * (5 - 1) ** 2, rel=1e-7)
    assert penalty("lipschitz_penalty", REAL, FAKE, lambda x: affine(x) / 10, [0.1, 0.9]).total.item() == 0


def test_interpolates_lie_between_pairs_and_each_point_has_its_own_slope():
    """u x + (1 - u) y: the pairs give points (3, 0) and (1, 1), with slopes 3 and sqrt 2 of the bowl."""
    expected = ((3 - 1) ** 2 + (2**0.5 - 1) ** 2) / 2
    found = penalty({"name": "gradient_penalty", "weight": 1.0}, REAL, FAKE, bowl, [0.25, 0.7])
    assert found.total.item() == pytest.approx(expected, rel=1e-6)


def test_at_the_data_with_target_0_it_is_r1():
    real = points([3.0, 0.0], [0.0, 1.0])
    node = {"name": "gradient_penalty", "at": "data", "target": 0.0, "weight": 5.0}
    assert penalty(node, real, FAKE, bowl).total.item() == pytest.approx(10 / 2 * (9 + 1) / 2, rel=1e-6)


@pytest.mark.parametrize("name", ["gradient_penalty", "lipschitz_penalty"])
@pytest.mark.parametrize("weight", [0.5, 1.0, 10.0])
def test_the_best_slope_between_shifted_laws_is_biased_upwards(name, weight):
    """One law moved by delta: maximise a delta - weight (a - 1)^2, so that a = 1 + delta / (2 weight)."""
    delta = 0.7
    fake = torch.randn(64, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    a = torch.ones((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([a], lr=0.2 / weight)
    for _ in range(60):
        optimizer.zero_grad()
        term = penalty({"name": name, "weight": weight}, fake + delta, fake, lambda x: a * x, [0.5] * 64).total
        (-(a * delta) + term).backward()
        optimizer.step()
    assert a.item() == pytest.approx(1 + delta / (2 * weight), abs=1e-4)


def test_the_two_sided_penalty_has_a_mirror_optimum_and_the_one_sided_has_not():
    """From slope -1 the two-sided penalty stays near -1 + delta / (2 weight); the one-sided leaves it."""
    fake, ends = torch.zeros(4, 1, dtype=torch.float64), {}
    for name in ("gradient_penalty", "lipschitz_penalty"):
        a = torch.tensor(-1.0, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([a], lr=0.02)
        for _ in range(400):
            optimizer.zero_grad()
            (-a + penalty(name, fake + 1, fake, lambda x, a=a: a * x, [0.5] * 4).total).backward()
            optimizer.step()
        ends[name] = a.item()
    assert ends == pytest.approx({"gradient_penalty": -0.95, "lipschitz_penalty": 1.05}, abs=1e-3)


@pytest.mark.parametrize("name", ["gradient_penalty", "lipschitz_penalty"])
def test_a_flat_critic_has_a_finite_gradient(name):
    a = torch.zeros((), dtype=torch.float64, requires_grad=True)
    penalty(name, REAL, FAKE, lambda x: a * affine(x), [0.5, 0.5]).total.backward()
    assert a.grad.isfinite()


@pytest.mark.parametrize(("name", "omega"), [("sobolev", (9 + 1 + 16 + 4) / 4), ("fisher", (81 + 1 + 256 + 16) / 16)])
def test_omega_is_the_mean_of_both_laws_in_equal_parts(name, omega):
    real, fake = points([3.0, 0.0], [0.0, 1.0]), points([4.0, 0.0], [0.0, 2.0])
    found = penalty({"name": name, "rho": 0.5}, real, fake, bowl)
    assert found.parts["omega"].item() == pytest.approx(omega)
    assert found.total.item() == pytest.approx(0.25 * (omega - 1) ** 2)
    assert found.parts["multiplier"].item() == 0


def test_omega_at_interpolates():
    found = penalty({"name": "sobolev", "measure": "interpolates"}, REAL, FAKE, bowl, [0.25, 0.7])
    assert found.parts["omega"].item() == pytest.approx((9 + 2) / 2)


@pytest.mark.parametrize("name", ["sobolev", "fisher"])
def test_the_multiplier_adds_its_share_and_climbs_while_omega_is_above_1(name):
    real = points([3.0, 0.0])
    node = {"name": name, "rho": 0.5}
    multiplier = lambda: torch.tensor(2.0, dtype=torch.float64)  # noqa: E731
    found = penalty(node, real, real, bowl, multiplier=multiplier)
    excess = (9 if name == "sobolev" else 81 / 4) - 1
    assert found.total.item() == pytest.approx(2 * excess + 0.25 * excess**2)
    weights = {"critic.a": torch.ones(2), "multiplier.value": torch.tensor(2.0)}
    after = build("constraints", node).after_move(weights, found.parts, {"rho": torch.tensor(0.5)})
    assert after["multiplier.value"].item() == pytest.approx(2 + 0.5 * excess)
    assert after["critic.a"] is weights["critic.a"]

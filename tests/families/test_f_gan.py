"""The losses of f-GAN: from samples as written, and by quadrature at the optimal critic."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from gensweep.component import build
from gensweep.errors import Diverged
from gensweep.families import f_gan
from gensweep.families.base import Family, Setting
from gensweep.mathematics.f_divergences import F_DIVERGENCES, alpha_divergence
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.loop import Trainee, train

X = np.linspace(-14, 15, 200_001)
P = stats.norm(0, 1)


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_the_losses_are_minus_the_bound_and_its_two_parts(name: str) -> None:
    divergence = F_DIVERGENCES[name]
    real, fake = torch.tensor([[0.3], [-1.0], [0.2]]), torch.tensor([[0.7], [1.5], [-2.0]])
    t, conjugate = divergence.activation(real), divergence.conjugate(divergence.activation(fake))
    loss = f_gan.critic_loss(divergence, real, fake)
    assert loss.parts["bound"].item() == pytest.approx((t.mean() - conjugate.mean()).item(), rel=1e-5)
    assert loss.total.item() == -loss.parts["bound"].item()
    assert f_gan.descend(divergence, fake).item() == pytest.approx(-conjugate.mean().item(), rel=1e-5)
    assert f_gan.ascend(divergence, fake).item() == pytest.approx(-divergence.activation(fake).mean().item(), rel=1e-6)


@pytest.mark.parametrize(("name", "v"), [
    ("kl", lambda r: 1 + r), ("reverse_kl", lambda r: r), ("squared_hellinger", lambda r: r / 2),
    ("twice_jensen_shannon", lambda r: r), ("pearson", lambda r: 2 * (r.exp() - 1)), ("neyman", lambda r: 2 * r),
])  # fmt: skip
def test_the_descending_generator_follows_the_gradient_of_the_divergence(name: str, v: object) -> None:
    """d/dm of -E_{Q_m} f*(T*) with T* = f'(p/q) held fixed, against d/dm of D_f(P || N(m, 1)) at m = 1."""
    divergence = F_DIVERGENCES[name]

    def value(m: float) -> float:
        q = stats.norm(m, 1)
        u = torch.tensor(np.exp(P.logpdf(X) - q.logpdf(X)))
        return float(integrate.trapezoid(divergence.f(u).numpy() * q.pdf(X), X))

    outputs = v(torch.tensor(P.logpdf(X) - stats.norm(1, 1).logpdf(X)))  # type: ignore[operator]
    score = torch.tensor(X - 1.0)  # d log q_m / dm at m = 1
    weighted = -divergence.composite(outputs) * score
    gradient = float(integrate.trapezoid(weighted.numpy() * stats.norm(1, 1).pdf(X), X))
    assert gradient == pytest.approx((value(1.001) - value(0.999)) / 0.002, abs=2e-4)


# -E_Q g(V*) = -E_Q f'(p/q), held fixed, has the gradient of these integrals of p and q; c is their factor.
ASCENDS = {
    "kl": (lambda r: 1 + r, lambda p, q: q * np.log(q / p), 1),  # KL(Q || P)
    "reverse_kl": (lambda r: r, lambda p, q: q**2 / p, 1 / 2),
    "gan": (lambda r: r, lambda p, q: (p + q) * np.log((p + q) / 2 / p), 1),  # 2 KL((P + Q)/2 || P)
    "twice_jensen_shannon": (lambda r: r, lambda p, q: (p + q) * np.log((p + q) / 2 / p), 1),
    "squared_hellinger": (lambda r: r / 2, lambda p, q: q**1.5 * p**-0.5, 2 / 3),
    "pearson": (lambda r: 2 * (r.exp() - 1), lambda p, q: p * np.log(p / q), 2),  # 2 KL(P || Q)
    "neyman": (lambda r: 2 * r, lambda p, q: q**3 / p**2, 1 / 3),
}


@pytest.mark.parametrize("name", ASCENDS)
def test_the_ascending_generator_follows_a_gradient_of_its_own(name: str) -> None:
    """d/dm and d/ds of -E_Q g(V*) for Q = N(m, s^2) at (0.6, 1.1), with the optimal critic against N(0, 1) held fixed."""
    v, integrand, factor = ASCENDS[name]
    x = np.linspace(-9, 10, 100_001)  # beyond which p^2 leaves the floats
    p, q = stats.norm(0, 1).pdf(x), stats.norm(0.6, 1.1)

    def value(m: float, s: float) -> float:
        return factor * float(integrate.trapezoid(integrand(p, stats.norm(m, s).pdf(x)), x))

    outputs = v(torch.tensor(stats.norm(0, 1).logpdf(x) - q.logpdf(x)))
    z = (x - 0.6) / 1.1
    losses = -F_DIVERGENCES[name].activation(outputs).numpy()
    for score, steps in ((z / 1.1, (1e-4, 0.0)), ((z**2 - 1) / 1.1, (0.0, 1e-4))):
        gradient = float(integrate.trapezoid(losses * score * q.pdf(x), x))
        ahead, behind = (value(0.6 + sign * steps[0], 1.1 + sign * steps[1]) for sign in (1, -1))
        assert gradient == pytest.approx((ahead - behind) / 2e-4, rel=1e-5, abs=1e-6)


def test_alpha_at_two_and_a_half_are_pearson_and_hellinger_up_to_a_factor() -> None:
    u = torch.logspace(-2, 2, 50, dtype=torch.float64)
    torch.testing.assert_close(2 * alpha_divergence(2.0).f(u), F_DIVERGENCES["pearson"].f(u))
    torch.testing.assert_close(alpha_divergence(0.5).f(u), 2 * F_DIVERGENCES["squared_hellinger"].f(u))


def test_an_exploding_chi_squared_diverges_with_the_reason() -> None:
    """Neyman's is infinite where the variance of the model is more than twice that of the data: here four times."""
    family = cast(Family, build("families", {"name": "f_gan", "f": "neyman", "critic_moves": 3}))
    network = cast(Network, build("networks", {"name": "affine", "spread": 4.0}))
    torch.manual_seed(0)
    game = family.game(Setting((1,), None, 1, 256, network))
    optimizer = cast(Optimizer, build("optimizers", {"name": "adam", "lr": 1e-3, "betas": (0.5, 0.999)}))
    data = torch.randn(5120, 1, generator=torch.Generator().manual_seed(1))
    with pytest.raises(
        Diverged, match=r"critic\.bound became .*: the critic of neyman has exploded.*start the generator"
    ):
        list(train(Trainee(game, optimizer, family.knobs(), torch.device("cpu")), data, 30, 256, seed=0))

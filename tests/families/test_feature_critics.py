"""MMD GAN and Cramer GAN: losses against closed forms and by hand, witnesses against the losses that they explain."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from gensweep.component import build
from gensweep.families import cramer_gan, mmd_gan
from gensweep.families.base import Setting
from gensweep.networks.base import Network

ONE = torch.ones((), dtype=torch.float64)
KERNELS = {
    "rbf": lambda d: sum(np.exp(-(d**2) / (2 * s**2)) for s in (1, 2, 4, 8, 16)),
    "gaussian": lambda d: np.exp(-(d**2) / 2),
    "energy": lambda d: -np.abs(d),
    "rational_quadratic": lambda d: sum((1 + d**2 / (2 * a)) ** -a for a in (0.1, 1, 10)),
}


def gaussians(n: int, shift: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = torch.randn(2, n, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x, y + shift


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("bandwidth", [1.0, 0.5])
def test_each_kernels_discrepancy_is_the_integral_of_its_formula(kernel: str, bandwidth: float) -> None:
    """E k over differences, which are N(0, 2) within and N(1, 2) across; 1,500 points err by some 5 %."""
    d = np.linspace(-15, 16, 40_001)
    means = [
        float(integrate.trapezoid(KERNELS[kernel](d / bandwidth) * stats.norm(m, 2**0.5).pdf(d), d)) for m in (0, 1)
    ]
    found = mmd_gan.mmd_squared(kernel, *gaussians(1500, 1.0), ONE * bandwidth)
    assert found.item() == pytest.approx(2 * means[0] - 2 * means[1], rel=0.2)


def test_the_gaussian_kernel_of_length_1_has_its_known_value() -> None:
    # 0.177268 in closed form; over ten draws of 1,000 points the mean errs by less than 0.01
    values = [mmd_gan.mmd_squared("gaussian", *gaussians(1000, 1.0, seed), ONE).item() for seed in range(10)]
    assert np.mean(values) == pytest.approx(0.177268, abs=0.012)


def test_the_linear_kernel_adds_the_squared_distance_of_the_means_without_bias() -> None:
    x, y = gaussians(50, 0.5)
    with_it, without = (mmd_gan.mmd_squared(f"rational_quadratic{s}", x, y, ONE * 2.0) for s in ("_linear", ""))
    within = [(z.sum() ** 2 - z.square().sum()) / (50 * 49) for z in (x, y)]
    expected = (within[0] + within[1] - 2 * x.mean() * y.mean()) / 4
    assert (with_it - without).item() == pytest.approx(expected.item(), abs=1e-10)


@pytest.mark.parametrize("kernel", [*KERNELS, "rational_quadratic_linear"])
def test_the_mmd_witness_rises_from_samples_to_data_by_the_discrepancy(kernel: str) -> None:
    """E_P f - E_Q f of f = E_P k - E_Q k is MMD^2, here the biased one, over the same points."""
    x, y = gaussians(40, 1.0)
    family = build("families", {"name": "mmd_gan", "kernel": kernel})
    f = family._witness(lambda z: z, x, y, {"bandwidth": ONE})  # type: ignore[attr-defined]
    k = mmd_gan.kernel_of(kernel, ONE)
    biased = k(torch.cdist(x, x) ** 2).mean() + k(torch.cdist(y, y) ** 2).mean() - 2 * k(torch.cdist(x, y) ** 2).mean()
    assert f(x).shape == (40, 1)
    assert (f(x).mean() - f(y).mean()).item() == pytest.approx(biased.item(), abs=1e-9)


def test_the_critic_ascends_the_discrepancy_that_the_generator_descends_and_neither_has_a_factor() -> None:
    """A factor on the critic's side would be a weight of the penalty that no configuration shows."""
    x, y = gaussians(40, 1.0)
    family, knobs = cast(mmd_gan.MMDGAN, build("families", {"name": "mmd_gan", "kernel": "rbf"})), {"bandwidth": ONE}
    squared = mmd_gan.mmd_squared("rbf", x, y, ONE).item()
    assert family._critic_loss(lambda z: z, x, y, knobs).total.item() == pytest.approx(-squared, abs=1e-12)
    assert family._generator_loss(lambda z: z, x, y, knobs).item() == pytest.approx(squared, abs=1e-12)


def test_the_losses_of_the_cramer_gan_by_hand() -> None:
    real, fake = torch.tensor([[0.0], [4.0]]), torch.tensor([[1.0], [3.0]])
    # across: 1, 3, 3, 1; within the data 4, within the samples 2; mean lengths 2 and 2
    gap = 2 - 2 - (2 - 2)
    assert cramer_gan.critic_loss(real, fake).parts["critic_gap"].item() == pytest.approx(gap, abs=1e-5)
    assert cramer_gan.critic_loss(real, 2 * fake).total.item() == pytest.approx(-(3 - 2 - (4 - 4)), abs=1e-5)
    assert cramer_gan.energy_distance(fake, real).item() == pytest.approx(2 * 2 - 4 - 2, abs=1e-5)


def test_the_cramer_witness_is_the_function_whose_gap_the_critic_ascends() -> None:
    x, y = gaussians(30, 2.0)
    f = cramer_gan.witness(lambda z: z, x, y, {})
    found = cramer_gan.critic_loss(x, y).parts["critic_gap"].item()
    # the witness at a sample counts the sample itself, at distance 0: n - 1 of n pairs
    within = (f(y) + y.abs()).mean() * 30 / 29
    assert found == pytest.approx((f(x).mean() - within + y.abs().mean()).item(), abs=1e-6)


def test_features_equal_to_the_data_make_the_gap_the_energy_distance() -> None:
    """The gap from P to Q and the gap from Q to P add up to E; a wrong sign of any term would show."""
    x, y = gaussians(60, 1.0)
    there, back = cramer_gan.critic_loss(x, y).parts["critic_gap"], cramer_gan.critic_loss(y, x).parts["critic_gap"]
    assert (there + back).item() == pytest.approx(cramer_gan.energy_distance(y, x).item(), abs=1e-9)


def test_on_the_data_there_is_one_player_and_it_fits_a_gaussian() -> None:
    network = cast(Network, build("networks", "affine"))
    torch.manual_seed(0)
    game = build("families", {"name": "mmd_gan", "space": "data", "kernel": "rbf"}).game(  # type: ignore[attr-defined]
        Setting((1,), None, 1, 256, network)
    )
    (player,) = game.players
    generator = torch.Generator().manual_seed(0)
    parameters = list(game.networks["generator"].parameters())
    optimizer = torch.optim.Adam(parameters, lr=0.03)
    for _ in range(400):
        noise = {"latent": torch.randn(256, 1, generator=generator)}
        optimizer.zero_grad()
        player.loss(
            game.networks, 2 + 0.5 * torch.randn(256, 1, generator=generator), noise, {"bandwidth": torch.ones(())}
        ).total.backward()
        optimizer.step()
    slope, intercept = (p.detach().item() for p in parameters)
    assert intercept == pytest.approx(2.0, abs=0.1)  # batches of 256 leave a standard error of 0.03
    assert abs(slope) == pytest.approx(0.5, abs=0.1)

import pytest
import torch

from gensweep.component import build
from gensweep.constraints.spectral_norm import largest_singular_value


def project(weights, bound=1.0, iterations=100):
    constraint = build("constraints", {"name": "spectral_norm", "iterations": iterations})
    return constraint.after_move(weights, {}, {"bound": torch.tensor(bound, dtype=torch.float64)})


@pytest.mark.parametrize("shape", [(1, 30), (40, 1), (20, 30), (64, 16)])
def test_every_matrix_gets_the_bound_as_its_norm_and_keeps_its_direction(shape):
    w = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    after = project({"w": w, "bias": w[0]}, bound=2.0)
    # 100 steps on Gaussian matrices of this size: below 0.4 % (see the class)
    assert torch.linalg.matrix_norm(after["w"], ord=2).item() == pytest.approx(2.0, rel=4e-3)
    assert torch.linalg.matrix_norm(after["w"], ord=2) > 2.0 - 1e-12  # sigma is estimated from below
    torch.testing.assert_close(after["w"] / after["w"][0, 0], w / w[0, 0])
    assert after["bias"] is w[0] or torch.equal(after["bias"], w[0])


def test_a_convolution_is_a_matrix_of_its_output_channels():
    w = torch.randn(8, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    after = project({"w": w})["w"]
    assert after.shape == w.shape
    assert torch.linalg.matrix_norm(after.flatten(1), ord=2).item() == pytest.approx(1, rel=4e-3)


def test_the_estimate_is_exact_where_the_leading_value_stands_out():
    w = torch.diag(torch.tensor([0.5, 3.0, 1.0], dtype=torch.float64))
    assert largest_singular_value(w, 30).item() == pytest.approx(3.0, rel=1e-12)


def test_a_zero_matrix_stays_zero():
    assert torch.equal(project({"w": torch.zeros(3, 2)}, bound=1.0)["w"].float(), torch.zeros(3, 2))


def trained_gaps(norm, moves):
    """The gap before, half way and after so many moves of a critic in the plane, between a sample and itself moved by 5."""
    torch.manual_seed(0)
    critic = build("networks", {"name": "mlp", "hidden": [16, 16], "norm": norm}).encoder((2,), 1).double()
    adam = torch.optim.Adam(critic.parameters(), lr=0.02)
    fake = torch.randn(200, 2, dtype=torch.float64)
    real, gaps = fake + torch.tensor([3.0, 4.0]), []
    for _ in range(moves):
        gap = critic(real).mean() - critic(fake).mean()
        gaps.append(gap.item())
        adam.zero_grad()
        (-gap).backward()
        adam.step()
        critic.load_state_dict(project({name: p.detach() for name, p in critic.named_parameters()}, iterations=30))
    return gaps[0], gaps[moves // 2], gaps[-1]


def test_a_trained_critic_reaches_the_distance_and_stays_below_it():
    """W_1 is 5, and each of three matrices has a norm of at most 1.016: see the class."""
    start, half, end = trained_gaps("none", 160)
    assert start < 2
    assert 4 < half < end < 5 * 1.016**3


def test_layers_that_normalise_undo_it():
    """The reason why `Family.critic_misfit` refuses them."""
    _, half, end = trained_gaps("layer", 160)
    assert end > 1.3 * half > 5 * 2


def test_a_projected_perceptron_is_1_lipschitz():
    torch.manual_seed(0)
    critic = build("networks", {"name": "mlp", "hidden": [32, 32]}).encoder((5,), 1).double()
    with torch.no_grad():
        for p in critic.parameters():
            p.mul_(3)
    weights = project({name: p.detach() for name, p in critic.named_parameters()})
    x, y = 3 * torch.randn(2, 4000, 5, dtype=torch.float64)
    with torch.no_grad():
        before = (critic(x) - critic(y)).abs().squeeze(1) / (x - y).norm(dim=1)
        critic.load_state_dict(weights)
        after = (critic(x) - critic(y)).abs().squeeze(1) / (x - y).norm(dim=1)
    assert before.max() > 1.2
    assert after.max() <= 1 + 3 * 4e-3


def test_between_laws_of_two_widths_the_gap_is_a_part_of_the_distance_and_it_says_so():
    """W_1 of N(0, 4) and N(0, 1) is E|x| = 0.798, by the critic |x|."""
    x = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(501, dtype=torch.float64) + 0.5) / 501)[:, None]
    torch.manual_seed(0)
    critic = build("networks", {"name": "mlp", "hidden": [32, 32], "activation": "relu"}).encoder((1,), 1).double()
    adam = torch.optim.Adam(critic.parameters(), lr=5e-3, betas=(0.5, 0.9))
    for _ in range(200):
        gap = critic(2 * x).mean() - critic(x).mean()
        adam.zero_grad()
        (-gap).backward()
        adam.step()
        critic.load_state_dict(project({name: p.detach() for name, p in critic.named_parameters()}, iterations=30))
    assert 0.2 < gap.item() < 0.5
    objective = build("constraints", "spectral_norm").population_objective()
    assert "a part of the distance" in objective.bias

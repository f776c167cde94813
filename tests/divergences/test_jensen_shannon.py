import math

import pytest
import torch

from gensweep.component import build


def quantiles(shift, n=20_001):
    """Points of N(shift, 1) whose means are integrals up to 1e-4 for the functions here."""
    return torch.distributions.Normal(shift, 1.0).icdf((torch.arange(n, dtype=torch.float64) + 0.5) / n)[:, None]


def optimal(z):
    """log p_y(z) / p_x(z) for x ~ N(1, 1) and y ~ N(0, 1)."""
    return 0.5 - z


def loss_of(critic, x, y):
    return float(build("divergences", "jensen_shannon").critic_loss(x, y, {"latent_critic": critic}, {}, {}).total)


def test_the_optimal_critic_gives_the_jensen_shannon_divergence():
    loss = loss_of(optimal, quantiles(1.0), quantiles(0.0))
    assert (math.log(4) - loss) / 2 == pytest.approx(0.111421, abs=1e-4)


@pytest.mark.parametrize("scale", [-1.0, 0.0, 0.5, 2.0])
def test_any_other_critic_gives_less(scale):
    loss = loss_of(lambda z: scale * optimal(z), quantiles(1.0), quantiles(0.0))
    assert (math.log(4) - loss) / 2 < 0.111
    if scale == 0:
        assert loss == pytest.approx(math.log(4))


def test_the_two_losses_of_the_model():
    s = torch.tensor([[-3.0], [0.0], [2.0]], dtype=torch.float64)
    values = {}
    for loss in ("non_saturating", "minimax"):
        member = build("divergences", {"name": "jensen_shannon", "loss": loss})
        values[loss] = float(member.penalty(s, s, {"latent_critic": lambda z: z}, {}, {}))
    probability = torch.sigmoid(s)
    assert values["non_saturating"] == pytest.approx(float(-probability.log().mean()))
    assert values["minimax"] == pytest.approx(float((1 - probability).log().mean()))


def test_the_critic_is_the_network_that_the_fields_describe():
    member = build("divergences", {"name": "jensen_shannon", "hidden": [7, 5], "lr_ratio": 0.25})
    critic = member.critics(3)["latent_critic"]
    assert [tuple(p.shape) for p in critic.parameters() if p.ndim == 2] == [(7, 3), (5, 7), (1, 5)]
    assert member.critic_lr_ratio == 0.25

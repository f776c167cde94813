"""Losses against closed forms, on the 1-D Gaussians of which every divergence is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from gensweep.families.gan import discriminator_loss, minimax, non_saturating
from gensweep.families.vae import gaussian_nll, kl_to_standard_normal
from gensweep.families.wgan import critic_loss, generator_loss

P, Q = stats.norm(0, 1), stats.norm(1, 1)
X = np.linspace(-12, 13, 200_001)


def expectation(values: torch.Tensor, law: stats.rv_continuous) -> float:
    return float(integrate.trapezoid(values.numpy() * law.pdf(X), X))


def optimal_logit() -> torch.Tensor:
    return torch.tensor(P.logpdf(X) - Q.logpdf(X))


def test_the_discriminators_loss_at_its_optimum_is_log_4_minus_twice_jensen_shannon() -> None:
    s = optimal_logit()
    softplus = torch.nn.functional.softplus
    loss = expectation(softplus(-s), P) + expectation(softplus(s), Q)
    assert loss == pytest.approx(1.163451, abs=1e-6)
    assert (math.log(4) - loss) / 2 == pytest.approx(0.111421, abs=1e-6)
    real, fake = torch.tensor([[0.3], [-1.0]]), torch.tensor([[0.7], [2.0]])
    found = discriminator_loss(real, fake)
    assert found.total.item() == pytest.approx(float(softplus(-real).mean() + softplus(fake).mean()))
    assert found.parts["jensen_shannon"].item() == pytest.approx((math.log(4) - found.total.item()) / 2)


def test_the_generator_losses_are_the_ones_their_names_say() -> None:
    logits = torch.tensor([[0.3], [-1.2]])
    d = torch.sigmoid(logits)
    assert minimax(logits).item() == pytest.approx(float(torch.log(1 - d).mean()), rel=1e-6)
    assert non_saturating(logits).item() == pytest.approx(float(-torch.log(d).mean()), rel=1e-6)


def test_the_non_saturating_gradient_is_that_of_reverse_kl_minus_twice_jensen_shannon() -> None:
    """d/dm of E_{Q_m}[-log D*] with D* held fixed, against d/dm of KL(q||p) - 2 JSD = 2 KL((p+q)/2 || p)."""
    s = optimal_logit()

    def objective(m: float) -> float:
        q, p = stats.norm(m, 1).pdf(X), P.pdf(X)
        mixture = (p + q) / 2
        return 2 * float(integrate.trapezoid(mixture * (np.log(mixture) - P.logpdf(X)), X))

    numeric = (objective(1.001) - objective(0.999)) / 0.002
    score = torch.tensor(X - 1.0)  # d log q_m / dm at m = 1
    estimate = expectation(torch.nn.functional.softplus(-s) * score, Q)
    assert estimate == pytest.approx(numeric, abs=1e-5)


def test_the_critics_sign_is_data_minus_samples() -> None:
    real, fake = torch.tensor([[2.0], [4.0]]), torch.tensor([[1.0], [0.0]])
    assert critic_loss(real, fake).total.item() == -2.5
    assert critic_loss(real, fake).parts["critic_gap"].item() == 2.5
    assert generator_loss(fake).item() == -0.5


def test_the_kl_term_is_that_of_torch_distributions() -> None:
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (0.5 * log_variance).exp()), torch.distributions.Normal(0.0, 1.0)
    ).sum(-1)
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), expected, rtol=1e-5, atol=1e-6)


def test_the_gaussian_likelihood_is_that_of_scipy_with_its_constant() -> None:
    x, mean = torch.randn(4, 1, 2, 3, dtype=torch.float64), torch.randn(4, 1, 2, 3, dtype=torch.float64)
    expected = -stats.norm(mean.numpy(), math.sqrt(0.3)).logpdf(x.numpy()).reshape(4, -1).sum(-1)
    found = gaussian_nll(x, mean, torch.tensor(math.log(0.3), dtype=torch.float64))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)

"""Losses against closed forms, on the 1-D Gaussians of which every divergence is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from gensweep.families._evidence import gaussian_nll, kl_to_standard_normal
from gensweep.families.gan import FORMS, discriminator_loss, minimax, non_saturating
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
    real, fake = torch.tensor([[0.3], [1.0]]), torch.tensor([[-0.7], [-2.0]])
    found = discriminator_loss(real, fake)
    assert found.total.item() == pytest.approx(float(softplus(-real).mean() + softplus(fake).mean()))
    assert found.parts["jensen_shannon"].item() == pytest.approx((math.log(4) - found.total.item()) / 2)


def test_a_discriminator_that_is_worse_than_chance_shows_no_divergence_and_keeps_its_loss() -> None:
    real = torch.tensor([[-2.0], [-3.0]], requires_grad=True)
    found = discriminator_loss(real, -real.detach())
    assert found.parts["jensen_shannon"].item() == 0
    assert found.total.item() == pytest.approx(float(2 * torch.nn.functional.softplus(-real.detach()).mean()))
    found.total.backward()
    assert real.grad is not None
    assert (real.grad < 0).all()


FORM_VALUES = {
    # N(0, 1) against N(1, 1), at D* = argmax of phi(D) p + phi(1 - D) q, in the critic's own output s
    "log": (-1.163451, lambda r: r),
    "linear": (1.382925, lambda r: 1e3 * r),  # D* = 1[p > q] needs an infinite s
    "sqrt": (1.546469, lambda r: 2 * r),
    "least_squares": (-0.397973, torch.sigmoid),
}


@pytest.mark.parametrize("form", FORM_VALUES)
def test_the_value_of_each_form_at_its_optimum_is_the_known_divergence(form: str) -> None:
    known, optimum = FORM_VALUES[form]
    s = optimum(optimal_logit())
    real, fake = FORMS[form][:2]
    at = {shift: expectation(real(s + shift), P) + expectation(fake(s + shift), Q) for shift in (-0.1, 0.0, 0.1)}
    assert at[0.0] == pytest.approx(known, abs=2e-6)
    assert max(at, key=at.__getitem__) == 0.0 or form == "linear"
    assert at[0.0] > at[0.1] - 1e-4


@pytest.mark.parametrize("form", FORM_VALUES)
def test_the_losses_of_a_form_are_its_scores(form: str) -> None:
    real, fake = torch.tensor([[0.3], [-1.0]]), torch.tensor([[0.7], [2.0]])
    phi = {"log": torch.log, "linear": lambda d: d, "sqrt": torch.sqrt, "least_squares": lambda d: -((1 - d) ** 2)}[
        form
    ]
    d = (lambda s: s) if form == "least_squares" else torch.sigmoid
    value = phi(d(real)).mean() + phi(1 - d(fake)).mean()
    loss = discriminator_loss(real, fake, form)  # type: ignore[arg-type]
    assert loss.total.item() == pytest.approx(-value.item(), rel=1e-6)
    assert loss.parts["value"].item() == pytest.approx(value.item(), rel=1e-6)
    assert ("jensen_shannon" in loss.parts) == (form == "log")
    assert minimax(fake, form).item() == pytest.approx(phi(1 - d(fake)).mean().item(), rel=1e-6)  # type: ignore[arg-type]
    assert non_saturating(fake, form).item() == pytest.approx(-phi(d(fake)).mean().item(), rel=1e-6)  # type: ignore[arg-type]


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

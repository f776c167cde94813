"""Auto-encoders on Gaussian data, where the likelihood and the optimum are known."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
import torch

from gensweep.component import build
from gensweep.families.base import Family, Game, Setting
from gensweep.lr_schedules.cosine import Cosine
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.loop import Trainee, train
from gensweep.trainers.streams import draw
from gensweep.trainers.technique import Technique

EIGENVALUES = torch.tensor([4.0, 2.0, 1.0, 0.5])
LINEAR = {"name": "affine", "hidden": [], "spread": 1.0}


def exact_data(n: int = 500) -> torch.Tensor:
    """n items whose mean is 0 and whose covariance is diag(EIGENVALUES), both to rounding."""
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = x - x.mean(0)
    factor = torch.linalg.cholesky(x.T @ x / n)
    return (torch.linalg.solve_triangular(factor, x.T, upper=False).T * EIGENVALUES.sqrt()).float()


def trained(node: Any, data: torch.Tensor, epochs: int, lr: float = 0.03) -> Game:
    family = cast(Family, build("families", node))
    torch.manual_seed(0)
    setting = Setting(tuple(data.shape[1:]), None, 2, len(data), cast(Network, build("networks", LINEAR)))
    game = family.game(setting)
    optimizer = cast(Optimizer, build("optimizers", {"name": "adam", "lr": lr}))
    technique = Technique(rate=Cosine().factor)
    trainee = Trainee(game, optimizer, family.knobs(), torch.device("cpu"), technique)
    for _ in train(trainee, data, epochs, len(data), seed=0):
        pass
    return game


def decoder_of(game: Game) -> tuple[torch.Tensor, torch.Tensor]:
    """A [d, k] and b [d] of the affine decoder."""
    with torch.no_grad():
        b = game.networks["decoder"](torch.zeros(1, 2))[0]
        return (game.networks["decoder"](torch.eye(2)) - b).T, b


def expected_log_likelihood(game: Game, data: torch.Tensor, variance: float) -> float:
    a, b = decoder_of(game)
    model = torch.distributions.MultivariateNormal(b, a @ a.T + variance * torch.eye(4))
    return float(model.log_prob(data).mean())


def likelihood(game: Game, x: torch.Tensor) -> torch.Tensor:
    assert game.likelihood is not None
    noise = {name: draw(wanted, 7, len(x)) for name, wanted in game.likelihood.noise.items()}
    with torch.no_grad():
        return game.likelihood.evaluate(game.networks, x, noise)


def test_an_affine_autoencoder_is_principal_component_analysis() -> None:
    """The best reconstruction from two codes leaves out the two smallest variances: 1 + 0.5."""
    data = exact_data()
    game = trained("autoencoder", data, 400)
    assert game.reconstruct is not None
    with torch.no_grad():
        error = (data - game.reconstruct(game.networks, data)).square().sum(1).mean()
    assert float(error) == pytest.approx(1.5, abs=2e-3)


def test_the_loss_of_an_autoencoder_is_the_squared_error_summed_over_an_item() -> None:
    game = trained("autoencoder", exact_data(), 1)
    assert game.reconstruct is not None
    x = torch.randn(7, 4)
    expected = (x - game.reconstruct(game.networks, x)).square().sum(1).mean()
    torch.testing.assert_close(game.players[0].loss(game.networks, x, {}, {}).total, expected)


@pytest.mark.parametrize("family", ["vae", {"name": "iwae", "particles": 5}], ids=["vae", "iwae"])
@pytest.mark.parametrize(
    ("likelihood_name", "optimum"), [("gaussian", -7.32918), ("learned_gaussian", -6.42779)], ids=["fixed", "learned"]
)
def test_a_linear_vae_reaches_the_likelihood_of_probabilistic_pca(
    family: Any, likelihood_name: str, optimum: float
) -> None:
    """Variances 4, 2, 1, 0.5 and two codes: E log p at the optimum, with variance 0.25 fixed and with the best, 0.75."""
    data = exact_data()
    node = {
        **({"name": family} if isinstance(family, str) else family),
        "variance": 0.25,
        "likelihood": likelihood_name,
    }
    game = trained(node, data, 2000)
    variance = 0.25
    if likelihood_name == "learned_gaussian":
        variance = math.exp(float(game.networks["log_variance"]().detach()))
        assert variance == pytest.approx(0.75, abs=0.02)
    # bound: the loss is estimated from one draw an item, and its noise leaves the optimum by a few 1e-3
    assert expected_log_likelihood(game, data, variance) == pytest.approx(optimum, abs=5e-3)
    assert float(likelihood(game, data).mean()) == pytest.approx(optimum, abs=0.01)


def with_exact_posterior(node: Any, n: int) -> tuple[Game, torch.Tensor, torch.Tensor]:
    """A linear Gaussian model whose encoder is its posterior: the game, data and their log p(x)."""
    family = cast(Family, build("families", node))
    torch.manual_seed(3)
    game = family.game(Setting((4,), None, 2, n, cast(Network, build("networks", LINEAR))))
    for network in game.networks.values():
        network.double()
    a, b, variance = torch.randn(4, 2).double(), torch.randn(4).double(), 0.3
    precision = torch.eye(2).double() + a.T @ a / variance
    assert torch.linalg.matrix_rank(precision) == 2
    # only a diagonal posterior can be expressed: turn the latent space onto its axes, which changes no p(x)
    _, axes = torch.linalg.eigh(a.T @ a)
    a = a @ axes
    precision = 1 + (a.T @ a).diagonal() / variance
    gain = a.T / variance / precision[:, None]
    with torch.no_grad():
        decoder, encoder = game.networks["decoder"].linear, game.networks["encoder"].linear
        decoder.weight.copy_(a)
        decoder.bias.copy_(b)
        encoder.weight.copy_(torch.cat([gain, torch.zeros(2, 4)]))
        encoder.bias.copy_(torch.cat([-gain @ b, -precision.log()]))
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(4), dtype=torch.float64) * 2
    log_p = torch.distributions.MultivariateNormal(b, a @ a.T + variance * torch.eye(4).double()).log_prob(x)
    return game, x, log_p


@pytest.mark.parametrize(
    "node",
    [{"name": "vae"}, {"name": "iwae", "particles": 1}, {"name": "iwae", "particles": 7}, {"name": "iwae"}],
    ids=lambda node: "-".join(map(str, node.values())),
)
def test_with_the_exact_posterior_every_bound_is_the_likelihood(node: dict[str, Any]) -> None:
    node = {**node, "likelihood": "gaussian", "variance": 0.3}
    game, x, log_p = with_exact_posterior(node, 5)
    torch.testing.assert_close(likelihood(game, x), log_p, rtol=1e-6, atol=1e-6)
    player = game.players[0]
    noise = {name: draw(wanted, 5).double() for name, wanted in player.noise.items()}
    knobs = {name: torch.tensor(v, dtype=torch.float64) for name, v in build("families", node).knobs().items()}
    loss = player.loss(game.networks, x, noise, knobs).total
    if node["name"] == "vae":  # one draw of the reconstruction: equal in expectation, exact for the importance weights
        mean, log_variance = game.networks["encoder"](x).chunk(2, dim=-1)
        z = mean + (0.5 * log_variance).exp() * noise["posterior"]
        density = torch.distributions.Normal
        weight = (density(0.0, 1.0).log_prob(z) - density(mean, (0.5 * log_variance).exp()).log_prob(z)).sum(-1)
        joint = weight + density(game.networks["decoder"](z), math.sqrt(0.3)).log_prob(x).sum(-1)
        torch.testing.assert_close(joint, log_p, rtol=1e-9, atol=1e-9)
    else:
        torch.testing.assert_close(-loss, log_p.mean(), rtol=1e-9, atol=1e-9)


def test_the_bound_rises_with_the_number_of_particles() -> None:
    """With a posterior that is too wide, E log (1/K) sum w rises towards log p(x)."""
    bounds = []
    for particles in (1, 4, 64):
        node = {"name": "iwae", "particles": particles, "likelihood": "gaussian", "variance": 0.3}
        game, x, log_p = with_exact_posterior(node, 2000)
        with torch.no_grad():
            game.networks["encoder"].linear.bias[2:] += 1.0
            noise = {name: draw(wanted, 5).double() for name, wanted in game.players[0].noise.items()}
            knobs = {"variance": torch.tensor(0.3).double()}
            bounds.append(-float(game.players[0].loss(game.networks, x, noise, knobs).total))
    exact = float(log_p.mean())
    assert bounds[0] < bounds[1] - 0.05 < bounds[2]
    assert bounds[2] == pytest.approx(exact, abs=0.02)


def test_a_bernoulli_reports_no_likelihood() -> None:
    network = cast(Network, build("networks", "mlp"))
    for name in ("vae", "iwae"):
        family = cast(Family, build("families", {"name": name, "likelihood": "bernoulli"}))
        assert family.game(Setting((4,), (0.0, 1.0), 2, 8, network)).likelihood is None


@pytest.mark.parametrize("name", ["vae", "iwae"])
def test_observations_of_a_bernoulli_are_on_as_often_as_the_decoder_says(name: str) -> None:
    node = {"name": name, "likelihood": "bernoulli", "samples": "observation"}
    network = cast(Network, build("networks", {"name": "mlp", "hidden": [4]}))
    game = cast(Family, build("families", node)).game(Setting((3,), (0.0, 1.0), 2, 1, network))
    bias = torch.tensor([-2.0, 0.0, 1.0])  # 0.12, 0.5 and 0.73 after the sigmoid
    for parameter in game.networks["decoder"].parameters():
        torch.nn.init.zeros_(parameter)
    list(game.networks["decoder"].parameters())[-1].data = bias
    torch.manual_seed(0)
    samples = game.sample(game.networks, {"latent": torch.randn(20000, 2), "observation": torch.randn(20000, 3)})
    assert set(samples.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(samples.mean(0), bias.sigmoid(), atol=0.015, rtol=0)  # 4 standard errors


def test_a_mixture_fitted_by_expectation_maximisation_finds_the_mixture() -> None:
    from gensweep.families._mixture import fit_mixture

    generator = torch.Generator().manual_seed(0)
    which = torch.rand(20_000, generator=generator) < 0.3
    wide = torch.randn(20_000, 2, generator=generator) * torch.tensor([2.0, 0.5]) + torch.tensor([5.0, 0.0])
    x = torch.where(which[:, None], torch.randn(20_000, 2, generator=generator) - 3, wide)
    found = fit_mixture(x, 2)
    order = found.means[:, 0].argsort()
    # bound: five standard errors of each estimate at these sizes
    assert found.weights[order].tolist() == pytest.approx([0.3, 0.7], abs=0.017)
    torch.testing.assert_close(found.means[order], torch.tensor([[-3.0, -3.0], [5.0, 0.0]]).double(), atol=0.09, rtol=0)
    covariances = (found.factors @ found.factors.mT)[order]
    torch.testing.assert_close(covariances[1], torch.diag(torch.tensor([4.0, 0.25])).double(), atol=0.25, rtol=0)
    drawn = found.sample(torch.randn(50_000, 2, generator=generator), torch.rand(50_000, generator=generator))
    assert drawn.mean(0).tolist() == pytest.approx(x.mean(0).tolist(), abs=0.1)
    truth = torch.logsumexp(found.log_parts(x.double()), 1).mean()
    assert float(truth) > float(torch.logsumexp(fit_mixture(x, 1).log_parts(x.double()), 1).mean()) + 0.3


def test_one_gaussian_is_mean_and_covariance_and_repeated_points_do_not_break_it() -> None:
    from gensweep.families._mixture import fit_mixture

    x = torch.randn(300, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0, 0.1])
    found = fit_mixture(x, 1)
    torch.testing.assert_close(found.means[0], x.double().mean(0))
    covariance = x.double().T.cov(correction=0)
    torch.testing.assert_close((found.factors @ found.factors.mT)[0], covariance, rtol=1e-3, atol=1e-5)
    assert fit_mixture(torch.zeros(20, 2), 4).factors.isfinite().all()


def test_samples_of_an_autoencoder_come_from_its_codes_and_not_from_a_prior() -> None:
    data = exact_data() + 1
    game = trained({"name": "autoencoder", "samples": "gaussian"}, data, 1000)
    assert game.fit is not None
    with torch.no_grad():
        model = game.fit(game.networks, data)
        noise = {name: draw(wanted, i, 40_000) for i, (name, wanted) in enumerate(game.sample_noise.items())}
        x = model.sample(game.networks, noise)
    assert x.mean(0).tolist() == pytest.approx([1.0] * 4, abs=0.1)
    values = torch.linalg.eigvalsh(x.T.cov())
    assert values.tolist() == pytest.approx([0, 0, 2, 4], abs=0.12)

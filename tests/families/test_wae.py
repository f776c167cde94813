"""Wasserstein auto-encoders: what their players minimise, with the signs and factors of the paper and its code."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import torch

from gensweep.component import build
from gensweep.families.base import Family, Game, Setting
from gensweep.families.wae import moment_gap
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.loop import Trainee, train
from gensweep.trainers.streams import draw
from gensweep.trainers.technique import Technique

N, D, LATENT = 32, 5, 3


def made(latent_size: int = LATENT, hidden: tuple[int, ...] = (16,), **fields: Any) -> tuple[Family, Game]:
    family = cast(Family, build("families", {"name": "wae", **fields}))
    torch.manual_seed(0)
    network = cast(Network, build("networks", {"name": "mlp", "hidden": list(hidden)}))
    return family, family.game(Setting((D,), None, latent_size, N, network))


def loss_of(family: Family, game: Game, player: int, **knobs: float) -> Any:
    """The loss of a player on fixed data, its codes z and the draws from the prior."""
    batch = torch.randn(N, D, generator=torch.Generator().manual_seed(1))
    noise = {name: draw(wanted, i) for i, (name, wanted) in enumerate(sorted(game.players[player].noise.items()))}
    values = {name: torch.tensor(value) for name, value in {**family.knobs(), **knobs}.items()}
    with torch.no_grad():
        loss = game.players[player].loss(game.networks, batch, noise, values)
        outputs = game.networks["encoder"](batch)
        z = outputs
        if "posterior" in noise:
            mean, log_variance = outputs.chunk(2, dim=-1)
            z = mean + torch.exp(log_variance / 2) * noise["posterior"]
        cost = (batch - game.networks["decoder"](z)).square().sum(1).mean()
    return loss, z, noise["prior"], cost


@pytest.mark.parametrize("encoder", ["deterministic", "gaussian"])
def test_the_penalty_is_the_unbiased_mmd_of_seven_scales_and_may_be_negative(encoder: str) -> None:
    family, game = made(encoder=encoder)
    for weight, scale in ((10.0, 1.0), (10.0, 0.05)):
        loss, z, prior, cost = loss_of(family, game, 0, **{"lambda": weight, "recon_scale": scale})
        mmd = 0.0
        for c in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0):  # C = 2 d_z s, as in the authors' code
            width = 2 * LATENT * c
            qq, pp, qp = (
                width / (width + torch.cdist(a, b).double() ** 2) for a, b in ((z, z), (prior, prior), (z, prior))
            )
            mmd += float((qq.sum() + pp.sum() - 2 * N) / (N * (N - 1)) - 2 * qp.mean())
        assert float(loss.parts["divergence"]) == pytest.approx(mmd, rel=1e-3, abs=1e-5)
        assert float(loss.total) == pytest.approx(scale * float(cost) + weight * mmd, rel=1e-4)
        assert float(loss.parts["effective_lambda"]) == pytest.approx(weight / scale)
        assert float(loss.parts["reconstruction"]) == pytest.approx(float(cost))
    # Of codes that are draws from the prior more than a few batches have an estimate below zero: it is not clamped.
    mmd_of = build("divergences", "mmd")
    draws = [torch.randn(2, N, LATENT, generator=torch.Generator().manual_seed(i)) for i in range(20)]
    below = [float(mmd_of.penalty(x, y, {}, {}, {"bandwidth": torch.ones(())})) < 0 for x, y in draws]  # type: ignore[attr-defined]
    assert 4 <= sum(below) <= 18  # each is more likely than not; beyond these bounds with a chance below 0.002


def test_in_wae_gan_the_critic_calls_the_prior_real_and_the_encoder_wants_its_codes_called_so() -> None:
    family, game = made(divergence={"name": "jensen_shannon", "hidden": [8]})
    critic, autoencoder = game.players
    assert (critic.trains, autoencoder.trains) == (("latent_critic",), ("encoder", "decoder"))
    assert (critic.lr_ratio, family.knobs()["lambda"]) == (0.5, 10.0)  # 5e-4 against 1e-3
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    loss, z, prior, cost = loss_of(family, game, 1, **{"lambda": 4.0})
    ours, theirs = (game.networks["latent_critic"](points).detach() for points in (z, prior))
    expected = float(cost) + 4.0 * float(bce(ours, torch.ones_like(ours)))
    assert float(loss.total) == pytest.approx(expected, rel=1e-5)
    loss, z, prior, _ = loss_of(family, game, 0, **{"lambda": 4.0})
    ours, theirs = (game.networks["latent_critic"](points).detach() for points in (z, prior))
    expected = float(bce(theirs, torch.ones_like(theirs)) + bce(ours, torch.zeros_like(ours)))
    assert float(loss.total) == pytest.approx(expected, rel=1e-5)


def test_the_moment_gap_is_that_of_numpys_mean_and_covariance() -> None:
    codes = torch.randn(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 + 1
    mean, covariance = codes.numpy().mean(0), np.cov(codes.numpy(), rowvar=False)
    loss = moment_gap(codes, torch.eye(3))
    assert float(loss.parts["mean"]) == pytest.approx((mean**2).mean())
    assert float(loss.parts["covariance"]) == pytest.approx(((covariance - np.eye(3)) ** 2).mean())
    assert float(loss.total) == pytest.approx(float(loss.parts["mean"] + loss.parts["covariance"]))


@pytest.mark.parametrize("encoder", ["deterministic", "gaussian"])
def test_pretraining_brings_the_moments_of_the_codes_to_the_priors_and_moves_the_encoder_alone(encoder: str) -> None:
    data = 0.5 + 0.3 * torch.randn(1504, D, generator=torch.Generator().manual_seed(2))
    family, game = made(encoder=encoder, hidden=(64,), pretraining_steps=200)
    decoder = {name: value.clone() for name, value in game.networks["decoder"].state_dict().items()}

    @torch.no_grad()
    def gap() -> float:
        noise = {name: draw(wanted, 3, len(data)) for name, wanted in game.encode_noise.items()}
        assert game.encode is not None
        return float(moment_gap(game.encode(game.networks, data, noise), torch.eye(LATENT)).total)

    before, still = gap(), Technique(rate=lambda _: 0.0)  # the rounds move nothing, so what is left is the warm-up's
    optimizer = cast(Optimizer, build("optimizers", family.default_optimizer))
    (progress,) = train(Trainee(game, optimizer, family.knobs(), torch.device("cpu"), still), data, 1, N, seed=0)
    assert before > 0.3
    assert gap() < 0.02  # of 1000 items a variance has an error of (2 / 1000)^.5, so the loss itself ends near 0.002
    assert progress.parts["loss.pretraining"] == pytest.approx(gap(), abs=0.02)
    assert {"pretraining.mean", "pretraining.covariance"} < set(progress.parts)
    assert all(torch.equal(value, decoder[name]) for name, value in game.networks["decoder"].state_dict().items())


def test_pretraining_is_off_by_default_and_reads_at_most_a_thousand_items_a_step() -> None:
    assert made()[1].warm_up is None
    _, game = made(pretraining_steps=7, encoder="gaussian")
    assert game.warm_up is not None
    assert (game.warm_up.rounds, game.warm_up.batch_size) == (7, 1000)
    player = game.warm_up.player(12)
    assert player.trains == ("encoder",)
    assert {name: wanted.shape for name, wanted in player.noise.items()} == {"posterior": (12, LATENT)}
    assert not cast(Any, made(pretraining_steps=7)[1].warm_up).player(12).noise

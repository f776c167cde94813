"""Wasserstein auto-encoders with other priors and other costs."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.stats import kstest, norm

from gensweep.cli import latent
from gensweep.component import build
from gensweep.configuration import TrialConfiguration
from gensweep.errors import ConfigError
from gensweep.extractors.frozen import load_extractor
from gensweep.families._priors import Prior, PriorName, prior_of
from gensweep.families.base import Family, Game, Setting
from gensweep.ledger.checkpoints import Checkpoints
from gensweep.metrics.base import scorer
from gensweep.metrics.latent_gap import LatentGap
from gensweep.models.checkpoint import best_of
from gensweep.models.generative import GenerativeModel
from gensweep.models.naming import Named
from gensweep.models.programs import programs
from gensweep.networks.base import Network
from gensweep.trainers.streams import draw
from gensweep.trial import TrainedModel, build_game, outline

N = 20_000
DIGITS = ((1, 8, 8), (0.0, 1.0))


def family_of(**fields: Any) -> Family:
    return cast(Family, build("families", {"name": "wae", **fields}))


def game_of(shape: tuple[int, ...], bounds: tuple[float, float] | None, **fields: Any) -> Game:
    torch.manual_seed(0)
    network = cast(Network, build("networks", {"name": "mlp", "hidden": [8]}))
    return family_of(**fields).game(Setting(shape, bounds, 2, 6, network))


def draws(prior: Prior, n: int = N) -> torch.Tensor:
    wanted = prior.noise("latent")
    return prior.draws({name: draw(one, seed, n) for seed, (name, one) in enumerate(wanted.items())}, "latent").double()


@pytest.mark.parametrize("name", PriorName.__args__)  # type: ignore[attr-defined]
@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_prior_has_mean_0_and_the_covariance_that_it_says(name: PriorName, d: int) -> None:
    """Five standard errors: of fourth moments of 3 at most, 5 (2 / N)^.5 = 0.05."""
    prior = prior_of(name, d, 7, 0.4)
    codes = draws(prior)
    torch.testing.assert_close(codes.mean(0), torch.zeros(d).double(), atol=0.04, rtol=0)
    torch.testing.assert_close(codes.T.cov().reshape(d, d), prior.covariance().double(), atol=0.05, rtol=0)
    assert float(prior.covariance().trace()) / d == pytest.approx(1 / 3 if name == "uniform_cube" else 1, rel=1e-5)


def test_on_the_sphere_all_codes_have_one_length_and_archimedes_law_in_each_coordinate() -> None:
    codes = draws(prior_of("uniform_sphere", 3, 2, 0.5))
    torch.testing.assert_close(codes.norm(dim=1), torch.full((N,), math.sqrt(3)).double(), rtol=1e-5, atol=0)
    # in three dimensions each coordinate is uniform between minus the radius and the radius
    assert kstest(codes[:, 0] / math.sqrt(3), "uniform", (-1, 2)).pvalue > 1e-3


def test_in_the_cube_coordinates_are_uniform() -> None:
    codes = draws(prior_of("uniform_cube", 2, 2, 0.5))
    assert codes.abs().max() <= 1
    assert all(kstest(codes[:, i], "uniform", (-1, 2)).pvalue > 1e-3 for i in range(2))


def test_a_mixture_on_the_line_is_equal_gaussians_evenly_spaced() -> None:
    """Means -a, 0, a with 2 a^2 / 3 = 1 - s^2."""
    s = 0.3
    a = math.sqrt(1.5 * (1 - s * s))
    codes = draws(prior_of("mixture", 1, 3, s))[:, 0]
    law = lambda x: sum(norm.cdf(x, m, s) for m in (-a, 0.0, a)) / 3  # noqa: E731
    assert kstest(codes, law).pvalue > 1e-3


@pytest.mark.parametrize("name", ["uniform_sphere", "uniform_cube", "mixture"])
def test_samples_and_the_penalty_are_of_the_prior(name: str) -> None:
    game = game_of((3,), None, prior=name, prior_components=4)
    assert game.prior is not None
    noise = {k: draw(one, i, 9) for i, (k, one) in enumerate(game.sample_noise.items())}
    prior = prior_of(cast(PriorName, name), 2, 4, 0.3)
    codes = prior.draws(noise, "latent")
    assert torch.equal(game.sample(game.networks, noise), cast(Any, game.decode)(game.networks, codes))
    (player,) = game.players
    drawn = {k: draw(one, i) for i, (k, one) in enumerate(player.noise.items())}
    batch = torch.randn(6, 3)
    mmd = cast(Any, build("divergences", "mmd"))
    z = cast(Any, game.encode)(game.networks, batch, {})
    expected = mmd.penalty(z, prior.draws(drawn, "prior"), {}, {}, {"bandwidth": torch.ones(())})
    knobs = {k: torch.tensor(v) for k, v in family_of().knobs().items()}
    found = player.loss(game.networks, batch, drawn, knobs).parts["divergence"]
    assert found.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)


def test_only_codes_of_the_normal_prior_are_padded_for_others_count_their_dimensions() -> None:
    assert game_of((3,), None).pads == 2
    assert all(game_of((3,), None, prior=name).pads == 0 for name in ("uniform_sphere", "uniform_cube", "mixture"))


def test_pretraining_aims_at_the_moments_of_the_prior() -> None:
    warm_up = cast(Any, game_of((3,), None, prior="uniform_cube", pretraining_steps=2).warm_up)
    codes = torch.randn(50, 2)
    loss = warm_up.player(50).loss({"encoder": lambda _: codes}, torch.zeros(50, 3), {}, {})
    expected = (codes.T.cov() - torch.eye(2) / 3).square().mean()
    assert float(loss.parts["covariance"]) == pytest.approx(float(expected), rel=1e-4)


def trial(**family: Any) -> TrialConfiguration:
    return TrialConfiguration.model_validate({
        "dataset": "digits", "network": {"name": "mlp", "hidden": [8]}, "latent_size": 2, "family": {"name": "wae", **family},
        "evaluation": {"metrics": ["latent_gap"]},
    })  # fmt: skip


def test_the_gap_is_to_the_prior_of_the_game() -> None:
    """Codes that are draws of the prior have none; the same codes beside N(0, I) have one."""
    configuration = trial(prior="uniform_cube")
    game = build_game(configuration)
    codes = draws(prior_of("uniform_cube", 2, 2, 0.3), 400).float()
    told = replace(game, encode=lambda nets, x, noise: codes[: len(x)])
    gap = scorer(LatentGap(), configuration.dataset, "validation")
    of = [gap.score(TrainedModel(one, configuration, torch.device("cpu"))) for one in (told, replace(told, prior=None))]
    assert abs(of[0].value) < 0.01
    assert of[1].value > 0.03
    assert of[0].details["sd_max"] == pytest.approx(1 / math.sqrt(3), abs=0.05)


def model_of(name: str, folder: Path) -> GenerativeModel:
    """A model that was not trained."""
    configuration = trial(prior=name)
    Checkpoints(folder / "checkpoints").save(1, {"state.pt": b""}, best=True)
    trained = TrainedModel(build_game(configuration), configuration, torch.device("cpu"))
    return GenerativeModel(Named(name, folder, best_of(folder), None), trained, configuration.dump(), {}, {})


@pytest.mark.parametrize("name", ["uniform_sphere", "mixture"])
def test_latents_are_what_samples_are_decoded_from(tmp_path: Path, name: str) -> None:
    model = model_of(name, tmp_path)
    codes = model.latents(5, seed=3)
    np.testing.assert_allclose(model.decode(codes), model.sample(5, seed=3), atol=1e-6)
    if name == "uniform_sphere":
        np.testing.assert_allclose(np.linalg.norm(codes, axis=1), math.sqrt(2), rtol=1e-5)


def test_a_traversal_goes_over_codes_where_the_prior_is_not_normal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latent, "model_of", lambda *_: model_of("uniform_cube", tmp_path))
    with pytest.raises(ConfigError, match="Give --over codes"):
        latent.traverse("wae", tmp_path / "axes.npy", over="prior")
    latent.traverse("wae", tmp_path / "axes.npy", steps=3)
    assert np.load(tmp_path / "axes.npy").shape == (2, 3, 1, 8, 8)


@pytest.mark.slow  # a second of tracing for each
@pytest.mark.parametrize("name", ["uniform_sphere", "mixture"])
def test_what_leaves_samples_from_the_prior_and_decodes_codes(tmp_path: Path, name: str) -> None:
    found = programs(model_of(name, tmp_path))  # each is tried against the model's own numbers
    assert found["decode"].exported is not found["sample"].exported


def test_the_cost_of_l1_is_the_sum_of_sizes() -> None:
    game = game_of((3,), None, cost="l1")
    batch = torch.randn(6, 3)
    (player,) = game.players
    drawn = {k: draw(one, i) for i, (k, one) in enumerate(player.noise.items())}
    knobs = {k: torch.tensor(v) for k, v in family_of().knobs().items()}
    with torch.no_grad():
        loss = player.loss(game.networks, batch, drawn, knobs)
        expected = (batch - cast(Any, game.reconstruct)(game.networks, batch)).abs().sum(1).mean()
    assert float(loss.parts["reconstruction"]) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("extractor", ["digits", "spectrum"])
def test_the_cost_of_features_is_their_squared_distance_and_moves_encoder_and_decoder_alone(extractor: str) -> None:
    plain = game_of(*DIGITS)
    after = torch.get_rng_state()
    load_extractor.cache_clear()
    game = game_of(*DIGITS, cost="feature", extractor=extractor)
    assert torch.equal(torch.get_rng_state(), after)
    again = game_of(*DIGITS, cost="feature", extractor=extractor)
    for one in (again, plain):  # the weights that are trained do not hang on what was loaded before
        for name in ("encoder", "decoder"):
            torch.testing.assert_close(
                one.networks[name].state_dict(), game.networks[name].state_dict(), rtol=0, atol=0
            )
    batch = torch.rand(6, 1, 8, 8)
    (player,) = game.players
    assert player.trains == ("encoder", "decoder")
    drawn = {k: draw(one, i) for i, (k, one) in enumerate(player.noise.items())}
    knobs = {k: torch.tensor(v) for k, v in family_of().knobs().items()}
    loss = player.loss(game.networks, batch, drawn, knobs)
    features = load_extractor(extractor).features
    with torch.no_grad():
        made = cast(Any, game.reconstruct)(game.networks, batch)
    expected = (features(batch) - features(made)).square().sum(1).mean()
    assert loss.parts["reconstruction"].item() == pytest.approx(float(expected), rel=1e-4)
    loss.total.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in game.networks["decoder"].parameters())
    assert all(p.grad is None for p in game.networks["features"].parameters())


def test_an_outline_leaves_the_extractor_as_it_was() -> None:
    load_extractor.cache_clear()
    assert outline(trial(cost="feature", extractor="digits")) is not None
    assert all(not p.is_meta for p in load_extractor("digits").network.parameters())


@pytest.mark.parametrize(
    ("fields", "shape", "bounds", "why"),
    [
        ({}, (1, 8, 8), (0.0, 1.0), "needs an extractor, digits or"),
        (
            {"extractor": "digits"},
            (1, 28, 28),
            (0.0, 1.0),
            r"takes items of shape \(1, 8, 8\) in \[0, 1\], the data have",
        ),
        ({"extractor": "digits"}, (1, 8, 8), None, "any range"),
        ({"extractor": "spectrum"}, (2,), None, "takes images"),
    ],
)
def test_features_that_the_data_do_not_have_are_refused(fields: Any, shape: Any, bounds: Any, why: str) -> None:
    assert why.replace("\\", "") in (family_of(cost="feature", **fields).misfit(shape, bounds) or "")
    assert family_of(**fields).misfit(shape, bounds) is None


@pytest.mark.parametrize(
    ("extractor", "why"),
    [("file:mine.pt2", "need not be differentiable"), ("inception", "need not be differentiable"),
     ("identity", "cost: squared"), ("digit", "Did you mean 'digits'")],
)  # fmt: skip
def test_an_extractor_that_no_cost_takes_is_refused(extractor: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        family_of(cost="feature", extractor=extractor)


def test_what_each_cost_tends_to_has_its_name() -> None:
    sliced = {"divergence": "sliced_wasserstein"}
    named = [
        cast(Any, family_of(**fields).population_objective()).name
        for fields in (
            {}, sliced, {**sliced, "prior": "uniform_cube"}, {**sliced, "cost": "l1"}, {"cost": "feature", "extractor": "digits"}
        )
    ]  # fmt: skip
    assert named == [
        "wasserstein_2", "relaxed_wasserstein_2", "wasserstein_2", "wasserstein_1", "feature_wasserstein_2",
    ]  # fmt: skip


def test_what_is_left_at_its_default_is_written_as_before_there_was_a_choice() -> None:
    defaults = {"cost": "squared", "prior": "normal", "prior_components": 10, "prior_deviation": 0.3}
    assert family_of(**defaults).dump() == family_of().dump()
    assert set(family_of().dump()) == {
        "name", "lambda", "recon_scale", "divergence", "encoder", "pretraining_steps",
    }  # fmt: skip
    other = family_of(cost="l1", prior="mixture", prior_components=3)
    assert build("families", other.dump()) == other

"""A trained model in use: what it gives, and what it refuses."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gensweep.errors import ConfigError
from gensweep.models.generative import GenerativeModel, load_model

FAMILIES = ("vae", "autoencoder", "gan", "flow")
each_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture(scope="module")
def models(used: Path) -> dict[str, GenerativeModel]:
    return {family: load_model(f"used/{family}", used) for family in FAMILIES}


@each_family
def test_a_seed_gives_the_same_items_whatever_the_block_and_however_many(
    models: dict[str, GenerativeModel], family: str
) -> None:
    model = models[family]
    items = model.sample(230, seed=7)
    assert items.shape == (230, 1, 8, 8)
    assert items.dtype == np.float32
    assert items.min() >= 0
    assert items.max() <= 1
    for block in (1, 37, 100, 230, 5000):
        blocks = list(model.sample_blocks(230, seed=7, block=block))
        assert [len(part) for part in blocks] == [block] * (230 // block) + [230 % block] * (230 % block > 0)
        assert np.array_equal(np.concatenate(blocks), items)
    assert np.array_equal(model.sample(3, seed=7), items[:3])
    assert not np.array_equal(model.sample(3, seed=8), items[:3])
    assert len(np.unique(items.reshape(230, -1), axis=0)) == 230, "the parts of the stream repeat"


@each_family
def test_the_latents_of_a_seed_are_what_its_samples_are_decoded_from(
    models: dict[str, GenerativeModel], family: str
) -> None:
    model = models[family]
    z = model.latents(120, seed=3)
    assert z.shape == (120, model.latent_size)
    assert model.latent_size == (64 if family == "flow" else 3)
    assert model.decode(z).shape == (120, 1, 8, 8)
    if family != "autoencoder":  # whose latents are codes of its samples
        np.testing.assert_allclose(model.decode(z), model.sample(120, seed=3), atol=1e-6)


def test_codes_are_drawn_by_their_seed_and_reconstructions_by_none(models: dict[str, GenerativeModel]) -> None:
    x = models["vae"].items("test", 5)
    assert x.shape == (5, 1, 8, 8)
    vae, plain = models["vae"], models["autoencoder"]
    assert np.array_equal(vae.encode(x), vae.encode(x, seed=0))
    assert not np.array_equal(vae.encode(x), vae.encode(x, seed=1))
    assert np.array_equal(plain.encode(x), plain.encode(x, seed=1))
    np.testing.assert_allclose(plain.reconstruct(x), plain.decode(plain.encode(x)), atol=1e-6)
    assert vae.reconstruct(x).shape == x.shape
    many = np.concatenate([vae.encode(x, seed=s) for s in range(400)])  # the mean of q decodes to the reconstruction
    near = vae.decode(many.reshape(400, 5, 3).mean(0))
    np.testing.assert_allclose(near, vae.reconstruct(x), atol=0.05)


def test_a_likelihood_says_whether_it_is_exact(models: dict[str, GenerativeModel]) -> None:
    x = models["flow"].items("test", 6)
    flow, vae = models["flow"].log_likelihood(x), models["vae"].log_likelihood(x)
    assert (flow.kind, vae.kind) == ("lower bound", "lower bound")  # of the cells of 17 grey levels
    assert flow.nats.shape == vae.nats.shape == (6,)
    assert flow.nats.dtype == np.float64
    assert np.array_equal(models["flow"].log_likelihood(x, seed=0).nats, flow.nats)
    assert not np.array_equal(models["flow"].log_likelihood(x, seed=1).nats, flow.nats)
    metric = [float(part) for part in flow.nats]
    assert all(math.isfinite(value) for value in metric)


def test_it_knows_what_it_is(models: dict[str, GenerativeModel], used: Path) -> None:
    model = models["vae"]
    outcome = json.loads((model.checkpoint.parents[1] / "outcome.json").read_text())
    assert model.scores == outcome["best"]
    assert model.protocol["sliced_wasserstein"]["hash"] == outcome["protocol"]["sliced_wasserstein"]
    assert (model.family, model.shape, model.bounds, model.device) == (
        "vae",
        (1, 8, 8),
        (0.0, 1.0),
        torch.device("cpu"),
    )
    assert model.configuration == json.loads((model.checkpoint.parents[1] / "configuration.json").read_text())
    again = load_model(model.name, used)
    assert np.array_equal(again.sample(4), model.sample(4))
    assert (again.named.why, bool(model.named.why)) == ("", True)


Use = Callable[[GenerativeModel], Any]


@pytest.mark.parametrize(
    ("family", "use", "said"),
    [
        ("gan", lambda m: m.encode(np.zeros((1, 1, 8, 8))), r"gan has no encoder\. Of .* used/vae and used/autoencoder have one"),
        ("flow", lambda m: m.reconstruct(np.zeros((1, 1, 8, 8))), "used/vae and used/autoencoder"),
        ("gan", lambda m: m.log_likelihood(np.zeros((1, 1, 8, 8))), r"no likelihood\. Of .* used/vae and used/flow have one"),
        ("vae", lambda m: m.encode(np.zeros((1, 8, 8))), r"items of shape \[1, 8, 8\]; used/\d+ takes \[n, 1, 8, 8\]"),
        ("vae", lambda m: m.encode(np.full((1, 1, 8, 8), 255, np.uint8)), r"values from 255 to 255; .* in \[0, 1\]"),
        ("vae", lambda m: m.encode(np.full((1, 1, 8, 8), np.nan)), "items with values that are not finite"),
        ("vae", lambda m: m.encode([["a"]]), "no array of numbers"),
        ("vae", lambda m: m.encode([[1], [1, 2]]), "no array of numbers"),
        ("vae", lambda m: m.decode(np.zeros((2, 4))), r"codes of shape \[2, 4\]; .* decodes \[n, 3\]"),
        ("vae", lambda m: m.decode(np.zeros(3)), r"decodes \[n, 3\]"),
        ("vae", lambda m: m.decode(np.full((1, 3), np.inf)), "codes with values that are not finite"),
        ("vae", lambda m: m.sample(0), "n: 0 is no count"),
        ("vae", lambda m: m.sample(2.5), "n: 2.5 is no count"),
        ("vae", lambda m: m.sample(True), "n: True is no count"),
        ("vae", lambda m: m.sample_blocks(3, block=0), "block: 0 is no count"),
        ("vae", lambda m: m.sample(3, seed="a"), "seed: 'a' is none"),
        ("vae", lambda m: m.encode(np.zeros((1, 1, 8, 8)), seed=None), "seed: None is none"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_with_the_cure(
    models: dict[str, GenerativeModel], family: str, use: Use, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        use(models[family])


def test_a_value_that_rounding_carried_across_a_bound_is_no_mistake(models: dict[str, GenerativeModel]) -> None:
    x = models["vae"].items("test", 2)
    low, high = x.copy(), x.copy()
    low[low == 0] = -1e-6
    assert np.array_equal(models["vae"].encode(low), models["vae"].encode(high))


@pytest.mark.parametrize("device", ["cuda:7", "gpu", "cuda"])
def test_a_device_that_is_not_here_is_refused(used: Path, device: str) -> None:
    if torch.cuda.is_available() and device == "cuda":
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match=f"device .?{device}"):
        load_model("used/vae", used, device)


def test_a_model_that_lies_in_no_sweep_is_used_all_the_same(tmp_path: Path, models: dict[str, GenerativeModel]) -> None:

    alone = shutil.copytree(models["gan"].checkpoint.parents[1], tmp_path / "alone")
    for what in (alone, alone / "checkpoints" / "best"):
        model = load_model(what, tmp_path)
        assert np.array_equal(model.sample(3), models["gan"].sample(3))
        with pytest.raises(ConfigError, match=r"no encoder\. gensweep list families"):
            model.encode(np.zeros((1, 1, 8, 8)))

"""Which trials may be trained as one stack: what changes a shape key, and what does not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gensweep.configuration import TrialConfiguration
from gensweep.modes import shape_of
from gensweep.shape_key import shape_key, unstackable_part
from gensweep.trial import build_game

WAE = {"name": "wae", "lambda": 3.0, "divergence": {"name": "mmd", "bandwidth": 1.0}}
ADAM = {"name": "adam", "lr": 1e-3}
TRIAL: dict[str, Any] = {
    "dataset": "ring",
    "network": {"name": "mlp", "hidden": [4]},
    "latent_size": 2,
    "family": WAE,
    "training": {"epochs": 2, "batch_size": 8, "optimizer": ADAM, "ema": 0.9},
    "evaluation": {"metrics": ["sliced_wasserstein"]},
    "seed": 0,
}


def key(device: str = "cpu", training: dict[str, Any] | None = None, **changes: Any) -> str:
    node = {**TRIAL, **changes, "training": {**TRIAL["training"], **(training or {})}}
    configuration = TrialConfiguration.model_validate(node)
    return shape_key(configuration, build_game(configuration), torch.device(device))


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 5},
        {"family": {**WAE, "lambda": 7.0}},
        {"family": {**WAE, "divergence": {"name": "mmd", "bandwidth": 0.3}}},
        {"training": {"optimizer": {**ADAM, "lr": 0.1, "betas": [0.5, 0.9], "weight_decay": 0.1}}},
        {"training": {"epochs": 9, "ema": 0.5, "lr_schedule": "cosine"}},
        {"evaluation": {"metrics": ["sliced_wasserstein"], "every": 1}},
    ],
)
def test_what_members_may_differ_in_changes_no_key(changes: dict[str, Any]) -> None:
    assert key(**changes) == key()


def test_what_members_must_have_in_common_changes_the_key() -> None:
    others = [
        key(family="vae"),
        key(family={**WAE, "divergence": "energy"}),
        key(family={**WAE, "encoder": "gaussian"}),
        key(family={**WAE, "divergence": {"name": "mmd", "kernel": "rbf"}}),
        key(network={"name": "mlp", "hidden": [5]}),
        key(network={"name": "mlp", "hidden": [4], "activation": "tanh"}),
        key(latent_size=3),
        key(dataset="grid"),
        key(training={"batch_size": 9}),
        key(training={"ema": 0.0}),
        key(training={"grad_clip": 1.0}),
        key(training={"precision": "bfloat16"}),
        key(training={"optimizer": {"name": "rmsprop"}}),
        key(training={"optimizer": {"name": "sgd"}}),
        key(training={"optimizer": {"name": "sgd", "momentum": 0.9}}),
        key(training={"optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True}}),
        key("meta"),
    ]
    assert len({key(), *others}) == 1 + len(others)


@pytest.mark.parametrize("family", [WAE, "vae", "gan", "wgan", {"name": "wae", "divergence": "jensen_shannon"}])
def test_trials_of_several_latent_sizes_share_the_shape_of_the_largest(family: Any) -> None:
    wide = {"name": "mlp", "hidden": [64, 64]}
    found = [shape(latent_size=size, family=family, network=wide) for size in (2, 3, 4)]
    assert {latent_size for _, latent_size in found} == {4}
    assert len({name for name, _ in found}) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"family": "iwae"},  # whose loss pulls at what is padded
        {"family": {**WAE, "pretraining_steps": 5}},
        {"network": {"name": "mlp", "hidden": [4]}, "latent_size": 1},  # it would have to compute much more
    ],
)
def test_a_trial_keeps_its_latent_size_where_it_cannot_be_padded_or_that_costs(changes: dict[str, Any]) -> None:
    node = {"network": {"name": "mlp", "hidden": [64, 64]}, **changes}
    assert shape(**node)[1] == node.get("latent_size", 2)
    assert shape(**node) == shape(0, **node)


def shape(widest: int = 4, **changes: Any) -> tuple[str, int]:
    return shape_of(TrialConfiguration.model_validate({**TRIAL, **changes}), "cpu", widest)


def test_a_part_that_no_pack_may_hold_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = TrialConfiguration.model_validate(TRIAL)
    assert unstackable_part(configuration) == ""
    monkeypatch.setattr(type(configuration.family.divergence), "unstackable", "it branches on values")  # type: ignore[attr-defined]
    assert unstackable_part(configuration) == "mmd: it branches on values"

"""The place that was meant by a path that is none."""

from __future__ import annotations

from typing import Any

import pytest

from gensweep.spaces.places import moved, moved_override, places

TREE: dict[str, Any] = {
    "search": {"sampler": "grid"},
    "trial": {
        "dataset": {"name": "ring"},
        "family": {"one_of": [{"name": "vae"}, {"name": "wae", "divergence": "sinkhorn"}]},
        "training": {},
    },
}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lr", "trial.training.optimizer.lr"),
        ("training.lr", "trial.training.optimizer.lr"),
        ("trial.optimizer.lr", "trial.training.optimizer.lr"),
        ("learning_rate", "trial.training.optimizer.lr"),
        ("epochs", "trial.training.epochs"),
        ("Batch-Size", "trial.training.batch_size"),
        ("latent_size", "trial.latent_size"),
        ("samples", "search.samples"),
        ("seed", "search.seed or trial.seed"),
        ("points", "search.points"),
        ("metric", "objective.metric"),
        ("metrics", "trial.evaluation.metrics"),
        ("blur", "trial.family.divergence.blur"),
        ("n_modes", "trial.dataset.n_modes"),
        ("family.name", "trial.family.name"),
        ("gpu", "resources.gpu"),
        ("trial.latent_size", None),
        ("nothing", None),
        ("training.gpu", None),
        ("", None),
    ],
)
def test_the_shortest_place_that_ends_alike(typed: str, meant: str | None) -> None:
    assert moved(typed, TREE) == meant


def test_an_override_keeps_its_sign_and_value() -> None:
    assert moved_override("+lr=choice(1,2)", TREE) == "+trial.training.optimizer.lr=choice(1,2)"
    assert moved_override("seed=3", TREE) == "search.seed=3 or trial.seed=3"
    assert moved_override("x=3", TREE) is None


def test_a_component_that_the_tree_names_has_its_own_fields_only() -> None:
    here = places(TREE)
    assert "trial.dataset.n_modes" in here
    assert "trial.dataset.path" not in here
    assert "trial.dataset.path" in places({}), "and any where it names none"
    assert not [place for place in here if place.startswith("trial.evaluation.metrics.")], "a list has positions"

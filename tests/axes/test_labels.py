"""Labels of branches: unique, readable, fit for a folder."""

from __future__ import annotations

from typing import Any

import pytest

from gensweep.axes.labels import differences, labels_of

WGAN = {"name": "wgan"}


@pytest.mark.parametrize(
    ("branches", "labels"),
    [
        ([{"name": "vae"}, {"name": "gan", "loss": "minimax"}], ["vae", "gan"]),
        (
            [{**WGAN, "constraint": "clip"}, {"name": "vae"}, {**WGAN, "constraint": {"name": "gradient_penalty", "weight": 1}}],
            ["wgan.clip", "vae", "wgan.gradient_penalty"],
        ),
        ([WGAN, {**WGAN, "constraint": {"name": "clip", "bound": "loguniform(0.1, 1)"}}], ["wgan", "wgan.clip"]),
        ([{**WGAN, "critic_moves": 1}, {**WGAN, "critic_moves": 5}], ["wgan.critic_moves=1", "wgan.critic_moves=5"]),
        # the component that differs says more than a number that does
        ([{**WGAN, "n": 1, "constraint": "clip"}, {**WGAN, "n": 2, "constraint": "fisher"}], ["wgan.clip", "wgan.fisher"]),
        # values that are no words come with their field
        ([{"name": "mlp", "hidden": [8]}, {"name": "mlp", "hidden": [16, 16]}], ["mlp.hidden=8", "mlp.hidden=16x16"]),
        ([{"name": "sgd", "nesterov": True}, {"name": "sgd", "nesterov": False}], ["sgd.nesterov=true", "sgd.nesterov=false"]),
        ([{"name": "mlp"}, {"name": "mlp", "hidden": [8]}], ["mlp", "mlp.hidden=8"]),
        # nothing short tells these apart
        ([{**WGAN, "bound": "uniform(0, 1)"}, {**WGAN, "bound": "uniform(1, 2)"}], ["wgan.1", "wgan.2"]),
        ([WGAN, WGAN], ["wgan.1", "wgan.2"]),
        # a name that a label would be: all are counted
        ([{"name": "a.1"}, {"name": "a"}, {"name": "a"}], ["a.1.1", "a.2", "a.3"]),
    ],
)  # fmt: skip
def test_what_tells_branches_apart(branches: list[dict[str, Any]], labels: list[str]) -> None:
    assert labels_of(branches) == labels
    assert len(set(labels)) == len(labels)


def test_counted_labels_are_told_by_what_differs() -> None:
    branches = {
        "wgan.1": {**WGAN, "bound": "uniform(0, 1)", "n": 1, "hidden": [8]},
        "wgan.2": {**WGAN, "bound": "uniform(1, 2)", "n": 1, "hidden": [8]},
        "wgan.3": {**WGAN, "n": 1, "hidden": [8]},
        "vae": {"name": "vae"},
        "mlp.hidden=8": {"name": "mlp", "hidden": [8]},
    }
    assert differences(branches) == {
        "wgan.1": "bound uniform(0, 1)", "wgan.2": "bound uniform(1, 2)", "wgan.3": "the same"
    }  # fmt: skip

"""Every optimiser's update of rows against torch's own optimisers, each row with its own settings and count."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from gensweep import registry
from gensweep.component import build
from gensweep.optimizers.base import Optimizer

NODES: dict[str, list[dict[str, Any]]] = {
    "adam": [
        {"lr": 1e-2},
        {"lr": 1e-3, "betas": (0.5, 0.9), "eps": 1e-3},
        {"lr": 3e-2, "betas": (0.0, 0.99), "weight_decay": 0.1},
    ],
    "rmsprop": [{"lr": 1e-2}, {"lr": 1e-3, "alpha": 0.5}, {"lr": 1e-2, "eps": 0.1}],
    "sgd": [{"lr": 1e-2}, {"lr": 0.1}, {"lr": 0.3}],
    "sgd with momentum": [{"lr": 1e-2, "momentum": 0.9}, {"lr": 0.1, "momentum": 0.5}, {"lr": 0.3, "momentum": 0.1}],
    "sgd nesterov": [{"lr": 1e-2, "momentum": 0.9, "nesterov": True}, {"lr": 0.1, "momentum": 0.5, "nesterov": True}],
}
SIZE, LATE, ROUNDS = 5, 7, 20


def members(name: str) -> list[Optimizer]:
    return [cast(Optimizer, build("optimizers", {"name": name.split(maxsplit=1)[0], **node})) for node in NODES[name]]


def test_every_optimizer_is_tried_or_says_why_it_has_no_rows() -> None:
    tried = {name.split()[0] for name in NODES}
    for name in registry.names("optimizers"):
        assert name in tried or registry.load("optimizers", name).unstackable


@pytest.mark.parametrize("name", NODES)
def test_a_row_is_torchs_own_optimizer_even_if_it_came_late(name: str) -> None:
    recipes = members(name)
    n, generator = len(recipes), torch.Generator().manual_seed(0)
    start = torch.randn(n, SIZE, generator=generator, dtype=torch.float64)
    alone = [torch.nn.Parameter(row.clone()) for row in start]
    theirs = [recipe.over([p], 0.5) for recipe, p in zip(recipes, alone, strict=True)]
    settings = {
        key: torch.tensor([recipe.settings(0.5)[key] for recipe in recipes], dtype=torch.float64)
        for key in recipes[0].settings(0.5)
    }
    weights, count = start, torch.zeros(n, dtype=torch.float64)
    moments = {key: torch.zeros(n, SIZE, dtype=torch.float64) for key in recipes[0].moments}
    for i in range(ROUNDS):
        gradients = torch.randn(n, SIZE, generator=generator, dtype=torch.float64)
        if i == LATE:  # the last row is taken by another member, which has made no move
            alone[-1] = torch.nn.Parameter(start[-1].clone())
            theirs[-1] = recipes[-1].over([alone[-1]], 0.5)
            weights[-1], count[-1] = start[-1], 0
            for moment in moments.values():
                moment[-1] = 0
        before = [weights.clone(), *(moment.clone() for moment in moments.values())]
        count = count + 1
        after, changed = recipes[0].rows(weights, gradients, moments, count, settings)
        torch.testing.assert_close([weights, *moments.values()], before, rtol=0, atol=0)
        weights, moments = after, changed
        for p, optimizer, g in zip(alone, theirs, gradients, strict=True):
            p.grad = g.clone()
            optimizer.step()
    for row, (p, optimizer) in enumerate(zip(alone, theirs, strict=True)):
        torch.testing.assert_close(weights[row], p.detach(), rtol=1e-12, atol=1e-12)
        state = optimizer.state[p]
        assert {key for key in state if key != "step"} == set(moments)
        assert ("step" in state) == recipes[0].counts
        for key, moment in moments.items():
            torch.testing.assert_close(moment[row], state[key], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NODES)
def test_what_a_row_may_not_differ_in_is_shared(name: str) -> None:
    """The first member's recipe is used for all, so that any field beyond the settings would be lost in silence."""
    recipe = members(name)[0]
    carried = {key.partition("_")[0] for key in recipe.settings(1.0)}
    for field in type(recipe).model_fields:
        assert (
            field == "name"
            or field in recipe.shared
            or field.partition("_")[0].rstrip("s") in {key.rstrip("s") for key in carried}
        )


def test_an_optimizer_without_rows_is_refused_with_the_reason() -> None:
    class Bare(Optimizer):
        name: str = "bare"
        lr: float = 0.1

        def over(self, parameters: Any, lr_ratio: float) -> torch.optim.Optimizer:
            return torch.optim.SGD(parameters, lr=self.lr * lr_ratio)

    with pytest.raises(NotImplementedError, match="no update of rows"):
        Bare().settings(1.0)

"""The fused Adam is torch's own, bit for bit, whatever happens to its state and its gradients."""

import copy

import pytest
import torch

from gensweep.optimizers._fused_adam import FusedAdam

SETTINGS = {"lr": 0.05, "betas": (0.6, 0.9), "eps": 1e-3, "weight_decay": 0.1}


class Pair:
    """The same parameters under both."""

    def __init__(self):
        start = [torch.randn(shape) for shape in ((3, 2), (3,), ())]
        self.own = [torch.nn.Parameter(value.clone()) for value in start]
        self.other = [torch.nn.Parameter(value.clone()) for value in start]
        self.fused = FusedAdam(self.own, **SETTINGS)
        self.plain = torch.optim.Adam(self.other, fused=True, **SETTINGS)

    def step(self, n=1, without=None):
        for _ in range(n):
            for i, (a, b) in enumerate(zip(self.own, self.other, strict=True)):
                gradient = torch.randn(a.shape)
                a.grad, b.grad = (None, None) if i == without else (gradient, gradient.clone())
            self.fused.step()
            self.plain.step()
        assert all(torch.equal(a, b) for a, b in zip(self.own, self.other, strict=True))


@pytest.fixture
def pair():
    torch.manual_seed(0)
    return Pair()


def counts(state):
    return [int(state["state"][i]["step"]) for i in sorted(state["state"])]


def test_steps_are_torchs_own_and_so_is_the_state(pair):
    pair.step(5)
    own, other = pair.fused.state_dict(), pair.plain.state_dict()
    assert counts(own) == counts(other) == [5, 5, 5]
    for a, b in zip(own["state"].values(), other["state"].values(), strict=True):
        assert all(torch.equal(a[name], b[name]) for name in ("exp_avg", "exp_avg_sq"))


@pytest.mark.parametrize("first", [0, 3])
def test_a_parameter_without_a_gradient_rests_and_counts_its_own_moves(pair, first):
    pair.step(first)
    pair.step(2, without=1)
    pair.step(3)
    assert counts(pair.fused.state_dict()) == counts(pair.plain.state_dict()) == [first + 5, first + 3, first + 5]


def test_a_state_that_is_loaded_is_the_one_that_goes_on(pair):
    pair.step(3)
    own, other = copy.deepcopy(pair.fused.state_dict()), copy.deepcopy(pair.plain.state_dict())
    pair.step(2)
    for optimizer, state in ((pair.fused, own), (pair.plain, other)):
        optimizer.load_state_dict(state)
    pair.step(4)
    assert counts(pair.fused.state_dict()) == [7, 7, 7]


def test_torchs_own_optimiser_goes_on_from_its_state(pair):
    pair.step(3)
    pair.plain.load_state_dict(copy.deepcopy(pair.fused.state_dict()))
    pair.step(2)


def test_a_learning_rate_that_changes_counts_at_once(pair):
    for lr in (0.05, 0.5, 0.0):
        for optimizer in (pair.fused, pair.plain):
            optimizer.param_groups[0]["lr"] = lr
        pair.step(2)


def test_parameters_of_two_kinds_are_left_to_torch():
    parameters = [torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2, dtype=torch.float64))]
    optimizer = FusedAdam(parameters, **SETTINGS)
    for _ in range(3):
        for parameter in parameters:
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
    assert torch.allclose(parameters[0].double(), parameters[1], atol=1e-6)
    assert counts(optimizer.state_dict()) == [3, 3]

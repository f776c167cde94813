"""Each optimiser's first steps against its formula, computed here in float64."""

import numpy as np
import pytest
import torch

from gensweep.component import build

GRADIENTS = np.array([[1.0, -2.0, 0.5], [0.3, -1.0, 4.0], [-2.0, 0.1, 1.0]])


def trained(node, lr_ratio=1.0):
    parameter = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimizer = build("optimizers", node).over([parameter], lr_ratio)
    for gradient in GRADIENTS:
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    return parameter.detach().numpy()


def test_adam():
    m = v = 0.0
    expected = np.ones(3)
    for t, g in enumerate(GRADIENTS, 1):
        decayed = g + 0.1 * expected
        m, v = 0.5 * m + 0.5 * decayed, 0.9 * v + 0.1 * decayed**2
        expected = expected - 0.02 * (m / (1 - 0.5**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-3)
    node = {"name": "adam", "lr": 0.04, "betas": [0.5, 0.9], "eps": 1e-3, "weight_decay": 0.1}
    np.testing.assert_allclose(trained(node, 0.5), expected, rtol=1e-12)


def test_rmsprop():
    v = 0.0
    expected = np.ones(3)
    for g in GRADIENTS:
        v = 0.9 * v + 0.1 * g**2
        expected = expected - 0.02 * g / (np.sqrt(v) + 1e-3)
    np.testing.assert_allclose(
        trained({"name": "rmsprop", "lr": 0.02, "alpha": 0.9, "eps": 1e-3}), expected, rtol=1e-12
    )


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd(nesterov):
    b = 0.0
    expected = np.ones(3)
    for g in GRADIENTS:
        b = 0.9 * b + g
        expected = expected - 0.02 * (g + 0.9 * b if nesterov else b)
    node = {"name": "sgd", "lr": 0.02, "momentum": 0.9, "nesterov": nesterov}
    np.testing.assert_allclose(trained(node), expected, rtol=1e-12)


def test_nesterov_without_momentum_is_refused_with_the_cure():
    with pytest.raises(ValueError, match=r"momentum: 0\.9"):
        build("optimizers", {"name": "sgd", "nesterov": True})


@pytest.mark.parametrize("betas", [[0.9], [0.9, 1.0], [-0.1, 0.9]])
def test_betas_out_of_range_are_refused(betas):
    with pytest.raises(ValueError, match="betas"):
        build("optimizers", {"name": "adam", "betas": betas})


@pytest.mark.parametrize(("name", "lr"), [("adam", 1e-3), ("rmsprop", 5e-5), ("sgd", 0.1)])
def test_default_learning_rates(name, lr):
    assert build("optimizers", name).lr == lr

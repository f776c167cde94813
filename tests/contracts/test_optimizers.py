"""What every optimiser must keep."""

import io

import pytest
import torch

from gensweep import registry
from gensweep.component import build


@pytest.fixture(params=registry.names("optimizers"))
def optimizer(request):
    return build("optimizers", request.param)


def bowl(n=37):
    """Parameters of odd sizes, float32, with the gradient of a badly scaled quadratic."""
    torch.manual_seed(0)
    return [torch.nn.Parameter(torch.randn(n)), torch.nn.Parameter(torch.randn(5, 3))]


def step(torch_optimizer, parameters):
    torch_optimizer.zero_grad()
    loss = sum((torch.arange(1.0, p.numel() + 1).view_as(p) * p.square()).sum() for p in parameters) / 100
    loss.backward()
    torch_optimizer.step()
    return float(loss.detach())


def test_a_description_builds_the_same_again(optimizer):
    assert build("optimizers", optimizer.dump()) == optimizer
    assert "Source:" in type(optimizer).__doc__
    assert optimizer.knobs()["lr"] == optimizer.lr


def test_the_loss_falls(optimizer):
    parameters = bowl()
    over = optimizer.over(parameters, 1.0)
    losses = [step(over, parameters) for _ in range(50)]
    assert losses[-1] < losses[0]


def test_the_ratio_multiplies_the_learning_rate(optimizer):
    over = optimizer.over(bowl(), 0.25)
    assert [group["lr"] for group in over.param_groups] == [optimizer.lr * 0.25]


def test_a_saved_state_continues_bit_for_bit(optimizer):
    parameters = bowl()
    over = optimizer.over(parameters, 1.0)
    for _ in range(3):
        step(over, parameters)
    file = io.BytesIO()
    torch.save({"parameters": [p.detach() for p in parameters], "optimizer": over.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed = [torch.nn.Parameter(p) for p in saved["parameters"]]
    again = optimizer.over(resumed, 1.0)
    again.load_state_dict(saved["optimizer"])
    for _ in range(3):
        step(over, parameters)
        step(again, resumed)
    assert all(torch.equal(a, b) for a, b in zip(parameters, resumed, strict=True))

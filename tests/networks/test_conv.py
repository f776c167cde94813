import pytest
import torch

from gensweep.component import build


@pytest.mark.parametrize("norm", ["group", "layer", "none"])
@pytest.mark.parametrize(("channels", "shape"), [(1, (1, 4, 4)), (5, (1, 8, 8)), (8, (1, 28, 28)), (16, (3, 32, 16))])
def test_every_image_with_sides_divisible_by_four(norm, channels, shape):
    network = build("networks", {"name": "conv", "channels": channels, "norm": norm})
    assert network.misfit(shape) is None
    images = network.decoder(6, shape)(torch.randn(2, 6))
    assert images.shape == (2, *shape)
    assert network.encoder(shape, 3)(images).shape == (2, 3)


@pytest.mark.parametrize(("shape", "reason"), [((2,), "images"), ((784,), "images"), ((1, 30, 28), "divisible by 4")])
def test_what_does_not_fit_is_told_with_the_cure(shape, reason):
    message = build("networks", "conv").misfit(shape)
    assert reason in message
    assert "network: mlp" in message


def test_groups_hold_eight_channels():
    net = build("networks", {"name": "conv", "channels": 16}).decoder(2, (1, 8, 8))
    norms = [layer for layer in net.modules() if isinstance(layer, torch.nn.GroupNorm)]
    assert [(n.num_channels, n.num_groups) for n in norms] == [(32, 4), (16, 2)]


def test_a_critic_has_a_second_gradient():
    """A gradient penalty differentiates the gradient in the inputs again, in the weights."""
    critic = build("networks", {"name": "conv", "channels": 8, "activation": "tanh"}).encoder((1, 8, 8), 1).double()
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    second = torch.autograd.grad(slope.square().sum(), list(critic.parameters()), allow_unused=True)
    assert all(g is None or g.isfinite().all() for g in second)
    assert any(g is not None and g.abs().max() > 0 for g in second)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh"])
def test_signals_keep_their_size_without_normalisation(activation):
    """A kernel of 4 with stride 2 sums 16 inputs a channel in a convolution, and 4 in a transposed one."""
    torch.manual_seed(0)
    network = build("networks", {"name": "conv", "channels": 16, "norm": "none", "activation": activation})
    images = network.decoder(32, (3, 32, 32))(torch.randn(64, 32))
    features = network.encoder((3, 32, 32), 64)(torch.randn(64, 3, 32, 32))
    assert 0.6 < float(images.std().detach()) < 1.6
    assert 0.6 < float(features.std().detach()) < 1.6

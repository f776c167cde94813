import typing

import pytest
import torch

from gensweep.component import build
from gensweep.networks._layers import _ACTIVATIONS
from gensweep.networks.base import Activation


def widths(net):
    return [tuple(p.shape) for p in net.parameters() if p.ndim == 2]


def test_a_decoder_goes_through_the_hidden_layers_backwards():
    network = build("networks", {"name": "mlp", "hidden": [7, 5]})
    assert widths(network.encoder((2, 3), 4)) == [(7, 6), (5, 7), (4, 5)]
    assert widths(network.decoder(4, (2, 3))) == [(5, 4), (7, 5), (6, 7)]


def test_no_hidden_layer_is_one_linear_layer():
    net = build("networks", {"name": "mlp", "hidden": []}).decoder(2, (3,)).double()
    a, b = torch.randn(2, 4, 2, dtype=torch.float64)
    torch.testing.assert_close(net(a + b), net(a) + net(b))
    assert widths(net) == [(3, 2)]


def test_every_activation_that_is_offered_exists():
    assert set(typing.get_args(Activation)) == set(_ACTIVATIONS)


@pytest.mark.parametrize("activation", typing.get_args(Activation))
def test_the_gain_undoes_what_the_activation_does_to_the_mean_square(activation):
    function, gain = _ACTIVATIONS[activation]
    z = torch.linspace(-12, 12, 100_001, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / (2 * torch.pi) ** 0.5
    assert gain**2 * float(torch.trapezoid(function()(z).square() * density, z)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("activation", typing.get_args(Activation))
def test_signals_keep_their_size_through_ten_layers(activation):
    torch.manual_seed(0)
    net = build("networks", {"name": "mlp", "hidden": [128] * 10, "activation": activation}).encoder((128,), 128)
    # Between items, not between outputs; the default start of torch leaves 6e-5 here for relu.
    assert 0.2 < float(net(torch.randn(64, 128)).std(0).mean().detach()) < 3


def test_norm_is_a_layer_norm_before_each_activation():
    net = build("networks", {"name": "mlp", "hidden": [16, 16], "norm": "layer"}).encoder((4,), 1)
    assert [type(layer).__name__ for layer in net.layers] == ["Linear", "LayerNorm", "ReLU"] * 2 + ["Linear"]


def test_the_kinks_of_a_scalar_network_are_spread():
    """With zero biases relu(a z) is linear on each side of the origin, and a decoder of one latent is two lines."""
    torch.manual_seed(0)
    net = build("networks", {"name": "mlp", "hidden": [64]}).decoder(1, (1,)).double()
    slopes = net(torch.linspace(-2, 2, 401, dtype=torch.float64)[:, None]).squeeze().diff()
    bends = slopes.diff().abs() > 1e-9
    assert bends[:190].any()
    assert bends[-190:].any()


def test_a_width_of_zero_is_refused():
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        build("networks", {"name": "mlp", "hidden": [16, 0]})

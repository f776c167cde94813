"""What every architecture must keep."""

import math
import typing

import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap

from gensweep import registry
from gensweep.component import build

SHAPES = [(1,), (2,), (1, 8, 8), (1, 28, 28), (3, 32, 32)]
LATENT, BATCH = 3, 4


def variants():
    """Every member by its defaults, and with every option of each of its choices."""
    for name in registry.names("networks"):
        fields = registry.load("networks", name).model_fields.items()
        choices = {field: typing.get_args(info.annotation) for field, info in fields if field != "name"}
        options = [(f, option) for f, values in choices.items() for option in values if isinstance(option, str)]
        yield from [{"name": name}, *({"name": name, field: option} for field, option in options)]


@pytest.fixture(params=variants(), ids=lambda node: "-".join(node.values()))
def network(request):
    torch.manual_seed(0)
    return build("networks", request.param)


def both_ways(network, shape):
    """A way to make each network, and a batch for it."""
    yield lambda: network.decoder(LATENT, shape), torch.randn(BATCH, LATENT), (BATCH, *shape)
    yield lambda: network.encoder(shape, 5), torch.randn(BATCH, *shape), (BATCH, 5)


def fitting(network):
    return [shape for shape in SHAPES if network.misfit(shape) is None]


def test_a_description_builds_the_same_again(network):
    assert build("networks", network.dump()) == network
    assert "Source:" in type(network).__doc__


def test_it_fits_something_and_says_what_else_to_use_where_it_does_not(network):
    assert fitting(network)
    for shape in set(SHAPES) - set(fitting(network)):
        assert "Use network: " in network.misfit(shape)


def test_shapes(network):
    for shape in fitting(network):
        for make, batch, expected in both_ways(network, shape):
            assert make()(batch).shape == expected


def test_signals_keep_their_size_at_the_start(network):
    for shape in fitting(network):
        for make, batch, _ in both_ways(network, shape):
            spread = torch.stack([make()(batch) for _ in range(8)]).std()
            assert 0.2 < spread < 5, (shape, spread)


def test_there_is_no_state_but_parameters_and_no_chance(network):
    for shape in fitting(network):
        for make, batch, _ in both_ways(network, shape):
            net = make()
            assert not list(net.buffers())
            state = torch.get_rng_state()
            training = net.train()(batch)
            assert torch.equal(torch.get_rng_state(), state)
            assert torch.equal(training, net.eval()(batch))


def test_it_says_whether_an_encoder_normalises(network):
    for shape in fitting(network):
        layers = {type(module).__name__ for module in network.encoder(shape, 1).modules()}
        assert network.normalises == any("Norm" in name for name in layers)


def test_an_item_does_not_depend_on_its_batch(network):
    for make, batch, _ in both_ways(network, fitting(network)[0]):
        net, batch = make().double(), batch.double()  # noqa: PLW2901
        torch.testing.assert_close(net(batch)[:1], net(batch[:1]), rtol=1e-12, atol=1e-12)


def test_a_stack_is_its_members(network):
    shape = max(fitting(network)[:3], key=math.prod)
    for make, batch, _ in both_ways(network, shape):
        nets = [make().double() for _ in range(3)]
        batches = torch.stack([batch.double() * scale for scale in (0.5, 1, 2)])

        def value(parameters, batch, net=nets[0]):
            return functional_call(net, parameters, (batch,)).square().mean()

        parameters = stack_module_state(nets)[0]
        values, slopes = vmap(value)(parameters, batches), vmap(grad(value))(parameters, batches)
        for i, net in enumerate(nets):
            alone = net(batches[i]).square().mean()
            alone.backward()
            torch.testing.assert_close(values[i], alone.detach(), rtol=1e-12, atol=1e-12)
            for name, parameter in net.named_parameters():
                torch.testing.assert_close(slopes[name][i], parameter.grad, rtol=1e-12, atol=1e-12)

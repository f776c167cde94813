import pytest
import torch

from gensweep.component import build


@pytest.mark.parametrize("shape", [(6,), (1, 8, 8)], ids=str)
def test_signals_keep_their_size_through_many_blocks(shape):
    torch.manual_seed(0)
    network = build("networks", {"name": "resnet", "blocks": 12, "width": 64, "channels": 8})
    for net, batch in (
        (network.decoder(5, shape), torch.randn(64, 5)),
        (network.encoder(shape, 4), torch.randn(64, *shape)),
    ):
        assert 0.2 < float(net(batch).detach().std()) < 5


def test_a_block_adds_to_what_it_is_given():
    from gensweep.networks.resnet import _LinearBlock

    block = _LinearBlock(5, 1.0, ("relu", "layer"))
    for p in block.parameters():
        p.data.zero_()
    x = torch.randn(3, 5)
    torch.testing.assert_close(block(x), x)


def test_an_image_network_sees_every_pixel_and_paints_every_pixel():
    torch.manual_seed(0)
    network = build("networks", {"name": "resnet", "channels": 4})
    images = torch.randn(2, 1, 8, 8, requires_grad=True)
    network.encoder((1, 8, 8), 3)(images).square().sum().backward()
    assert (images.grad.abs() > 0).all()
    z = torch.randn(2, 3)
    decoder = network.decoder(3, (1, 8, 8))
    assert ((decoder(z)[0] - decoder(z)[1]).abs() > 0).float().mean() > 0.95


def test_a_picture_whose_sides_cannot_be_halved_twice_is_refused_with_the_cure():
    network = build("networks", "resnet")
    assert "Use network: mlp" in network.misfit((1, 6, 8))
    assert network.misfit((7,)) is None

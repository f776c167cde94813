import pytest
import torch

from gensweep.component import build


def test_it_is_affine():
    net = build("networks", "affine").decoder(3, (2, 2)).double()
    a, b = torch.randn(2, 5, 3, dtype=torch.float64)
    origin = net(torch.zeros(1, 3, dtype=torch.float64))
    torch.testing.assert_close(net(2 * a + b) - origin, 2 * (net(a) - origin) + net(b) - origin)


@pytest.mark.parametrize("latent_size", [1, 4])
def test_each_output_starts_with_the_given_standard_deviation(latent_size):
    net = build("networks", {"name": "affine", "spread": 2.5}).decoder(latent_size, (1, 3)).double()
    covariance = net(torch.eye(latent_size, dtype=torch.float64)).flatten(1).square().sum(0)
    torch.testing.assert_close(
        covariance.sqrt().detach(), torch.full((3,), 2.5, dtype=torch.float64), rtol=1e-6, atol=0
    )
    assert net(torch.zeros(1, latent_size, dtype=torch.float64)).abs().max() == 0


def test_an_encoder_starts_with_rows_of_length_one():
    net = build("networks", {"name": "affine", "hidden": []}).encoder((2, 3), 4)
    torch.testing.assert_close(net(torch.eye(6).view(6, 2, 3)).square().sum(0), torch.ones(4))

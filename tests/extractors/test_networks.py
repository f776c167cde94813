"""The networks that extractors are."""

from __future__ import annotations

import pytest
import torch

from gensweep.extractors.networks import PrincipalComponents, RandomFourier, SmallCNN


@pytest.mark.parametrize(
    ("shape", "n_convolutions", "n_left"),
    [
        ((1, 8, 8), 3, 2 * 2), ((1, 28, 28), 3, 4 * 4), ((3, 32, 32), 3, 4 * 4), ((3, 33, 20), 4, 3 * 2),
        ((1, 70, 70), 5, 3 * 3), ((3, 256, 256), 6, 4 * 4), ((1, 2, 3), 3, 1),
    ],
)  # fmt: skip
def test_larger_images_have_more_convolutions_so_that_few_pixels_are_left(shape, n_convolutions, n_left):
    network = SmallCNN(shape, 5)
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in network.body) == n_convolutions
    assert network.features.in_features == 64 * n_left
    assert network(torch.rand(2, *shape)).shape == (2, 5)


def test_a_principal_component_points_one_way_whatever_the_decomposition_gives():
    torch.manual_seed(0)
    components = PrincipalComponents(torch.randn(300, 6) * torch.arange(1.0, 7), 6).components
    assert bool((components.gather(0, components.abs().argmax(0, keepdim=True)) > 0).all())
    assert torch.allclose(components.T @ components, torch.eye(6), atol=1e-5)


def test_products_of_random_features_are_a_gaussian_kernel():
    """Within six standard errors of 20,000 features, each product of two of which has a deviation of at most 1."""
    torch.manual_seed(0)
    x = torch.randn(40, 3) * torch.tensor([1.0, 1e-3, 1e3])  # columns in units of their own
    raw = RandomFourier(x, 20_000).raw(x).double()
    y = ((x - x.mean(0)) / x.std(0)).double()
    distances = torch.pdist(y)
    kernel = torch.exp(-torch.cdist(y, y).square() / (2 * distances.median() ** 2))
    torch.testing.assert_close(raw @ raw.T / 20_000, kernel, rtol=0, atol=6 / 20_000**0.5)


def test_a_feature_that_is_constant_stays_at_0():
    network = SmallCNN((1, 8, 8), 2)
    network.standardise(torch.tensor([[3.0, 1.0], [3.0, 2.0], [3.0, 3.0]]))
    assert (network.centre.tolist(), network.scale.tolist()) == ([3, 2], [1, 1])

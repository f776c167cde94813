import pytest
import torch

from gensweep.component import build


def value(node, x, y):
    divergence = build("divergences", node)
    knobs = {name: torch.tensor(v, dtype=x.dtype) for name, v in divergence.knobs().items()}
    return float(divergence.penalty(x, y, {}, {}, knobs))


def test_widths_follow_dimensions_scales_and_bandwidth():
    x, y = torch.randn(2, 9, 4, dtype=torch.float64)
    cross = torch.cdist(x, y).square()
    off = ~torch.eye(9, dtype=torch.bool)
    expected = 0.0
    for scale in (0.5, 3.0):
        width = 2 * 4 * scale * 1.7
        k = lambda squared, width=width: torch.exp(-squared / width)  # noqa: E731
        within = [k(torch.cdist(z, z).square())[off].mean() for z in (x, y)]
        expected += float(within[0] + within[1] - 2 * k(cross).mean())
    given = value({"name": "mmd", "kernel": "rbf", "scales": [0.5, 3.0], "bandwidth": 1.7}, x, y)
    assert given == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kernel", ["imq", "rbf"])
def test_bandwidth_is_a_variance(kernel):
    x, y = torch.randn(2, 30, 5, dtype=torch.float64) + torch.tensor([0.0, 0.5])[:, None, None]
    one = value({"name": "mmd", "kernel": kernel}, x, y)
    assert value({"name": "mmd", "kernel": kernel, "bandwidth": 9.0}, 3 * x, 3 * y) == pytest.approx(one, abs=1e-12)


def test_the_default_is_the_seven_scale_sum():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 1500, 1, generator=generator, dtype=torch.float64)
    # The estimate's standard deviation at n = 1500 is 0.058 (60 seeds); the bound is four of them.
    assert value("mmd", x, y + 1) == pytest.approx(0.815009, abs=0.23)

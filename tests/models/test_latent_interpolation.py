"""Ways through a latent space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gensweep.errors import ConfigError
from gensweep.models.generative import load_model
from gensweep.models.interpolation import How, interpolation, linear, spherical
from gensweep.models.traversal import evenly, quantiles, traversal


def test_a_great_circle_keeps_its_ends_and_its_distance_from_the_centre() -> None:
    start, end = torch.tensor([[3.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 3.0], [1.0, 1.0]])
    ways = spherical(start, end, 5)
    torch.testing.assert_close(ways[:, 0], start)
    torch.testing.assert_close(ways[:, -1], end)
    torch.testing.assert_close(ways[0].norm(dim=1), torch.full((5,), 3.0))
    torch.testing.assert_close(ways[0, 2], torch.full((2,), 3 / 2**0.5))
    torch.testing.assert_close(ways[1], start[1].expand(5, 2))  # from a latent to itself
    assert spherical(torch.tensor([[1.0]]), torch.tensor([[-1.0]]), 3)[0, 1].item() == 0
    opposite = torch.tensor([[2.0, 0.0]])
    torch.testing.assert_close(spherical(opposite, -opposite, 3), linear(opposite, -opposite, 3))


def test_a_line_goes_through_the_mean_of_its_ends() -> None:
    start, end = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    torch.testing.assert_close(linear(start, end, 3)[0], torch.tensor([[3.0, 0.0], [1.5, 0.5], [0.0, 1.0]]))


@pytest.mark.parametrize("how", ["linear", "spherical"])
def test_an_interpolation_is_decoded_from_one_end_to_the_other(used: Path, how: How) -> None:
    model = load_model("used/gan", used)
    start, end = model.latents(2, seed=1), model.latents(2, seed=2)
    found = interpolation(model, start, end, 5, how)
    assert found.shape == (2, 5, 1, 8, 8)
    np.testing.assert_allclose(found[:, 0], model.decode(start), atol=1e-6)
    np.testing.assert_allclose(found[:, -1], model.decode(end), atol=1e-6)
    np.testing.assert_allclose(interpolation(model, start[0], end[0], 5, how), found[:1], atol=1e-6)
    other = interpolation(model, start, end, 5, "linear" if how == "spherical" else "spherical")
    assert not np.allclose(other, found)


def test_a_traversal_moves_one_coordinate_and_no_other(used: Path) -> None:
    model = load_model("used/vae", used)
    base, values = np.array([0.5, -0.5, 1.0]), evenly(3, 4) * np.array([[1.0], [2.0], [0.5]])
    found = traversal(model, base, values, [2, 0])
    assert found.shape == (2, 4, 1, 8, 8)
    assert evenly(2, 4).tolist() == [[-3, -1, 1, 3]] * 2
    np.testing.assert_allclose(found[0, 1], model.decode([[0.5, -0.5, -0.5]])[0], atol=1e-6)
    np.testing.assert_allclose(found[1, 3], model.decode([[3, -0.5, 1]])[0], atol=1e-6)


def test_quantiles_are_of_each_axis_by_itself() -> None:
    codes = np.random.default_rng(0).normal([0, 10], [1, 5], (20_000, 2))
    found = quantiles(codes, 3)
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found, [[-2.326, 0, 2.326], [-1.63, 10, 21.63]], atol=0.35)


def test_what_is_no_way_is_refused(used: Path) -> None:
    model = load_model("used/vae", used)
    z = model.latents(2)
    for call, said in (
        (lambda: interpolation(model, z, z, 8, "sphericl"), "Did you mean 'spherical'"),  # type: ignore[arg-type]
        (lambda: interpolation(model, z, z, 1), "Give 2 or more"),
        (lambda: interpolation(model, z, z[:1]), "as many of each"),
        (lambda: interpolation(model, z[:, :2], z[:, :2]), r"decodes \[n, 3\]"),
        (lambda: traversal(model, z[0], evenly(3, 4), [3]), "axis 3: .* 3 latent axes, from 0 to 2"),
        (lambda: traversal(model, z[0], evenly(2, 4), [0]), r"\[3\] and \[3, steps\]"),
    ):
        with pytest.raises(ConfigError, match=said):
            call()

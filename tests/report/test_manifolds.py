"""The latent plane as a sheet of codes, and what a decoder and a critic make of a plane of data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gensweep.comparison.collect import trials
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.report.manifolds import Field, Manifold, Sheet, grid, manifold, manifold_charts, sheet
from gensweep.report.subjects import Best, bests


def test_the_grid_lies_at_normal_quantiles_row_by_row_from_the_top() -> None:
    """Half a cell from the ends: the quantiles at 1/4 and 3/4 of N(0, 1) are -0.6745 and 0.6745."""
    plain = Sheet(torch.zeros(2), torch.eye(2), "")
    q = 0.67449
    torch.testing.assert_close(
        plain.codes(grid(2, 2)), torch.tensor([[-q, q], [q, q], [-q, -q], [q, -q]]), atol=1e-4, rtol=0
    )
    moved = Sheet(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([[2.0], [0.0], [0.0]]), "")
    torch.testing.assert_close(
        moved.codes(grid(2, 1)), torch.tensor([[1 - 2 * q, 2, 3], [1 + 2 * q, 2, 3]]), atol=1e-4, rtol=0
    )


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory, trained_ring: Callable[[Path], SweepFolder]) -> Best:
    return bests(trials(trained_ring(tmp_path_factory.mktemp("manifolds") / "runs" / "ring")), None)[0]


def test_lines_are_decoded_codes_on_which_one_coordinate_moves(ring: Best) -> None:
    found = manifold(ring)
    assert isinstance(found, Manifold)
    assert [len(way) for way in found.lines] == [15, 15]
    assert found.field is None  # an auto-encoder judges nothing
    shares = (torch.arange(80) + 0.5) / 80
    middle = torch.stack([torch.zeros(80), torch.special.ndtri(shares.double()).float()], 1)  # the 8th of 15 is at 0
    assert ring.model is not None
    decoded = ring.model.decodings(middle)
    assert decoded is not None
    torch.testing.assert_close(found.lines[1][7], decoded, atol=1e-5, rtol=1e-4)
    (chart,), notes = manifold_charts([ring])
    assert notes == []
    assert [trace.name for trace in chart.figure.data] == ["data", "the first latent moves", "the second one"]
    assert "normal quantiles of the prior" in chart.caption


def test_with_more_dimensions_the_sheet_is_that_of_the_codes_and_without_encoder_there_is_none(
    trained: SweepFolder,
) -> None:
    vae, _, gan = bests(trials(trained), None)
    found = sheet(vae)
    assert isinstance(found, Sheet)
    assert vae.model is not None
    codes = vae.model.codes(vae.splits.validation[:1000])
    assert codes is not None
    torch.testing.assert_close(found.centre, codes.mean(0))
    lengths = found.directions.norm(dim=0)
    along = (codes - codes.mean(0)) @ (found.directions / lengths)
    torch.testing.assert_close(along.std(0), lengths, atol=1e-4, rtol=1e-3)
    assert lengths[0] >= lengths[1]
    assert "no encoder" in str(sheet(gan))
    assert manifold(vae) == "its data are no points of a plane"


def test_contours_leave_out_where_the_critic_runs_away() -> None:
    values = torch.linspace(0, 1, 3600, dtype=torch.float64).reshape(60, 60)
    values[0, 0] = -1e9
    levels = Field(torch.arange(60.0), torch.arange(60.0), values).levels
    assert levels[0] == pytest.approx(0.05, abs=0.01)
    assert levels[-1] == pytest.approx(0.98, abs=0.01)
    flat = Field(torch.arange(60.0), torch.arange(60.0), torch.zeros(60, 60)).levels
    assert sorted(set(flat)) == flat  # of a critic that knows nothing too

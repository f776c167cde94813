"""Pictures from checkpoints: the same latents side by side, and a sentence where there is no picture."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from gensweep.comparison.collect import trials
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.losses import Draw
from gensweep.report.gallery import Cell, files, gallery
from gensweep.report.latents import latent_maps, plane, point_samples
from gensweep.report.subjects import Best, bests, same_noise
from tests.written_sweep import Writer


@pytest.fixture(scope="module")
def models(trained: SweepFolder) -> list[Best]:
    return bests(trials(trained), None)


def picture(cell: Cell) -> Image.Image:
    assert cell.picture is not None, cell.says
    head, _, data = cell.picture.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_latents_of_one_size_are_the_same_for_every_arm_and_come_again(models: list[Best]) -> None:
    vae, wae, gan = (model.game.sample_noise["latent"] for model in models)
    assert vae == wae != gan
    first, second = (same_noise({"latent": draw}, 5)["latent"] for draw in (vae, wae))
    assert torch.equal(first, second)
    assert not torch.equal(same_noise({"latent": Draw((2,))}, 5)["latent"], first[:, :2])


def test_a_sample_is_what_the_model_makes_of_the_latent_at_its_place(models: list[Best]) -> None:
    wae = models[1]
    noise = same_noise(wae.game.sample_noise, 36)
    decoded = wae.sample(noise)
    torch.testing.assert_close(decoded[7:8], wae.sample({name: values[7:8] for name, values in noise.items()}))
    shown = picture(gallery(models)[0][0].cells[1])
    scale = shown.width // (6 * 9 + 1)
    place = ((1 + 1 * 9) * scale, (1 + 1 * 9) * scale)  # the eighth: second row, second column
    low, high = wae.dataset.bounds or (0.0, 1.0)
    expected = round(255 * float(((decoded[7, 0, 0, 0] - low) / (high - low)).clamp(0, 1)))
    assert abs(shown.getpixel(place) - expected) <= 1


def test_every_arm_has_its_strips_and_a_family_without_encoder_says_so(models: list[Best]) -> None:
    strips, notes = gallery(models)
    assert notes == []
    samples, reconstructions, interpolations, between, grids = strips
    assert [cell.arm for cell in samples.cells] == ["vae", "wae", "gan"]
    assert all(cell.picture for cell in (*samples.cells, *interpolations.cells))
    assert [bool(cell.picture) for cell in reconstructions.cells] == [True, True, False]
    assert "no encoder" in reconstructions.cells[2].says
    assert [bool(cell.picture) for cell in between.cells] == [True, True, False]
    assert [bool(cell.picture) for cell in grids.cells] == [True, True, False]
    assert "more than two latent dimensions" in grids.cells[2].says
    assert "the same latent: vae, wae. Others differ" in samples.caption
    assert "in each picture is the same latent" in gallery(models[:2])[0][0].caption
    assert "No two arms" in gallery(models[1:])[0][0].caption
    assert picture(interpolations.cells[0]).width > picture(interpolations.cells[0]).height


def test_a_way_between_items_stands_between_them(models: list[Best]) -> None:
    """Ten columns: the item, the eight steps from its code's decoding to the other's, the other item."""
    shown = picture(gallery(models)[0][3].cells[1])
    originals = models[1].splits.validation[:8]
    scale = shown.width // (10 * 9 + 1)
    low, high = models[1].dataset.bounds or (0.0, 1.0)
    for column, item in ((0, originals[0]), (9, originals[4])):
        across, down = divmod(int(item[0].argmax()), 8)[::-1]
        at = ((1 + column * 9 + across) * scale, (1 + down) * scale)
        assert abs(shown.getpixel(at) - round(255 * float((item.max() - low) / (high - low)))) <= 1


def test_the_pictures_of_strips_are_files_too(models: list[Best]) -> None:
    strips, _ = gallery(models)
    found = files(strips)
    assert {name for name in found if name.startswith("latent_grid")} == {"latent_grid.vae.png", "latent_grid.wae.png"}
    assert all(data.startswith(b"\x89PNG") for data in found.values())


def test_a_map_of_the_codes_by_class_beside_the_prior(models: list[Best]) -> None:
    charts, notes = latent_maps(models)
    assert [chart.title for chart in charts] == ["Latent space of vae", "Latent space of wae"]
    assert notes == ["gan: this family has no encoder."]
    names = [trace.name for trace in charts[0].figure.data]
    assert names == [*(f"class {i}" for i in range(10)), "prior"]
    assert charts[0].figure.data[-1].xaxis == "x2"
    layout = charts[0].figure.layout
    assert (layout.xaxis2.matches, layout.yaxis2.matches) == ("x", "y")  # side by side on one scale
    assert sum(len(trace.x) for trace in charts[0].figure.data[:-1]) <= 300


def test_a_plane_is_that_of_the_largest_spread_and_two_coordinates_stay() -> None:
    codes = torch.randn(200, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.1, 5.0, 0.1, 2.0])
    _, directions = plane(codes)
    assert directions[1, 0].abs() > 0.99
    assert directions[3, 1].abs() > 0.99
    centre, same = plane(codes[:, :2] + 3)
    assert torch.equal((codes[:, :2] - centre) @ same, codes[:, :2])


def copy(trained: SweepFolder, to: Path) -> SweepFolder:
    return SweepFolder.open(Path(shutil.copytree(trained.path, to)))


def test_a_missing_checkpoint_costs_that_arms_pictures_only(trained: SweepFolder, tmp_path: Path) -> None:
    folder = copy(trained, tmp_path / "copy")
    shutil.rmtree(next((folder.path / "trials").glob("0000-*")) / "checkpoints")
    models = bests(trials(folder), None)
    strips, _ = gallery(models)
    assert [bool(cell.picture) for cell in strips[0].cells] == [False, True, True]
    assert "no checkpoint" in strips[0].cells[0].says
    assert "vae: its model is not here." in latent_maps(models)[1]


@pytest.mark.parametrize("damage", ["configuration", "checkpoint"])
def test_what_a_stranger_altered_costs_the_pictures_and_no_more(
    trained: SweepFolder, tmp_path: Path, damage: str
) -> None:
    folder = copy(trained, tmp_path / "copy")
    trial = next((folder.path / "trials").glob("0001-*"))
    if damage == "configuration":
        (trial / "configuration.json").write_text('{"family": "<script>alert(1)</script>"}')
    else:
        for file in trial.glob("checkpoints/*/*.pt"):
            file.write_bytes(b"no tensors")
    strips, _ = gallery(bests(trials(folder), None))
    assert [bool(cell.picture) for cell in strips[0].cells] == [True, False, True]
    assert strips[0].cells[1].says.startswith("Not drawn")


def test_a_sweep_without_any_model_says_so_once_an_arm(study: Writer) -> None:
    strips, notes = gallery(bests(trials(study.folder), None))
    assert strips == []
    assert len(notes) == 2
    assert "left no checkpoint" in notes[0]


def test_points_are_drawn_beside_their_data(tmp_path: Path, trained_ring: Callable[[Path], SweepFolder]) -> None:
    models = bests(trials(trained_ring(tmp_path / "runs" / "ring")), None)
    strips, notes = gallery(models)
    assert strips == []
    assert "points" in notes[0]
    (chart,), undrawn = point_samples(models)
    assert undrawn == []
    assert {trace.name: len(trace.x) for trace in chart.figure.data}.keys() == {"samples", "data"}
    assert point_samples([]) == ([], [])

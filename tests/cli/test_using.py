"""best, sample, reconstruct, interpolate and traverse: what they write, and what they refuse before anything is written."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gensweep.families.gan import GAN
from gensweep.models import outputs
from gensweep.models.generative import BLOCK, GenerativeModel, load_model
from gensweep.trial import TrainedModel
from tests.cli.conftest import Command


@pytest.fixture
def there(used: Path, monkeypatch: pytest.MonkeyPatch, gensweep: Command) -> Command:
    """Commands that find the sweep `used`."""
    monkeypatch.setenv("GENSWEEP_RUNS", str(used))
    return gensweep


def refused(there: Command, folder: Path, code: int, said: str, *arguments: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    ended = there(*arguments)
    assert ended.code == code, ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_best_ranks_the_winner_first_and_says_how_to_go_on(there: Command, used: Path) -> None:
    ended = there("best", "used", "-n", "3")
    assert ended.code == 0, ended.err
    header, *lines, _blank, go_on = ended.out.strip().splitlines()
    assert header.split() == [
        "rank", "trial", "arm", "sliced_wasserstein", "test", "sliced_wasserstein", "outcome", "parameters", "checkpoint"
    ]  # fmt: skip
    assert len(lines) == 3
    winner = lines[0].split()[1]
    assert f"used is {winner}: arm {lines[0].split()[2]} " in ended.err
    assert f"gensweep sample {winner} --runs {used} -n 1000 -o used-{winner[5:]}.npy" in go_on
    rows = json.loads(there("best", "used", "-n", "99", "--json").out)
    assert [row["rank"] for row in rows] == list(range(1, 9))
    assert [row["is winner"] for row in rows] == [True] + [False] * 7
    assert rows[0]["trial"] == winner
    rest = [row["sliced_wasserstein"] for row in rows[1:]]
    assert rest == sorted(rest)
    assert sum(row["test sliced_wasserstein"] is not None for row in rows) == 3
    assert {row["parameters"]["lr"] for row in rows} == {0.001, 0.01}
    assert all((Path.cwd() / row["checkpoint"] / "manifest.json").is_file() for row in rows)
    ran = there(*go_on.split("gensweep ")[1].split())
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("name", ["x.npy", "x.NPY", "x.npz"])
def test_samples_are_written_as_an_array(there: Command, used: Path, tmp_path: Path, name: str) -> None:
    n = BLOCK + 50
    ended = there("sample", "used/vae", "-n", str(n), "-o", name, "--seed", "4")
    assert ended.code == 0, ended.err
    assert f"{name}: 1,050 samples of used/" in ended.out
    found = np.load(tmp_path / name)
    items = found["samples"] if name.endswith("z") else found
    assert np.array_equal(items, load_model("used/vae", used).sample(n, seed=4))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "space.yaml"])


def test_samples_are_written_as_a_folder_that_evaluate_reads(there: Command, used: Path, tmp_path: Path) -> None:
    assert there("sample", "used/vae", "-n", "30", "-o", "made/").code == 0
    names = sorted(path.name for path in (tmp_path / "made").iterdir())
    assert names == [f"{k:06d}.png" for k in range(30)]
    items = np.stack([np.asarray(Image.open(tmp_path / "made" / name)) for name in names])
    np.testing.assert_allclose(items / 255, load_model("used/vae", used).sample(30)[:, 0], atol=0.5 / 255 + 1e-6)
    refused(there, tmp_path, 2, "holds pictures already", "sample", "used/vae", "-n", "3", "-o", "made")
    assert there("sample", "used/vae", "-n", "3", "-o", "made", "--force").code == 0
    assert len(list((tmp_path / "made").iterdir())) == 3
    scored = there("evaluate", "made", "--reference", "digits", "--metrics", "nearest_neighbour", "--json")
    assert scored.code == 0, scored.err


def test_a_grid_has_the_columns_that_were_asked_for(there: Command, tmp_path: Path) -> None:
    assert there("sample", "used/vae", "-n", "12", "-o", "grid.png", "--columns", "6").code == 0
    width, height = Image.open(tmp_path / "grid.png").size
    assert (width, height) == (6 * 65 + 1, 2 * 65 + 1)  # 8 pixels, eight times each, and lines between
    assert there("sample", "used/vae", "-n", "9", "-o", "square.png").code == 0
    assert len(set(Image.open(tmp_path / "square.png").size)) == 1


def test_reconstructions_stand_beside_their_originals(there: Command, used: Path, tmp_path: Path) -> None:
    model = load_model("used/autoencoder", used)
    items = model.items("validation", 5)
    asked = ("reconstruct", "used/autoencoder", "-n", "5", "--split", "validation")
    for name in ("x.npy", "x.npz", "x.png"):
        ended = there(*asked, "-o", name)
        assert ended.code == 0, ended.err
        assert "5 items of the validation split" in ended.out
    pairs, named = np.load(tmp_path / "x.npy"), np.load(tmp_path / "x.npz")
    assert pairs.shape == (5, 2, 1, 8, 8)
    assert np.array_equal(pairs[:, 0], items)
    assert np.array_equal(pairs[:, 1], model.reconstruct(items))
    assert np.array_equal(named["originals"], items)
    assert np.array_equal(named["reconstructions"], pairs[:, 1])
    first = np.asarray(Image.open(tmp_path / "x.png"))[1:65, 1:65][::8, ::8]
    np.testing.assert_allclose(first / 255, items[0, 0], atol=0.5 / 255 + 1e-6)


def test_interpolations_go_from_one_item_to_another_or_between_random_latents(
    there: Command, used: Path, tmp_path: Path
) -> None:
    model = load_model("used/autoencoder", used)
    asked = (
        "interpolate",
        "used/autoencoder",
        "--between",
        "3",
        "17",
        "--how",
        "linear",
        "--steps",
        "5",
        "-o",
        "way.npy",
    )
    assert there(*asked).code == 0
    way, items = np.load(tmp_path / "way.npy"), model.items("test")
    assert way.shape == (1, 5, 1, 8, 8)
    np.testing.assert_allclose(way[0, [0, -1]], model.reconstruct(items[[3, 17]]), atol=1e-5)
    assert there("interpolate", "used/gan", "-n", "3", "-o", "ways.npy", "--seed", "2").code == 0
    ways, gan = np.load(tmp_path / "ways.npy"), load_model("used/gan", used)
    assert ways.shape == (3, 8, 1, 8, 8)
    np.testing.assert_allclose(ways[:, 0], gan.sample(3, seed=2), atol=1e-5)
    assert there("interpolate", "used/flow", "-o", "ways.png").code == 0
    assert Image.open(tmp_path / "ways.png").size == (8 * 65 + 1, 4 * 65 + 1)


def test_a_traversal_has_a_row_for_each_axis(there: Command, used: Path, tmp_path: Path) -> None:
    ended = there("traverse", "used/gan", "--axes", "2, 0", "--steps", "3", "-o", "axes.npy")
    assert ended.code == 0, ended.err
    assert "axes 2, 0 of 3, a row each, over -3 to 3" in ended.out
    found, gan = np.load(tmp_path / "axes.npy"), load_model("used/gan", used)
    np.testing.assert_allclose(found[0], gan.decode([[0, 0, -3], [0, 0, 0], [0, 0, 3]]), atol=1e-6)
    np.testing.assert_allclose(found[1, 2], gan.decode([[3, 0, 0]])[0], atol=1e-6)
    coded = there("traverse", "used/autoencoder", "-o", "own.npy")
    assert "over the quantiles of codes" in coded.out  # it has no prior
    plain = load_model("used/autoencoder", used)
    codes = plain.encode(plain.items("train", 1000))
    median = np.tile(codes.mean(0), (1, 1))
    median[0, 1] = np.median(codes[:, 1])
    np.testing.assert_allclose(np.load(tmp_path / "own.npy")[1, 4], plain.decode(median)[0], atol=1e-5)
    assert (
        "axes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 of 64"
        in there("traverse", "used/flow", "-o", "flow.png").out
    )


REFUSED = [
    ("sample usd -o x.npy", "Did you mean 'used'"),
    ("sample used/99 -o x.npy", "used has no trial 99"),
    ("sample used -o x.jpg", "nothing is written as .jpg here. Accepted: x.npy"),
    ("sample used -o x.pt", "nothing is written as .pt here"),
    ("sample used -o nowhere/x.npy", "there is no folder nowhere. Make it"),
    ("sample used -o space.yaml", "nothing is written as .yaml here"),
    ("sample used -o x.npy --columns 3", "are of a picture, and x.npy is none"),
    ("sample used -o x/ --columns 3", "are of a picture"),
    ("sample used -n 0 -o x.npy", "-n"),
    ("sample used -n 9999999 -o x.png", "Give a smaller -n, or a folder: -o x/"),
    ("sample used -o x.npy --device gpu", "device 'gpu' is none"),
    ("sample used", "--output"),
    ("reconstruct used/gan -o x.png", "gan has no encoder. Of its sweep used/vae and used/autoencoder have one"),
    ("reconstruct used/flow -o x.png", "flow has no encoder"),
    ("reconstruct used/vae -o x/", "nothing is written as a folder here. Accepted: x.png"),
    ("reconstruct used/vae -o x.png --split tests", "--split tests: Did you mean 'test'"),
    ("reconstruct used/vae -o x.npy --columns 4", "are of a picture"),
    ("interpolate used/gan --between 1 2 -o x.png", "Or leave --between out"),
    ("interpolate used/vae --between 1 400 -o x.png", "there is no item 400 in the test split, which has 400, from 0 on"),
    ("interpolate used/vae --between -1 4 -o x.png", "there is no item -1"),
    ("interpolate used/vae --how sphericl -o x.png", "Did you mean 'spherical'"),
    ("interpolate used/vae --steps 1 -o x.png", "--steps"),
    ("interpolate used/vae -o x.npz", "nothing is written as .npz here"),
    ("traverse used/vae --axes 3 -o x.png", "axis 3: used/"),
    ("traverse used/vae --axes a -o x.png", "'a' is no axis. Give numbers from 0 to 2"),
    ("traverse used/vae --axes -1 -o x.png", "'-1' is no axis"),
    ("traverse used/gan --over codes -o x.png", "gan has no encoder"),
    ("traverse used/vae --over pror -o x.png", "Did you mean 'prior'"),
    ("best usd", "Did you mean 'used'"),
    ("best used -n 0", "-n"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "said"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_cannot_be_is_refused_and_nothing_is_written(there: Command, tmp_path: Path, line: str, said: str) -> None:
    refused(there, tmp_path, 2, said, *line.split())


@pytest.mark.parametrize(
    "line",
    ["sample used/vae -n 3 -o", "reconstruct used/vae -n 3 -o", "interpolate used/vae -n 3 -o", "traverse used/vae -o"],
)
def test_what_is_there_stays_unless_it_is_forced(there: Command, tmp_path: Path, line: str) -> None:
    (tmp_path / "x.npy").write_text("mine")
    (tmp_path / "folder.npy").mkdir()
    refused(there, tmp_path, 2, "x.npy: is there already", *line.split(), "x.npy")
    refused(there, tmp_path, 2, "is a folder. Give a file in it", *line.split(), "folder.npy", "--force")
    assert there(*line.split(), "x.npy", "--force").code == 0
    assert np.load(tmp_path / "x.npy").dtype == np.float32


def test_a_folder_with_other_files_is_never_replaced(there: Command, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "holiday.png").write_text("mine")
    (tmp_path / "link").symlink_to("mine")
    asked = ("sample", "used/vae", "-n", "3", "--force", "-o")
    refused(there, tmp_path, 2, "holds other files", *asked, "mine/")
    refused(there, tmp_path, 2, "is a file or a link", *asked, "link")
    (tmp_path / "empty").mkdir()
    assert there(*asked[:-2], "-o", "empty").code == 0
    assert len(list((tmp_path / "empty").iterdir())) == 3


def test_a_disk_without_room_is_told_before_anything_is_made(
    there: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(outputs.shutil, "disk_usage", lambda path: usage(10**9, 10**9, 50_000))
    monkeypatch.setattr(TrainedModel, "drawn", lambda *a: pytest.fail("sampled"))
    for name in ("x.npy", "x.npz", "x/"):
        refused(there, tmp_path, 4, "48.8 KiB are free in", "sample", "used/vae", "-n", "1000", "-o", name)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x", "x.png"])
def test_what_is_interrupted_leaves_nothing(
    there: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    whole = GenerativeModel.sample_blocks

    def breaks(self, n, seed=0, block=BLOCK):  # type: ignore[no-untyped-def]
        yield next(whole(self, n, seed, block))
        raise KeyboardInterrupt

    monkeypatch.setattr(GenerativeModel, "sample_blocks", breaks)
    refused(there, tmp_path, 130, "stopped by Ctrl-C", "sample", "used/vae", "-n", "2000", "-o", name)


def test_a_full_disk_is_a_sentence_and_the_old_file_stays(
    there: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.npy").write_text("old")

    def full(self, n, seed=0, block=BLOCK):  # type: ignore[no-untyped-def]
        yield np.zeros((BLOCK, 1, 8, 8), np.float32)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(GenerativeModel, "sample_blocks", full)
    said = "cannot be written (No space left on device; "
    refused(there, tmp_path, 4, said, "sample", "used/vae", "-n", "1500", "-o", "x.npy", "--force")
    refused(there, tmp_path, 4, said, "sample", "used/vae", "-n", "1500", "-o", "folder/")


@pytest.mark.parametrize("name", ["x.npy", "x.png", "x/"])
def test_samples_that_are_not_finite_are_never_written(
    there: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(TrainedModel, "drawn", lambda self, noise: torch.full((100, 1, 8, 8), torch.nan))
    refused(there, tmp_path, 1, "not finite numbers", "sample", "used/vae", "-n", "9", "-o", name)


def test_points_are_drawn_as_a_density_and_their_ways_are_arrays(done: tuple[Path, object], gensweep: Command) -> None:
    """Of data in a plane there is one picture, that of many samples."""
    folder, _ = done
    where = ("--runs", str(folder / "runs"))
    ended = gensweep("sample", "tiny", "-o", "points.png", *where)
    assert ended.code == 0, ended.err
    assert "nothing is confirmed: gensweep confirm tiny --runs" in ended.err
    assert Image.open("points.png").size == (256, 256)
    for line in (
        "sample tiny -o points/",
        "interpolate tiny -o x.png",
        "traverse tiny -o x.png",
        "reconstruct tiny -o x.png",
    ):
        said = gensweep(*line.split(), *where)
        assert said.code == 2
        assert "are of shape [2], which are no images. Write an array: -o" in said.err
    assert gensweep("interpolate", "tiny", "-o", "x.npy", *where).code == 0
    assert np.load("x.npy").shape == (4, 8, 2)


def test_nothing_is_said_of_progress_where_nobody_looks(there: Command, tmp_path: Path) -> None:
    ended = there("sample", "used/3", "-n", "3", "-o", "x.npy")
    assert (ended.err, ended.out) == ("", "x.npy: 3 samples of used/3, flow, seed 0\n")


def test_a_sweep_that_is_damaged_is_told_as_such(
    there: Command, used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(used, tmp_path / "runs")
    monkeypatch.setenv("GENSWEEP_RUNS", str(tmp_path / "runs"))
    state = next((tmp_path / "runs/used/trials").glob("0003-*")) / "checkpoints/best/state.pt"
    state.write_bytes(state.read_bytes()[:-1])
    said = "no checkpoint that verifies. The files of best do not have the digests"
    refused(there, tmp_path, 2, said, "sample", "used/3", "-o", "x.npy")
    (tmp_path / "runs/used/ledger/events.jsonl").unlink()
    for command in (("best", "used"), ("sample", "used", "-o", "x.npy")):
        refused(there, tmp_path, 5, "events.jsonl", *command)


def test_a_family_without_a_latent_space_has_no_ways(
    there: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    game = GAN.game
    monkeypatch.setattr(GAN, "game", lambda self, setting: dataclasses.replace(game(self, setting), decode=None))
    for command in ("interpolate", "traverse"):
        said = "gan has no latent space. Of its sweep used/vae, used/autoencoder and used/flow have one"
        refused(there, tmp_path, 2, said, command, "used/gan", "-o", "x.npy")

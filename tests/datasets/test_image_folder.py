import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from gensweep.component import build
from gensweep.datasets.image_folder import ImageFolder
from gensweep.errors import ConfigError
from gensweep.files import images, pixels
from gensweep.files.folders import listing


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "datasets"


def write(folder: Path, n: int = 30, size: tuple[int, int] = (8, 8), first: int = 0) -> Path:
    """Images that differ: image i has red level i, its top left pixel is white."""
    (folder / "deeper").mkdir(parents=True, exist_ok=True)
    for i in range(first, first + n):
        pixels = np.zeros((*size, 3), np.uint8)
        pixels[..., 0] = i
        pixels[0, 0] = 255
        Image.fromarray(pixels).save((folder / "deeper" if i % 2 else folder) / f"{i:03d}.png")
    return folder


def reds(data: torch.Tensor) -> list[int]:
    return (data[:, 0, -1, -1] * 255).round().int().tolist()


def test_every_image_is_in_one_split_by_the_fractions_and_the_seed(tmp_path):
    folder = str(write(tmp_path / "images"))
    splits = ImageFolder(path=folder, validation=0.2, test=0.1).read()
    assert [len(splits.split(s)) for s in ("train", "validation", "test")] == [21, 6, 3]
    assert sorted(reds(splits.train) + reds(splits.validation) + reds(splits.test)) == list(range(30))
    assert splits.train.shape[1:] == ImageFolder(path=folder).shape == (3, 8, 8)
    assert splits.train[:, :, 0, 0].eq(1).all()
    again = ImageFolder(path=folder, validation=0.2, test=0.1).read()
    assert again.digest == splits.digest
    assert reds(again.train) == reds(splits.train) != sorted(reds(splits.train))
    assert ImageFolder(path=folder, validation=0.2, test=0.1, seed=1).read().digest != splits.digest


def test_grey_images_have_one_channel(tmp_path):
    data = ImageFolder(path=str(write(tmp_path / "images")), channels=1).read().train
    assert data.shape[1:] == (1, 8, 8)
    assert float(data.max()) == 1


def test_images_are_decoded_once_and_anew_when_a_file_changes(tmp_path, cache, monkeypatch):
    folder = write(tmp_path / "images")
    first = ImageFolder(path=str(folder)).read()
    assert len(list(cache.glob("*.f32"))) == 1
    decode = images.read_image
    monkeypatch.setattr(images, "read_image", lambda *a: pytest.fail("decoded again"))
    assert ImageFolder(path=str(folder)).read().digest == first.digest
    monkeypatch.setattr(images, "read_image", decode)
    later = time.time_ns() + 10**9
    Image.new("RGB", (8, 8), (77, 0, 0)).save(folder / "000.png")
    os.utime(folder / "000.png", ns=(later, later))
    assert ImageFolder(path=str(folder)).read().digest != first.digest


def test_a_torn_file_in_the_cache_is_made_again(tmp_path, cache):
    dataset = ImageFolder(path=str(write(tmp_path / "images")))
    expected = dataset.read().digest
    file = next(cache.glob("*.f32"))
    file.write_bytes(file.read_bytes()[:-4])
    again = dataset.read()
    assert again.digest == expected
    assert sorted(reds(again.train) + reds(again.validation) + reds(again.test)) == list(range(30))


def test_the_data_are_mapped_not_loaded(tmp_path):
    # 30 images of 512 x 512 x 3 float32 are 94 MB; the process must not grow by them.
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(30):
        Image.new("RGB", (512, 512), (i, 0, 0)).save(folder / f"{i}.png")

    def resident() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) // 1024

    dataset = ImageFolder(path=str(folder))
    dataset.read()
    before = resident()
    splits = dataset.read()
    assert splits.train.nbytes > 70e6
    assert float(splits.train.sum()) > 0
    assert resident() - before < 20


def test_the_largest_square_at_the_centre_is_resampled(tmp_path):
    pixels = np.zeros((4, 12), np.uint8)
    pixels[:, 4:8] = 200  # the square at the centre
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(20):
        Image.fromarray(pixels + i).save(folder / f"{i}.png")
    data = ImageFolder(path=str(folder), channels=1, size=2, filter="box").read().train
    assert data.shape[1:] == (1, 2, 2)
    assert (data.flatten(1).std(1) == 0).all()
    assert float(data.min()) * 255 >= 200 - 1e-3


def test_shrinking_averages_over_all_pixels(tmp_path):
    # A chequerboard of single pixels shrinks to grey; picking pixels would alias it to black or white.
    board = (np.indices((32, 32)).sum(0) % 2 * 255).astype(np.uint8)
    for filter_ in ("bicubic", "lanczos", "bilinear", "box"):
        form = pixels.Form(1, 8, filter_)
        shrunk = pixels.as_tensor(Image.fromarray(board), form)
        assert shrunk.sub(0.5).abs().max() < 0.05


def test_mixed_sizes_are_one_error_that_names_files_and_size_is_the_cure(tmp_path):
    folder = write(tmp_path / "images")
    write(folder, 2, (9, 7), first=30)
    with pytest.raises(ConfigError, match=r"2 different sizes: .*\.png is 8 x 8; .*03[01]\.png is 9 x 7.*Give `size`"):
        ImageFolder(path=str(folder)).read()
    assert ImageFolder(path=str(folder), size=4).read().train.shape[1:] == (3, 4, 4)


@pytest.mark.parametrize("what", ["absent", "empty", "no images"])
def test_no_images_are_one_error_that_names_the_folder(what, tmp_path):
    folder = tmp_path / "images"
    if what != "absent":
        folder.mkdir()
    if what == "no images":
        (folder / "labels.csv").write_text("a,b")
        (folder / ".hidden.png").write_bytes(b"")
    dataset = ImageFolder(path=str(folder), size=8)
    assert str(folder) in (dataset.problem() or "")
    with pytest.raises(ConfigError, match=str(folder)):
        dataset.read()


def test_broken_images_are_one_error_that_names_each_and_leaves_no_cache(tmp_path, cache):
    folder = write(tmp_path / "images", size=(64, 64))
    whole = (folder / "000.png").read_bytes()
    (folder / "000.png").write_bytes(whole[: len(whole) // 2])
    (folder / "002.png").write_bytes(b"no image")
    (folder / "004.png").write_bytes(b"")
    Image.fromarray(np.zeros((64, 64), np.uint16)).save(folder / "006.png")
    files = listing(folder).files
    with pytest.raises(ConfigError, match="Remove, replace or convert them") as error:
        list(images.decoded(files, pixels.Form(3, 8, "bicubic")))
    assert all(f"00{i}.png" in str(error.value) for i in (0, 2, 4, 6))
    with pytest.raises(ConfigError, match="corrupt or truncated"):
        ImageFolder(path=str(folder), size=8).read()
    assert not list(cache.glob("*.f32"))


@pytest.mark.parametrize("content", ["half", "text", "nothing", "deep"])
def test_each_way_to_be_no_image_is_an_error_that_names_the_file(content, tmp_path):
    folder = write(tmp_path / "images", 1, size=(64, 64))
    file = folder / "000.png"
    if content == "deep":
        Image.fromarray(np.zeros((8, 8), np.uint16)).save(file)
    else:
        whole = file.read_bytes()
        file.write_bytes({"half": whole[: len(whole) // 2], "text": b"no image", "nothing": b""}[content])
    with pytest.raises(ConfigError, match=r"000\.png"):
        images.read_image(file, pixels.Form(3, None, "bicubic"))
    if content in ("text", "nothing"):
        with pytest.raises(ConfigError, match=r"000\.png"):
            _ = ImageFolder(path=str(folder)).shape


def test_a_truncated_jpeg_is_an_error(tmp_path):
    file = tmp_path / "a.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(ConfigError, match=r"a\.jpg: corrupt or truncated"):
        images.read_image(file, pixels.Form(3, None, "bicubic"))


def test_too_few_images_say_how_many_each_split_would_get(tmp_path):
    folder = write(tmp_path / "images", 5)
    with pytest.raises(ConfigError, match=r"5 items .*0 to validation.*Each split needs two"):
        ImageFolder(path=str(folder)).read()


def test_a_cache_that_cannot_be_written_names_the_variable(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="GENSWEEP_CACHE"):
        ImageFolder(path=str(write(tmp_path / "images"))).read()


def test_fractions_that_leave_nothing_are_refused():
    with pytest.raises(ValidationError, match="nothing to train on"):
        build("datasets", {"name": "image_folder", "path": "x", "validation": 0.5, "test": 0.5})


def test_what_was_skipped_and_done_to_images_is_said_once(tmp_path, capsys):
    folder = write(tmp_path / "images")
    (folder / "labels.csv").write_text("a,b")
    (folder / ".hidden.png").write_bytes(b"")
    Image.new("RGBA", (8, 8), (9, 9, 9, 0)).save(folder / "clear.png")
    for seed in (0, 1):
        ImageFolder(path=str(folder), seed=seed).read()
    assert capsys.readouterr().err.splitlines() == [
        f"gensweep: {folder}: 31 images; skipped 1 hidden or the system's (.hidden.png), 1 of other kinds (.csv 1)",
        f"gensweep: {folder}: transparent places laid on white: 1",
    ]


def test_nothing_is_said_of_a_folder_of_plain_images(tmp_path, capsys):
    ImageFolder(path=str(write(tmp_path / "images"))).read()
    assert capsys.readouterr().err == ""


def test_images_that_lie_are_turned_and_the_digest_is_of_what_they_show(tmp_path):
    digests, shapes = [], []
    for orientation in (1, 6):
        folder = tmp_path / str(orientation)
        folder.mkdir()
        exif = Image.Exif()
        exif[0x0112] = orientation
        for i in range(20):
            Image.new("RGB", (12, 8) if orientation == 1 else (8, 12), (i, 0, 0)).save(
                folder / f"{i:02d}.png", exif=exif
            )
        dataset = ImageFolder(path=str(folder))
        shapes += [dataset.shape, dataset.read().train.shape[1:]]
        digests.append(dataset.read().digest)
    assert set(shapes) == {(3, 8, 12)}
    assert digests[0] == digests[1]


def test_one_corrupt_file_in_each_split_and_all_are_named(tmp_path):
    folder = write(tmp_path / "images", size=(64, 64))
    bad = [folder / f"{i:03d}.png" for i in range(0, 30, 4)]
    for file in bad:
        file.write_bytes(file.read_bytes()[:60])
    for size in (None, 8):
        with pytest.raises(ConfigError, match="8 images cannot be read") as error:
            ImageFolder(path=str(folder), size=size).read()
        assert all(str(file) in str(error.value) for file in bad)


def test_the_shape_is_known_although_the_first_file_is_broken(tmp_path):
    folder = write(tmp_path / "images")
    (folder / "000.png").write_bytes(b"")
    assert ImageFolder(path=str(folder)).shape == (3, 8, 8)

"""What `check` opens of what trials read, and what it leaves alone and says so."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gensweep.datasets import _store, array, image_folder
from gensweep.datasets._files import FASHION_MNIST, MNIST
from gensweep.datasets.array import Array
from gensweep.datasets.base import Dataset, load
from gensweep.datasets.image_folder import ImageFolder
from gensweep.errors import CannotRun
from gensweep.extractors import foreign
from gensweep.spaces import sources
from gensweep.spaces.check import load_and_check
from gensweep.spaces.sources import opened_at_once
from gensweep.spaces.sweep import Sweep

NOISE = np.random.default_rng(0)
VECTORS = NOISE.normal(size=(60, 3))
SWEEP = """
defaults: [base, _self_]
name: own
objective: sliced_wasserstein
trial:
  dataset: {dataset}
  family: vae
  training: {{batch_size: 8}}
  evaluation: {{metrics: [{metrics}]}}
"""


@pytest.fixture
def reading(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sweep]:
    """A sound sweep on a dataset; the cache is empty."""

    def sweep(dataset: str, metrics: str = "sliced_wasserstein") -> Sweep:
        return load_and_check(write(SWEEP.format(dataset=dataset, metrics=metrics)))

    monkeypatch.setenv("GENSWEEP_CACHE", str(Path.cwd() / "cache"))
    load.cache_clear()
    return sweep


def images(n: int = 40) -> None:
    Path("photos").mkdir()
    for i in range(n):
        Image.fromarray(NOISE.integers(0, 256, (8, 8), np.uint8)).save(f"photos/{i:02d}.png")


@pytest.mark.parametrize(
    ("value", "place"), [(np.nan, (17, 2)), (np.inf, (17, 0)), (-np.inf, (17, 1)), (np.nan, (17, slice(None)))]
)
def test_an_array_with_a_value_that_is_not_finite(reading: Callable[..., Sweep], value: float, place: object) -> None:
    values = VECTORS.copy()
    values[place] = value
    np.save("own.npy", values)
    (problem,) = opened_at_once(reading("{name: array, path: own.npy}")).problems
    assert str(problem).startswith("study.yaml:6 trial.dataset: ")
    assert "own.npy: item 17 has a value that is not finite. Remove such items" in str(problem)


def test_images_beyond_what_the_first_thousand_lie_in(reading: Callable[..., Sweep]) -> None:
    values = NOISE.random((1100, 4, 4))
    values[1050] *= 255
    np.save("own.npy", values)
    (problem,) = opened_at_once(reading("{name: array, path: own.npy}")).problems
    assert "outside [0, 1]. Give the range in `value_range`; with `scale: minmax` it becomes [0, 1]." in str(problem)


def test_a_folder_with_corrupt_images(reading: Callable[..., Sweep]) -> None:
    images()
    for name in ("07.png", "30.png"):
        Path("photos", name).write_bytes(Path("photos", name).read_bytes()[:60])
    (problem,) = opened_at_once(reading("{name: image_folder, path: photos, channels: 1}")).problems
    assert "2 images cannot be read:\nphotos/07.png" in str(problem)
    assert "photos/30.png" in str(problem)


@pytest.mark.parametrize("files", [FASHION_MNIST, MNIST])
@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"", lambda data: data + b"more"])
def test_torn_idx_files(reading: Callable[..., Sweep], files: object, damage: Callable[[bytes], bytes]) -> None:
    name = files.dataset  # type: ignore[attr-defined]
    Path("idx").mkdir()
    for file in files.digests:  # type: ignore[attr-defined]
        Path("idx", file).write_bytes(damage(b"\0\0\x08\x01\0\0\0\x02ab"))
    (problem,) = opened_at_once(reading(f"{{name: {name}, path: idx}}")).problems
    assert "idx/" in str(problem)
    assert f"Fetch it again: `python -m gensweep.datasets fetch {name}`" in str(problem)


def test_a_cache_that_cannot_be_written(reading: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch) -> None:
    images()
    monkeypatch.setenv("GENSWEEP_CACHE", "/proc/nothing")
    (problem,) = opened_at_once(reading("{name: image_folder, path: photos, channels: 1}")).problems
    assert "GENSWEEP_CACHE" in str(problem)


def test_a_cache_in_a_home_that_is_nobodys(reading: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch) -> None:
    images()
    sweep = reading("{name: image_folder, path: photos, channels: 1}")
    monkeypatch.setenv("GENSWEEP_CACHE", "~no-such-user/x")
    with pytest.raises(CannotRun, match=r"^GENSWEEP_CACHE=~no-such-user/x: "):
        opened_at_once(sweep)


def test_an_extractor_that_holds_no_network(reading: Callable[..., Sweep]) -> None:
    import zipfile

    np.save("own.npy", VECTORS)
    with zipfile.ZipFile("net.pt", "w") as archive:
        archive.writestr("a", "nothing")
    found = opened_at_once(
        reading("{name: array, path: own.npy}", "sliced_wasserstein, {name: fid, extractor: 'file:net.pt'}")
    )
    assert ["net.pt" in str(problem) for problem in found.problems] == [True]


def test_what_is_sound_is_read_once_for_check_and_trials(reading: Callable[..., Sweep]) -> None:
    np.save("own.npy", VECTORS)
    sweep = reading("{name: array, path: own.npy}")
    assert opened_at_once(sweep) == ([], [])
    before = load.cache_info().hits
    load(Array(path=str(Path("own.npy").absolute())))
    assert load.cache_info().hits == before + 1


def unread(found: sources.Opened) -> str:
    """The one sentence about what was left alone."""
    (sentence,) = found.left
    assert sentence.startswith("Not opened by check: ")
    assert found.problems == []
    return sentence


def test_a_large_array_is_left_alone(reading: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch) -> None:
    np.save("own.npy", np.full((60, 3), np.nan))
    monkeypatch.setattr(array, "_QUICK", 1000)
    monkeypatch.setattr(Array, "read", lambda self: pytest.fail("read"))
    assert "own.npy: its 0 MB are read by `gensweep run`" in unread(
        opened_at_once(reading("{name: array, path: own.npy}"))
    )


@pytest.mark.parametrize("limit", ["QUICK_IMAGES", "QUICK_IMAGE_BYTES"])
def test_many_images_are_left_alone_until_they_were_decoded(
    reading: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    images()
    monkeypatch.setattr(image_folder, limit, 39)
    sweep = reading("{name: image_folder, path: photos, channels: 1}")
    assert "photos: its 40 images (0 MB) are decoded by `gensweep run`." in unread(opened_at_once(sweep))
    assert not Path("cache").exists()
    ImageFolder(path=str(Path("photos").absolute()), channels=1).read()
    assert opened_at_once(sweep) == ([], [])
    Path("photos/01.png").touch()
    assert opened_at_once(sweep).left


def test_what_would_be_fetched_is_left_alone(reading: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GENSWEEP_INCEPTION",):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(foreign, "_silence", lambda address: None)  # somebody answers there
    monkeypatch.setattr(foreign, "_download", lambda file: pytest.fail("fetched"))
    np.save("own.npy", NOISE.random((60, 4, 4)))
    sweep = reading("{name: array, path: own.npy}", "sliced_wasserstein, {name: fid, extractor: inception}")
    assert "extractor inception is fetched by `gensweep run`" in unread(opened_at_once(sweep))


def test_a_dataset_of_the_hub_is_left_alone(reading: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("datasets", reason="needs Hugging Face's library: pip install datasets")
    monkeypatch.setattr(library, "load_dataset", lambda *_, **__: pytest.fail("fetched"))
    sweep = reading("{name: huggingface, path: ylecun/mnist, size: 28, channels: 1}")
    assert "ylecun/mnist is fetched from the Hugging Face hub, or from its cache" in unread(opened_at_once(sweep))
    table = {"image": [Image.fromarray(NOISE.integers(0, 256, (8, 8), np.uint8)) for _ in range(40)]}
    library.DatasetDict(
        train=library.Dataset.from_dict(table, features=library.Features(image=library.Image()))
    ).save_to_disk("saved")
    sweep = reading("{name: huggingface, path: ./saved, size: 8, channels: 1, split: nosuch}")
    assert "no split 'nosuch'" in str(opened_at_once(sweep).problems[0])
    monkeypatch.setattr(sys.modules["gensweep.datasets.huggingface"], "QUICK_IMAGE_BYTES", 10)
    assert "saved: its 0 MB are decoded by `gensweep run`" in unread(opened_at_once(sweep))


def test_of_many_datasets_some_are_read(reading: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Dataset] = []
    monkeypatch.setattr(sources.datasets, "load", seen.append)
    seeds = ", ".join(map(str, range(25)))
    sweep = reading(f"{{name: ring, seed: 'choice({seeds})'}}")
    assert "of the datasets that are searched only the first 10 were read" in unread(opened_at_once(sweep))
    assert len(set(seen)) == 10


def test_where_the_data_are_kept_is_known_before_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path))
    assert not _store.is_stored({"a": 1})

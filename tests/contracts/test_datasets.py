"""What every dataset keeps, over those found in the folder."""

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gensweep import registry
from gensweep.component import build
from gensweep.datasets.base import Dataset, load

SPLITS = ("train", "validation", "test")


def own_files(folder: Path) -> dict[str, dict[str, object]]:
    """What the datasets of the user's own files need: small ones, of random images that all differ."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 3), np.uint8)
    np.save(folder / "images.npy", pixels)
    (folder / "images").mkdir()
    images = [Image.fromarray(image) for image in pixels]
    for i, image in enumerate(images):
        image.save(folder / "images" / f"{i}.png")
    nodes: dict[str, dict[str, object]] = {
        "array": {"path": str(folder / "images.npy")},
        "image_folder": {"path": str(folder / "images")},
        "huggingface": {"path": str(folder / "saved"), "size": 6},
    }
    if importlib.util.find_spec("datasets"):
        import datasets

        table = datasets.Dataset.from_dict({"image": images}, features=datasets.Features(image=datasets.Image()))
        datasets.DatasetDict(train=table).save_to_disk(folder / "saved")
    return nodes


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """Every dataset as plain data, with what it cannot do without."""
    own = own_files(tmp_path_factory.mktemp("own"))
    return {name: {"name": name, **own.get(name, {})} for name in registry.names("datasets")}


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENSWEEP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(params=registry.names("datasets"))
def dataset(request: pytest.FixtureRequest, nodes: dict[str, dict[str, object]]) -> Dataset:
    found = build("datasets", nodes[request.param])
    assert isinstance(found, Dataset)
    if problem := found.problem():
        pytest.skip(f"{problem}")
    return found


def test_the_sizes_of_its_splits_are_right_where_they_are_known_before(dataset: Dataset) -> None:
    known = dataset.n_items()
    if known is not None:
        assert known == {split: len(load(dataset).split(split)) for split in SPLITS}
    assert (known is None) == (dataset.name == "huggingface"), "check compares a batch and a metric's n with them"


def test_the_splits_have_the_declared_shape_and_bounds(dataset):
    splits = load(dataset)
    for name in SPLITS:
        data = splits.split(name)
        assert data.dtype == torch.float32
        assert data.is_contiguous()
        assert len(data) >= 2
        assert tuple(data.shape[1:]) == dataset.shape
        assert bool(torch.isfinite(data).all())
        if dataset.bounds:
            low, high = dataset.bounds
            assert low <= float(data.min()) < float(data.max()) <= high


def test_every_value_is_on_one_of_the_declared_levels(dataset):
    assert not dataset.levels or (dataset.bounds and dataset.levels > 1)
    for name in SPLITS if dataset.levels else ():
        data, (low, high) = load(dataset).split(name)[:500].double(), dataset.bounds
        level = (data - low) / (high - low) * (dataset.levels - 1)
        torch.testing.assert_close(level, level.round(), rtol=0, atol=1e-4)


def test_the_digest_is_of_the_shapes_and_bytes(dataset):
    splits, digest = load(dataset), hashlib.sha256()
    for name in SPLITS:
        digest.update(repr(tuple(splits.split(name).shape)).encode() + splits.split(name).numpy().tobytes())
    assert digest.hexdigest() == splits.digest


def test_another_process_reads_the_same_data(nodes, monkeypatch, tmp_path):
    here = [d for node in nodes.values() if not (d := build("datasets", node)).problem()]
    command = (
        "import json, sys; from gensweep.component import build\n"
        "for node in json.load(sys.stdin): print(build('datasets', node).read().digest)"
    )
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path))  # what is decoded once is decoded again
    given = json.dumps([d.dump() for d in here])
    done = subprocess.run([sys.executable, "-c", command], input=given, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [load(d).digest for d in here]


def test_no_item_is_in_two_splits(dataset):
    splits = load(dataset)
    seen = [{row.numpy().tobytes() for row in splits.split(name)} for name in SPLITS]
    shared = len(seen[0] & seen[1]) + len(seen[0] & seen[2]) + len(seen[1] & seen[2])
    # The sources hold a few exact duplicates of their own; a split that leaked would share hundreds.
    assert shared <= 0.002 * sum(map(len, seen))


def test_an_equal_dataset_is_loaded_once_and_survives_plain_data(dataset):
    again = build("datasets", dataset.dump())
    assert again == dataset
    assert load(again) is load(dataset)


def test_shape_bounds_and_levels_are_known_without_reading(dataset, monkeypatch):
    monkeypatch.setattr(type(dataset), "read", lambda self: pytest.fail("read"))
    assert dataset.shape
    assert dataset.bounds is None or len(dataset.bounds) == 2
    assert dataset.levels >= 0
    assert dataset.problem() is None


def test_the_classes_are_one_for_each_item_and_the_same_numbers_in_every_split(dataset):
    found = {split: dataset.classes(split) for split in SPLITS}
    assert (found["train"] is not None) or not dataset.is_of_classes
    if found["train"] is None:
        assert found == dict.fromkeys(SPLITS)
        return
    for split, classes in found.items():
        assert classes.dtype == torch.int64
        assert classes.shape == (len(load(dataset).split(split)),)
        assert 0 <= int(classes.min()) <= int(classes.max()) < 10_000

"""What every dataset keeps, over those found in the folder."""

import hashlib
import subprocess
import sys

import pytest
import torch

from gensweep import registry
from gensweep.component import build
from gensweep.datasets.base import Dataset, load

SPLITS = ("train", "validation", "test")


@pytest.fixture(params=registry.names("datasets"))
def dataset(request: pytest.FixtureRequest) -> Dataset:
    found = build("datasets", request.param)
    assert isinstance(found, Dataset)
    if problem := found.problem():
        pytest.skip(f"{problem}")
    return found


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


def test_the_digest_is_of_the_shapes_and_bytes(dataset):
    splits, digest = load(dataset), hashlib.sha256()
    for name in SPLITS:
        digest.update(repr(tuple(splits.split(name).shape)).encode() + splits.split(name).numpy().tobytes())
    assert digest.hexdigest() == splits.digest


def test_another_process_reads_the_same_data():
    here = [d for name in registry.names("datasets") if not (d := build("datasets", name)).problem()]
    command = (
        "import sys; from gensweep.component import build\n"
        "for name in sys.argv[1:]: print(build('datasets', name).read().digest)"
    )
    arguments = [sys.executable, "-c", command, *(d.dump()["name"] for d in here)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
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


def test_shape_and_bounds_are_known_without_reading(dataset, monkeypatch):
    monkeypatch.setattr(type(dataset), "read", lambda self: pytest.fail("read"))
    assert dataset.shape
    assert dataset.bounds is None or len(dataset.bounds) == 2
    assert dataset.problem() is None

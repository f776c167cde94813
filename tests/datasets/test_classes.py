"""Where the classes of the user's own data come from, and that they are no part of what the data are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gensweep.component import build
from gensweep.datasets import array
from gensweep.datasets.array import Array
from gensweep.datasets.base import Dataset, load
from gensweep.datasets.digits import Digits
from gensweep.datasets.image_folder import ImageFolder
from gensweep.errors import ConfigError
from gensweep.metrics.fid import FID
from gensweep.metrics.kid import KID
from gensweep.orchestration.driver import issue

SPLITS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))


def images(folder: Path, *places: str) -> ImageFolder:
    """An image at each place, all of one level that is its number."""
    for i, place in enumerate(places):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), i).save(folder / place)
    return ImageFolder(path=str(folder), channels=1, validation=0.2, test=0.2)


def levels(dataset: Dataset, split) -> list[int]:
    return (load(dataset).split(split)[:, 0, 0, 0] * 255).round().int().tolist()


def test_a_folder_for_each_class_says_what_its_images_show(tmp_path):
    dataset = images(tmp_path / "photos", *(f"{'dog' if i % 3 else 'cat'}/{i:02d}.png" for i in range(20)))
    for split in SPLITS:
        assert dataset.classes(split).tolist() == [int(level % 3 > 0) for level in levels(dataset, split)]


@pytest.mark.parametrize(
    "place",
    ["{i}.png", "cat/{i}.png", "{half}/deeper/{i}.png", "{splits}/{i}.png", "{some}/{i}.png"],
    ids=["no folder", "one folder", "two levels", "folders of splits", "some lie outside"],
)
def test_other_folders_are_no_classes(tmp_path, place):
    def at(i: int) -> str:
        parts = {"half": "ab"[i % 2], "splits": ("Train", "test")[i % 2], "some": ("a", "b", ".")[i % 3]}
        return place.format(i=i, **parts)

    assert images(tmp_path / "photos", *map(at, range(20))).classes("train") is None


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(
    "labels", [np.arange(40) % 4, (np.arange(40) % 4).astype("float32")[:, None], np.array(list("adcb") * 10)]
)
def test_a_file_beside_an_array_says_the_class_of_each_item(tmp_path, labels, shuffle):
    np.save(tmp_path / "x.npy", np.arange(40.0))
    np.save(tmp_path / "y.npy", labels)
    np.savez(tmp_path / "both.npz", x=np.arange(40.0), y=labels)
    names = sorted(set(labels.flatten().tolist()))
    for where in ("y.npy", "both.npz:y"):
        dataset = Array(path=str(tmp_path / "x.npy"), labels=str(tmp_path / where), shuffle=shuffle)
        assert dataset.problem() is None
        for split in SPLITS:
            items = load(dataset).split(split)[:, 0].int().tolist()
            assert [names[c] for c in dataset.classes(split)] == labels.flatten()[items].tolist()


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.arange(39), r"labels of shape \(39,\)\. There are 40 items"),
        (np.eye(40), r"labels of shape \(40, 40\)"),
        (np.arange(40) + 0.5, "labels of type float64 are no classes"),
        (np.full(40, np.nan), "labels of type float64 are no classes"),
        (np.arange(40) + 1j, "labels of type complex128"),
        (np.array([{}] * 40), "no array can be read"),
    ],
)
def test_labels_that_are_none_are_refused_when_the_data_are_read(tmp_path, labels, says):
    np.save(tmp_path / "x.npy", np.arange(40.0))
    np.save(tmp_path / "y.npy", labels)
    with pytest.raises(ConfigError, match=rf"y\.npy: {says}"):
        Array(path=str(tmp_path / "x.npy"), labels=str(tmp_path / "y.npy")).read()


def test_a_file_of_labels_that_is_not_there_is_named_before_anything_is_read(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(40.0))
    problem = Array(path=str(tmp_path / "x.npy"), labels=str(tmp_path / "y.npy")).problem()
    assert problem == f"dataset array: {tmp_path / 'y.npy'}: no such file."


class TestHuggingFace:
    @pytest.fixture
    def saved(self, tmp_path) -> str:
        library = pytest.importorskip("datasets", reason="needs Hugging Face's library: pip install datasets")
        names = library.ClassLabel(names=["a", "b", "c"])
        columns = {
            "image": [Image.new("L", (4, 4), i) for i in range(20)],
            "kind": [i % 3 for i in range(20)],
            "secret": [-1] * 20,
            "word": ["even" if i % 2 == 0 else "odd" for i in range(20)],
            "weight": [i / 7 for i in range(20)],
        }
        kinds = {
            "image": library.Image(), "kind": names, "secret": names, "word": library.Value("string"),
            "weight": library.Value("float32"),
        }  # fmt: skip
        library.Dataset.from_dict(columns, features=library.Features(kinds)).save_to_disk(tmp_path / "saved")
        without = {name: columns[name] for name in ("image", "weight")}
        kinds = {name: kinds[name] for name in without}
        library.Dataset.from_dict(without, features=library.Features(kinds)).save_to_disk(tmp_path / "without")
        return str(tmp_path / "saved")

    def made(self, path: str, **fields: object) -> Dataset:
        fields = {"path": path, "size": 4, "channels": 1, "validation": 0.2, "test": 0.2, **fields}
        found = build("datasets", {"name": "huggingface", **fields})
        assert isinstance(found, Dataset)
        return found

    def test_the_first_column_of_classes_or_the_one_that_is_named(self, saved):
        for split in SPLITS:
            of = levels(self.made(saved), split)
            assert self.made(saved).classes(split).tolist() == [i % 3 for i in of]
            assert self.made(saved, labels="word").classes(split).tolist() == [i % 2 for i in of]
        assert self.made(saved.replace("saved", "without")).classes("train") is None

    @pytest.mark.parametrize(
        ("column", "says"),
        [
            ("words", "column 'words' holds no classes. Did you mean 'word'"),
            ("weight", "column 'weight' holds no"),
            ("secret", "column 'secret': some items have no class"),
        ],
    )
    def test_a_column_without_classes_is_refused_when_the_data_are_read(self, saved, column, says):
        with pytest.raises(ConfigError, match=says):
            self.made(saved, labels=column).read()

    def test_data_without_labels_that_are_named_are_what_they_were(self, saved):
        named = self.made(saved, labels="word")
        assert set(named.dump()) - set(self.made(saved).dump()) == {"labels"}
        assert load(named).digest == load(self.made(saved)).digest


def test_data_that_are_mapped_from_the_cache_are_written_once_whatever_their_labels(tmp_path, monkeypatch):
    monkeypatch.setattr(array, "_IN_MEMORY", 0)
    np.save(tmp_path / "x.npy", np.arange(40.0))
    np.save(tmp_path / "y.npy", np.arange(40) % 2)
    for labels in (None, str(tmp_path / "y.npy")):
        Array(path=str(tmp_path / "x.npy"), labels=labels).read()
    assert len(list((tmp_path / "cache" / "datasets").glob("*.f32"))) == 1


def test_an_array_without_labels_is_what_it_was_before_there_were_any(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(40.0))
    np.save(tmp_path / "y.npy", np.arange(40) % 2)
    plain, named = (Array(path=str(tmp_path / "x.npy"), labels=y) for y in (None, str(tmp_path / "y.npy")))
    fields = {"name", "validation", "test", "seed", "path", "key", "value_range", "scale", "shuffle"}
    assert set(plain.dump()) == fields
    assert set(named.dump()) - fields == {"labels"}
    assert load(named).digest == load(plain).digest
    assert build("datasets", named.dump()) == named


def test_the_keys_of_trials_and_the_hashes_of_protocols_are_those_of_the_first_release(monkeypatch):
    """Whatever datasets or extractors learn to say: with other ones no sweep that was begun could go on, nor be compared.

    But for the schema, which says that the numbers themselves are others.
    """
    monkeypatch.setattr("gensweep.trial.TRIAL_SCHEMA", 3)
    configuration = {
        "dataset": "digits", "network": {"name": "mlp", "hidden": [8]}, "latent_size": 2, "family": "class_means",
        "training": {"epochs": 1, "optimizer": {"name": "adam"}}, "evaluation": {"metrics": ["fid"]}, "seed": 0,
    }  # fmt: skip
    assert issue(configuration)[0] == "902721453caa83c6c61f20e5107a0841fbafe21a504d1a05b845fb23a6276819"
    hashes = [metric.against(Digits(), "validation").protocol.hash for metric in (FID(), KID())]
    assert hashes == ["90e5cb95", "1f6e9836"]

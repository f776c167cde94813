"""Extractors of the user's own: what they are made from, what they say of themselves, and that they open without trust."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from gensweep.component import build
from gensweep.datasets.array import Array
from gensweep.datasets.base import Dataset, load
from gensweep.datasets.digits import Digits
from gensweep.datasets.ring import Ring
from gensweep.errors import CannotRun, ConfigError
from gensweep.extractors import making
from gensweep.extractors.exported import without_code
from gensweep.extractors.frozen import load_extractor
from gensweep.extractors.making import Made, Wish, make
from gensweep.extractors.trust import VARIABLE
from gensweep.metrics.base import scorer
from gensweep.metrics.fid import FID

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
SMALL = Ring(n_train=400, n_validation=100, n_test=100)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setenv(VARIABLE, "")  # nothing is trusted
    load_extractor.cache_clear()
    scorer.cache_clear()
    yield
    load_extractor.cache_clear()
    scorer.cache_clear()


@pytest.fixture
def blobs(tmp_path) -> Array:
    """Two far clouds in columns of unlike units, one of them constant, with the cloud of each as its label."""
    rng = np.random.default_rng(0)
    of = rng.integers(0, 2, 200)
    x = np.stack([of * 9000 + rng.normal(0, 900, 200), rng.normal(0, 0.01, 200), np.full(200, 3.0)], 1)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", np.array(["near", "far"])[of])
    return Array(path=str(tmp_path / "x.npy"), labels=str(tmp_path / "y.npy"))


def opened(folder: Path, made: Made, dataset: Dataset):
    (folder / "own.pt2").write_bytes(made.content)
    return load_extractor(f"file:{folder / 'own.pt2'}", dataset.bounds)


@pytest.mark.parametrize(
    ("dataset", "wish", "said"),
    [
        (Digits(), Wish(epochs=2), "trained on labels of digits, data 50cc3e08"),
        (Digits(), Wish("pca"), "PCA of digits, data 50cc3e08, no labels"),
        (Digits(), Wish("random"), "random features, standardised on items of digits, data 50cc3e08, no labels"),
        (SMALL, Wish(), f"PCA of ring, data {load(SMALL).digest[:8]}, no labels"),
        (SMALL, Wish("random"), f"random features, standardised on items of ring, data {load(SMALL).digest[:8]}, no labels"),
    ],
    ids=["labels", "pca", "random", "vectors", "random vectors"],
)  # fmt: skip
def test_it_opens_without_trust_and_its_protocol_says_how_it_was_made(tmp_path, dataset, wish, said):
    made = make(dataset, wish)
    without_code(made.content)  # refuses what could run code
    extractor = opened(tmp_path, made, dataset)
    train = extractor.features(load(dataset).train)
    assert torch.allclose(train.mean(0), torch.zeros(train.shape[1]), atol=1e-3)
    assert torch.allclose(train.std(0), torch.ones(train.shape[1]), atol=1e-3)
    assert train.shape[1] == made.card.content["features"]
    content = FID(extractor=f"file:{tmp_path / 'own.pt2'}").against(dataset, "test").protocol.content
    assert content["features"] == said
    assert content["weights"] == extractor.hash
    assert content.get("accuracy") == made.card.content.get("accuracy on test")
    assert ("accuracy" in content) == said.startswith("trained on labels")
    assert str(tmp_path) not in json.dumps(content)
    assert str(Path(making.__file__).parent).encode() not in made.content


def test_equal_data_and_settings_give_equal_bytes_and_the_seed_counts():
    first, again, other = (make(Digits(), Wish("random", 8, seed=seed)).content for seed in (0, 0, 1))
    assert first == again != other


def test_the_users_stream_of_random_numbers_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    make(SMALL, Wish("random", 4))
    assert torch.rand(1) == expected


def test_its_accuracy_is_of_test_items_and_they_and_validation_items_change_nothing_else(tmp_path, monkeypatch):
    """The digits with wrong labels on held-out items, and with held-out items that are noise, give the same features."""
    features = {}
    for name in ("as they are", "other labels", "other items"):
        split, labels = load(Digits()), Digits().classes
        with monkeypatch.context() as patch:
            if name == "other labels":
                patch.setattr(Digits, "classes", lambda _, part, of=labels: (of(part) + (part != "train")) % 10)
            if name == "other items":
                noise = [torch.rand_like(items) for items in (split.validation, split.test)]
                noisy = type(split)(split.train, *noise, split.digest)
                patch.setattr(making, "load", lambda dataset, s=noisy: s)
            made = make(Digits(), Wish(epochs=3, n_features=16))
        load_extractor.cache_clear()
        features[name] = opened(tmp_path, made, Digits()).features(load(Digits()).test)
        known = made.card.content["accuracy on test"]
        assert known > 0.8 if name == "as they are" else known < 0.4
        assert made.guessed < 0.2
    assert torch.equal(features["as they are"], features["other labels"])
    assert torch.equal(features["as they are"], features["other items"])


def test_principal_components_are_those_of_scikit_learn(tmp_path):
    train, test = (load(Digits()).split(split).flatten(1).double().numpy() for split in ("train", "test"))
    expected = torch.from_numpy(PCA(12, whiten=True).fit(train).transform(test))
    ours = opened(tmp_path, make(Digits(), Wish("pca", 12)), Digits()).features(load(Digits()).test).double()
    sign = (expected * ours).sum(0).sign()
    assert torch.allclose(ours, expected * sign, atol=1e-3)


def test_vectors_in_unlike_units_are_told_apart_by_their_labels(tmp_path, blobs):
    made = make(blobs, Wish(n_features=8))
    assert made.card.content["accuracy on test"] == 1
    assert made.card.content["classes"] == 2
    assert made.guessed < 0.8
    features = opened(tmp_path, made, blobs).features(load(blobs).test)
    assert bool(features.isfinite().all())


def test_a_constant_column_has_no_component(blobs):
    assert make(blobs, Wish("pca")).card.content["features"] == 2


@pytest.mark.parametrize("shape", [(40, 2, 3), (40, 3, 40, 33), (40, 70, 70)])
@pytest.mark.parametrize("kind", ["pca", "random"])
def test_images_of_any_size_and_range(tmp_path, shape, kind):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).uniform(-1, 1, shape).astype("float32"))
    dataset = Array(path=str(tmp_path / "x.npy"))
    assert dataset.bounds == (-1, 1)
    made = make(dataset, Wish(kind, 5))
    found = opened(tmp_path, made, dataset)
    assert found.features(load(dataset).test).shape == (4, 5)
    assert found.prepare.described["input"][:2] == [
        0,
        1,
    ]  # whatever the range, so that the same images give the same features
    with pytest.raises(ConfigError, match=r"declared to lie in \[-1, 1\]"):
        found.features(2 + load(dataset).test)


def labelled(folder: Path, labels) -> Array:
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(40, 3)))
    np.save(folder / "y.npy", labels)
    return Array(path=str(folder / "x.npy"), labels=str(folder / "y.npy"))


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        (Wish("labels"), r"dataset ring has no labels here\..*folder for each class.*labels=FILE\.npy.*--kind pca"),
        (Wish(epochs=3), "--epochs 3: --kind pca is computed and not trained"),
        (Wish(n_features=3), "--features 3: 400 training items of 2 numbers have at most 2 principal components"),
        (Wish("random", epochs=3), "--epochs 3: --kind random"),
    ],
)
def test_what_the_data_cannot_give_is_refused(wish, says):
    with pytest.raises(ConfigError, match=says):
        make(SMALL, wish)


def test_every_mistake_is_in_one_message():
    with pytest.raises(ConfigError, match=r"(?s)--features 3.*--epochs 3"):
        make(SMALL, Wish("pca", 3, 3))


@pytest.mark.parametrize(
    ("labels", "says"),
    [(np.zeros(40), r"of 1 class: "), (np.arange(40), r"32 training items are of 32 classes"), (np.arange(40) // 2, "classes: ")],
)  # fmt: skip
def test_labels_from_which_nothing_can_be_learned_are_refused(tmp_path, labels, says):
    with pytest.raises(ConfigError, match=rf"{says}.*--kind pca"):
        make(labelled(tmp_path, labels), Wish())


def test_data_that_are_all_alike_have_no_features(tmp_path):
    np.save(tmp_path / "x.npy", np.full((40, 3), 7.0))
    with pytest.raises(ConfigError, match="all alike"):
        make(Array(path=str(tmp_path / "x.npy")), Wish("pca", 2))


def test_training_that_leaves_the_finite_numbers_is_said(monkeypatch):
    monkeypatch.setattr(making, "fit", lambda network, *_: network.features.weight.data.fill_(torch.nan))
    with pytest.raises(CannotRun, match="left the finite numbers"):
        make(Digits(), Wish(epochs=1))


def test_items_of_another_shape_are_refused_by_name(tmp_path):
    opened(tmp_path, make(SMALL, Wish()), SMALL)
    says = r"own\.pt2 was made from items of shape \(2,\), dataset digits has \(1, 8, 8\)"
    with pytest.raises(ConfigError, match=says):
        FID(extractor=f"file:{tmp_path / 'own.pt2'}").against(Digits(), "test")


def test_folders_of_classes_train_one(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    for i in range(60):
        folder = tmp_path / "photos" / ("dark" if i % 2 else "bright")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (6, 6), i + (0 if i % 2 else 150)).save(folder / f"{i}.png")
    dataset = build("datasets", {"name": "image_folder", "path": str(tmp_path / "photos"), "channels": 1})
    made = make(dataset, Wish(n_features=4, epochs=20))
    assert made.card.content["accuracy on test"] == 1
    assert made.card.making.startswith("trained on labels of image_folder")

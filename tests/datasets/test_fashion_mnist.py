from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from gensweep.component import build
from gensweep.datasets._fashion_mnist_files import folders
from gensweep.datasets.fashion_mnist import FashionMNIST, labels
from gensweep.errors import ConfigError

from .conftest import put

pytestmark = pytest.mark.usefixtures("digests")


@pytest.fixture
def data(nowhere: Path, made_up: dict[str, bytes]) -> str:
    return str(put(nowhere / "given", made_up))


def test_the_first_50000_train_and_the_last_10000_validate(data):
    splits = FashionMNIST(path=data).read()
    expected = {"train": (0, 50_000), "validation": (50_000, 60_000), "test": (0, 10_000)}
    for name, (first, last) in expected.items():
        levels = splits.split(name)[:, 0, 0, 0] * 255
        assert torch.equal(levels.round(), (torch.arange(first, last) % 251).float())
        assert torch.equal(labels(name, data), torch.arange(first, last) % 10)
        assert splits.split(name).shape[1:] == (1, 28, 28)
    assert float(splits.train.max()) == pytest.approx(250 / 255)


def test_train_size_keeps_the_first_items_and_changes_only_the_training_split(data):
    everything, few = FashionMNIST(path=data).read(), FashionMNIST(path=data, train_size=300).read()
    assert torch.equal(few.train, everything.train[:300])
    assert torch.equal(few.validation, everything.validation)
    assert few.digest != everything.digest
    with pytest.raises(ValidationError):
        FashionMNIST(train_size=50_001)


def test_packed_and_unpacked_files_give_the_same_data(data, made_up, tmp_path):
    packed = put(tmp_path / "packed", made_up, packed=True)
    assert FashionMNIST(path=str(packed)).read().digest == FashionMNIST(path=data).read().digest


@pytest.mark.parametrize("place", ["given", "environment", "environment-root", "work", "checkout", "home"])
def test_every_place_is_found(place, nowhere, made_up, monkeypatch):
    folder = {
        "given": nowhere / "given",
        "environment": nowhere / "data",
        "environment-root": nowhere / "data" / "fashion-mnist",
        "work": nowhere / "work" / ".data" / "fashion-mnist",
        "checkout": nowhere / "checkout" / ".data" / "fashion-mnist",
        "home": nowhere / "home" / ".cache" / "gensweep" / "fashion-mnist",
    }[place]
    if place.startswith("environment"):
        monkeypatch.setenv("GENSWEEP_DATA", str(nowhere / "data"))
    dataset = FashionMNIST(path=str(folder) if place == "given" else None)
    assert dataset.problem()
    put(folder, made_up)
    assert dataset.problem() is None
    assert len(labels("test", dataset.path)) == 10_000


def test_debians_folder_comes_after_the_projects_and_before_the_users():
    order = [str(folder) for folder in folders(None)]
    debian = order.index("/usr/share/datasets/fashion-mnist")
    assert order[debian - 1].endswith(".data/fashion-mnist")
    assert order[debian + 1].endswith(".cache/gensweep/fashion-mnist")


def test_a_given_folder_is_the_only_choice(nowhere, made_up):
    put(nowhere / "work" / ".data" / "fashion-mnist", made_up)
    assert FashionMNIST().problem() is None
    assert "elsewhere" in (FashionMNIST(path=str(nowhere / "elsewhere")).problem() or "")


@pytest.mark.usefixtures("nowhere")
def test_missing_files_are_one_error_with_the_four_cures():
    problem = FashionMNIST().problem()
    with pytest.raises(ConfigError) as error:
        FashionMNIST().read()
    assert str(error.value) == problem
    for cure in ("field `path`", "GENSWEEP_DATA", "dataset-fashion-mnist", "make data"):
        assert cure in problem


def test_another_dataset_under_the_same_names_is_refused(data, made_up):
    other = bytearray(made_up["t10k-images-idx3-ubyte"])
    other[-1] ^= 1
    file = Path(data) / "t10k-images-idx3-ubyte"
    file.write_bytes(other)
    with pytest.raises(ConfigError, match=r"not Fashion-MNIST's.*MNIST's files have the same names") as error:
        FashionMNIST(path=data).read()
    assert str(file) in str(error.value)


def test_a_short_file_says_that_it_is_short(data, made_up):
    (Path(data) / "train-images-idx3-ubyte").write_bytes(made_up["train-images-idx3-ubyte"][:-100])
    with pytest.raises(ConfigError, match="train-images-idx3-ubyte: its header promises"):
        FashionMNIST(path=data).read()


def test_a_misspelt_field_is_an_error():
    with pytest.raises(ValidationError, match="Did you mean 'train_size'"):
        build("datasets", {"name": "fashion_mnist", "trainsize": 10})

from pathlib import Path

import pytest
import torch
from idx_files import put
from pydantic import ValidationError

from gensweep.component import build
from gensweep.datasets import fashion_mnist, mnist
from gensweep.datasets._files import FASHION_MNIST
from gensweep.datasets.base import WORKING_FOLDER
from gensweep.errors import ConfigError

pytestmark = pytest.mark.usefixtures("digests")
MODULES = {"fashion_mnist": fashion_mnist, "mnist": mnist}


@pytest.fixture(params=MODULES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def data(nowhere: Path, made_up: dict[str, bytes]) -> str:
    return str(put(nowhere / "given", made_up))


def made(name: str, **fields: object):
    return build("datasets", {"name": name, **fields})


def test_the_first_50000_train_and_the_last_10000_validate(name, data):
    splits = made(name, path=data).read()
    expected = {"train": (0, 50_000), "validation": (50_000, 60_000), "test": (0, 10_000)}
    for split, (first, last) in expected.items():
        levels = splits.split(split)[:, 0, 0, 0] * 255
        assert torch.equal(levels.round(), (torch.arange(first, last) % 251).float())
        assert torch.equal(made(name, path=data).classes(split), torch.arange(first, last) % 10)
        assert splits.split(split).shape[1:] == (1, 28, 28)
    assert float(splits.train.max()) == pytest.approx(250 / 255)


def test_train_size_keeps_the_first_items_and_changes_only_the_training_split(name, data):
    everything, few = made(name, path=data).read(), made(name, path=data, train_size=300).read()
    assert torch.equal(few.train, everything.train[:300])
    assert torch.equal(few.validation, everything.validation)
    assert torch.equal(made(name, path=data, train_size=300).classes("train"), torch.arange(300) % 10)
    assert few.digest != everything.digest
    with pytest.raises(ValidationError):
        made(name, train_size=50_001)


def test_packed_and_unpacked_files_give_the_same_data(name, data, made_up, tmp_path):
    packed = put(tmp_path / "packed", made_up, packed=True)
    assert made(name, path=str(packed)).read().digest == made(name, path=data).read().digest


@pytest.mark.parametrize("place", ["given", "environment", "environment-root", "work", "checkout", "debian", "home"])
def test_every_place_is_found(place, name, nowhere, made_up, monkeypatch):
    own = {"fashion_mnist": "fashion-mnist", "mnist": "mnist"}[name]
    folder = {
        "given": nowhere / "given",
        "environment": nowhere / "data",
        "environment-root": nowhere / "data" / own,
        "work": nowhere / "work" / ".data" / own,
        "checkout": nowhere / "checkout" / ".data" / own,
        "debian": nowhere / "debian" / own,
        "home": nowhere / "home" / ".cache" / "gensweep" / own,
    }[place]
    if place.startswith("environment"):
        monkeypatch.setenv("GENSWEEP_DATA", str(nowhere / "data"))
    dataset = made(name, path=str(folder) if place == "given" else None)
    assert dataset.problem()
    put(folder, made_up)
    assert dataset.problem() is None
    assert len(dataset.classes("test")) == 10_000


def test_debians_folder_comes_after_the_projects_and_before_the_users(nowhere):
    order = [str(folder) for folder in FASHION_MNIST.folders(None)]
    debian = order.index(str(nowhere / "debian" / "fashion-mnist"))
    assert order[debian - 1].endswith(".data/fashion-mnist")
    assert order[debian + 1].endswith(".cache/gensweep/fashion-mnist")


def test_a_worker_looks_where_the_command_was_given(nowhere, tmp_path, monkeypatch):
    monkeypatch.setenv(WORKING_FOLDER, str(tmp_path / "begun"))
    folders = list(FASHION_MNIST.folders(None))
    assert tmp_path / "begun/.data/fashion-mnist" in folders
    assert Path.cwd() / ".data/fashion-mnist" not in folders
    monkeypatch.delenv(WORKING_FOLDER)
    assert Path.cwd() / ".data/fashion-mnist" in FASHION_MNIST.folders(None)


def test_a_given_folder_is_the_only_choice(nowhere, made_up):
    put(nowhere / "work" / ".data" / "fashion-mnist", made_up)
    assert made("fashion_mnist").problem() is None
    assert "elsewhere" in (made("fashion_mnist", path=str(nowhere / "elsewhere")).problem() or "")


@pytest.mark.usefixtures("nowhere")
def test_missing_files_are_one_error_with_the_cures(name):
    problem = made(name).problem()
    with pytest.raises(ConfigError) as error:
        made(name).read()
    assert str(error.value) == problem
    own = ("dataset-fashion-mnist",) if name == "fashion_mnist" else ()
    for cure in ("field `path`", "GENSWEEP_DATA", "make data", f"python -m gensweep.datasets fetch {name}", *own):
        assert cure in problem


@pytest.mark.parametrize("damage", ["flipped", "short", "empty"])
def test_a_damaged_or_foreign_file_is_one_error_that_names_it(name, damage, data, made_up):
    file = Path(data) / "t10k-images-idx3-ubyte"
    whole = made_up[file.name]
    file.write_bytes({"flipped": whole[:-1] + b"\7", "short": whole[:-100], "empty": b""}[damage])
    with pytest.raises(ConfigError, match=f"not the t10k-images-idx3-ubyte of {name}.*Fetch it again") as error:
        made(name, path=data).read()
    assert str(file) in str(error.value)


def test_fashion_mnists_files_are_not_taken_for_mnists():
    known = MODULES["fashion_mnist"].FashionMNIST.files, MODULES["mnist"].MNIST.files
    assert known[0].digests.keys() == known[1].digests.keys()
    assert known[0].folder != known[1].folder


def test_a_misspelt_field_is_an_error():
    with pytest.raises(ValidationError, match="Write 'train_size'"):
        build("datasets", {"name": "fashion_mnist", "trainsize": 10})

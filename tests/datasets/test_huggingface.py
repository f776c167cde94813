import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gensweep.component import build
from gensweep.datasets.huggingface import HuggingFace
from gensweep.datasets.image_folder import ImageFolder
from gensweep.errors import ConfigError

library = pytest.importorskip("datasets", reason="needs Hugging Face's library: pip install datasets")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))


PIXELS = np.random.default_rng(0).integers(0, 256, (40, 10, 8, 3), np.uint8)


@pytest.fixture
def saved(tmp_path) -> str:
    """A real dataset with a train and a test split, saved by the library itself."""
    features = library.Features(label=library.Value("int32"), picture=library.Image())
    splits = {}
    for name, part in {"train": PIXELS, "test": PIXELS[:25]}.items():
        columns = {"label": list(range(len(part))), "picture": [Image.fromarray(image) for image in part]}
        splits[name] = library.Dataset.from_dict(columns, features=features)
    library.DatasetDict(splits).save_to_disk(tmp_path / "saved")
    return str(tmp_path / "saved")


def test_the_images_are_the_ones_that_a_folder_of_them_gives(saved, tmp_path):
    (tmp_path / "images").mkdir()
    for i, image in enumerate(PIXELS):
        Image.fromarray(image).save(tmp_path / "images" / f"{i:02d}.png")
    expected = ImageFolder(path=str(tmp_path / "images"), size=6).read()
    dataset = HuggingFace(path=saved, size=6)
    assert dataset.read().digest == expected.digest
    assert dataset.shape == expected.train.shape[1:]
    assert HuggingFace(path=saved, size=6, column="picture").read().digest == expected.digest
    assert len(HuggingFace(path=saved, size=6, split="test", test=0.2).read().test) == 5


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"split": "tests"}, "no split 'tests'. Did you mean 'test'"),
        ({"column": "label"}, "column 'label' holds no images. Those that do: picture"),
        ({"path": "elsewhere"}, "elsewhere .*cannot be loaded"),
    ],
)
def test_what_is_not_there_is_one_error(saved, tmp_path, monkeypatch, fields, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()  # a folder that the library did not write
    with pytest.raises(ConfigError, match=reason):
        HuggingFace(**{"path": saved, "size": 6, **fields}).read()


def test_a_corrupt_image_is_named_by_its_item(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(PIXELS[0]).save(whole, "png")
    data = [{"bytes": whole.getvalue(), "path": None}] * 39 + [{"bytes": whole.getvalue()[:60], "path": None}]
    features = library.Features(picture=library.Image())
    library.Dataset.from_dict({"picture": data}, features=features).save_to_disk(tmp_path / "torn")
    with pytest.raises(ConfigError, match="torn: item 39: no image, or a corrupt one"):
        HuggingFace(path=str(Path(tmp_path) / "torn"), size=6).read()


def test_without_the_library_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    monkeypatch.delitem(sys.modules, "gensweep.datasets.huggingface")
    with pytest.raises(ValueError, match=r"cannot be imported.*datasets.*pip install 'gensweep\[huggingface\]'"):
        build("datasets", {"name": "huggingface", "path": "mnist", "size": 28})
    assert build("datasets", "digits").name == "digits"

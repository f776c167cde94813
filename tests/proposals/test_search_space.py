"""A search space for given data: what it chooses, that it is sound, and that it trains."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gensweep import registry
from gensweep.component import build
from gensweep.errors import ConfigError
from gensweep.proposals.looked_at import dataset_at, is_path
from gensweep.proposals.search_space import Data, name_for, proposed
from gensweep.reading import plain, read_file
from gensweep.spaces.check import load_and_check
from gensweep.spaces.sources import opened_at_once

random = np.random.default_rng(0)
Chosen = Callable[[str], dict[str, Any]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def images(folder: str, size: tuple[int, int], mode: str = "RGB", n: int = 30) -> None:
    Path(folder).mkdir()
    for i in range(n):
        values = random.integers(0, 255, (*size, 3) if mode == "RGB" else size, dtype="uint8")
        Image.fromarray(values).convert(mode).save(Path(folder) / f"{i}.png")


def chosen(given: str, file: str = "out.yaml") -> dict[str, Any]:
    """What is proposed for the data at a path, once it is known to be sound and its data can be opened."""
    Path(file).write_text(proposed(Data.of(dataset_at(given)), Path(file)))
    assert opened_at_once(load_and_check(Path(file))).problems == []
    return dict(plain(read_file(Path(file))))


@pytest.mark.parametrize(
    ("size", "mode", "fields", "network"),
    [
        ((70, 50), "RGB", {"size": 32, "channels": 3}, "conv"),
        ((28, 28), "L", {"size": 28, "channels": 1}, "conv"),
        ((64, 64), "RGB", {"size": 64, "channels": 3}, "conv"),  # all of one size that is affordable
        ((65, 65), "RGB", {"size": 32, "channels": 3}, "conv"),
        ((9, 30), "1", {"size": 8, "channels": 1}, "mlp"),
        ((5, 5), "RGBA", {"size": 8, "channels": 3}, "mlp"),
    ],
)
def test_images(here: Path, size: tuple[int, int], mode: str, fields: dict[str, int], network: str) -> None:
    images("my photos, all", size, mode)
    trial = chosen("my photos, all")["trial"]
    assert trial["dataset"] == {"name": "image_folder", "path": "my photos, all", **fields}
    assert trial["network"]["name"] == network
    assert trial["evaluation"]["metrics"] == ["sliced_wasserstein", "wasserstein"], "no features ship for them"


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        (random.normal(size=(60, 5)), {}),
        (random.normal(5, [1, 100, 0.01], (60, 3)), {"scale": "standardise"}),
        (random.normal(0, 0.001, (60, 3)) + 2, {"scale": "standardise"}),
        (random.random((60, 20)), {}),  # in [0, 1], as flattened pixels
        (random.integers(0, 255, (60, 20), dtype="uint8"), {}),
        (random.normal(size=60), {}),
        (random.random((60, 12, 12)), {}),
        (random.random((60, 12, 12)) * 255, {"value_range": [0.0, 255.0], "scale": "minmax"}),
        (random.normal(0, 50, (60, 3, 12, 12)), {"scale": "minmax"}),
        (random.integers(0, 255, (60, 12, 12, 3), dtype="uint8"), {}),
        (np.ones((60, 2)), {}),
    ],
    ids=["fine", "units", "narrow", "unit", "bytes", "numbers", "images", "grey levels", "unbounded", "last", "constant"],
)  # fmt: skip
def test_arrays(here: Path, values: np.ndarray[Any, Any], fields: dict[str, Any]) -> None:
    np.save("x.npy", values)
    assert chosen("x.npy")["trial"]["dataset"] == {"name": "array", "path": "x.npy", **fields}


def test_one_array_of_several(here: Path) -> None:
    np.savez("x.npz", a=random.random((60, 4)), **{"1e5": random.normal(9, 9, (60, 2))})
    assert chosen("x.npz:1e5")["trial"]["dataset"] == {
        "name": "array",
        "path": "x.npz",
        "key": "1e5",
        "scale": "standardise",
    }
    with pytest.raises(ConfigError, match="several arrays"):
        dataset_at("x.npz")
    with pytest.raises(ConfigError, match="Known: 1e5, a"):
        dataset_at("x.npz:b")


@pytest.mark.parametrize("n", [16, 25, 60, 1000, 30_000])
def test_the_budget_goes_with_the_number_of_items(here: Path, n: int) -> None:
    np.save("x.npy", random.normal(size=(n, 3)).astype("float32"))
    found = chosen("x.npy")
    training, evaluation = found["trial"]["training"], found["trial"]["evaluation"]
    n_train = n - 2 * round(n / 10)
    assert 2 <= training["batch_size"] <= min(64, n_train / 4)
    assert training["epochs"] % evaluation["every"] == 0
    assert training["epochs"] == 4 * evaluation["every"]
    batches = training["epochs"] * n_train / training["batch_size"]
    assert batches <= 6000
    assert batches >= 3000 or training["epochs"] == 200
    assert ("fid" in evaluation["metrics"]) == (n_train / 8 >= 30), "ten held-out items for each dimension"


@pytest.mark.parametrize("n", [2, 5, 10])
def test_too_few_are_refused(here: Path, n: int) -> None:
    np.save("x.npy", random.normal(size=(n, 3)))
    with pytest.raises(ConfigError, match="Each split needs two or more"):
        Data.of(dataset_at("x.npy"))


MADE = [
    name
    for name in registry.names("datasets")
    if name not in ("array", "image_folder", "huggingface", "cifar10", "mnist")
]


@pytest.mark.parametrize("name", MADE)
def test_every_dataset_that_is_known_by_name(here: Path, name: str) -> None:
    dataset: Any = build("datasets", name)
    if problem := dataset.problem():
        pytest.skip(problem)
    Path("out.yaml").write_text(proposed(Data.of(dataset), Path("out.yaml")))
    sweep = load_and_check(Path("out.yaml"))
    assert len(sweep.arms) == (3 if math.prod(dataset.shape) > 1 else 2), "a flow needs two dimensions"
    metrics = sweep.space["evaluation"]["metrics"]
    assert ("mode_coverage" in metrics) == (dataset.modes() is not None)
    assert (
        metrics[0] == sweep.objective.metric == ("fid" if name in ("digits", "fashion_mnist") else "sliced_wasserstein")
    )


def test_fields_that_were_given_are_kept(here: Path) -> None:
    text = proposed(Data.of(build("datasets", {"name": "ring", "n_modes": 5, "n_train": 100})), Path("out.yaml"))  # type: ignore[arg-type]
    Path("out.yaml").write_text(text)
    assert plain(read_file(Path("out.yaml")))["trial"]["dataset"] == {"name": "ring", "n_modes": 5, "n_train": 100}


def test_every_line_says_why(here: Path) -> None:
    np.save("x.npy", random.random((60, 12, 12)) * 255)
    chosen("x.npy")
    lines = [line for line in Path("out.yaml").read_text().splitlines() if line and not line.startswith("#")]
    silent = [line.strip() for line in lines if "  # " not in line]
    assert silent == ["trial:", "dataset:", "training:", "evaluation:"], "what they hold says it"
    assert (
        Path("out.yaml")
        .read_text()
        .startswith("# Which of vae, wae and wgan makes the best model of these data (48 images of")
    )


def test_paths_are_relative_to_the_file_where_they_lie_below_it(here: Path) -> None:
    np.save("x.npy", random.random((60, 2)))
    Path("sweeps").mkdir()
    assert chosen("x.npy", "sweeps/a.yaml")["trial"]["dataset"]["path"] == str(here / "x.npy")
    np.save("sweeps/y.npy", random.random((60, 2)))
    assert chosen("sweeps/y.npy", "sweeps/b.yaml")["trial"]["dataset"]["path"] == "y.npy"
    assert "gensweep run sweeps/b.yaml" in Path("sweeps/b.yaml").read_text()


@pytest.mark.parametrize(
    ("size", "sizes"), [(1, 1), (2, 2), (3, "choice(3)"), (6, "choice(3, 6)"), (100, "choice(16, 32, 64)")]
)
def test_latent_sizes_are_no_larger_than_an_item(here: Path, size: int, sizes: Any) -> None:
    np.save("x.npy", random.random((60, size)))
    found = chosen("x.npy")["trial"]["latent_size"]
    numbers = [int(n) for n in re.findall(r"\d+", str(found))]
    assert all(1 <= n <= size for n in numbers)
    assert max(numbers) == min(size, 64)
    assert math.isfinite(sum(numbers))
    assert found == sizes or size == 3


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("./x", True), ("a/b", True), ("~/x", True), ("x.npy", True), ("x.npz:a", True), ("ring", False),
     ("array,path=./x.npy", False), ("image_folder,path=a/b,size=32", False), ("photos, all", True)],
)  # fmt: skip
def test_what_is_a_path(here: Path, text: str, is_one: bool) -> None:
    Path("photos, all").mkdir()
    assert is_path(text) == is_one


@pytest.mark.parametrize("given", ["nothing.npy", "./nothing", "x.csv"])
def test_what_holds_no_data_is_refused(here: Path, given: str) -> None:
    Path("x.csv").write_text("1,2\n")
    with pytest.raises(ConfigError, match=r"Name a folder of images, a \.npy or \.npz, or a dataset|Convert it"):
        dataset_at(given)


@pytest.mark.parametrize(
    ("stem", "name"), [("wae", "wae"), ("my photos (1)", "my_photos_1"), ("..", "mine"), ("é", "mine"), ("-a-", "a")]
)
def test_names(stem: str, name: str) -> None:
    assert name_for(stem) == name

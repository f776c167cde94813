"""Arrays brought to a scale that networks learn at, and what is said of those that are at none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gensweep.datasets import array as module
from gensweep.datasets._scaling import fitted
from gensweep.datasets.array import Array
from gensweep.datasets.base import Splits
from gensweep.progress import tell_once

Save = Callable[[object], str]
NOISE = np.random.default_rng(0)
VECTORS = NOISE.normal(size=(400, 3)) * [1, 900, 1e-4] + [0, 1.7e9, 5]
IMAGES = NOISE.random((400, 3, 4, 5)) * 255


@pytest.fixture
def save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Save:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))

    def save_(values: object) -> str:
        np.save(tmp_path / "data.npy", np.asarray(values))
        return str(tmp_path / "data.npy")

    return save_


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[Array], str]:
    """What reading a dataset says."""

    def said_(dataset: Array) -> str:
        tell_once.cache_clear()
        capsys.readouterr()
        dataset.read()
        return capsys.readouterr().err

    return said_


def parts(splits: Splits) -> tuple[np.ndarray, np.ndarray]:
    return splits.train.double().numpy(), torch.cat([splits.validation, splits.test]).double().numpy()


def test_columns_are_standardised_by_the_training_split_alone(save: Save) -> None:
    dataset = Array(path=save(VECTORS), shuffle=False, scale="standardise")
    train, rest = parts(dataset.read())
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(train.std(0), 1, rtol=1e-6)
    own = VECTORS[:320]
    np.testing.assert_allclose(rest, (VECTORS[320:] - own.mean(0)) / own.std(0), rtol=1e-5, atol=1e-6)
    assert (dataset.bounds, dataset.levels) == (None, 0)


def test_columns_are_brought_to_the_unit_interval_of_the_training_split(save: Save) -> None:
    dataset = Array(path=save(VECTORS), scale="minmax")
    train, _ = parts(dataset.read())
    np.testing.assert_array_equal(train.min(0), 0)
    np.testing.assert_array_equal(train.max(0), 1)
    assert dataset.bounds is None  # items that validate may lie outside


@pytest.mark.parametrize("scale", ["minmax", "standardise"])
def test_a_constant_column_becomes_nought(save: Save, scale: str) -> None:
    values = VECTORS.copy()
    values[:, 1] = 0.1
    assert not parts(Array(path=save(values), scale=scale).read())[0][:, 1].any()


def test_all_pixels_of_images_are_scaled_alike(save: Save) -> None:
    train, _ = parts(Array(path=save(IMAGES), scale="standardise", shuffle=False).read())
    np.testing.assert_allclose(train, (IMAGES[:320] - IMAGES[:320].mean()) / IMAGES[:320].std(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "value_range", "levels"),
    [
        (IMAGES, (0, 255), 0),
        (IMAGES.astype(np.uint8), None, 256),
        (IMAGES.astype(np.int64), (0, 255), 256),
        (IMAGES.astype(np.int64)[:, 0, 0], (0, 255), 256),
        (IMAGES / 127.5 - 1, None, 0),
    ],
)
def test_a_known_range_becomes_the_unit_interval_exactly(
    save: Save, values: np.ndarray, value_range: tuple[float, float] | None, levels: int
) -> None:
    dataset = Array(path=save(values), value_range=value_range, scale="minmax", shuffle=False)
    low, high = value_range or ((0, 255) if values.dtype == np.uint8 else (-1, 1))
    train, rest = parts(dataset.read())
    np.testing.assert_allclose(np.concatenate([train, rest]), (values - low) / (high - low), rtol=1e-6, atol=1e-7)
    assert (dataset.bounds, dataset.levels) == ((0, 1), levels)


@pytest.mark.parametrize("scale", ["minmax", "standardise"])
def test_large_files_are_scaled_alike(save: Save, monkeypatch: pytest.MonkeyPatch, scale: str) -> None:
    values = NOISE.normal(size=(3000, 2)).astype(np.float32)
    for shuffle in (True, False):
        dataset = Array(path=save(values), scale=scale, shuffle=shuffle)
        monkeypatch.setattr(module, "_IN_MEMORY", 2**30)
        in_memory = dataset.read().digest
        monkeypatch.setattr(module, "_IN_MEMORY", 0)
        assert dataset.read().digest == in_memory != Array(path=dataset.path, shuffle=shuffle).read().digest


def test_blocks_together_give_what_all_at_once_gives() -> None:
    rows = torch.from_numpy(VECTORS)
    for scale in ("minmax", "standardise"):
        one, several = fitted(scale, [rows]), fitted(scale, torch.split(rows, 7))
        torch.testing.assert_close(one.offset, several.offset)
        torch.testing.assert_close(one.width, several.width, rtol=1e-6, atol=0)


def test_given_samples_are_scaled_as_the_data_are(save: Save) -> None:
    dataset = Array(path=save(VECTORS), scale="standardise", shuffle=False)
    np.testing.assert_allclose(
        dataset.scaled(torch.from_numpy(VECTORS[:320])).numpy(), parts(dataset.read())[0], rtol=1e-6
    )
    levels = Array(path=save(IMAGES.astype(np.uint8)), scale="standardise", shuffle=False)
    again = levels.scaled(torch.from_numpy(IMAGES[:320].astype(np.uint8)).float(), of_bytes=True)
    np.testing.assert_allclose(again.numpy(), parts(levels.read())[0], rtol=1e-5)
    plain = Array(path=levels.path)
    assert torch.equal(plain.scaled(torch.ones(2, 3, 4, 5)), torch.ones(2, 3, 4, 5))


UNSCALED = {
    "bytes as floats": (IMAGES, {}, ["images with values from 0", "add value_range: [0, 255], scale: minmax"]),
    "integers": (IMAGES.astype(np.int64), {}, ["add value_range: [0, 255], scale: minmax"]),
    "16 bits": (IMAGES * 257, {}, ["neither in [0, 1] nor in [-1, 1]", "add scale: minmax", "value_range: [low, high]"]),
    "standardised images": ((IMAGES - 127) / 73, {}, ["images with values from -1.7", "add scale: minmax"]),
    "a range that is wide": (IMAGES, {"value_range": (0, 255)}, ["in [0, 255]. For [0, 1] add scale: minmax"]),
    "large": (NOISE.random((100, 2)) * 999, {}, ["add scale: standardise"]),
    "large with a range": (NOISE.random((100, 2)) * 999, {"value_range": (0, 999)}, ["add scale: standardise"]),
    "far from nought": (NOISE.normal(size=(100, 2)) + 50, {}, ["add scale: standardise"]),
    "small": (NOISE.normal(size=(100, 2)) * 1e-6, {}, ["deviations from", "e-07 to", "add scale: standardise"]),
    "unlike": (NOISE.normal(size=(100, 2)) * [2, 1e-3], {}, ["add scale: standardise"]),
    "constant": (np.stack([np.ones(100), NOISE.normal(size=100)], 1), {}, ["column 0 is constant"]),
    "all constant": (np.full((100, 5), 0.5), {}, ["columns 0, 1, 2 and 2 more are constant"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNSCALED)
def test_what_is_at_no_scale_is_said_on_one_line_with_the_cure(
    save: Save, said: Callable[[Array], str], kind: str
) -> None:
    values, fields, words = UNSCALED[kind]
    path = save(values)
    line = said(Array(path=path, **fields))
    assert line.startswith(f"gensweep: {path}: ")
    assert line.count("\n") == 1
    assert [word for word in words if word not in line] == [], line
    for scale in ("minmax", "standardise"):
        assert said(Array(path=path, scale=scale, **fields)) == ""


USUAL = [
    NOISE.normal(size=(400, 3)), NOISE.random((400, 2)), NOISE.normal(size=400) * 3, NOISE.random((400, 4, 4)),
    NOISE.random((400, 4, 4)) * 2 - 1, IMAGES.astype(np.uint8), NOISE.integers(0, 256, (400, 3), np.uint8),
    NOISE.random((400, 9)) * [0, 0, 1, 1, 1e-4, 1, 1, 1, 1],  # flattened images
    NOISE.normal(size=(400, 2)) * [2, 0.1] + [3, -1], NOISE.integers(0, 2, (400, 4, 4)).astype(bool),
]  # fmt: skip


@pytest.mark.parametrize("values", USUAL)
def test_nothing_is_said_of_what_is_at_a_usual_scale(save: Save, said: Callable[[Array], str], values: object) -> None:
    assert said(Array(path=save(values))) == ""


def test_values_beyond_float32_are_not_finite_at_any_scale(save: Save) -> None:
    values = VECTORS.copy()
    values[7, 0] = 1e300
    for scale in ("none", "minmax", "standardise"):
        with pytest.raises(Exception, match="item 7 has a value that is not finite"), np.errstate(over="ignore"):
            Array(path=save(values), scale=scale, shuffle=False).read()

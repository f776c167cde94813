import struct

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from gensweep.component import build
from gensweep.datasets import array as module
from gensweep.datasets.array import Array
from gensweep.errors import ConfigError


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def save(tmp_path):
    def save_(values, name: str = "data.npy") -> str:
        np.save(tmp_path / name, values)
        return str(tmp_path / name)

    return save_


def everything(dataset: Array) -> torch.Tensor:
    splits = dataset.read()
    return torch.cat([splits.train, splits.validation, splits.test])


VECTORS = np.random.default_rng(0).normal(size=(40, 3))


def test_vectors_are_chosen_at_random_or_in_order(save):
    path = save(VECTORS)
    shuffled, ordered = everything(Array(path=path)), everything(Array(path=path, shuffle=False))
    assert torch.equal(ordered, torch.from_numpy(VECTORS).float())
    assert not torch.equal(shuffled, ordered)
    assert torch.equal(shuffled.sort(0).values, ordered.sort(0).values)
    assert [len(Array(path=path, test=0.25).read().split(s)) for s in ("train", "validation", "test")] == [26, 4, 10]
    assert Array(path=path).bounds is None


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_in_memory_mapped_and_cached_hold_the_same_data(save, monkeypatch, shuffle, dtype):
    values = np.random.default_rng(0).integers(0, 2, size=(3000, 5)).astype(dtype)
    dataset = Array(path=save(values), shuffle=shuffle)
    expected = dataset.read()
    monkeypatch.setattr(module, "_IN_MEMORY", 0)
    found = dataset.read()
    assert found.digest == expected.digest
    assert torch.equal(found.train, expected.train)


def test_a_float32_file_in_order_is_mapped_itself(save, tmp_path):
    values = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    path = save(values)
    train = Array(path=path, shuffle=False).read().train
    # The pages are the file's: another writer's change shows, which a copy would not.
    np.load(path, mmap_mode="r+")[0, 0] = 42
    assert float(train[0, 0]) == 42
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("shape", "item"),
    [((40,), (1,)), ((40, 3), (3,)), ((40, 6, 5), (1, 6, 5)), ((40, 3, 6, 5), (3, 6, 5)), ((40, 6, 5, 3), (3, 6, 5))],
)
def test_the_shape_of_an_item_follows_from_the_arrays(save, shape, item):
    values = np.random.default_rng(0).random(shape)
    dataset = Array(path=save(values), shuffle=False)
    assert dataset.shape == item
    data = everything(dataset)
    assert data.shape == (40, *item)
    if len(shape) == 4 and shape[-1] == 3:
        assert torch.allclose(data, torch.from_numpy(values).float().permute(0, 3, 1, 2))


@pytest.mark.parametrize("shape", [(), (0, 3), (40, 2, 6, 5), (4, 3, 2, 6, 5)])
def test_another_shape_is_an_error_that_names_the_file_and_what_is_accepted(save, shape):
    path = save(np.zeros(shape))
    with pytest.raises(ConfigError, match=r"array of shape .*Accepted") as error:
        Array(path=path).read()
    assert path in str(error.value)


@pytest.mark.parametrize(
    ("values", "bounds", "largest"),
    [
        (np.full((30, 4, 4), 255, np.uint8), (0, 1), 1),
        (np.full((30, 4), 255, np.uint8), (0, 1), 1),
        (np.full((30, 4, 4), 0.5), (0, 1), 0.5),
        (np.linspace(-1, 1, 480).reshape(30, 4, 4), (-1, 1), 1),
        (np.full((30, 4, 4), 7.0), None, 7),
        (np.full((30, 4), 0.5), None, 0.5),
    ],
)
def test_the_range_is_inferred(save, values, bounds, largest):
    dataset = Array(path=save(values))
    assert dataset.bounds == bounds
    assert float(everything(dataset).max()) == largest


def test_a_given_range_keeps_the_files_values(save):
    dataset = Array(path=save(np.full((30, 4, 4), 255, np.uint8)), value_range=(0, 255))
    assert dataset.bounds == (0, 255)
    assert float(everything(dataset).max()) == 255


def test_a_value_outside_the_range_is_named_by_its_item(save):
    values = np.full((2000, 2, 2), 0.5)
    values[1234, 0, 1] = 1.5  # after the thousand that the range is inferred from
    path = save(values)
    for fields in ({}, {"value_range": (0, 1)}, {"shuffle": False}):
        with pytest.raises(ConfigError, match=r"item 1234 has values from 0.5 to 1.5, outside \[0, 1\]") as error:
            Array(path=path, **fields).read()
        assert path in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_value_that_is_not_finite_is_named_by_its_item(save, value, dtype, shuffle):
    values = np.zeros((50, 3), dtype)
    with np.errstate(over="ignore"):
        values[17, 2] = value
    path = save(values)
    with (
        np.errstate(over="ignore"),
        pytest.raises(ConfigError, match="item 17 has a value that is not finite") as error,
    ):
        Array(path=path, shuffle=shuffle).read()
    assert path in str(error.value)


@pytest.mark.parametrize(
    ("rows", "columns", "says"),
    [
        (slice(None), [1], r"item 0 .*first of 50 such items of 50\. None is finite in column 1, .*such columns out"),
        (slice(None), [0, 2], r"column 0, 2, counted from 0"),
        ([17, 30, 44], [2], r"item 17 .*, the first of 3 such items of 50\. Remove such items"),
        ([44], [0, 1, 2], r"item 44 has a value that is not finite\. Remove such items"),
    ],
)
@pytest.mark.parametrize("shuffle", [True, False])
def test_how_many_items_and_which_whole_columns_are_not_finite(save, rows, columns, says, shuffle):
    values = np.zeros((50, 3), "float32")
    for column in columns:
        values[rows, column] = np.nan
    with pytest.raises(ConfigError, match=says):
        Array(path=save(values), shuffle=shuffle).read()


def test_an_archive_gives_its_only_array_or_the_one_of_the_key(tmp_path):
    one, two = str(tmp_path / "one.npz"), str(tmp_path / "two.npz")
    np.savez(one, x=VECTORS)
    np.savez_compressed(two, x=VECTORS, labels=np.arange(40))
    expected = everything(Array(path=one))
    assert torch.equal(everything(Array(path=two, key="x")), expected)
    for key in (None, "X"):
        with pytest.raises(ConfigError, match=r"two\.npz.*Known: labels, x"):
            Array(path=two, key=key).read()


@pytest.mark.parametrize("damage", ["absent", "truncated", "text", "empty", "pickled", "words"])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_damaged_file_is_one_error_that_names_it(tmp_path, damage, suffix):
    file = tmp_path / f"data{suffix}"
    values = {"pickled": np.array([{}], dtype=object), "words": np.array(["a"] * 40)}.get(damage, VECTORS)
    (np.save if suffix == ".npy" else np.savez)(file, values)
    if damage == "absent":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(file.read_bytes()[:-500])
    elif damage in ("text", "empty"):
        file.write_bytes(b"no array at all" if damage == "text" else b"")
    with pytest.raises(ConfigError, match=r"data\.np"):
        Array(path=str(file)).read()
    assert (Array(path=str(file)).problem() is None) == (damage != "absent")


def test_damage_that_the_unpacking_modules_find_is_that_error_too(tmp_path):
    header, packed = tmp_path / "header.npy", tmp_path / "packed.npz"
    np.save(header, VECTORS)
    header.write_bytes(header.read_bytes().replace(b"), }", b"(, }"))  # a bracket that tokenize misses
    np.savez_compressed(packed, x=VECTORS)
    data = bytearray(packed.read_bytes())
    n_name, n_extra = struct.unpack_from("<HH", data, 26)
    data[30 + n_name + n_extra] = 0b111  # a block of a type that there is not
    packed.write_bytes(data)
    for file in (header, packed):
        with pytest.raises(ConfigError, match=f"{file.name}: no array can be read"):
            Array(path=str(file)).read()


def test_a_range_is_low_before_high():
    with pytest.raises(ValidationError, match="low < high"):
        build("datasets", {"name": "array", "path": "x.npy", "value_range": [1, 0]})


@pytest.mark.parametrize(
    ("values", "value_range", "levels"),
    [
        (np.zeros((9, 4, 4), np.uint8), None, 256),
        (np.zeros((9, 3), np.uint8), None, 256),
        (np.zeros((9, 3), np.uint8), (0, 255), 256),
        (np.zeros((9, 3), np.int64), (0, 16), 17),
        (np.zeros((9, 3), np.int64), (-0.5, 16.5), 0),
        (np.zeros((9, 3), np.int64), (-(2**31), 2**31), 0),
        (np.zeros((9, 3), np.int64), None, 0),
        (np.zeros((9, 4, 4), bool), None, 2),
        (np.zeros((9, 4, 4), np.float32), None, 0),
        (np.zeros((9, 3), np.float32), (0, 1), 0),
    ],
)
def test_integers_within_a_range_are_so_many_grey_levels(save, values, value_range, levels):
    assert Array(path=save(values), value_range=value_range).levels == levels

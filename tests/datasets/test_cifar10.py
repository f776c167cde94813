import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest
import torch

from gensweep.datasets import cifar10
from gensweep.datasets._files import CIFAR10 as FILES
from gensweep.datasets.cifar10 import CIFAR10
from gensweep.errors import ConfigError

ARCHIVE = "cifar-10-binary.tar.gz"


@pytest.fixture(scope="module")
def made_up() -> dict[str, bytes]:
    """Six files of 10,000 records: record i of file f has label i mod 10, red f, green i mod 251, blue its row."""
    content = {}
    for number, name in enumerate(FILES.digests):
        rank = torch.arange(10_000)
        records = torch.empty(10_000, 3073, dtype=torch.uint8)
        records[:, 0] = (rank % 10).to(torch.uint8)
        planes = records[:, 1:].view(10_000, 3, 32, 32)
        planes[:, 0] = number
        planes[:, 1] = (rank % 251).to(torch.uint8)[:, None, None]
        planes[:, 2] = torch.arange(32, dtype=torch.uint8)[:, None]
        content[name] = records.numpy().tobytes()
    return content


@pytest.fixture
def folder(made_up, tmp_path, monkeypatch, nowhere) -> Path:
    for name, data in made_up.items():
        monkeypatch.setitem(FILES.digests, name, hashlib.sha256(data).hexdigest())
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.fixture
def packed(made_up, folder, tmp_path) -> Path:
    """The same files in an archive only, as their authors give them."""
    (tmp_path / "packed").mkdir()
    with tarfile.open(tmp_path / "packed" / ARCHIVE, "w:gz", compresslevel=1) as archive:
        for name, data in {"batches.meta.txt": b"airplane", **made_up}.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return tmp_path / "packed"


def test_the_first_45000_train_the_last_5000_validate_and_the_test_batch_tests(folder):
    splits = CIFAR10(path=str(folder)).read()
    rank = torch.arange(60_000)
    for name, part in {"train": rank[:45_000], "validation": rank[45_000:50_000], "test": rank[50_000:]}.items():
        data = (splits.split(name) * 255).round()
        assert data.shape == (len(part), 3, 32, 32)
        assert torch.equal(data[:, 0, 5, 7], (part // 10_000).float())
        assert torch.equal(data[:, 1, 5, 7], (part % 10_000 % 251).float())
        assert torch.equal(CIFAR10(path=str(folder)).classes(name), part % 10)
    assert (splits.test[0, 2, :, 9] * 255).round().tolist() == list(range(32))
    few = CIFAR10(path=str(folder), train_size=7)
    assert torch.equal(few.read().train, splits.train[:7])
    assert few.classes("train").tolist() == list(range(7))


def test_the_archive_gives_the_same_data_in_a_given_folder_and_in_the_usual_one(folder, packed, monkeypatch):
    expected = CIFAR10(path=str(folder)).read().digest
    assert CIFAR10(path=str(packed)).read().digest == expected
    monkeypatch.setenv("GENSWEEP_DATA", str(packed))
    assert CIFAR10().problem() is None
    assert len(CIFAR10().classes("test")) == 10_000


def test_missing_files_are_one_error_with_the_cures(nowhere):
    for cure in ("field `path`", "GENSWEEP_DATA", "gensweep.datasets fetch cifar10", ARCHIVE, "test_batch.bin"):
        assert cure in CIFAR10().problem()
    with pytest.raises(ConfigError, match="dataset cifar10"):
        CIFAR10().read()


@pytest.mark.parametrize("damage", ["short", "flipped"])
def test_a_damaged_file_is_one_error_that_names_it(damage, folder):
    file = folder / "data_batch_3.bin"
    data = bytearray(file.read_bytes())
    if damage == "short":
        del data[-100:]
    else:
        data[12345] ^= 1
    file.write_bytes(data)
    with pytest.raises(
        ConfigError, match=r"not the data_batch_3\.bin of cifar10.*gensweep\.datasets fetch cifar10"
    ) as error:
        CIFAR10(path=str(folder)).read()
    assert str(file) in str(error.value)


@pytest.mark.parametrize("damage", ["truncated", "no gzip", "a member is missing"])
def test_a_damaged_archive_is_one_error_that_names_it(damage, packed):
    archive = packed / ARCHIVE
    data = archive.read_bytes()
    if damage == "truncated":
        archive.write_bytes(data[: len(data) // 2])
    elif damage == "no gzip":
        archive.write_bytes(b"<html>not found</html>" * 100)
    else:
        archive.write_bytes(gzip.compress(bytes(10_240)))  # an archive of nothing
    with pytest.raises(ConfigError, match=r"gensweep\.datasets fetch cifar10") as error:
        CIFAR10(path=str(packed)).read()
    assert str(archive) in str(error.value)


def test_bytes_that_are_no_records_are_refused():
    for content in (b"", bytes(3072)):
        with pytest.raises(ConfigError, match=r"some\.bin"):
            cifar10.parse(content, Path("some.bin"))

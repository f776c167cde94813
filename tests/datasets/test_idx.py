import gzip
from pathlib import Path

import pytest
import torch

from gensweep.datasets._idx import parse, read_content
from gensweep.errors import ConfigError

ARRAY = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4)
HEADER = bytes.fromhex("00000803000000020000000300000004")
FILE = Path("some-idx3-ubyte")


def test_an_array_is_read_in_row_major_order():
    assert torch.equal(parse(HEADER + bytes(range(24)), FILE, "fetch it"), ARRAY)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an IDX file"),
        (b"\x1f\x8b\x08\x00", "not an IDX file"),
        (bytes.fromhex("00000d0100000001") + b"0000", "not an IDX file of unsigned bytes"),  # 0d: float
        (HEADER[:9], "within its header"),
        (HEADER + bytes(23), "promises 24 values, 23 follow"),
        (HEADER + bytes(25), "promises 24 values, 25 follow"),
    ],
)
def test_anything_else_is_an_error_that_names_the_file(content, reason):
    with pytest.raises(ConfigError, match=reason) as error:
        parse(content, FILE, "fetch it")
    assert str(FILE) in str(error.value)
    assert "fetch it" in str(error.value)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "not gzip", "absent"])
def test_a_damaged_gzip_is_an_error_that_names_the_file(damage, tmp_path):
    file = tmp_path / "images.gz"
    data = bytearray(gzip.compress(HEADER + bytes(range(24))))
    if damage == "truncated":
        del data[-12:]
    elif damage == "flipped":
        data[-6] ^= 255  # in the checksum
    elif damage == "not gzip":
        data[:2] = b"no"
    if damage != "absent":
        file.write_bytes(data)
    with pytest.raises(ConfigError) as error:
        read_content(file, "fetch it")
    assert str(file) in str(error.value)


def test_a_file_without_gz_is_read_as_it_is(tmp_path):
    (tmp_path / "images").write_bytes(HEADER)
    assert read_content(tmp_path / "images", "fetch it") == HEADER


@pytest.mark.parametrize("name", ["images.gz", "images"])
def test_more_than_any_such_file_holds_is_not_taken_into_memory(tmp_path, monkeypatch, name):
    """10 MB of gzip may be 10 GB."""
    monkeypatch.setattr("gensweep.datasets._idx._LARGEST", 1000)
    for n in (1000, 1001):
        (tmp_path / name).write_bytes(gzip.compress(bytes(n)) if name.endswith("gz") else bytes(n))
        if n == 1000:
            assert read_content(tmp_path / name, "fetch") == bytes(1000)
    with pytest.raises(ConfigError, match="holds more than"):
        read_content(tmp_path / name, "fetch")

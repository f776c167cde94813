"""Arrays from anyone: their size is known from the header before any memory is taken."""

from __future__ import annotations

import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gensweep.errors import ConfigError
from gensweep.files.arrays import LARGEST_UNPACKED, open_items


def header(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    made = io.BytesIO()
    np.lib.format.write_array_header_1_0(made, {"descr": dtype, "fortran_order": False, "shape": shape})
    return made.getvalue()


def refused(file: Path, says: str = "no array can be read") -> None:
    """No more than a few megabytes are taken for what is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError, match=says):
            open_items(file, None, None)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


def zipped(folder: Path, content: bytes, zeros: int = 0) -> Path:
    file = folder / "a.npz"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w", force_zip64=True) as member,
    ):
        member.write(content)
        for _ in range(zeros >> 20):
            member.write(bytes(1 << 20))
    return file


def test_a_small_file_of_a_large_array_is_not_unpacked(tmp_path, monkeypatch):
    """3 MB of 3 GB: a few hundred MB of zeros do here, with the bound as much lower."""
    monkeypatch.setattr("gensweep.files.arrays.LARGEST_UNPACKED", LARGEST_UNPACKED >> 4)
    n = LARGEST_UNPACKED >> 3
    file = zipped(tmp_path, header((n // 4,)), n)
    assert file.stat().st_size < 2**18
    refused(file, r"unpacks to 0\.125 GiB.*Save it as a \.npy")


@pytest.mark.parametrize("shape", [(10**15,), (10**6, 10**6), (2**31, 2**31, 2**31)])
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_header_that_promises_more_than_there_is(tmp_path, shape):
    refused(zipped(tmp_path, header(shape)), "the header of a says")
    (tmp_path / "a.npy").write_bytes(header(shape))
    refused(tmp_path / "a.npy", "no array can be read")


@pytest.mark.parametrize(
    "content",
    [
        header((2,), "|O") + b"x" * 16,
        b"\x93NUMPY\x01\x00\xff\xff{" * 2,
        b"\x93NUMPY\x02\x00\xff\xff\xff\x7f",
        b"",
        b"\x93NUMPY\x09\x00",
    ],
)
def test_objects_and_broken_headers_are_no_arrays(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    refused(tmp_path / "a.npy")
    refused(zipped(tmp_path, content))


def test_honest_ones_are_read(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros((5, 3)))
    assert open_items(tmp_path / "a.npz", None, None).shape == (3,)


@pytest.mark.parametrize("name", ["pipe.npy", "pipe.npz"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(ConfigError, match="is a pipe or a device"):
        open_items(tmp_path / name, None, None)

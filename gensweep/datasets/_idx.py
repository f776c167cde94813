"""The IDX format of the MNIST family: big-endian sizes, then bytes."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Protocol

import torch

from gensweep.errors import ConfigError

_UNSIGNED_BYTE = 0x08
_LARGEST = 2**28  # bytes of one unpacked file: MNIST's and CIFAR-10's have a tenth of that


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_content(path: Path, command: str) -> bytes:
    """The bytes of `path`, unpacked where its name ends in .gz. `command`, for the message, fetches it again.

    Raises:
        ConfigError: the file cannot be read, its gzip stream is truncated or corrupt, or it unpacks to more than any such file.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return read_within(file, path, command)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error or type(error).__name__}). Fetch it again: `{command}`."
        ) from error


def read_within(file: _Readable, path: Path, command: str) -> bytes:
    """What is left of an opened file, which is not taken into memory if it is larger than any such file.

    Raises:
        ConfigError: it is.
    """
    data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ConfigError(
            f"{path}: holds more than {_LARGEST >> 20} MiB, and no such file does. Fetch it again: `{command}`."
        )
    return data


def parse(content: bytes, path: Path, command: str) -> torch.Tensor:
    """The array in `content`, uint8, with the shape that its header gives. `path` and `command` are for the message.

    Layout: two zero bytes, the type (8 is unsigned byte), the number of dimensions, each size as a big-endian 32-bit
    integer, then the values in row-major order. Source: Y. LeCun, "The MNIST database", 1998.

    Raises:
        ConfigError: not an IDX file of unsigned bytes, or shorter or longer than its header says.
    """
    magic = content[:4]
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != _UNSIGNED_BYTE or not 1 <= magic[3] <= 4:
        raise ConfigError(
            f"{path}: not an IDX file of unsigned bytes (it begins {magic.hex() or 'nowhere'}). Fetch it again: `{command}`."
        )
    start = 4 + 4 * magic[3]
    if len(content) < start:
        raise ConfigError(f"{path}: ends within its header, after {len(content)} bytes. Fetch it again: `{command}`.")
    sizes = struct.unpack(f">{magic[3]}I", content[4:start])
    if len(content) - start != math.prod(sizes):
        raise ConfigError(
            f"{path}: its header promises {math.prod(sizes)} values, {len(content) - start} follow. Fetch it again: `{command}`."
        )
    return torch.frombuffer(bytearray(content[start:]), dtype=torch.uint8).reshape(sizes)

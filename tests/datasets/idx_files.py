"""IDX files for tests."""

import gzip
import struct
from pathlib import Path

import torch


def idx(array: torch.Tensor) -> bytes:
    """The IDX file of a uint8 tensor."""
    return struct.pack(f">HBB{array.dim()}I", 0, 8, array.dim(), *array.shape) + array.numpy().tobytes()


def put(folder: Path, content: dict[str, bytes], *, packed: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        file = folder / (f"{name}.gz" if packed else name)
        file.write_bytes(gzip.compress(data, 1) if packed else data)
    return folder

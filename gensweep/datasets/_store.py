"""Splits that are made once and then mapped from a file, so that they may be larger than memory."""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import torch

from gensweep.datasets.base import SplitName, Splits
from gensweep.errors import ConfigError
from gensweep.file_modes import unfinished
from gensweep.home import cache_folder

Parts = Mapping[SplitName, torch.Tensor]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


# What is read in a few seconds: small images take a millisecond each, large ones a second for 10 MB of JPEG.
QUICK_IMAGES = 2000
QUICK_IMAGE_BYTES = 2**25


def is_stored(content: Mapping[str, Any]) -> bool:
    """Whether `stored` has them already."""
    return _file(content).with_suffix(".sha256").exists()


def stored(
    content: Mapping[str, Any],
    shape: tuple[int, ...],
    parts: Parts,
    read: Callable[[torch.Tensor], Iterator[torch.Tensor]],
) -> Splits:
    """Splits as memory-mapped tensors [n, *shape] that are paged in as they are used.

    Args:
        content: plain data that decide every value; its hash names the file in the cache.
        shape: of one item.
        parts: the indices [n] of each split's items in the source.
        read: gives the items of some indices in order, as float32 blocks [m, *shape].

    Raises:
        ConfigError: the cache cannot be written; or what `read` raises, and then nothing is left in the cache.
    """
    file = _file(content)
    sizes = [len(parts[split]) for split in SPLITS]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _alone(file.with_suffix(".lock")):
            digest = _digest_of(file, 4 * sum(sizes) * math.prod(shape))
            if digest is None:
                digest = _write(file, shape, parts, read)
    except OSError as error:
        size = 4 * sum(sizes) * math.prod(shape) / 1e9
        raise ConfigError(
            f"{file.parent}: cannot hold the decoded data ({error}). It needs {size:.2g} GB; name a folder with room "
            "in the environment variable GENSWEEP_CACHE."
        ) from error
    flat = torch.from_file(str(file), shared=False, size=sum(sizes) * math.prod(shape), dtype=torch.float32)
    pieces = torch.split(flat, [n * math.prod(shape) for n in sizes])
    train, validation, test = (piece.reshape(-1, *shape) for piece in pieces)
    return Splits(train, validation, test, digest)


def _file(content: Mapping[str, Any]) -> Path:
    key = hashlib.sha256(json.dumps(dict(content), sort_keys=True).encode()).hexdigest()[:32]
    return cache_folder() / "datasets" / f"{key}.f32"


def _digest_of(file: Path, size: int) -> str | None:
    """The digest of a whole file; None where there is none."""
    try:
        return file.with_suffix(".sha256").read_text() if file.stat().st_size == size else None
    except OSError:
        return None


def _write(
    file: Path, shape: tuple[int, ...], parts: Parts, read: Callable[[torch.Tensor], Iterator[torch.Tensor]]
) -> str:
    digest = hashlib.sha256()
    new = unfinished(file)
    try:
        with new:
            for split in SPLITS:
                digest.update(repr((len(parts[split]), *shape)).encode())
                _write_split(new, digest, read(parts[split]))
        Path(new.name).replace(file)
    except BaseException:
        Path(new.name).unlink(missing_ok=True)
        raise
    file.with_suffix(".sha256").write_text(digest.hexdigest())
    return digest.hexdigest()


def _write_split(out: IO[bytes], digest: Any, blocks: Iterator[torch.Tensor]) -> None:
    for block in blocks:
        data = block.contiguous().numpy().tobytes()
        digest.update(data)
        out.write(data)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Several workers want the same data: the first makes them, the others wait."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

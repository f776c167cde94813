"""Numbers that take seconds, kept on disk between processes under the hash of what they depend on."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from gensweep.file_modes import unfinished
from gensweep.home import cache_folder

Tensors = dict[str, torch.Tensor]
WORTH_A_FILE = 2000  # items, whose features take seconds
_DIGEST_BYTES = 32


def cached(content: Mapping[str, Any], compute: Callable[[], Tensors]) -> Tensors:
    """What `compute` gives, read from disk where the same `content` (plain data) was computed before.

    A damaged entry is computed afresh, and a disk that cannot be written costs the time only.
    """
    key = hashlib.sha256(json.dumps(dict(content), sort_keys=True).encode()).hexdigest()
    file = cache_folder() / "references" / f"{key[:32]}.pt"
    found = _read(file)
    if found is None:
        found = compute()
        _write(file, found)
    return found


def _read(file: Path) -> Tensors | None:
    try:
        data = file.read_bytes()
        digest, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != digest:
            return None
        return torch.load(io.BytesIO(body), weights_only=True)  # type: ignore[no-any-return]
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError):
        return None


def _write(file: Path, tensors: Tensors) -> None:
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    body = buffer.getvalue()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Two workers may write the same entry: each its own file, then an atomic rename.
        with unfinished(file) as new:
            new.write(hashlib.sha256(body).digest() + body)
        Path(new.name).replace(file)
    except OSError:
        return

"""A trial's state as bytes and back, without pickled code: tensors and plain data only."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from gensweep.errors import DamagedSweep
from gensweep.faults import Fault, fault_of


def to_bytes(state: dict[str, Any]) -> bytes:
    """The state in torch's format."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def from_bytes(data: bytes, device: torch.device) -> dict[str, Any]:
    """The state that `to_bytes` wrote, its tensors on `device`. Loads data only, never code.

    Raises:
        DamagedSweep: it is none, or asks for code or for more memory than its bytes.
    """
    try:
        _refuse_packed(data)
        state = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    except (
        pickle.UnpicklingError,
        RuntimeError,
        ValueError,
        TypeError,
        LookupError,
        EOFError,
        zipfile.BadZipFile,
    ) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DamagedSweep(
            f"a checkpoint holds no state of a trial ({reason:.200}). Nothing in it was run. Delete its folder: an older one "
            "is used, or the trial starts again."
        ) from error
    if not isinstance(state, dict):
        raise DamagedSweep("a checkpoint holds no state of a trial. Delete its folder: an older one is used.")
    return state


@contextmanager
def believed(what: Path) -> Iterator[None]:
    """Where the content of the file or checkpoint `what`, which anyone may have written, is built from or taken over.

    Raises:
        DamagedSweep: something was missing in it, of another kind, of another shape, or too large to be.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError) or fault_of(error) is Fault.DEVICE:
            raise  # of an accelerator, which others use too
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DamagedSweep(
            f"{what}: holds what no trial of this configuration wrote ({type(error).__name__}: {reason:.300}). Restore it "
            "from a copy."
        ) from error


def _refuse_packed(data: bytes) -> None:
    """Raise ValueError where the archive unpacks to more than it is: torch packs nothing."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > len(data):
            raise ValueError("it is packed, which gensweep never does")

"""A trial's state from anyone: tensors and plain data, and nothing that runs or unpacks without end."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
import torch

from gensweep.errors import DamagedSweep
from gensweep.trainers.checkpoint import believed, from_bytes, to_bytes

CPU = torch.device("cpu")


class Plants:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def saved(state: object) -> bytes:
    made = io.BytesIO()
    torch.save(state, made)
    return made.getvalue()


def test_a_state_comes_back():
    state = {"weights": torch.arange(3.0), "epoch": 3, "scores": {"fid": 1.5}}
    found = from_bytes(to_bytes(state), CPU)
    assert torch.equal(found.pop("weights"), torch.arange(3.0))
    assert found == {"epoch": 3, "scores": {"fid": 1.5}}


def test_code_in_it_is_not_run(tmp_path):
    with pytest.raises(DamagedSweep, match=r"holds no state .* Nothing in it was run"):
        from_bytes(saved({"trainee": Plants(tmp_path / "planted")}), CPU)
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("data", [b"", b"PK\3\4", b"nothing", saved([1, 2]), saved(torch.zeros(2))])
def test_what_is_no_state_is_damage(data):
    with pytest.raises(DamagedSweep, match="holds no state of a trial"):
        from_bytes(data, CPU)


def test_a_packed_one_is_not_unpacked():
    """10 GB may be packed into 10 MB; torch packs nothing."""
    honest, packed = to_bytes({"weights": torch.zeros(10**6)}), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(honest)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert len(packed.getvalue()) < len(honest) // 100
    with pytest.raises(DamagedSweep, match="is packed"):
        from_bytes(packed.getvalue(), CPU)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("size mismatch for 0.weight"), DamagedSweep),
        (MemoryError(), DamagedSweep),  # a size that a stranger wrote
        (RuntimeError("CUDA error: device-side assert triggered"), RuntimeError),
        (torch.OutOfMemoryError("CUDA out of memory"), torch.OutOfMemoryError),
    ],
)
def test_what_does_not_fit_is_damage_and_an_accelerator_that_fails_is_not(error, told):
    with pytest.raises(told) as raised, believed(Path("step-3")):
        raise error
    assert type(raised.value) is told

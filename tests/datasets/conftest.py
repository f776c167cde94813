import hashlib
from pathlib import Path

import pytest
import torch
from idx_files import idx

from gensweep.datasets import _files as files

SIZES = {"train": 60_000, "t10k": 10_000}


@pytest.fixture(scope="session")
def made_up() -> dict[str, bytes]:
    """Files of Fashion-MNIST's names and sizes: image i is all grey level i mod 251, its label i mod 10."""
    content = {}
    for part, n in SIZES.items():
        rank = torch.arange(n)
        images = (rank % 251).to(torch.uint8)[:, None, None].expand(n, 28, 28).contiguous()
        content[f"{part}-images-idx3-ubyte"] = idx(images)
        content[f"{part}-labels-idx1-ubyte"] = idx((rank % 10).to(torch.uint8))
    return content


@pytest.fixture
def digests(made_up: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the made-up files the ones that are expected."""
    for name, data in made_up.items():
        for dataset in (files.FASHION_MNIST, files.MNIST):
            monkeypatch.setitem(dataset.digests, name, hashlib.sha256(data).hexdigest())


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, working folder and checkout without data; Debian's folder is another one."""
    monkeypatch.setattr(files.Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(files.gensweep, "__file__", str(tmp_path / "checkout" / "gensweep" / "__init__.py"))
    monkeypatch.setattr(files, "_DEBIAN", tmp_path / "debian")
    monkeypatch.delenv("GENSWEEP_DATA", raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path

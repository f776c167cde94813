"""What the search spaces that the documentation shows read: photos, an array, a place for what they leave."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A folder with what the examples read, and their store."""
    here = tmp_path_factory.mktemp("shown")
    noise = np.random.default_rng(0)
    (here / "my_photos" / "more").mkdir(parents=True)
    for number in range(120):
        pixels = noise.integers(0, 256, size=(36, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(here / "my_photos" / ("more" if number % 2 else "") / f"{number}.png")
    shutil.copy(empty_database, here / "mlflow.db")
    np.save(here / "measured.npy", noise.normal(size=(200, 3)).astype(np.float32))
    return here


@pytest.fixture
def at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    monkeypatch.setenv("GENSWEEP_CACHE", str(folder / "cache"))
    return folder

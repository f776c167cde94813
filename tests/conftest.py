"""What the tests share: a small trial, and one thread, because two cores are shared by everything that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep.ledger.trial_folder import TrialFolder
from gensweep.trial import Assignment


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The file that takes minutes first, so that no worker is alone with it at the end."""
    items.sort(key=lambda item: item.path.name != "test_survival.py")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


def small_configuration(family: Any = "vae", **training: Any) -> dict[str, Any]:
    return {
        "dataset": {"name": "digits"}, "network": {"name": "mlp", "hidden": [32]}, "latent_size": 4, "family": family,
        "training": {"epochs": 6, "batch_size": 64, **training},
        "evaluation": {"metrics": ["fid", "sliced_wasserstein"], "every": 2}, "seed": 3,
    }  # fmt: skip


def assignment(path: Path, configuration: dict[str, Any], number: int = 0) -> Assignment:
    path.mkdir(parents=True, exist_ok=True)
    return Assignment(number, "0" * 64, configuration, TrialFolder(path), "fid", "min")

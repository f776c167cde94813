"""What an executor notes of where it runs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gensweep.executors.ray_tune import RayTune


@pytest.mark.parametrize(
    ("address", "noted"), [("ray://me:s3cr3t@head:10001", "ray://head:10001"), ("head:6379", "head:6379"), (None, None)]
)
def test_an_address_is_noted_without_its_password(address: str | None, noted: str | None, tmp_path: Path) -> None:
    cluster: Any = SimpleNamespace(
        address=address, nodes=[{"CPU": 2.0, "object_store_memory": 1.0}], ready=lambda: None
    )
    assert RayTune(cluster, tmp_path).surroundings() == {"ray_address": noted, "nodes": [{"CPU": 2.0}]}

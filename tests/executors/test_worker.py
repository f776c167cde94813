"""A worker's share of a GPU: what Ray reserves for it, and what it may fill."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep.configuration import Resources
from gensweep.executors import _worker
from gensweep.executors._ray_places import place
from tests.conftest import job, small_configuration


def test_a_process_on_a_shared_gpu_is_capped_before_it_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capped = list[tuple[str, float]]()
    monkeypatch.setattr(_worker, "cap", lambda device, share: capped.append((device.type, share)))
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    worker = _worker.Worker.__new__(_worker.Worker)
    worker.pack = None
    shared = job(tmp_path, small_configuration(), device="cuda", gpu=0.25)
    for own in (shared, replace(shared, share=2), replace(shared, gpu=1.0), replace(shared, device="cpu", gpu=0.0)):
        worker.reset_config({"job": asdict(own), "mailbox": None, "pack": "a"})
    assert capped == [("cuda", 0.25), ("cuda", 0.5), ("cuda", 1.0)], "a whole GPU lifts the cap of the pack before"


@pytest.mark.parametrize(
    ("resources", "share", "bundle"),
    [
        ({"cpu": 1, "gpu": 0.25}, 1, {"CPU": 1.0, "GPU": 0.25}),
        ({"cpu": 1, "gpu": 0.25}, 2, {"CPU": 2.0, "GPU": 0.5}),
        ({"cpu": 1, "gpu": 1}, 2, {"CPU": 2.0, "GPU": 1.0}),
        ({"cpu": 3, "gpu": 0}, 2, {"CPU": 4.0}),
    ],
)
def test_ray_reserves_what_the_process_may_fill(
    resources: dict[str, Any], share: int, bundle: dict[str, float]
) -> None:
    placed = place(Resources.model_validate(resources), 4.0, {"job": {"share": share}})
    assert {name: n for name, n in placed.required_resources.items() if n} == bundle

"""The names of devices, by which costs are told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep.devices import name_of


@pytest.fixture(autouse=True)
def _forget() -> None:
    name_of.cache_clear()


def test_a_processor_has_its_model_and_without_one_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n\nmodel name\t: Some CPU @ 2 GHz\n"
    monkeypatch.setattr(Path, "read_text", lambda self: text)
    assert name_of(torch.device("cpu")) == "Some CPU @ 2 GHz"
    name_of.cache_clear()

    def refuse(self: Path) -> Any:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert name_of(torch.device("cpu")) == "riscv64"


def test_a_gpu_has_the_name_that_cuda_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU number {device.index}")
    assert name_of(torch.device("cuda:1")) == "GPU number 1"
    assert name_of(torch.device("mps")) == "mps"

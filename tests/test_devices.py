"""The names of devices, by which costs are told apart, and what is asked of a GPU: with a stand-in for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep import devices
from gensweep.devices import (
    Seen,
    cap,
    driver,
    moved,
    n_there,
    n_usable,
    name_of,
    room,
    seen,
    software,
    why_unusable,
)

GB = 2**30


@pytest.fixture(autouse=True)
def _forget() -> None:
    name_of.cache_clear()
    software.cache_clear()


def test_a_processor_has_its_model_and_without_one_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n\nmodel name\t: Some CPU @ 2 GHz\n"
    monkeypatch.setattr(Path, "read_text", lambda self: text)
    assert name_of(torch.device("cpu")) == "Some CPU @ 2 GHz"
    name_of.cache_clear()
    software.cache_clear()

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


def test_the_driver_is_told_by_its_module(tmp_path: Path) -> None:
    file = tmp_path / "version"
    assert driver(file) == ""
    file.write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version:  gcc 12.3\n"
    )
    assert driver(file) == "535.104.05"
    file.write_text("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build  (root@host)\n")
    assert driver(file) == "570.124.06"


def test_a_gpu_that_torch_cannot_use_is_seen_unless_it_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert n_there(tmp_path) == 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert n_there(tmp_path) == 2
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert n_there(tmp_path) == 0


def test_what_keeps_torch_from_a_gpu_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert re.search(r"built without CUDA\. Install one .*pytorch\.org", why_unusable())
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(devices, "driver", lambda: "450.1")
    assert re.search(r"for CUDA 12\.8 cannot use it with driver 450\.1\. Update the driver", why_unusable())


class Card:
    """A card of 16 GiB in CUDA's place, of which 10 are free; `fraction` is the cap."""

    fraction, allocated = 1.0, 0
    called: list[str]

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.called = []
        for name in (
            "is_available", "device_count", "mem_get_info", "get_per_process_memory_fraction", "memory_allocated",
            "set_per_process_memory_fraction",
        ):  # fmt: skip
            monkeypatch.setattr(torch.cuda, name, getattr(self, name))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device.index}")

    def is_available(self) -> bool:
        return True

    def device_count(self) -> int:
        return 2

    def mem_get_info(self, device: torch.device) -> tuple[int, int]:
        return 10 * GB, (16 if device.index != 1 else 8) * GB

    def get_per_process_memory_fraction(self, device: torch.device) -> float:
        return self.fraction

    def memory_allocated(self, device: torch.device) -> int:
        return self.allocated

    def set_per_process_memory_fraction(self, fraction: float, device: torch.device) -> None:
        self.fraction = fraction


def test_a_process_is_capped_at_its_share_without_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    card, place = Card(monkeypatch), torch.device("cuda")
    cap(place, 0.25)
    assert card.fraction == 0.25 - 1 / 16
    card.allocated = GB
    assert room(place) == 2 * GB
    cap(place, 1 / 16)
    assert card.fraction == 1 / 32, "on a card so small a context leaves nothing: half stays for tensors"
    cap(place, 1.0)
    assert card.fraction == 1.0
    assert room(place) == 10 * GB
    cap(torch.device("cpu"), 0.25)
    assert card.fraction == 1.0


def test_what_a_process_sees_is_the_smallest_of_its_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    Card(monkeypatch)
    assert seen() == Seen(2, "card 0", 8 * GB)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (seen().n, n_usable()) == (0, 0)
    assert seen().why


def test_items_go_to_a_gpu_from_pinned_memory_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    items, done = torch.zeros(3), list[Any]()
    assert moved(items, torch.device("cpu")) is items
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: done.append("pinned") or self)
    monkeypatch.setattr(torch.Tensor, "to", lambda self, device, **how: done.append((device.type, how)) or self)
    moved(items, torch.device("cuda"))
    assert done == ["pinned", ("cuda", {"non_blocking": True})]


def test_the_software_below_torch_is_told_of_a_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert software(torch.device("cpu")) == {}
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91002)
    monkeypatch.setattr(devices, "driver", lambda: "570.1")
    assert software(torch.device("cuda")) == {"cuda": "12.8", "cudnn": "91002", "driver": "570.1"}

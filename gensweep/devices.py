"""What trials are trained on, and where: its name, as costs on unlike devices are not added up, and all that is asked of a GPU.

The only place that calls `torch.cuda`.
"""

from __future__ import annotations

import functools
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

import torch

CONTEXT = 1 << 30  # bytes that CUDA and its libraries take in a process besides tensors: 0.4 to 0.8 GB were seen
_LEAST = 0.5  # of a share, that tensors get on a card so small that its processes' contexts nearly fill it
_DRIVER = Path("/proc/driver/nvidia/version")


def host() -> str:
    """The name of this machine, as its system says it; of a container its own."""
    return platform.node()


@functools.cache
def name_of(device: torch.device) -> str:
    """What kind of device it is: `NVIDIA H100 80GB HBM3`, or the processor's model."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return device.type
    try:
        models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    except OSError:
        models = []
    return models[0].partition(":")[2].strip() if models else platform.processor() or platform.machine() or "CPU"


@dataclass(frozen=True)
class Seen:
    """What a process sees of GPUs: how many torch can use, what they are, the bytes of the smallest; `why` it can use none."""

    n: int
    name: str = ""
    total: int = 0
    why: str = ""


def seen() -> Seen:
    """The GPUs that this process sees."""
    if (n := n_usable()) == 0:
        return Seen(0, why=why_unusable())
    devices = [torch.device("cuda", i) for i in range(n)]
    return Seen(n, name_of(devices[0]), min(map(total_memory, devices)))


def n_usable() -> int:
    """How many GPUs torch can use here."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def n_there(folder: Path = Path("/dev")) -> int:
    """How many of NVIDIA's GPUs the system shows, whether or not torch can use them; 0 where the user hides them."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1", "NoDevFiles"):
        return 0
    return sum(1 for path in folder.glob("nvidia*") if path.name.removeprefix("nvidia").isdecimal())


@functools.cache
def software(device: torch.device) -> dict[str, str]:
    """The versions below torch that numbers on a GPU depend on, of CUDA, cuDNN and the driver; empty on a CPU."""
    if device.type != "cuda":
        return {}
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    found = {"cuda": torch.version.cuda, "cudnn": None if cudnn is None else str(cudnn), "driver": driver()}
    return {name: version for name, version in found.items() if version}


def driver(file: Path = _DRIVER) -> str:
    """The version of NVIDIA's driver, as `570.124.06`; empty where there is none."""
    try:
        found = re.search(r"\b\d{3,}\.\d+(?:\.\d+)?\b", file.read_text().partition("\n")[0])
    except OSError:
        return ""
    return found[0] if found else ""


def why_unusable() -> str:
    """What keeps torch from a GPU that is there, and the cure."""
    if torch.version.cuda is None:
        return (
            f"torch {torch.__version__} is built without CUDA. Install one that is built with it, by the command that "
            "pytorch.org gives for this machine"
        )
    known = f"driver {driver()}" if driver() else "the driver"
    return (
        f"torch {torch.__version__} for CUDA {torch.version.cuda} cannot use it with {known}. Update the driver, or install a "
        "torch for an older CUDA"
    )


def total_memory(device: torch.device) -> int:
    """Bytes of the GPU in all."""
    return torch.cuda.mem_get_info(device)[1]


def room(device: torch.device) -> int:
    """Bytes that tensors of this process can still take on the GPU: what is free there, and left of its cap."""
    free, total = torch.cuda.mem_get_info(device)
    capped = torch.cuda.get_per_process_memory_fraction(device) * total
    return min(free, int(capped) - torch.cuda.memory_allocated(device))


def forget_the_peak(device: torch.device) -> None:
    """Count the peak of this process's memory on the GPU from here on, without what earlier trials left to reuse."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)


def peak(device: torch.device) -> int:
    """The most bytes that this process has reserved for tensors on the GPU since the peak was forgotten."""
    return torch.cuda.max_memory_reserved(device)


def wait_for(device: torch.device) -> None:
    """Wait until all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def cap(device: torch.device, share: float) -> None:
    """Keep this process to its share of the GPU's memory, so that only it runs out of memory where it needs more.

    `share` is of one GPU, the context's part in it; 1 or more lifts an earlier cap. What is beyond it torch refuses with
    an OutOfMemoryError, which is the fault MEMORY of the trial.
    """
    if device.type == "cuda":
        torch.cuda.set_per_process_memory_fraction(share_of_tensors(share, total_memory(device)), device)


def share_of_tensors(share: float, total: float) -> float:
    """What part of a card of `total` bytes a process with this share of it may fill with tensors.

    >>> share_of_tensors(0.25, 16 * 2**30)
    0.1875
    """
    return 1.0 if share >= 1 else max(share - CONTEXT / total, _LEAST * share)


def moved(items: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The items on the device. To a GPU they go from pinned memory, and nobody waits until they are there."""
    if device.type == "cuda" and items.device.type == "cpu":
        return items.pin_memory().to(device, non_blocking=True)
    return items.to(device)

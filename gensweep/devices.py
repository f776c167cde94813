"""What trials are trained on, and where, by name: costs on unlike devices are not added up."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

import torch


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

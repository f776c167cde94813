"""What the benchmarks have in common: tables on stdout, progress on stderr, the machine by name, a process's memory."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

import gensweep

ROOT = Path(gensweep.__file__).parents[1]


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table once all its rows are there."""
    lines = [tuple(columns), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    print(f"\n{title}")
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), flush=True)


def surroundings() -> dict[str, str]:
    """The environment of a command of this gensweep, in which Ray says little."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "RAY_AIR_NEW_OUTPUT": "0"}


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as the documentation has it."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def n_cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> str:
    """What figures are of, in one line; with the load at the start, since a busy machine gives others."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    software = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{n_cores()} cores of {_processor()}, {software}{load}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def forget_the_peak() -> bool:
    """Start the kernel's peak of this process's memory anew; whether that is possible here."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def memory(what: str, of: int | str = "self") -> int:
    """A line of the status of a process, by default this one, in kB: VmRSS now, VmHWM at most."""
    lines = Path(f"/proc/{of}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:"))

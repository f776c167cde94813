"""What a worker died of: what Ray says of it, and the last lines that the process itself wrote."""

from __future__ import annotations

import re
from pathlib import Path

from gensweep.faults import Fault

_LINES = 40  # of what the process wrote
_PID = re.compile(r"\bpid[:=] ?(\d+)")
_ERROR = re.compile(
    r"^(?:[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit)\b.*|Fatal Python error: .*|\*\*\* SIG\w+.*)$"
)
_DETAIL = re.compile(r"Worker exit detail: ([^.]+)\.")
_HUNG = re.compile(r"^(Timeout|Frozen) \(([\d:.]+)\)!$", re.MULTILINE)  # of faulthandler, and of _beside.py
_PLACE = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)
_WORDS = {  # the first that is found counts
    Fault.MEMORY: re.compile(
        r"OutOfMemoryError|running low on memory|MemoryError|can't allocate memory|bad_alloc|out of memory \(OOM\)"
    ),
    Fault.DEVICE: re.compile(r"(?:CUDA|HIP|NCCL|cuDNN)\b.*\b[Ee]rror|AcceleratorError"),
    Fault.STORAGE: re.compile(r"No space left on device|Disk quota exceeded|OutOfDiskError"),
    Fault.CRASH: re.compile(
        r"Fatal Python error: (?!Aborted)|\*\*\* SIG(?:SEGV|BUS|ILL|FPE)|SystemExit|exit(?:ed with)? code (?!0\b)\d"
        r"|INTENDED_USER_EXIT|USER_ERROR"
    ),
}


_BY_KERNEL = "the kernel killed its process"
_MONITOR = re.compile(r"running low on memory\..*?was ([\d.]+ ?[KMGT]?B) used / ([\d.]+ ?[KMGT]?B)", re.DOTALL)


def fault(told: str, logs: Path | None, *, by_kernel: bool = False) -> Fault:
    """Which fault it is. A process that was killed from outside, or whose node went, is LOST.

    `by_kernel`: meanwhile the kernel killed a process here because memory ran out.
    """
    written = _written(told, logs)
    if _HUNG.search(written):
        return Fault.HANG
    said = f"{written}\n{_without_guesses(told)}"
    otherwise = Fault.MEMORY if by_kernel else Fault.LOST
    return next((kind for kind, words in _WORDS.items() if words.search(said)), otherwise)


def reason(told: str, logs: Path | None, *, by_kernel: bool = False) -> str:
    """A line that says it in short; below it what Ray `told`, and the last lines of the process where `logs` has them."""
    written = _written(told, logs)
    detail = _BY_KERNEL if by_kernel else next(iter(_DETAIL.findall(told)), "")
    short = _hang(written) or _short(written) or _by_monitor(told) or _short(told) or detail
    what = fault(told, logs, by_kernel=by_kernel).value
    line = f"{what}: {short}" if short else what
    parts = [told.strip(), f"The last lines of the process:\n{written}" if written else ""]
    return "\n\n".join([line, *filter(None, parts)])


def _without_guesses(told: str) -> str:
    """Ray lists what it might have been, whatever it was."""
    return told.partition("Some common causes include")[0]


def _by_monitor(told: str) -> str:
    """That it was Ray's memory monitor, which names every process of the node and a dozen settings."""
    found = _MONITOR.search(told)
    return f"Ray's memory monitor killed its process at {found[1]} of {found[2]} on its node" if found else ""


def _hang(text: str) -> str:
    """How long it said nothing, and where it was."""
    if (found := _HUNG.search(text)) is None:
        return ""
    if found[1] == "Frozen":
        return (
            f"its process was frozen, without a sign of life for {found[2]}: stopped by a signal, or waiting for a disk"
        )
    places = _PLACE.findall(text[found.end() :].rpartition("(most recent call first):")[2])  # the main thread is last
    where = f" at {places[0][0]}:{places[0][1]} in {places[0][2]}" if places else ""
    return f"no report for {found[2]}{where}"


def _short(text: str) -> str:
    """The last line that names an error."""
    return next((line.strip() for line in reversed(text.splitlines()) if _ERROR.match(line.strip())), "")


def _written(told: str, logs: Path | None) -> str:
    found = _PID.search(told)
    if logs is None or found is None:
        return ""
    texts = [file.read_text(errors="replace") for file in sorted(logs.glob(f"worker-*-{found[1]}.err"))]
    lines = [line for text in texts for line in text.splitlines() if not line.startswith(":")]  # Ray's marks
    return "\n".join(lines[-_LINES:]).strip()

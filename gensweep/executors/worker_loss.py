"""What a worker died of: what Ray says of it, and the last lines that the process itself wrote."""

from __future__ import annotations

import re
from pathlib import Path

LOST = "the worker's process or node was lost"
_LINES = 40  # of what the process wrote
_PID = re.compile(r"\bpid[:=] ?(\d+)")
_ERROR = re.compile(
    r"^(?:[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit)\b.*|Fatal Python error: .*|\*\*\* SIG\w+.*)$"
)
_DETAIL = re.compile(r"Worker exit detail: ([^.]+)\.")


def reason(told: str, logs: Path | None) -> str:
    """A line that says it in short; below it what Ray `told`, and the last lines of the process where `logs` has them."""
    written = _written(told, logs)
    short = _short(written) or _short(told) or next(iter(_DETAIL.findall(told)), "")
    line = f"{LOST}: {short}" if short else LOST
    parts = [told.strip(), f"The last lines of the process:\n{written}" if written else ""]
    return "\n\n".join([line, *filter(None, parts)])


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

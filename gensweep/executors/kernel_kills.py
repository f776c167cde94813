"""Whether the kernel killed processes of this machine because memory ran out, which it tells nobody who waits for them."""

from __future__ import annotations

import re
import time
from pathlib import Path

_COUNTS = Path("/proc/vmstat")  # of Linux; elsewhere nothing is known
_LATELY = 30.0  # seconds in which those that were lost at once are all told
_KILLS = re.compile(rb"^oom_kill (\d+)$", re.MULTILINE)


class KernelKills:
    """Those from when this was made on, which losses of processes are explained by, each by one."""

    def __init__(self) -> None:
        self._known, self._unexplained, self._seen = _kills(), 0, 0.0

    def explains(self) -> bool:
        """Whether one was seen lately that explains no other loss."""
        before, self._known = self._known, _kills()
        if self._known > before:
            self._unexplained, self._seen = self._unexplained + self._known - before, time.monotonic()
        if not self._unexplained or time.monotonic() - self._seen > _LATELY:
            self._unexplained = 0
            return False
        self._unexplained -= 1
        return True


def _kills() -> int:
    try:
        found = _KILLS.search(_COUNTS.read_bytes())
    except OSError:
        return 0
    return int(found[1]) if found else 0

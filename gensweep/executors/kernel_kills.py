"""Whether the kernel killed processes of this machine because memory ran out, which it tells nobody who waits for them."""

from __future__ import annotations

import re
from pathlib import Path

_COUNTS = Path("/proc/vmstat")  # of Linux; elsewhere nothing is known
_KILLS = re.compile(rb"^oom_kill (\d+)$", re.MULTILINE)


class KernelKills:
    """How many there were, from when this was made on."""

    def __init__(self) -> None:
        self._known = _kills()

    def more(self) -> bool:
        """Whether there were any since the last call."""
        before, self._known = self._known, _kills()
        return self._known > before


def _kills() -> int:
    try:
        found = _KILLS.search(_COUNTS.read_bytes())
    except OSError:
        return 0
    return int(found[1]) if found else 0

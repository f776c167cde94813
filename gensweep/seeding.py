"""One seed -> every generator that a trial uses.

A stream is named by words and counters, so its numbers do not depend on who asked before, in which process, or how
often the trial was interrupted: position 7 of stream "noise" is the same whether or not positions 0 to 6 were drawn.
"""

from __future__ import annotations

import hashlib


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream `names` under `seed`: independent streams for different names, the same for the same."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1

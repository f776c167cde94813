"""What must be equal in trials that train as one stack."""

from __future__ import annotations

import hashlib
import json

from gensweep.configuration import TrialConfiguration


def shape_key(configuration: TrialConfiguration) -> str:
    """Equal for trials that can train as one stack."""
    plain = configuration.dump()
    for place in configuration.knob_places():
        node = plain
        *above, last = place.split(".")
        for part in above:
            node = node[part]
        node.pop(last, None)
    del plain["seed"], plain["evaluation"]
    for name in ("epochs", "lr_schedule"):
        del plain["training"][name]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

"""A request to stop that another command leaves in a sweep's folder, on any machine that sees the folder."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from gensweep.errors import DamagedSweep
from gensweep.ledger.durable import write_atomic
from gensweep.ledger.foreign import document, json_of
from gensweep.ledger.lease import generation

_LARGEST = 4096  # bytes


@dataclass(frozen=True)
class StopRequest:
    """For the driver of one `generation`: a later one has not been asked. `by` is the host that asks."""

    generation: int
    by: str
    at_once: bool


def ask(sweep: Path, *, at_once: bool) -> StopRequest:
    """Ask the driver that holds the sweep now to stop.

    Raises:
        OSError: as it came.
    """
    request = StopRequest(generation(sweep), socket.gethostname(), at_once)
    write_atomic(_file(sweep), json.dumps(asdict(request)).encode())
    return request


def asked(sweep: Path, of: int) -> StopRequest | None:
    """What the driver of generation `of` was asked; None where nobody asked, or it cannot be read."""
    try:
        found = json_of(document(_file(sweep), _LARGEST))
        request = StopRequest(found["generation"], str(found["by"]), found["at_once"] is True)
    except (OSError, DamagedSweep, ValueError, TypeError, KeyError):
        return None
    return request if request.generation == of else None


def _file(sweep: Path) -> Path:
    return sweep / "ledger" / "stop.json"

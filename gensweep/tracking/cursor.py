"""tracking.json: what of the sweep is in which MLflow store. Losing its last seconds costs a replay, never a double."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gensweep.errors import DamagedSweep
from gensweep.ledger.durable import write_atomic

VERSION = 1
SWEEP = "sweep"  # the key of the sweep's own run; a trial's key is the name of its folder


@dataclass
class RunCursor:
    """How far one run is sent. Without `run_id` it is an intent: the run may or may not exist in the store.

    `declared` is when the intent was written, in Unix milliseconds; `epoch` the last one sent; `ending` the attempt and
    outcome that the run shows; `complete` says that the trial ended and its files are there too.
    """

    declared: int
    run_id: str | None = None
    described: bool = False
    epoch: int = -1
    status: str = "RUNNING"
    ending: str = ""
    files: list[str] = field(default_factory=list)
    complete: bool = False


@dataclass
class Cursor:
    """The runs of one sweep in one store. `sweep_id` marks them there: names may come again, it does not."""

    path: Path
    uri: str
    sweep_id: str
    runs: dict[str, RunCursor]
    others: dict[str, Any]  # the same for stores that were used before

    @classmethod
    def load(cls, path: Path, uri: str) -> Cursor:
        """The cursor for the store `uri`, redacted; an empty one if nothing was sent there yet."""
        if not path.exists():
            return cls(path, uri, uuid.uuid4().hex, {}, {})
        try:
            found = json.loads(path.read_bytes())
            stores = dict(found["stores"])
            runs = {key: RunCursor(**run) for key, run in stores.pop(uri, {}).items()}
            return cls(path, uri, found["sweep_id"], runs, stores)
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedSweep(
                f"{path}: cannot be read ({error}). Restore it, or delete it: then everything is sent once more, as "
                "new runs, and you delete the old ones in MLflow."
            ) from error

    def save(self) -> None:
        """Write the file durably, whole or not at all."""
        runs = {key: asdict(run) for key, run in self.runs.items()}
        # the store that was used last stands last: a later start without a URI goes there
        content = {"version": VERSION, "sweep_id": self.sweep_id, "stores": {**self.others, self.uri: runs}}
        write_atomic(self.path, json.dumps(content, indent=1).encode())


def last_uri(path: Path) -> str | None:
    """The store that the sweep was last sent to, without its password."""
    try:
        return next(reversed(json.loads(path.read_bytes())["stores"]), None)
    except (OSError, ValueError, KeyError, TypeError):
        return None

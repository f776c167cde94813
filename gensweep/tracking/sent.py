"""Which store a sweep is sent to, and to which it was sent."""

from __future__ import annotations

import os
from pathlib import Path

from gensweep.credentials import redacted
from gensweep.tracking.cursor import last_uri, stores
from gensweep.tracking.store import resolve_uri, sqlite_path

CURSOR = "tracking.jsonl"


def store_of(sweep: Path, tracking_uri: str | None) -> str:
    """The store of the sweep in a folder, made or not: the one that is named, here or in the environment, else that of earlier.

    Raises:
        ConfigError: what is named is no store.
    """
    if tracking_uri or os.environ.get("MLFLOW_TRACKING_URI"):
        return resolve_uri(tracking_uri, sweep.parent)
    earlier = last_uri(sweep / CURSOR)
    path = sqlite_path(earlier) if earlier else None
    return resolve_uri(None if path is not None and not path.exists() else earlier, sweep.parent)


def is_sent_to(sweep: Path, uri: str) -> bool:
    """Whether the sweep in a folder was ever sent to the store `uri`."""
    return redacted(uri) in stores(sweep / CURSOR)


def forget(sweep: Path) -> None:
    """Send what the sweep in a folder becomes as new runs: what was sent of it was another one."""
    (sweep / CURSOR).unlink(missing_ok=True)

"""Which store a sweep is sent to, and to which it was sent."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from gensweep.credentials import redacted
from gensweep.errors import ConfigError
from gensweep.tracking.cursor import last_uri, stores
from gensweep.tracking.remembered import remembered
from gensweep.tracking.store import resolve_uri, sqlite_path

CURSOR = "tracking.jsonl"


def store_of(sweep: Path, tracking_uri: str | None) -> str:
    """The store of the sweep in a folder, made or not: the one that is named, here or in the environment, else that of earlier.

    That of earlier is what this user remembers: an address in the folder may be a stranger's, and the password would go there.

    Raises:
        ConfigError: what is named is no store.
    """
    if tracking_uri or os.environ.get("MLFLOW_TRACKING_URI"):
        return resolve_uri(tracking_uri, sweep.parent)
    earlier = remembered(sweep)
    path = sqlite_path(earlier) if earlier else None
    return resolve_uri(None if path is not None and not path.exists() else earlier, sweep.parent)


def disbelieved(sweep: Path, tracking_uri: str | None) -> str | None:
    """A sentence on the store that the sweep's folder names, where that would be another one; None where it is not."""
    named = last_uri(sweep / CURSOR)
    if named is None or tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or _is_missing(named):
        return None
    used = redacted(store_of(sweep, None))
    if named in (used, remembered(sweep)):
        return None
    shown = shlex.quote("".join(filter(str.isprintable, named)))
    return (
        f"the folder of {sweep.name} says that it was sent to {shown}. You did not send it there from here, so it goes to "
        f"{used}; if you trust that address: --tracking-uri {shown}"
    )


def _is_missing(uri: str) -> bool:
    """Whether it names a file that is not here: a sweep that was moved keeps the old name."""
    try:
        path = sqlite_path(uri)
    except ConfigError:
        return False
    return path is not None and not path.exists()


def is_sent_to(sweep: Path, uri: str) -> bool:
    """Whether the sweep in a folder was ever sent to the store `uri`."""
    return redacted(uri) in stores(sweep / CURSOR)


def forget(sweep: Path) -> None:
    """Send what the sweep in a folder becomes as new runs: what was sent of it was another one."""
    (sweep / CURSOR).unlink(missing_ok=True)

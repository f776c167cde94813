"""What this user sent where, and under which id: outside of the sweeps' folders, because such a folder may come from anybody.

An address is where a password goes, and an id is that of runs which are written to, and deleted. The folder's own
tracking.jsonl says only what of the sweep is where; whoever has a copy of it has the id of the original.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from gensweep.home import cache_folder

STORES = "stores.json"  # of a store of runs
KEPT = "artifacts.json"  # of a store of trials' folders
_MOST = 1000  # sweeps; then the oldest are forgotten


def remembered(sweep: Path, of: str = STORES) -> str | None:
    """The store that the sweep at this place was last sent to by this user, without passwords."""
    with contextlib.suppress(OSError), _opened(os.O_RDONLY, of) as descriptor:
        store, _ = _read(descriptor).get(str(sweep.resolve()), (None, ""))
        return store
    return None


def places_of(sweep_id: str) -> list[Path]:
    """Where the sweeps lay that this user sent under this id."""
    with contextlib.suppress(OSError), _opened(os.O_RDONLY, STORES) as descriptor:
        return [Path(place) for place, (_, known) in _read(descriptor).items() if known == sweep_id]
    return []


def remember(sweep: Path, uri: str, sweep_id: str, of: str = STORES) -> None:
    """Keep where the sweep at this place was sent to, and under which id; `uri` without passwords.

    Where nothing can be kept, nothing is.
    """
    with contextlib.suppress(OSError):
        cache_folder().mkdir(parents=True, exist_ok=True)
        with _opened(os.O_RDWR | os.O_CREAT, of) as descriptor:
            known = _read(descriptor)
            known.pop(place := str(sweep.resolve()), None)
            _write(descriptor, dict([*known.items(), (place, (uri, sweep_id))][-_MOST:]))


def forget(sweep: Path) -> None:
    """What becomes of this place later is another sweep. Where nothing can be kept, nothing is."""
    for file in (STORES, KEPT):
        with contextlib.suppress(OSError), _opened(os.O_RDWR, file) as descriptor:
            known = _read(descriptor)
            if known.pop(str(sweep.resolve()), None) is not None:
                _write(descriptor, known)


@contextlib.contextmanager
def _opened(flags: int, name: str) -> Iterator[int]:
    """The file, which no other process changes meanwhile.

    Raises:
        OSError: it cannot be opened, or somebody else may have written it: the folder of a group may be shared.
    """
    descriptor = os.open(cache_folder() / name, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid() or found.st_mode & 0o022 or not stat.S_ISREG(found.st_mode):
            raise PermissionError(f"{name} is not of this user alone")
        with contextlib.suppress(OSError):  # a network disk may have none
            fcntl.flock(descriptor, fcntl.LOCK_SH if flags == os.O_RDONLY else fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _write(descriptor: int, known: dict[str, tuple[str, str]]) -> None:
    data = json.dumps(known, indent=1).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)


def _read(descriptor: int) -> dict[str, tuple[str, str]]:
    """Store and id by place; none where a write was torn."""
    try:
        found = json.loads(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
        return {str(place): (str(store), str(sweep_id)) for place, (store, sweep_id) in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}

"""A sweep's folder, removed: renamed first, so that it is gone at one moment, then deleted; a cut removal can be finished.

Nothing outside of the folder is touched: a link in it is deleted, and what it leads to stays.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gensweep.errors import CannotRun, ConfigError, DamagedSweep
from gensweep.ledger.durable import fsync_directory
from gensweep.ledger.lease import Lease
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.text import counted, size

_ENDING = ".removed"


class Contents(NamedTuple):
    """What a folder of a sweep holds: folders of trials, files of all kinds, bytes in them."""

    trials: int
    files: int
    n_bytes: int

    def __str__(self) -> str:
        return f"{counted(self.trials, 'trial')}, {counted(self.files, 'file')}, {size(self.n_bytes)}"


def contents(path: Path) -> Contents:
    """What goes with the folder; links count as files of no size."""
    n_trials = n_files = n_bytes = 0
    for folder, folders, files in os.walk(path):
        n_trials += len(folders) if Path(folder) == path / "trials" else 0
        n_files += len(files)
        for file in files:
            with contextlib.suppress(OSError):
                found = os.lstat(Path(folder) / file)
                n_bytes += found.st_size if not Path(folder, file).is_symlink() else 0
    return Contents(n_trials, n_files, n_bytes)


def refuse(path: Path) -> None:
    """Raise where the folder must not be removed: it is a link, or a driver holds it."""
    if path.is_symlink():
        raise ConfigError(
            f"{path}: is a link to {os.readlink(path)}, and links are not followed. Delete the link itself (rm {path}), or "
            "name the folder that the sweep lies in with --runs."
        )
    with contextlib.suppress(DamagedSweep):  # whether it is held says the lock, when it is taken
        if (holder := SweepFolder(path).holder()) is not None:
            raise CannotRun(
                f"{path.name} runs ({holder}). Nothing was removed. Stop it first: gensweep stop {path.name}"
            )


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Meanwhile no driver takes the sweep.

    Raises:
        CannotRun: one has it.
    """
    if (path / "ledger").is_symlink():  # a lock would be made where it leads to; no driver takes such a folder
        yield
        return
    with Lease(path):
        yield


def remove(path: Path) -> None:
    """Remove the folder, which is `held`.

    Raises:
        CannotRun: something of it cannot be removed. Said again, it goes on with what is left.
    """
    finish(aside := _aside(path))
    try:
        path.rename(aside)
        fsync_directory(path.parent)
    except OSError as error:
        raise CannotRun(f"{path}: cannot be removed ({error.strerror or error}). Nothing of it was.") from error
    finish(aside)


def unfinished(runs: Path) -> dict[str, Path]:
    """What removals that were cut left in the folder of sweeps, by the names of the sweeps."""
    found = {path.name[1 : -len(_ENDING)]: path for path in Path(runs).glob(f".*{_ENDING}")}
    return {name: path for name, path in found.items() if name}


def finish(aside: Path) -> None:
    """Delete what a removal has set aside, if there is anything.

    Raises:
        CannotRun: something of it cannot be deleted.
    """
    try:
        if aside.is_symlink():
            aside.unlink()
        elif aside.exists():
            shutil.rmtree(aside)
    except OSError as error:
        name = aside.name[1 : -len(_ENDING)]
        raise CannotRun(
            f"{error.filename or aside}: cannot be deleted ({error.strerror or error}). What is left of {name} lies in {aside}. "
            f"Mend that, then say it again: gensweep rm {name}"
        ) from error


def _aside(path: Path) -> Path:
    """No name of a sweep begins with a dot, so that this is none."""
    return path.with_name(f".{path.name}{_ENDING}")

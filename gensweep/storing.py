"""Where a sweep's trials are kept: by what the user says, or said before; never by the word of a folder alone.

The ledger notes the URL, so that `resume` needs no option. A folder may be a stranger's: its URL is used where this user has
named it for this very sweep, which is remembered outside of the folder.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from gensweep.artifacts.homecoming import Homecoming
from gensweep.artifacts.store import Store
from gensweep.errors import CannotRun, ConfigError
from gensweep.ledger.stored import Stored, checked
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.text import counted, printable, size
from gensweep.tracking.remembered import KEPT, remember, remembered

_OF_ENVIRONMENT = " (GENSWEEP_ARTIFACTS= where that names one)"
_BRIEF = 30.0  # seconds for which somebody who removes a sweep waits for its store


def url_of(path: Path, found: SweepFolder | None, given: str | None) -> str | None:
    """Where the trials of the sweep at a path are kept, made or not: `given`, or what is noted; None: in its folder.

    Raises:
        ConfigError: `given` is no such URL, or not the one that the sweep was begun with; or nobody said that the noted one is
            to be trusted.
        DamagedSweep: the ledger notes what is none.
    """
    said = checked(given) if given else None
    noted = found.stored() if found else None
    is_begun = found is not None and found.is_begun()
    if noted is None:
        if is_begun and said:
            raise ConfigError(
                f"--artifacts {said}: the trials of {path.name} were begun in its folder, {path}, and go on there. Leave the "
                f"option out{_OF_ENVIRONMENT}, or begin a sweep of another name (name=...)."
            )
        return said
    if said and said != noted.url and is_begun:
        raise ConfigError(
            f"--artifacts {said}: the trials of {path.name} are kept at {printable(noted.url)}, and go on from there. Leave the "
            f"option out{_OF_ENVIRONMENT}, or begin a sweep of another name (name=...)."
        )
    if not said and not is_known(path, noted):
        raise ConfigError(unknown(path, noted))
    return said or noted.url


def note_url(folder: SweepFolder, url: str | None) -> None:
    """See to it that the ledger notes the URL, and that this user remembers it. For the sweep's driver."""
    identity, noted = folder.identity(), folder.stored()
    if url is None or identity is None:
        return
    stored = Stored(url, identity.sweep_id)
    if noted != stored:
        folder.events.append(stored.event())
    remember(folder.path, url, identity.sweep_id, KEPT)


def refuse_unusable(url: str) -> None:
    """Raise where trials' folders cannot be kept at the URL from here: it is tried for real.

    Raises:
        ConfigError: nothing knows its protocol.
        CannotRun: its package, its server, its bucket or the right to it is missing; with the cure.
    """
    if why := Store(url).probe():
        raise CannotRun(f"--artifacts: {why} Nothing was started.")


def home_of(folder: SweepFolder, url: str | None) -> Homecoming | None:
    """The sweep's store, for its driver; None where its trials are in its folder."""
    stored = folder.stored()
    if url is None or stored is None or not folder.is_own(stored):
        return None
    return Homecoming(folder, stored, folder.generation())


def removable(folder: SweepFolder, given: str | None) -> tuple[Store | None, str]:
    """What goes with a sweep of what is kept at its URL, and a sentence on it; None where nothing does, and why if there is some.

    Raises:
        ConfigError: `given` is another URL.
        CannotRun: its store cannot be used from here.
    """
    stored, path = folder.stored(), folder.path
    if stored is None:
        return None, ""
    if given and checked(given) != stored.url:
        raise ConfigError(f"--artifacts {given}: {path.name} is kept at {printable(stored.url)}. Leave the option out.")
    if not folder.is_own(stored):
        return (
            None,
            f"What is kept at {printable(stored.place)} is of the sweep that this folder is a copy of, and stays.",
        )
    if not given and not is_known(path, stored):
        return None, f"{printable(stored.place)} stays: {unknown(path, stored)}"
    store = Store(stored.place, patience=_BRIEF)
    if why := Store(stored.url).probe():
        raise CannotRun(f"{why} Nothing was removed; to remove the folder alone: rm -r {shlex.quote(str(path))}")
    found = store.names()
    return (store if found else None), f"{stored.place}: {counted(len(found), 'file')}, {size(sum(found.values()))}."


def is_known(path: Path, noted: Stored) -> bool:
    """Whether this user has kept the trials of the sweep at a path there."""
    return remembered(path, KEPT) == noted.url


def unknown(path: Path, noted: Stored) -> str:
    """What is said where the word of a folder is all there is."""
    url = shlex.quote(printable(noted.url))
    return (
        f"the folder of {path.name} says that its trials are kept at {url}. You did not begin it from here, so nothing was asked "
        f"there; if you trust that address: --artifacts {url}"
    )

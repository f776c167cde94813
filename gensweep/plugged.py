"""Whose code runs: plug-ins in a folder that the user names, and those that travel in a sweep's folder.

To name a folder (`--plugins`) is to trust it: it is remembered by its hash, in the user's own memory. The copy in a sweep's
folder may be a stranger's. It is used where its hash is one that is remembered, and its modules come from the bytes that were
hashed.
"""

from __future__ import annotations

import pickle
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from gensweep import registry
from gensweep.errors import ConfigError, DamagedSweep, GensweepError
from gensweep.extractors.trust import remember, trusted
from gensweep.ledger.sweep_folder import PLUGINS, SweepFolder
from gensweep.registry.folder import PluginFolder, read
from gensweep.text import counted, printable

T = TypeVar("T")
_SHOWN = 8  # digits of a hash


def given(path: Path) -> None:
    """Use the plug-ins of a folder that the user names, and remember that they are trusted.

    Raises:
        ConfigError: with everything that is wrong in it, or the names that others have.
    """
    folder = read(path)
    registry.use(folder)
    remember(folder.digest, path)


def meet(folder: SweepFolder) -> None:
    """Use the plug-ins of a sweep where they are trusted; else whoever asks for one is told why not."""
    try:
        copy = _copy(folder)
    except GensweepError:
        return  # what needs the definition or the plug-ins says so
    if copy is not None and (why := _refusal(folder, copy)):
        registry.refuse(copy, str(why))


def need(folder: SweepFolder) -> None:
    """Use the plug-ins of a sweep, whose models or trials are about to be made.

    Raises:
        ConfigError: nobody said to trust them, or others of these names are in use; with the cure.
        DamagedSweep: they are not what the ledger says.
    """
    if (copy := _copy(folder)) is not None and (why := _refusal(folder, copy)):
        raise why


def of_job(sweep: Path, digest: str) -> None:
    """Use the plug-ins of a sweep in a process that its driver handed their hash to.

    Raises:
        DamagedSweep: the sweep's folder holds others.
    """
    if not digest or any(folder.digest == digest for folder in registry.in_use()):
        return
    copy = _read(sweep / PLUGINS)
    if copy.digest != digest:
        raise DamagedSweep(f"{copy.path}: is not what the sweep began with. Restore it from a copy.")
    registry.use(copy)


@dataclass(frozen=True)
class Elsewhere(Generic[T]):
    """A question that is asked in a process of another machine, which gets the plug-ins with it.

    What is pickled may hold members of theirs, so it is unpickled once these are in use.
    """

    folder: PluginFolder
    pickled: bytes

    @classmethod
    def of(cls, folder: PluginFolder, question: Callable[[], T]) -> Elsewhere[T]:
        """The question, ready to travel."""
        return cls(folder, pickle.dumps(question))

    def __call__(self) -> T:
        """What the question answers here."""
        registry.use(self.folder)
        return cast(Callable[[], T], pickle.loads(self.pickled))()


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """A line for each file in which two folders differ, with the beginnings of their hashes.

    >>> changes({"metrics/a.py": "0123456789", "metrics/b.py": "1"}, {"metrics/a.py": "abcdef0123"})
    ['plugins metrics/a.py: 01234567 -> abcdef01', 'plugins metrics/b.py: 1 -> not set']
    """
    return [
        f"plugins {printable(name)}: {before.get(name, 'not set')[:_SHOWN]} -> {after.get(name, 'not set')[:_SHOWN]}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def carried_by(definition: Mapping[str, Any]) -> dict[str, str]:
    """The hashes of the files of plug-ins that a definition names; empty where it names none.

    Raises:
        DamagedSweep: what it names are none.
    """
    found = definition.get("plugins", {})
    if not isinstance(found, Mapping) or not all(isinstance(part, str) for item in found.items() for part in item):
        raise DamagedSweep("the definition of a sweep names plug-ins that are none. Restore sweep.yaml from a copy.")
    return dict(found)


def _copy(folder: SweepFolder) -> PluginFolder | None:
    """What travels in a sweep's folder, where this process does not use it already."""
    digests = carried_by(folder.definition)
    if not digests or registry.folder_with(digests):
        return None
    copy = _read(folder.path / PLUGINS)
    if lines := changes(digests, copy.digests):
        raise DamagedSweep(
            f"{copy.path}: is not what this sweep began with. Nothing was run. Restore it from a copy.\n  "
            + "\n  ".join(lines)
        )
    return copy


def _read(path: Path) -> PluginFolder:
    try:
        return read(path)
    except ConfigError as error:
        raise DamagedSweep(f"the plug-ins of a sweep cannot be used: {printable(str(error))}") from error


def _refusal(folder: SweepFolder, copy: PluginFolder) -> ConfigError | None:
    """Why the copy is not used; None where it now is."""
    if copy.digest not in trusted():
        return ConfigError(_unknown(folder, copy))
    try:
        registry.use(copy)
    except ConfigError as error:
        rivals = [other for other in registry.in_use() if other.members.keys() & copy.members]
        lines = [line for other in rivals for line in changes(copy.digests, other.digests)]
        return ConfigError(
            f"{folder.name} was begun with other plug-ins ({_named(copy)}):\n  "
            + "\n  ".join(lines or str(error).splitlines())
            + "\nIt goes on with those in its folder: leave --plugins out (GENSWEEP_PLUGINS= where that names a folder). For the "
            "others begin a sweep of another name (name=...)."
        )
    return None


def _unknown(folder: SweepFolder, copy: PluginFolder) -> str:
    return (
        f"{folder.name} was made with components of its maker's own ({_named(copy)}), and its folder holds their code: "
        f"{counted(len(copy.files), 'file')}, SHA-256 {copy.digest[:16]}. Nothing of it was run, for this account has "
        f"neither run it before nor said that it trusts it. Look at {copy.path}; where you trust it, say --plugins "
        f"{shlex.quote(str(copy.path))}"
    )


def _named(copy: PluginFolder) -> str:
    return ", ".join(sorted(f"{kind}/{name}" for kind, name in copy.members))

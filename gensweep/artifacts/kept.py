"""What is kept of one trial at a store: objects that are written once, and manifests that name them, each written last.

    put the new objects -> put the manifest <driver>-<turn>-<writer>.json -> delete what only older ones name

A kill at any moment leaves the manifest before with all that it names. Two processes with the same trial, of which one was given
up, harm each other in nothing: each deletes what it wrote itself, and the manifests of a later driver count before all others.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from gensweep.artifacts.store import Store
from gensweep.errors import DamagedSweep
from gensweep.ledger.durable import json_text
from gensweep.ledger.foreign import json_of

SCHEMA = 1
CHECKPOINTS = "checkpoints"
_MANIFESTS = "manifests"
_MANIFEST = re.compile(_MANIFESTS + r"/\d{6,}-(\d{6,})-[0-9a-f]{8}\.json")
_UNKEPT = (".", "torn-", "copy-")  # how the names of files and folders begin that are nobody's but this process's
_AGAIN = 3  # looks, where its writer deletes what was just listed
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """An object, and what it must be to be believed."""

    object: str
    size: int
    sha256: str


@dataclass(frozen=True)
class _Manifest:
    name: str
    files: Mapping[str, Entry]

    @property
    def turn(self) -> int:
        """How many of this trial were written before."""
        found = _MANIFEST.fullmatch(self.name)
        return int(found[1]) if found else 0


class Kept:
    """The files of one trial at a store, as one process sees and writes them. `generation` counts the sweep's drivers."""

    def __init__(self, store: Store, generation: int) -> None:
        self.store, self._generation, self._writer = store, generation, secrets.token_hex(4)
        self._turn = self._n_objects = 0
        self._entries: dict[str, Entry] = {}
        self._own: list[_Manifest] = []  # that this process wrote and did not delete
        self._seen: dict[Path, tuple[tuple[int, ...], Entry]] = {}

    @property
    def entries(self) -> Mapping[str, Entry]:
        """What is kept, by the names that the files have in the trial's folder."""
        return self._entries

    def bring(self, folder: Path, wanted: Callable[[str], bool] = lambda _: True) -> bool:
        """Write what is wanted of the newest manifest that holds into `folder`; whether there is any.

        The rest stays kept. Where only checkpoints of it do not hold, an older manifest comes first, and these come torn.

        Raises:
            DamagedSweep: there are manifests, and none holds.
            StoreAway: the store does not answer.
        """
        for _ in range(_AGAIN):
            names = self._manifests()
            if not names or self._brought(names, folder, wanted):
                return bool(names)
            if names == self._manifests():
                break
        raise DamagedSweep(
            f"{self.store.url}: what is kept of this trial is damaged: no manifest there names whole files. Restore it from a "
            "copy; or delete it, and the trial starts again from its beginning."
        )

    def keep(self, folder: Path) -> list[str]:
        """Make the store hold what the folder holds now, durably; the names of what is new or changed.

        Raises:
            StoreAway: the store does not answer. What it held before it still holds.
        """
        entries = {name: entry for name, entry in self._entries.items() if not _is_checkpoint(name)}
        fresh: dict[str, Path | bytes] = {}
        known = {(entry.size, entry.sha256): entry for entry in self._entries.values()}
        for name, path in _files(folder):
            found = self._entry(name, path)
            if (found.size, found.sha256) not in known:
                known[found.size, found.sha256] = found
                fresh[found.object] = path
            entries[name] = known[found.size, found.sha256]
        changed = [name for name, entry in entries.items() if self._entries.get(name) != entry]
        if changed or entries.keys() != self._entries.keys():
            self._publish(entries, fresh)
        return changed

    def trim(self, wanted: Callable[[str], bool]) -> None:
        """Keep of what was brought only this, and nothing else of the trial: it has ended."""
        self._publish({name: entry for name, entry in self._entries.items() if wanted(name)}, {})
        newest = self._own[-1]
        stays = {newest.name, *(entry.object for entry in newest.files.values())}
        self.store.remove([name for name in self.store.names() if name not in stays])

    def _publish(self, entries: dict[str, Entry], fresh: Mapping[str, Path | bytes]) -> None:
        self.store.put(fresh)
        name = f"{_MANIFESTS}/{self._generation:06d}-{self._turn + 1:06d}-{self._writer}.json"
        content = {"schema": SCHEMA, "files": {file: asdict(entry) for file, entry in entries.items()}}
        self.store.put({name: json_text(content | {"sha256": _digest(content)}, sort_keys=True)})
        self._turn, self._entries = self._turn + 1, entries
        self._own.append(_Manifest(name, entries))
        self._forget()

    def _forget(self) -> None:
        """Delete what this process wrote and neither of the newest two manifests names. What cannot be deleted now stays."""
        while len(self._own) > 2:
            old = self._own.pop(0)
            named = {entry.object for manifest in self._own for entry in manifest.files.values()}
            mine = {entry.object for entry in old.files.values() if f"-{self._writer}-" in entry.object}
            self.store.discard([old.name, *sorted(mine - named)])

    def _manifests(self) -> list[str]:
        """Those that are there, the newest first."""
        return sorted((name for name in self.store.names(_MANIFESTS) if _MANIFEST.fullmatch(name)), reverse=True)

    def _brought(self, names: list[str], folder: Path, wanted: Callable[[str], bool]) -> bool:
        read = [manifest for name in names if (manifest := self._read(name)) is not None]
        for torn_too in (False, True):
            for manifest in read:
                if self._fetched(manifest, folder, wanted, torn_too=torn_too):
                    self._entries, self._turn = dict(manifest.files), manifest.turn
                    return True
        return False

    def _read(self, name: str) -> _Manifest | None:
        try:
            content = json_of(self.store.read(name))
            own = content.pop("sha256")
            if content["schema"] > SCHEMA:
                raise DamagedSweep(f"{self.store.url}/{name}: its schema is {content['schema']}: use a newer gensweep.")
            if own == _digest(content):
                files = {str(file): Entry(**entry) for file, entry in content["files"].items()}
                if all(_is_inside(file) for file in (*files, *(entry.object for entry in files.values()))):
                    return _Manifest(name, files)
        except (ValueError, TypeError, KeyError, AttributeError, FileNotFoundError):
            pass
        _log.warning("%s/%s: is torn, and not believed", self.store.url, name)
        return None

    def _fetched(self, manifest: _Manifest, folder: Path, wanted: Callable[[str], bool], *, torn_too: bool) -> bool:
        """Whether all that is wanted is here, and what the manifest says; `torn_too`: checkpoints need not be."""
        files = {name: entry for name, entry in manifest.files.items() if wanted(name)}
        landing = folder / f".landing-{secrets.token_hex(4)}"
        landing.mkdir(parents=True)
        try:
            places = {entry.object: landing / str(n) for n, entry in enumerate(files.values())}
            self.store.get_many(places)
            torn = [name for name, entry in files.items() if not _holds(places[entry.object], entry)]
            for name in torn:
                _log.warning("%s/%s: %s is torn, and not believed", self.store.url, files[name].object, name)
            if torn and not (torn_too and all(map(_is_checkpoint, torn))):
                return False
            shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
            for name, entry in files.items():
                if places[entry.object].exists():
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(places[entry.object], folder / name)
        finally:
            shutil.rmtree(landing, ignore_errors=True)
        return True

    def _entry(self, name: str, path: Path) -> Entry:
        found = path.stat()
        state = (found.st_ino, found.st_size, found.st_mtime_ns)
        if path not in self._seen or self._seen[path][0] != state:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            self._n_objects += 1  # in every name: what may have arrived is not written over
            place = f"{self._generation:06d}-{self._n_objects:06d}-{self._writer}-{name.replace('/', '.')}"
            self._seen[path] = state, Entry(place, found.st_size, digest)
        return self._seen[path][1]


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """What is kept of a trial's folder, by its name there."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(_UNKEPT))
        for name in sorted(files):
            if not name.startswith(_UNKEPT):
                yield (Path(parent) / name).relative_to(folder).as_posix(), Path(parent) / name


def _is_checkpoint(name: str) -> bool:
    return name.startswith(f"{CHECKPOINTS}/")


def _is_inside(name: str) -> bool:
    """Whether a name leads into the folder that it is in. Whoever may write to a store may write anything."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not PurePosixPath(name).is_absolute() and ".." not in parts and "\0" not in name


def _holds(path: Path, entry: Entry) -> bool:
    if not path.is_file() or path.stat().st_size != entry.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

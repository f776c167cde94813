"""Which files of a folder are images, and what else lies there."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gensweep.errors import ConfigError
from gensweep.progress import tell_once

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"})
NAMED = 10  # files that one message names
_SHOWN = 3  # of what was skipped for one reason
_OF_SYSTEMS = frozenset({"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "lost+found"})
_HIDDEN = "hidden or the system's"
_DANGLING = "leading nowhere"
_TWICE = "leading to folders read already"
_SPECIAL = "no files but pipes or devices"
_OTHER = "of other kinds"


@dataclass(frozen=True)
class Listing:
    """The images in a folder, in the order of their names relative to it; `skipped` has the rest, by the reason."""

    folder: Path
    files: tuple[Path, ...]
    skipped: Mapping[str, tuple[Path, ...]]

    def sentence(self) -> str:
        """What was skipped, counted; empty where nothing was."""
        skipped = self.what_was_skipped()
        return f"{shown(self.folder)}: {len(self.files)} images; skipped {skipped}" if skipped else ""

    def what_was_skipped(self) -> str:
        """`2 hidden or the system's (.a.png, Thumbs.db), 1 of other kinds (.csv 1)`."""
        return ", ".join(
            f"{len(paths)} {reason} ({self._some(reason, paths)})" for reason, paths in self.skipped.items()
        )

    def _some(self, reason: str, paths: tuple[Path, ...]) -> str:
        if reason == _OTHER:
            kinds = Counter(path.suffix.lower() or "no suffix" for path in paths)
            names = [f"{kind} {n}" for kind, n in kinds.most_common()]
        else:
            names = [shown(path.relative_to(self.folder)) for path in paths]
        return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def listing(folder: Path) -> Listing:
    """The images in `folder` and the folders in it, those that links lead to too, each folder once.

    Hidden files and folders (`.*`) and those that systems leave (`__MACOSX`, `Thumbs.db`, …) are skipped, and so are links
    that lead nowhere or to a folder that is read already, this one and those around it among them.

    Raises:
        ConfigError: there is no such folder, a folder in it cannot be read, or there is no image in it.
    """
    if not folder.is_dir():
        what = "a file, not a folder. Unpack it, if it is an archive, and" if folder.exists() else "no such folder."
        raise ConfigError(
            f"{shown(folder)}: {what} {'give' if folder.exists() else 'Give'} the folder that has the images."
        )
    walk = _Walk(folder)
    walk.everything()
    files = sorted(walk.files, key=lambda f: f.relative_to(folder).as_posix())
    found = Listing(folder, tuple(files), {reason: tuple(sorted(paths)) for reason, paths in walk.skipped.items()})
    if not files:
        skipped = found.what_was_skipped()
        raise ConfigError(
            f"{shown(folder)}: there is no image in it{f', but {skipped}' if skipped else ''}. Images end in "
            f"{', '.join(sorted(SUFFIXES))}."
        )
    return found


def tell_remarks(folder: Path, remarks: Counter[str]) -> None:
    """Say on stderr what was done to how many images of a folder."""
    tell_once(f"{shown(folder)}: " + "; ".join(f"{what}: {n}" for what, n in remarks.items()) if remarks else "")


def shown(path: Path) -> str:
    """A path on one line, relative where it lies below the working folder; what cannot be printed of a name is escaped."""
    relative = os.path.relpath(path)
    text = str(path) if relative.startswith("..") else relative
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def some_of(lines: Iterable[str]) -> str:
    """The first ten lines, and how many more there are."""
    every = list(lines)
    more = [f"and {len(every) - NAMED} more"] if len(every) > NAMED else []
    return "\n".join([*every[:NAMED], *more])


class _Walk:
    """One pass over a folder. Links are followed last, so that what they lead to is found under its own name first."""

    def __init__(self, folder: Path) -> None:
        self.files: list[Path] = []
        self.skipped: defaultdict[str, list[Path]] = defaultdict(list)
        around = folder.resolve().parents  # a link to one of them leads back here
        self._seen = {_identity(path) for path in around}
        self._folders, self._links, self._closed = [folder], list[Path](), list[str]()

    def everything(self) -> None:
        while self._folders or self._links:
            here = self._folders.pop() if self._folders else self._links.pop(self._links.index(min(self._links)))
            identity = _identity(here)
            if identity in self._seen:
                self.skipped[_TWICE].append(here)
                continue
            self._seen.add(identity)
            self._enter(here)
        if self._closed:
            raise ConfigError(f"{some_of(sorted(self._closed))}\nGive yourself the right to read them (chmod u+rX).")

    def _enter(self, folder: Path) -> None:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._take(entry)
        except OSError as error:
            self._closed.append(f"{shown(folder)}: this folder cannot be read ({error.strerror}).")

    def _take(self, entry: os.DirEntry[str]) -> None:
        path = Path(entry.path)
        if entry.name.startswith(".") or entry.name.lower() in _OF_SYSTEMS:
            self.skipped[_HIDDEN].append(path)
        elif entry.is_symlink() and not path.exists():
            self.skipped[_DANGLING].append(path)
        elif entry.is_dir():
            (self._links if entry.is_symlink() else self._folders).append(path)
        elif not entry.is_file():
            self.skipped[_SPECIAL].append(path)
        elif path.suffix.lower() not in SUFFIXES:
            self.skipped[_OTHER].append(path)
        else:
            self.files.append(path)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino

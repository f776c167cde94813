"""A folder of a user's own components: `my_components/divergences/mine.py` is `divergence: {name: mine}`.

It is read once, into memory, without importing anything: what is hashed is what is run and what travels. Names that begin
with _ are helpers. Hidden files, caches and `tests/` are no part of it.
"""

from __future__ import annotations

import hashlib
import json
import keyword
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from gensweep.errors import ConfigError, Problem, suggest
from gensweep.registry.kinds import KINDS, NOT_MEMBERS, singular

LARGEST_FILE = 2**20  # bytes; components are text, and what is large belongs beside the data
MOST_FILES = 500
_DEEPEST = 8  # folders in each other
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SKIPPED = {"tests", "__pycache__"}


@dataclass(frozen=True)
class PluginFolder:
    """What a folder of components holds: the bytes of each file by its path in it, with `/`, in order."""

    path: Path
    files: Mapping[str, bytes] = field(repr=False)

    @cached_property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file."""
        return {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all of it."""
        return digest_of(self.digests)

    @cached_property
    def members(self) -> dict[tuple[str, str], str]:
        """The file of each member by its kind and name."""
        found = {}
        for name in self.files:
            kind, _, file = name.partition("/")
            if kind in KINDS and file.endswith(".py") and "/" not in file and not file.startswith("_"):
                found[kind, file.removesuffix(".py")] = name
        return found

    def digest_of(self, kind: str, name: str) -> str:
        """The SHA-256 of what a member is made of: its file, and all that is no member, which it may import or read."""
        others = set(self.members.values()) - {self.members[kind, name]}
        return digest_of({file: digest for file, digest in self.digests.items() if file not in others})


def digest_of(digests: Mapping[str, str]) -> str:
    """The SHA-256 of files that have these."""
    said = json.dumps({"gensweep plug-ins": dict(digests)}, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def read(path: Path) -> PluginFolder:
    """The folder at `path`, which may itself be reached through a link.

    Raises:
        ConfigError: with everything that is wrong in it, be it no folder, a link in it, a file that is no member of any kind.
    """
    if not path.is_dir():
        told = "is a file" if path.exists() else "is not there"
        example = "divergences/mine.py is divergence: {name: mine}"
        raise ConfigError(f"{path}: {told}. Plug-ins are a folder with a sub-folder for each kind, in which {example}.")
    problems, files = list[Problem](), dict[str, bytes]()
    for name in _names(path, PurePosixPath(), problems):
        if len(files) == MOST_FILES:
            problems.append(
                Problem("", str(path), f"holds more than {MOST_FILES} files. Name the folder of components alone")
            )
            break
        if (mistake := _misplaced(name)) or isinstance(data := _content(path / name), str):
            problems.append(Problem("", str(path / name), mistake or str(data)))
        else:
            files[name] = data
    if problems:
        raise ConfigError(problems)
    found = PluginFolder(path.absolute(), dict(sorted(files.items())))
    if not found.members:
        kinds = ", ".join(KINDS)
        raise ConfigError(
            f"{path}: holds no component. A file KIND/NAME.py is one; kinds are {kinds}. gensweep new writes one."
        )
    return found


def _names(root: Path, inside: PurePosixPath, problems: list[Problem]) -> Iterator[str]:
    """The paths of the files in it; what leads out of it, or is no file, is a problem."""
    with os.scandir(root / inside) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name.startswith(".") or entry.name in _SKIPPED or entry.name.endswith((".pyc", "~")):
            continue
        if entry.is_symlink():
            told = "is a link, and links in a folder of plug-ins are not followed. Put what it leads to in its place"
            problems.append(Problem("", entry.path, told))
        elif entry.is_dir(follow_symlinks=False):
            if wrong := _no_folder(inside, entry.name):
                problems.append(Problem("", entry.path, wrong))
            else:
                yield from _names(root, inside / entry.name, problems)
        elif entry.is_file(follow_symlinks=False):
            yield str(inside / entry.name)
        else:
            problems.append(Problem("", entry.path, "is no file. Delete it"))


def _no_folder(inside: PurePosixPath, name: str) -> str | None:
    """Why there is no such sub-folder; None where there is one."""
    if len(inside.parts) >= _DEEPEST:
        return "is nested too deeply"
    if inside.parts or name in KINDS or name.startswith("_"):
        return None
    return f"is no kind of component. {suggest(name, KINDS)} Helpers begin with _, as in _{name}"


def _misplaced(name: str) -> str | None:
    """Why a file is no member where it would be taken for one; None where it is, or a helper, or no Python."""
    parts = PurePosixPath(name).parts
    stem = parts[-1].removesuffix(".py")
    if stem == parts[-1] or any(part.startswith("_") for part in parts):
        return None
    if len(parts) == 1:
        return None if stem == "conftest" else (
            f"stands in no kind's folder. Move it there, as in divergences/{stem}.py, or name it _{stem}.py where it is a helper"
        )  # fmt: skip
    if len(parts) > 2:
        return f"lies too deep for a member: those stand directly in {parts[0]}/. Helpers begin with _"
    return no_name(parts[0], stem)


def no_name(kind: str, name: str) -> str | None:
    """Why no member can have this name; None where one can."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        what = f"{name!r:.60} is no name of a {singular(kind)}"
        return f"{what}: it is small letters, digits and _, begins with a letter, and is no word of Python's"
    return (
        f"no {singular(kind)} is named {name}: a file of gensweep's own has that name" if name in NOT_MEMBERS else None
    )


def _content(file: Path) -> bytes | str:
    """What a file holds, or why that cannot travel."""
    try:
        with open(os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                return "is no file. Delete it"
            data = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    if len(data) > LARGEST_FILE:
        most = f"{LARGEST_FILE >> 20} MiB"
        return f"is larger than {most}, and each sweep takes a copy. Put it beside your data, and name it in a FilePath"
    return data

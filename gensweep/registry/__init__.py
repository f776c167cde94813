"""Names in YAML are names of files: `divergence: {name: mmd}` is class MMD in gensweep/divergences/mmd.py.

Names are listed from the folder without importing anything, so a member whose optional dependency is missing breaks
nobody else. Third parties add members through entry points of the group `gensweep.<kind>`; the entry's name is the
member's name and its value is `module:Class`. A user adds them in a folder (folder.py), which this process is told to `use`.
"""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, metadata
from pathlib import Path
from types import ModuleType

from gensweep.errors import ConfigError, suggest
from gensweep.registry import modules
from gensweep.registry.folder import PluginFolder
from gensweep.registry.kinds import KINDS, NOT_MEMBERS
from gensweep.registry.kinds import singular as _singular

__all__ = ["KINDS", "PluginFolder", "folder_with", "in_use", "load", "names", "origin", "plugin_of", "refuse", "use"]

_used: list[PluginFolder] = []
_refused: dict[tuple[str, str], str] = {}


def names(kind: str) -> list[str]:
    """Every member of `kind`, sorted: the files of its folder, the entry points of third parties, plug-ins in use."""
    return sorted({*_own(kind), *_plugins(kind), *(name for of, name in _members() if of == kind)})


def load(kind: str, name: str) -> type:
    """The class of member `name` of `kind`.

    Raises:
        ConfigError: there is no such member, its module cannot be imported, or what a third party names is no such class.
    """
    if name not in names(kind):
        told = _refused.get((kind, name)) or f"unknown {_singular(kind)} '{name}'. {suggest(name, names(kind))}"
        raise ConfigError(told)
    if folder := _members().get((kind, name)):
        file = str(folder.path / folder.members[kind, name])
        return _imported(kind, name, f"{modules.package_of(folder)}.{kind}.{name}", file)
    if name not in _own(kind):
        return _third_party(kind, name, _plugins(kind)[name])
    return _imported(kind, name, f"gensweep.{kind}.{name}", f"gensweep/{kind}/{name}.py")


def use(folder: PluginFolder) -> None:
    """Let the members of a folder of plug-ins be members here. Nothing is imported before it is asked for.

    Raises:
        ConfigError: others have their names; with all of them.
    """
    if any(folder.digest == other.digest for other in _used):
        return
    if wrong := list(_taken(folder)):
        raise ConfigError("\n".join(wrong))
    modules.serve(folder)
    _used.append(folder)
    for member in folder.members:
        _refused.pop(member, None)


def refuse(folder: PluginFolder, why: str) -> None:
    """Say `why` to whoever asks for a member that only this folder has."""
    _refused.update(dict.fromkeys(folder.members.keys() - _members().keys(), why))


def folder_with(digests: Mapping[str, str]) -> PluginFolder | None:
    """The folder in use whose files have these digests; None where there is none."""
    return next((folder for folder in _used if folder.digests == dict(digests)), None)


def in_use() -> tuple[PluginFolder, ...]:
    """The folders of plug-ins that this process uses."""
    return tuple(_used)


def origin(kind: str, name: str) -> PluginFolder | None:
    """The folder of plug-ins that a member comes from; None for a member of gensweep's or of an installed package."""
    return _members().get((kind, name))


def plugin_of(cls: type) -> tuple[str, str] | None:
    """What a class of a plug-in is, as in divergences/mine, and the digest of what it is made of; None for any other class."""
    if (found := modules.member_of(cls.__module__)) is None:
        return None
    folder, kind, name = found
    return f"{kind}/{name}", folder.digest_of(kind, name)


def _members() -> dict[tuple[str, str], PluginFolder]:
    return {member: folder for folder in _used for member in folder.members}


def _taken(folder: PluginFolder) -> Iterator[str]:
    """Why members of a folder cannot have their names."""
    for (kind, name), file in folder.members.items():
        other, entry = origin(kind, name), _plugins(kind).get(name)
        whose, cure = "", "Give the file another name."
        if name in _own(kind):
            whose = "gensweep itself"
        elif entry:
            whose = f"the installed package {entry.dist.name}" if entry.dist else "an installed package"
        elif other and other.digest_of(kind, name) != folder.digest_of(kind, name):
            whose = f"{other.path / other.members[kind, name]}, which this process uses"
            cure = "Where they are versions of one, use each in a process of its own; else give the file another name."
        if whose:
            yield f"{folder.path / file}: the {_singular(kind)} '{name}' is there already, of {whose}. {cure}"


def _imported(kind: str, name: str, module_name: str, file: str) -> type:
    """The class of a member that is a file."""
    what = f"{_singular(kind)} '{name}' cannot be imported"
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(f"{what}: {error}. {_cure(name)}") from error
    except Exception as error:  # whatever a file of the user's raises: the other members are of use without it
        raise ConfigError(f"{what}: {_place(error, name)}: {_why(error)}. Mend the file, or move it away.") from error
    found = _class_of(module, file, name)
    if getattr(found, "kind", None) != kind:
        raise ConfigError(
            f"{file} defines {found.__name__}, which is no class of gensweep.{kind}.base. Derive it from one."
        )
    return found


@cache
def _own(kind: str) -> tuple[str, ...]:
    folder = Path(__file__).parents[1] / kind
    return tuple(f.stem for f in folder.glob("*.py") if f.stem not in NOT_MEMBERS and not f.stem.startswith("_"))


@cache
def _plugins(kind: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"gensweep.{kind}")}


def _third_party(kind: str, name: str, entry: EntryPoint) -> type:
    package = f" of {entry.dist.name}" if entry.dist else ""
    what = f"{_singular(kind)} '{name}'{package}"
    try:
        found = entry.load()
    except Exception as error:  # whatever a stranger's module raises: the other members are of use without it
        why = f"{error}" if isinstance(error, ImportError) else _why(error)
        raise ConfigError(f"{what} cannot be imported: {why}. Install what it needs, or mend {entry.value}.") from error
    if not isinstance(found, type) or getattr(found, "kind", None) != kind:
        raise ConfigError(f"{what} cannot be used: {entry.value} is no class of gensweep.{kind}.base.")
    return found


def _cure(name: str) -> str:
    """How to get what member `name` needs: the extra of that name, where gensweep has one."""
    try:
        extras = metadata("gensweep").get_all("Provides-Extra") or []
    except PackageNotFoundError:  # run from its folder
        extras = []
    return f"Install what it needs: pip install 'gensweep[{name}]'" if name in extras else "Install what it needs."


def _why(error: Exception) -> str:
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {' '.join(said.split())}".rstrip(".")


def _place(error: Exception, name: str) -> str:
    """The file and the line that cannot be parsed, or where member `name` raised it, by itself or in a call."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if Path(frame.filename).stem == name), frames[-1])
    found = (error.filename, error.lineno) if isinstance(error, SyntaxError) else (last.filename, last.lineno)
    return ":".join(str(part) for part in found if part)


def _class_of(module: ModuleType, file: str, name: str) -> type:
    """The class named like its file, but for case and underscores: MMD of mmd.py, SlicedWasserstein, None_ of none.py.

    Raises:
        ConfigError: there is none, or several.
    """
    wanted = name.replace("_", "")
    own = [v for v in vars(module).values() if isinstance(v, type) and v.__module__ == module.__name__]
    found = [v for v in own if v.__name__.lower().replace("_", "") == wanted]
    if len(found) != 1:
        several = ", ".join(v.__name__ for v in found or own) or "no class"
        told = "define only one of them" if found else f"name it {name.title().replace('_', '')}"
        raise ConfigError(f"{file} defines {several}; {told}, for a member is the class that is named like its file.")
    return found[0]

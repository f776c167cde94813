"""Names in YAML are names of files: `divergence: {name: mmd}` is class MMD in gensweep/divergences/mmd.py.

Names are listed from the folder without importing anything, so a member whose optional dependency is missing breaks
nobody else. Third parties add members through entry points of the group `gensweep.<kind>`; the entry's name is the
member's name and its value is `module:Class`.
"""

from __future__ import annotations

import importlib
import traceback
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, metadata
from pathlib import Path
from types import ModuleType

from gensweep.errors import ConfigError, suggest

KINDS = (
    "families",
    "divergences",
    "constraints",
    "metrics",
    "datasets",
    "networks",
    "optimizers",
    "lr_schedules",
    "searchers",
    "early_stopping",
)
_SINGULAR = {"families": "family", "early_stopping": "early-stopping rule"}
_NOT_MEMBERS = {"base", "__init__"}


def names(kind: str) -> list[str]:
    """Every member of `kind`, sorted: the files of its folder and the entry points of third parties."""
    return sorted({*_own(kind), *_plugins(kind)})


def load(kind: str, name: str) -> type:
    """The class of member `name` of `kind`.

    Raises:
        ConfigError: there is no such member, its module cannot be imported, or what a third party names is no such class.
    """
    if name not in names(kind):
        raise ConfigError(f"unknown {_singular(kind)} '{name}'. {suggest(name, names(kind))}")
    if name not in _own(kind):
        return _third_party(kind, name, _plugins(kind)[name])
    what = f"{_singular(kind)} '{name}' cannot be imported"
    try:
        module = importlib.import_module(f"gensweep.{kind}.{name}")
    except ImportError as error:
        raise ConfigError(f"{what}: {error}. {_cure(name)}") from error
    except Exception as error:  # whatever a file of the user's raises: the other members are of use without it
        raise ConfigError(f"{what}: {_place(error, name)}: {_why(error)}. Mend the file, or move it away.") from error
    file = f"gensweep/{kind}/{name}.py"
    found = _class_of(module, file, name)
    if getattr(found, "kind", None) != kind:
        raise ConfigError(
            f"{file} defines {found.__name__}, which is no class of gensweep.{kind}.base. Derive it from one."
        )
    return found


@cache
def _own(kind: str) -> tuple[str, ...]:
    folder = Path(__file__).parent / kind
    return tuple(f.stem for f in folder.glob("*.py") if f.stem not in _NOT_MEMBERS and not f.stem.startswith("_"))


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


def _singular(kind: str) -> str:
    return _SINGULAR.get(kind, kind.removesuffix("s"))

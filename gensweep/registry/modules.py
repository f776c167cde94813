"""Modules of plug-ins, imported from the bytes that were read and hashed, whatever has become of the files since.

A folder is a package whose name holds its digest, so that two versions of one never mix: `from ._shared import x` is
the helper of the same version.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType

from gensweep.registry.folder import PluginFolder

_PREFIX = "gensweep_plugins_"
_served: dict[str, PluginFolder] = {}


def package_of(folder: PluginFolder) -> str:
    """The package that the folder's modules are in."""
    return f"{_PREFIX}{folder.digest[:16]}"


def serve(folder: PluginFolder) -> None:
    """Let the modules of a folder be imported."""
    _served.setdefault(package_of(folder), folder)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


def member_of(module: str) -> tuple[PluginFolder, str, str] | None:
    """The folder, the kind and the name of the member whose module this is; None where it is none of a plug-in."""
    package, *rest = module.split(".")
    folder = _served.get(package)
    return (folder, rest[0], rest[1]) if folder and len(rest) == 2 and (rest[0], rest[1]) in folder.members else None


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, *rest = fullname.split(".")
        if (folder := _served.get(package)) is None:
            return None
        inside = "/".join(rest)
        is_package = not rest or any(name.startswith(f"{inside}/") for name in folder.files)
        file = "/".join((*rest, "__init__.py")) if is_package else f"{inside}.py"
        if not is_package and file not in folder.files:
            return None
        loader = _Loader(folder, file)
        return spec_from_loader(fullname, loader, origin=loader.get_filename(fullname), is_package=is_package)


class _Loader(SourceLoader):
    """Of one file of a folder; a package needs none."""

    def __init__(self, folder: PluginFolder, file: str) -> None:
        self._folder, self._file = folder, file

    def get_filename(self, fullname: str) -> str:
        return str(self._folder.path / self._file)

    def get_data(self, path: str | bytes) -> bytes:
        if str(path) != self.get_filename(""):  # of a cache of bytecode, which nobody has hashed
            raise OSError(path)
        return self._folder.files.get(self._file, b"")

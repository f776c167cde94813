"""The command that writes a search space to begin with: init."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from gensweep import registry, shipped
from gensweep.cli import completing
from gensweep.errors import CannotRun, ConfigError, suggest
from gensweep.file_modes import unfinished
from gensweep.home import expanded

_ENDINGS = (".yaml", ".yml")


def init(
    name: Annotated[
        str | None,
        typer.Argument(
            help="of a search space that ships: a copy to change",
            show_default=False,
            autocompletion=completing.shipped_names,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="a folder of images, a .npy, a .npz or .npz:KEY, or a dataset, also with name,key=value",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="the file; default: named for what it is of", show_default=False),
    ] = None,
) -> None:
    """Write a search space to begin with: for your data, with the reason of each line, or a copy of one that ships.

    With --data it looks at the data and chooses network, latent sizes, families, scores and budget. No file is overwritten.

    Examples:
      gensweep init --data my_photos
      gensweep init --data measured.npy -o sweeps/measured.yaml
      gensweep init --data ring
      gensweep init wae
    """
    if bool(name) == bool(data):
        raise ConfigError(
            "name a search space that ships (gensweep list search-spaces), or give your data, as in --data my_photos: one of "
            "the two."
        )
    if name is not None:
        file = _free(output or Path(f"{_shipped(name)}.yaml"))
        text = (
            shipped.file_of(name)
            .read_text(encoding="utf-8")
            .replace(f"search_spaces/{name}.yaml", shlex.quote(str(file)))
        )
    else:
        file, text = _for_data(data or "", output)
    _write(file, text)
    shown = shlex.quote(str(file))
    print(f"{file} is written. Look at it, then:\n  gensweep check {shown}\n  gensweep run {shown}")


def _shipped(name: str) -> str:
    """A name that there is."""
    if name in shipped.names():
        return name
    if name in registry.names("datasets") or Path(name).exists():
        raise ConfigError(f"init {name}: a search space is copied by its name. For data: gensweep init --data {name}")
    raise ConfigError(f"init {name}: no such search space ships. {suggest(name, shipped.names())}")


def _for_data(data: str, output: Path | None) -> tuple[Path, str]:
    """Where to write, and what. It was read again as `run` will read it."""
    from gensweep.terminal import waiting

    with waiting(f"looking at {data}"):
        from gensweep.evaluation.words import dataset_of
        from gensweep.proposals.looked_at import dataset_at, is_path
        from gensweep.proposals.search_space import Data, name_for, proposed
        from gensweep.spaces.check import load_and_check

        found = dataset_at(data) if is_path(data) else dataset_of(data, "--data")
        given = getattr(found, "path", None)
        file = _free(output or Path(f"{name_for(Path(given).stem if given else found.name)}.yaml"))
        text = proposed(Data.of(found), file)
        draft = unfinished(file)  # in its folder, to which its paths are relative
        try:
            with draft:
                draft.write(text.encode())
            load_and_check(Path(draft.name))
        finally:
            Path(draft.name).unlink(missing_ok=True)
    return file, text


def _free(file: Path) -> Path:
    """The file, where a new one can be made.

    Raises:
        ConfigError: there is one, or no folder for it, or it would be taken for none.
        CannotRun: its folder takes none.
    """
    file = expanded(file, "--output")
    if file.suffix not in _ENDINGS:
        raise ConfigError(f"-o {file}: a search space ends in .yaml. Write -o {file.with_suffix('.yaml')}")
    if not file.parent.is_dir():
        raise ConfigError(f"-o {file}: there is no folder {file.parent}. Make it first, or name another one.")
    if file.is_symlink() or file.exists():
        raise ConfigError(
            f"{file}: is there already, and is not overwritten. Name another file with -o, or move it away."
        )
    return file


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise ConfigError(f"{file}: is there already, and is not overwritten. Name another file with -o.") from None
    except OSError as error:
        raise CannotRun(f"{file}: cannot be written ({error.strerror or error}). Name another file with -o.") from error

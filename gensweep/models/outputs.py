"""Where items go: an array in a file, a folder of pictures, one picture. Whole or not at all, and never over what is there."""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np
import torch

from gensweep import pictures
from gensweep.errors import CannotRun, ConfigError, NoUsableTrial
from gensweep.file_modes import unfinished
from gensweep.models.arguments import Array
from gensweep.text import size

Kind = Literal["npy", "npz", "png", "folder", "pt2", "safetensors", "md"]
_NAMED: Mapping[Kind, str] = {
    "npy": "x.npy (an array of NumPy)", "npz": "x.npz", "png": "x.png (one picture)", "folder": "folder/ (a picture each)",
    "pt2": "x.pt2 (an archive of torch.export)", "safetensors": "x.safetensors", "md": "x.md",
}  # fmt: skip
_OURS = re.compile(r"\d{6,}\.png")
_MOST_PIXELS = 100_000_000  # of one picture: more is no picture to look at, and takes a gigabyte to make
_OF_A_PICTURE = 200  # bytes besides its pixels
_PAGE = 4096  # bytes that a file takes at least


@dataclass(frozen=True)
class Output:
    """A place that was looked at: it can be written, and nothing is there that must not be written over."""

    path: Path
    kind: Kind
    force: bool = False

    def refuse_points(self, shape: tuple[int, ...], what: str) -> None:
        """Raise ConfigError where pictures are asked for and the items are none."""
        is_image = len(shape) == 3 and shape[0] in (1, 3)
        if self.kind in ("png", "folder") and not is_image:
            raise ConfigError(
                f"{self.path}: {what} are of shape {list(shape)}, which are no images. Write an array: -o {self.path.stem}.npy"
            )

    def refuse_crowd(self, n: int, columns: int, shape: tuple[int, ...]) -> None:
        """Raise ConfigError where one picture of n images would be too large to look at."""
        if self.kind != "png":
            return
        pixels = (-(-n // columns) * (shape[1] + 1)) * (columns * (shape[2] + 1))
        if pixels > _MOST_PIXELS:
            raise ConfigError(
                f"{self.path}: {n:,} images are a picture of {pixels:,} pixels, and at most {_MOST_PIXELS:,} make one. Give a "
                f"smaller -n, or a folder: -o {self.path.stem}/"
            )

    def look_for_room(self, n: int, shape: tuple[int, ...]) -> None:
        """Raise CannotRun where the disk has no room for n items."""
        values = n * int(np.prod(shape))
        per_file = values + n * (_OF_A_PICTURE + _PAGE) if self.kind == "folder" else values
        need = 4 * values + _PAGE if self.kind in ("npy", "npz") else per_file
        free = shutil.disk_usage(self.path.parent).free
        if free < need:
            raise CannotRun(
                f"{self.path}: {size(free)} are free in {self.path.resolve().parent}, and {n:,} items take about {size(need)}. "
                "Make room, give another place with -o, or a smaller -n. Nothing was written."
            )


def planned(path: Path, kinds: Iterable[Kind], *, force: bool = False) -> Output:
    """The place at a path, as one of these kinds: by how the name ends, a folder where it has no ending.

    Raises:
        ConfigError: it is of another kind, something is there and `force` is not given, or there is no folder for it.
        CannotRun: nothing can be written there.
    """
    ending = path.suffix.removeprefix(".").lower()
    kind: Kind | None = next((one for one in kinds if one == (ending or "folder")), None)
    if kind is None:
        accepted = ", ".join(_NAMED[one] for one in kinds)
        raise ConfigError(f"-o {path}: nothing is written as {path.suffix or 'a folder'} here. Accepted: {accepted}.")
    place = path.parent
    if not place.is_dir():
        raise ConfigError(f"-o {path}: there is no folder {place}. Make it, or give another place.")
    output = Output(path, kind, force)
    _refuse_taken(output)
    if not os.access(place, os.W_OK | os.X_OK):
        raise CannotRun(f"-o {path}: you may not write in {place.resolve()}. Give another place.")
    return output


def write_array(output: Output, parts: Iterable[Array], shape: tuple[int, ...], key: str = "samples") -> None:
    """Write an array of this shape, that of all parts together, as a .npy, or under a key in a .npz.

    Raises:
        NoUsableTrial: a value is not finite.
        CannotRun: the place takes no more.
    """
    with _whole(output) as file:
        if output.kind == "npy":
            _stream(file, parts, shape)
            return
        with zipfile.ZipFile(file, "w") as archive:
            _add(archive, key, parts, shape)


def write_pairs(output: Output, pairs: Mapping[str, Array], bounds: tuple[float, float] | None, columns: int) -> None:
    """Write two stacks of items [n, *shape] by their names: side by side as [n, 2, *shape] or as one picture, in a .npz apart."""
    if output.kind == "npz":
        with _whole(output) as file, zipfile.ZipFile(file, "w") as archive:
            for name, values in pairs.items():
                _add(archive, name, [values], values.shape)
        return
    both = np.stack(list(pairs.values()), 1)
    if output.kind == "npy":
        write_array(output, [both], both.shape)
    else:
        write_picture(output, [both.reshape(-1, *both.shape[2:])], bounds, 2 * columns)


def write_picture(
    output: Output, parts: Iterable[Array], bounds: tuple[float, float] | None, columns: int | None
) -> None:
    """Write one picture of items, in parts of [k, *shape] each: a grid of images, a density of points of a plane."""
    items = np.concatenate(list(parts))
    picture = pictures.png(pictures.enlarged(torch.from_numpy(_finite(items))), bounds, columns)
    assert picture is not None, "looked at before"
    with _whole(output) as file:
        file.write(picture)


def write_files(contents: Mapping[Output, bytes]) -> None:
    """Write files that belong together: none takes its place before all are whole.

    Raises:
        CannotRun: a place takes no more.
    """
    with contextlib.ExitStack() as files:
        for output, content in contents.items():
            files.enter_context(_whole(output)).write(content)


def write_folder(output: Output, parts: Iterable[Array], bounds: tuple[float, float] | None) -> None:
    """Write a picture of 8 bits for each image in the parts, each [k, c, h, w]: 000000.png and so on."""
    new = output.path.with_name(f".{output.path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        new.mkdir()
        number = 0
        for part in parts:
            for item in torch.from_numpy(_finite(part)):
                (new / f"{number:06d}.png").write_bytes(pictures.image(item, bounds))
                number += 1
        _refuse_taken(output)  # another command may have been faster
        _replace_folder(new, output.path)
    except OSError as error:
        raise _unwritable(output, error) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _refuse_taken(output: Output) -> None:
    path = output.path
    if output.kind == "folder":
        if not os.path.lexists(path):
            return
        if not path.is_dir() or path.is_symlink():
            raise ConfigError(f"-o {path}: is a file or a link, and a folder is meant. Give another place.")
        names = os.listdir(path)
        if any(not _OURS.fullmatch(name) for name in names):
            raise ConfigError(f"-o {path}: holds other files than pictures by number. Give another place.")
        if names and not output.force:
            raise ConfigError(f"-o {path}: holds pictures already. Give another place, or replace them with --force.")
    elif path.is_dir():
        raise ConfigError(f"-o {path}: is a folder. Give a file in it.")
    elif os.path.lexists(path) and not output.force:
        raise ConfigError(f"-o {path}: is there already. Give another name, or overwrite it with --force.")


@contextmanager
def _whole(output: Output) -> Iterator[IO[bytes]]:
    """A file that takes its place once it is whole."""
    try:
        file = unfinished(output.path)
        try:
            with file:
                yield file
            _refuse_taken(output)  # another command may have been faster
            Path(file.name).replace(output.path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(file.name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(output, error) from error


def _replace_folder(new: Path, path: Path) -> None:
    if not path.exists():
        new.rename(path)
        return
    old = path.with_name(f"{new.name}.old")
    path.rename(old)
    new.rename(path)
    shutil.rmtree(old)


def _add(archive: zipfile.ZipFile, key: str, parts: Iterable[Array], shape: tuple[int, ...]) -> None:
    with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
        _stream(member, parts, shape)


def _stream(file: IO[bytes], parts: Iterable[Array], shape: tuple[int, ...]) -> None:
    header = io.BytesIO()
    described = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    file.write(header.getvalue())
    for part in parts:
        file.write(_finite(part).astype("<f4", order="C").tobytes())


def _finite(items: Array) -> Array:
    if not np.isfinite(items).all():
        raise NoUsableTrial(
            "its items are not finite numbers: the training that left this checkpoint had diverged. Name another trial; "
            "gensweep best lists them. Nothing was written."
        )
    return items


def _unwritable(output: Output, error: OSError) -> CannotRun:
    free = ""
    with contextlib.suppress(OSError):
        free = f"; {size(shutil.disk_usage(output.path.parent).free)} are free there"
    return CannotRun(
        f"-o {output.path}: cannot be written ({error.strerror or error}{free}). Give another place. Nothing was left there."
    )

"""Where the four files of Fashion-MNIST are looked for, and how each is known."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import gensweep
from gensweep.datasets._idx import parse, read_content, sha256_of
from gensweep.errors import ConfigError

# SHA-256 of the unpacked content: Debian compresses the files anew, so no digest of the .gz holds for every source.
# The label files unpacked from the authors' .gz (md5 25c81989…, bb300cfd…) and from Debian's have the same digests.
FILES = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
FOLDER = "fashion-mnist"


def folders(path: str | None) -> Iterator[Path]:
    """Every folder that may hold the files, the first choice first. A given `path` is the only choice."""
    if path is not None:
        given = Path(path).expanduser()
        yield from (given, given / FOLDER)
        return
    if environment := os.environ.get("GENSWEEP_DATA"):
        yield from (Path(environment).expanduser(), Path(environment).expanduser() / FOLDER)
    yield Path.cwd() / ".data" / FOLDER
    yield Path(gensweep.__file__).parent.parent / ".data" / FOLDER
    yield Path("/usr/share/datasets") / FOLDER
    yield Path.home() / ".cache" / "gensweep" / FOLDER


def find(path: str | None) -> dict[str, Path] | None:
    """The four files by name in the first folder that has all of them, each as .gz or unpacked; None if none has."""
    for folder in folders(path):
        found = {name: file for name in FILES if (file := _file(folder, name))}
        if len(found) == len(FILES):
            return found
    return None


def missing(path: str | None) -> str:
    """The message for missing files: where was looked, and the four cures."""
    looked = ", ".join(str(folder) for folder in folders(path))
    return (
        f"dataset fashion_mnist: its four files ({', '.join(FILES)}, each as .gz or unpacked) are in none of: "
        f"{looked}. Any one of these helps: name their folder in the field `path`; name it in the environment variable "
        "GENSWEEP_DATA; install Debian's package dataset-fashion-mnist; or run `make data` "
        "(that is `python -m gensweep.datasets._fetch fashion_mnist`), which downloads them."
    )


def content_of(name: str, file: Path) -> bytes:
    """The unpacked bytes of `file`, known to be file `name` of Fashion-MNIST.

    Raises:
        ConfigError: they are not; MNIST has files of the same names.
    """
    content = read_content(file)
    if sha256_of(content) != FILES[name]:
        shape = tuple(parse(content, file).shape)  # a damaged file gets its own message here
        raise ConfigError(
            f"{file}: an intact file of shape {shape}, but not Fashion-MNIST's: SHA-256 of its unpacked content is "
            f"{sha256_of(content)}, expected {FILES[name]}. MNIST's files have the same names; "
            "`make data` fetches the right ones."
        )
    return content


def _file(folder: Path, name: str) -> Path | None:
    candidates = (folder / f"{name}.gz", folder / name)
    return next((file for file in candidates if file.is_file()), None)

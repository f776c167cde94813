"""The command that makes a feature extractor: train-extractor."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gensweep import shipped
from gensweep.cli.options import AsJson, Shared
from gensweep.errors import CannotRun, ConfigError, gathered, suggest
from gensweep.file_modes import unfinished
from gensweep.home import expanded

if TYPE_CHECKING:
    from gensweep.datasets.base import Dataset
    from gensweep.extractors.making import Made

_KINDS = ("labels", "pca", "random")
_MOST_FEATURES = 2048


def train_extractor(  # noqa: PLR0913 -- the options of a command are its interface
    dataset: Annotated[
        str | None, typer.Argument(help="a dataset, or name,key=value", show_default=False, metavar="DATASET")
    ] = None,
    of: Annotated[Path | None, typer.Option("--of", help="a search-space file whose dataset is meant")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="the file; default: named for the data, ending in .pt2")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="labels | pca | random; default: labels where the data have them, else pca")
    ] = None,
    features: Annotated[
        int | None, typer.Option(min=1, max=_MOST_FEATURES, help="how many; default: 64, or as many as there are")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="of training on labels; default: 4 to 40, fewer for more data")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="of weights and of the order of items")] = 0,
    force: Annotated[bool, typer.Option("--force", help="overwrite the file")] = False,
    as_json: AsJson = False,
    shared: Shared = False,
) -> None:
    """Make a feature extractor for any dataset, so that fid, kid and the like can be had of it.

    It learns from the training split alone: the labels (of a folder for each class, of labels=FILE.npy beside an array, of a
    column), else principal components; which of them, and the accuracy on the test split, is part of each score's protocol.
    The file has no code in it: `extractor: file:PATH` opens it without trust.

    Examples:
      gensweep train-extractor image_folder,path=my_photos,size=32 -o photos.pt2
      gensweep train-extractor array,path=x.npy,labels=y.npy --features 128
      gensweep train-extractor --of search_spaces/mine.yaml --kind pca
      gensweep evaluate samples.npy --reference array,path=x.npy --metrics fid,extractor=file:x.pt2
    """
    if bool(dataset) == bool(of):
        raise ConfigError(
            "name a dataset, as in image_folder,path=my_photos,size=32, or give --of FILE: one of the two."
        )
    from gensweep.terminal import say, waiting

    with waiting("loading what makes extractors"):
        from gensweep.extractors.making import Wish, make

    found, chosen = gathered(lambda: _dataset(dataset, of), lambda: _kind(kind))
    file = _free(expanded(output or f"{_stem(found)}.pt2", "--output"), force=force)
    with waiting(f"reading {found.name}"):
        from gensweep.datasets.base import load

        load(found)
    if sys.stderr.isatty():
        say(f"making an extractor of {found.name}; where it is trained on labels, this takes minutes")
    made = make(found, Wish(chosen, features, epochs, seed))
    _free(file, force=force)  # another command may have been faster
    _write(file, made.content)
    _tell(file, made, as_json=as_json)


def _dataset(line: str | None, file: Path | None) -> Dataset:
    """The dataset that is named, or that a search-space file says."""
    from gensweep.evaluation.words import dataset_of
    from gensweep.spaces.load import load
    from gensweep.spaces.sources import datasets_of

    if file is None:
        if (line or "").endswith((".yaml", ".yml")):
            raise ConfigError(f"{line}: is a file. For the dataset of a search-space file give --of {line}")
        return dataset_of(line or "", "DATASET")
    named = datasets_of(load(shipped.found(file)))
    if len(named) != 1:
        several = f"{len(named)} datasets" if named else "no dataset that can be built (gensweep check says why)"
        raise ConfigError(f"--of {file}: has {several}. Name one in place of the file, as in digits.")
    if problem := named[0].problem():
        raise ConfigError(problem)
    return named[0]


def _kind(name: str | None) -> Any:
    """One of the kinds; None where the data decide."""
    if name is not None and name not in _KINDS:
        raise ConfigError(f"--kind {name}: {suggest(name, _KINDS)}")
    return name


def _stem(dataset: Dataset) -> str:
    """What the file is named for: the data's file or folder, else the dataset."""
    return Path(getattr(dataset, "path", None) or dataset.name).stem or dataset.name


def _free(file: Path, *, force: bool) -> Path:
    """The file, where it can be written and would be read as it was written.

    Raises:
        ConfigError: there is a file already, or there would be another one's card beside it, or no folder for it.
        CannotRun: its folder takes no file.
    """
    card = file.with_suffix(".json")
    if file.is_dir():
        raise ConfigError(f"{file}: is a folder. Name a file in it: -o {file / 'extractor.pt2'}")
    if not file.parent.is_dir():
        raise ConfigError(f"{file}: there is no folder {file.parent}. Make it, or name another file with -o.")
    if card == file:
        raise ConfigError(f"{file}: a .json is the card of an extractor, not one. Name the file .pt2, as in -o net.pt2")
    if file.exists() and not force:
        raise ConfigError(f"{file}: is there already. Name another file with -o, or overwrite it with --force.")
    if card.exists():
        raise ConfigError(
            f"{file}: {card} stands beside it, and would be read as its card. Move that away, or name another file with -o."
        )
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise CannotRun(f"{file}: you may not write in {file.parent}. Name another file with -o.")
    return file


def _write(file: Path, content: bytes) -> None:
    """The whole file, or none."""
    try:
        new = unfinished(file)
        try:
            with new:
                new.write(content)
            Path(new.name).replace(file)
        except BaseException:
            Path(new.name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CannotRun(f"{file}: cannot be written ({error.strerror}). Name another file with -o.") from error


def _tell(file: Path, made: Made, *, as_json: bool) -> None:
    """What was made, how good it is, and how it is used."""
    import hashlib

    from gensweep.terminal import print_text

    said, digest = made.card.content, hashlib.sha256(made.content).hexdigest()
    if as_json:
        print(json.dumps({"file": str(file), "sha256": digest, **said}))
        return
    accuracy = said.get("accuracy on test")
    of = "" if accuracy is None else f" ({said['classes']} classes), accuracy {accuracy:.4g} on the test split"
    print_text(
        f"{file}: {said['features']} features of items of shape {tuple(said['shape'])}, {made.card.making}{of}; "
        f"{said['items']:,} training items\n"
        f"SHA-256 {digest}\n"
        f"Use it as  extractor: file:{file}"
    )
    if accuracy is not None and made.guessed is not None and accuracy <= made.guessed:
        print(
            f"gensweep: accuracy {accuracy:.4g} is no better than naming the most frequent class always ({made.guessed:.4g}): "
            "its features say little about the classes. More --epochs or items may help, or --kind pca.",
            file=sys.stderr,
        )

"""Feature networks that do not ship: the Inception of the literature, and any torch.export or TorchScript file.

`inception` is "inception-2015-12-05.pt", the TorchScript translation by T. Karras et al. (StyleGAN2-ADA, 2020) of the
network that FID was defined with. It takes 0 to 255 in three channels, resizes bilinearly to 299 × 299 as TensorFlow 1
did, and gives 2048 features. It is looked for at PATH of `inception:PATH`, in GENSWEEP_INCEPTION, then in the cache,
and downloaded into the cache where it is in none of them; its SHA-256 must be the known one.

`file:PATH` takes a card beside it, PATH with the ending .json, which may say any of: range [low, high] of its input,
round, channels, size, resize (bilinear, bicubic, nearest), antialias, sha256. Without a card it gets the data as they are.
What `gensweep train-extractor` writes has its card within (cards.py).
Of a torch.export file only what is no code is opened (exported.py). TorchScript, and a torch.export file that holds more,
may run code of its own as soon as it is opened; it is refused unless the user has said to trust it (trust.py).
"""

from __future__ import annotations

import functools
import hashlib
import io
import logging
import os
import tempfile
import urllib.request
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gensweep.errors import ConfigError
from gensweep.extractors.cards import Card, card_of
from gensweep.extractors.exported import UnsafeError, is_exported, note, without_code
from gensweep.extractors.preparation import Preparation, Range
from gensweep.extractors.trust import trusted
from gensweep.home import cache_folder, expanded

INCEPTION_FILE = "inception-2015-12-05.pt"
INCEPTION_ADDRESS = f"https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/{INCEPTION_FILE}"
INCEPTION_SHA256 = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"
_INCEPTION_RESIZE = "inside the network: bilinear to 299 × 299 as TensorFlow 1's, antialias off"
_CHUNK = 1 << 20
_PATIENCE = 5  # seconds

ARGUMENTS: dict[str, dict[str, Any]] = {"inception": {"return_features": True}, "file": {}}


def inception_file(path: str = "") -> Path:
    """Where the file is: `path`, GENSWEEP_INCEPTION, or the cache, into which it is downloaded.

    Raises:
        ConfigError: it is nowhere and cannot be downloaded.
    """
    if chosen := path or os.environ.get("GENSWEEP_INCEPTION", ""):
        return expanded(chosen, "extractor" if path else "GENSWEEP_INCEPTION")
    kept = cache_folder() / "extractors" / INCEPTION_FILE
    if not kept.exists():
        try:
            _download(kept)
        except OSError as error:
            raise ConfigError(_no_inception(kept, str(error))) from error
    return kept


def is_to_be_fetched(path: str = "") -> bool:
    """Whether `inception_file` would download the file."""
    return not (
        path or os.environ.get("GENSWEEP_INCEPTION") or (cache_folder() / "extractors" / INCEPTION_FILE).exists()
    )


def problem(kind: str, path: str) -> str | None:
    """Why the network of `kind:path` cannot be had here, with the cures; None where it can. Reads no weights."""
    chosen = path or os.environ.get("GENSWEEP_INCEPTION", "") if kind == "inception" else path
    kept = cache_folder() / "extractors" / INCEPTION_FILE
    if not chosen and not kept.exists():
        reason = _silence(INCEPTION_ADDRESS)
        return reason and _no_inception(kept, reason)
    file = (expanded(chosen, "extractor" if path else "GENSWEEP_INCEPTION")) if chosen else kept
    if not file.is_file():
        cure = "Check the path" if path else "Check GENSWEEP_INCEPTION"
        return f"extractor {kind}: {file}: no such file. {cure}, or choose another extractor."
    if not zipfile.is_zipfile(file):
        return f"extractor {kind}: {file} holds no network, neither TorchScript nor torch.export."
    try:
        data = file.read_bytes() if kind == "file" else b""
        card_of(file, note(data))
        if kind == "file":
            _openable(file, data)
    except (ConfigError, OSError) as error:
        return f"extractor {kind}: {error}"
    return None


class Opened(NamedTuple):
    """The network of a file in evaluation mode, the SHA-256 of the file, how items are prepared, and what its card says."""

    network: torch.nn.Module
    digest: str
    preparation: Preparation
    card: Card


def load(kind: str, file: Path, bounds: Range | None) -> Opened:
    """What `file` holds, for items within `bounds`.

    Raises:
        ConfigError: no such file, another file than the hash says, no network in it, one that may run code and is not
            trusted, a card that cannot be read.
    """
    try:
        data = file.read_bytes()  # once: what is opened is what was hashed
    except OSError as error:
        raise ConfigError(f"extractor {kind}: {file} cannot be read ({error.strerror}). Check the path.") from error
    digest = hashlib.sha256(data).hexdigest()
    card = Card({"sha256": INCEPTION_SHA256}) if kind == "inception" else card_of(file, note(data))
    if (expected := card.sha256 or digest) != digest:
        raise ConfigError(
            f"extractor {kind}: {file} has SHA-256 {digest}, not {expected}. Its scores could not be compared with "
            "others; get the file again, or use another network as `extractor: file:PATH`."
        )
    network = _network(file, data, digest) if kind == "file" else _opened(file, data, digest)
    if kind == "inception":
        preparation = Preparation(bounds, (0.0, 255.0), rounded=True, channels=3, inside=_INCEPTION_RESIZE)
        return Opened(network, digest, preparation, card)
    return Opened(network, digest, card.preparation(bounds), card)


def probe(features: Callable[[torch.Tensor], torch.Tensor], name: str, items: torch.Tensor) -> None:
    """Check on items [n, …] that `features`, as batches give them, depend on the item alone.

    Raises:
        ConfigError: they do not, so the network is not in evaluation mode, or it cannot take these items.
    """
    try:
        together, again, alone = features(items), features(items), features(items[:1])
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"extractor {name} cannot take items of shape {tuple(items.shape[1:])} in batches of any size: "
            f"{str(error).strip().splitlines()[-1]}. Say in its card which channels and size it takes; export it with "
            "a dynamic batch."
        ) from error
    if together.shape[0] != len(items) or not torch.isfinite(together).all():
        raise ConfigError(
            f"extractor {name} gives {tuple(together.shape)} for {len(items)} items, or values that are not finite. "
            "It must give one finite vector an item."
        )
    scale = 1e-3 * float(together.abs().max()) + 1e-6
    if float((together - again).abs().max()) > scale or float((together[:1] - alone).abs().max()) > scale:
        raise ConfigError(
            f"extractor {name}: the features of an item change with the call or with the batch. It was exported in "
            "training mode (dropout, batch statistics): call .eval() before exporting it."
        )


def _network(file: Path, data: bytes, digest: str) -> torch.nn.Module:
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise ConfigError(f"{file} (SHA-256 {digest[:8]}…) holds no network, neither TorchScript nor torch.export.")
    return _opened(file, _openable(file, data), digest)


def _opened(file: Path, data: bytes, digest: str) -> torch.nn.Module:
    try:
        return _exported(data) if is_exported(data) else _torchscript(data)
    except Exception as error:  # what torch raises for a strange file is no part of its interface
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(
            f"{file} (SHA-256 {digest[:8]}…) holds no network that torch can load, neither TorchScript nor "
            f"torch.export: {reason}"
        ) from error


def _openable(file: Path, data: bytes) -> bytes:
    """The part of a file's content that runs no code; all of it where the user trusts it.

    Raises:
        ConfigError: it may run code, and is not trusted.
    """
    why = "is TorchScript, which can run code of its own when it is opened"
    if is_exported(data):
        try:
            return without_code(data)
        except UnsafeError as error:
            why = f"is an archive of torch.export that {error}, and could run code when it is opened"
    digest = hashlib.sha256(data).hexdigest()
    if digest not in trusted():
        raise ConfigError(
            f"{file} (SHA-256 {digest[:8]}…) {why}. It was not opened. Save the network with torch.export.save, of which "
            f"sizes, operators and weights alone are read; or, if you trust who made it, write `trust: true` beside the "
            f"extractor in your search-space file, or give --trust {file}."
        )
    return data


def _torchscript(data: bytes) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its deprecation is no concern of who has such a file
        network: torch.jit.ScriptModule = torch.jit.load(io.BytesIO(data), map_location="cpu")  # type: ignore[no-untyped-call]
    return network.eval()


def _exported(data: bytes) -> torch.nn.Module:
    talkers = [logging.getLogger(name) for name in ("torch.export", "torch._export.serde.serialize")]
    for talker in talkers:  # they print the traceback of what is raised
        talker.addFilter(_nothing)
    try:
        module = torch.export.load(io.BytesIO(data)).module(check_guards=False)  # of guards there is only code
    finally:
        for talker in talkers:
            talker.removeFilter(_nothing)
    module.training = False  # its mode was fixed when it was exported, and .eval() is refused
    return module


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _digest(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _no_inception(kept: Path, reason: str) -> str:
    return (
        f"extractor inception: {INCEPTION_FILE} is not in {kept.parent} and {INCEPTION_ADDRESS} does not answer "
        f"({reason}). Copy the file there, or name it: `extractor: inception:PATH` or GENSWEEP_INCEPTION=PATH."
    )


@functools.cache
def _silence(address: str) -> str | None:
    """Why nothing can be had from an address; None where it answers. Asked once a process."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=_PATIENCE):
            return None
    except OSError as error:
        return str(error)


def _download(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with (
        urllib.request.urlopen(INCEPTION_ADDRESS, timeout=30) as answer,
        tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as new,
    ):
        while chunk := answer.read(_CHUNK):
            new.write(chunk)
    partial = Path(new.name)
    if (digest := _digest(partial)) != INCEPTION_SHA256:
        partial.unlink()
        raise OSError(f"what it sent has SHA-256 {digest}")
    partial.replace(file)

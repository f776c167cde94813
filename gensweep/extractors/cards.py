"""What is said of an extractor's file: how items are prepared for it, and how it was made.

It stands beside the file (PATH with the ending .json), or within an archive that `gensweep train-extractor` wrote; where both
say something, the one beside counts. Either may be a stranger's: it is data, checked before it is believed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gensweep.errors import ConfigError
from gensweep.extractors.exported import LARGEST_NOTE
from gensweep.extractors.preparation import Preparation, Range

Kind = Literal["labels", "pca", "random"]
KINDS: tuple[Kind, ...] = ("labels", "pca", "random")
_FAR = 1e9
_LONGEST = 200  # characters of a text
_MOST_DIMENSIONS = 3


def _is_range(value: Any) -> bool:
    numbers = isinstance(value, list) and len(value) == 2 and all(type(end) in (int, float) for end in value)
    return numbers and -_FAR < value[0] < value[1] < _FAR


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < _FAR


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= _MOST_DIMENSIONS and all(_is_count(size) for size in value)


def _is_recipe(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _is_text(key) and type(number) in (int, float) and abs(number) < _FAR for key, number in value.items()
    )


_Check = tuple[str, Callable[[Any], bool]]
_OF_PREPARATION: dict[str, _Check] = {
    "range": ("[low, high]", lambda value: value is None or _is_range(value)),
    "round": ("true or false", lambda value: isinstance(value, bool)),
    "channels": ("1 to 64", lambda value: value is None or (type(value) is int and 1 <= value <= 64)),
    "size": ("1 to 4096 pixels", lambda value: value is None or (type(value) is int and 1 <= value <= 4096)),
    "resize": ("bilinear, bicubic or nearest", lambda value: value in ("bilinear", "bicubic", "nearest")),
    "antialias": ("true or false", lambda value: isinstance(value, bool)),
    "sha256": ("64 hexadecimal digits", lambda value: isinstance(value, str)),
}
_OF_MAKING: dict[str, _Check] = {
    "kind": (f"one of {', '.join(KINDS)}", lambda value: value in KINDS),
    "dataset": ("a name", _is_text),
    "data": ("hexadecimal digits", _is_text),
    "shape": ("the sizes of an item", _is_shape),
    "features": ("how many", _is_count),
    "items": ("how many it was made from", _is_count),
    "classes": ("how many", _is_count),
    "accuracy on test": ("0 to 1", lambda value: type(value) in (int, float) and 0 <= value <= 1),
    "recipe": ("numbers by name", _is_recipe),
    "torch": ("a version", _is_text),
}
_VALUES = {**_OF_PREPARATION, **_OF_MAKING}


@dataclass(frozen=True)
class Card:
    """What a card says, known to be well formed. Empty where there is none."""

    content: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str | None:
        """Of the file that the card is of, where it says so."""
        found: str | None = self.content.get("sha256")
        return found

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of the items that the network was made from."""
        return tuple(self.content["shape"]) if "shape" in self.content else None

    def preparation(self, bounds: Range | None) -> Preparation:
        """How items within `bounds` are prepared."""
        said = self.content
        wanted = said.get("range")
        return Preparation(
            bounds, tuple(wanted) if wanted else None, bool(said.get("round")), said.get("channels"),
            said.get("size"), said.get("resize", "bilinear"), bool(said.get("antialias")),
        )  # fmt: skip

    @property
    def making(self) -> str:
        """In words, what the features are of and whether labels were known; empty where the card does not say it."""
        said = self.content
        if not {"kind", "dataset", "data"} <= set(said):
            return ""
        of = f"{said['dataset']}, data {said['data']}"
        if said["kind"] == "labels":
            return f"trained on labels of {of}"
        return f"{'PCA' if said['kind'] == 'pca' else 'random features, standardised on items'} of {of}, no labels"

    @property
    def described(self) -> dict[str, Any]:
        """For the protocol: how the network was made, where the card says it."""
        if not self.making:
            return {}
        accuracy = self.content.get("accuracy on test")
        return {"features": self.making, **({} if accuracy is None else {"accuracy": accuracy})}


def card_of(file: Path, within: bytes) -> Card:
    """The card of `file`: what stands beside it over what it holds `within`.

    Raises:
        ConfigError: it cannot be read, or says what no card says.
    """
    beside = file.with_suffix(".json")
    content = _read(f"{file}: the card in it", within) if within else {}
    if beside != file and beside.is_file():  # a pipe would be waited for
        with beside.open("rb") as card:
            content |= _read(str(beside), card.read(LARGEST_NOTE))
    return Card(content)


def _read(where: str, text: bytes) -> dict[str, Any]:
    try:
        described = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: no JSON ({error})") from error
    if not isinstance(described, dict) or (unknown := sorted(set(described) - set(_VALUES))):
        strange = unknown if isinstance(described, dict) else described
        raise ConfigError(f"{where}: unknown {strange}. A card may say {', '.join(sorted(_OF_PREPARATION))}.")
    for key, value in described.items():
        if not _VALUES[key][1](value):
            raise ConfigError(f"{where}: {key}: {value!r:.60}. It takes {_VALUES[key][0]}.")
    return described

"""What people write where a distribution is meant, as the text that means it here: for the cure of an error.

[2, 8, 16]    2,8    2..8    choice[2, 8]    {choice: [2, 8]}    {_type: uniform, _value: [0, 1]}
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from gensweep.axes.foreign_calls import NoMeaningError, call_meant, short, text_of
from gensweep.axes.items import NUMBER, PLAIN, said

_OURS = ("choice", "uniform", "loguniform", "int", "logint", "quniform")
_RANGE = re.compile(rf"({NUMBER})\s*(?:\.\.\.?|…|\bto\b|-|–)\s*({NUMBER})")
_BETWEEN = re.compile(r"\s*(?:[,;|]|\bor\b|\s)\s*")


def meant(value: Any) -> str | None:
    """The distribution that was probably meant where one plain value is accepted; None where nothing suggests one."""
    if isinstance(value, Mapping):
        return _mapping_meant(value)
    if isinstance(value, list | tuple):
        plain = len(value) > 1 and not any(isinstance(item, list | tuple | Mapping) for item in value)
        return _tried("choice", value) if plain else None
    if not isinstance(value, str):
        return None
    return call_meant(value) or _named_meant(value) or _range_meant(value) or _list_meant(value)


def number_meant(text: str) -> str | None:
    """The number that a text writes in another way (1/100, 10^-2, 0,01, a typographic minus); None where it is none."""
    clean = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-").replace("\N{EN DASH}", "-").strip(" ;,")
    if match := re.fullmatch(r"(-?[\d.]+)\s*(\^|\*\*|/)\s*(-?[\d.]+)", clean):
        try:
            base, exponent = float(match[1]), float(match[3])
            return short(base / exponent if match[2] == "/" else base**exponent)
        except (ValueError, ArithmeticError):
            return None
    if re.fullmatch(r"[1-9]\d{0,2}([ ,]\d{3})+", clean) and re.search(r"[ ,]0", clean):  # 1 000, and not 8 128
        return re.sub(r"[ ,]", "", clean)
    clean = re.sub(r"^(-?\d+),(\d+)$", r"\1.\2", clean) if re.match(r"-?0,", clean) else clean
    return clean if clean != text and re.fullmatch(NUMBER, clean) else None


def _named_meant(text: str) -> str | None:
    """`choice[2, 8]`, `choice 2 8`, `Uniform{0, 1}`: the name of one of ours, and what follows it."""
    match = re.fullmatch(r"([A-Za-z_-]+)\s*[\[({]?\s*(.*?)\s*[\])}]?", text.strip(), re.DOTALL)
    name = re.sub("[-_]", "", match[1]).casefold() if match else ""
    items = [said(part) for part in _BETWEEN.split(match[2])] if match and name in _OURS and match[2] else []
    return _tried(name, items) if items else None


def _range_meant(text: str) -> str | None:
    """`2..8`, `1e-3 to 1e-2`: whole numbers, or numbers on the scale that their ratio suggests."""
    match = _RANGE.fullmatch(text.strip(" []()"))
    ends = [said(end) for end in match.groups()] if match else []
    if not ends or not all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
        return None
    low, high = ends
    if low >= high:
        return None
    whole = all(isinstance(end, int) for end in ends)
    return _tried("int" if whole else "loguniform" if low > 0 and high / low >= 10 else "uniform", ends)


def _list_meant(text: str) -> str | None:
    """`2,8`, `2|8`, `(2, 8)`, `imq or rbf`, `2 8`: words are a list only with something between them."""
    inner = re.fullmatch(r"\s*[\[({]?\s*(.*?)\s*[\])}]?\s*", text, re.DOTALL)
    items = [said(part) for part in _BETWEEN.split(inner[1])] if inner else []
    words = [item for item in items if isinstance(item, str)]
    if not all(PLAIN.fullmatch(word) for word in words) or (words and not re.search(r"[,;|]|\bor\b", text)):
        return None
    return _tried("choice", items) if len(items) > 1 and "/" not in text else None


def _mapping_meant(node: Mapping[str, Any]) -> str | None:
    named = {re.sub("[-_]", "", str(key)).casefold(): value for key, value in node.items()}
    name = next((str(named[key]) for key in ("type", "distribution", "law") if key in named), "")
    items = next((named[key] for key in ("value", "values", "options", "choices") if key in named), None)
    ends = [named[key] for pair in (("min", "max"), ("low", "high"), ("from", "to")) for key in pair if key in named]
    if len(named) == 1:
        name, items = next(iter(named.items()))
    if len(ends) == 2 and items is None:
        items, whole = ends, all(isinstance(end, int) for end in ends)
        name = name or ("int" if whole else "uniform")
    if not isinstance(items, list):
        return None
    return call_meant(f"{name or 'choice'}({', '.join(map(repr, items))})")


def _tried(name: str, items: Sequence[Any]) -> str | None:
    try:
        return text_of(name, items)
    except NoMeaningError:
        return None

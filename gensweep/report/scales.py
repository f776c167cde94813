"""On which scale a searched value is drawn: as it was drawn from. Logarithms for logarithmic ranges, places for choices."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gensweep.axes.distributions import Choice, Distribution, LogInt, LogUniform
from gensweep.axes.items import write_item
from gensweep.comparison.collect import Trials
from gensweep.errors import ConfigError
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.report.series import Row, score, searched
from gensweep.spaces.sweep import Sweep, from_definition
from gensweep.text import number, shortened

Kind = Literal["log", "linear", "category"]
_JITTER = 0.18
_GOLDEN = 0.618034


@dataclass(frozen=True)
class Scale:
    """How the values of a column are drawn; `categories` are the texts of a choice's options, in the file's order."""

    column: str
    kind: Kind
    categories: tuple[str, ...] = ()

    def place(self, value: Any, index: int) -> float | None:
        """Where the value of the index-th trial stands: choices at their number, moved a little so that dots lie apart.

        None where the trial has no such value.
        """
        if value is None:
            return None
        if self.kind != "category":
            return float(value) if _is_number(value) and not (self.kind == "log" and value <= 0) else None
        text = item(value)
        if text not in self.categories:
            return None
        return self.categories.index(text) + _JITTER * (2 * (index * _GOLDEN % 1) - 1)


def item(value: Any) -> str:
    """A value for people: no more than four digits of a float."""
    value = shortened(value)
    return number(value) if isinstance(value, float) else write_item(value)


def sweep_of(folder: SweepFolder) -> Sweep | None:
    """The sweep as its definition says it; None where it is of another version, or of nobody."""
    try:
        found = from_definition(folder.definition)
        has_arms = bool(found.arms)
    except (ConfigError, ValueError):
        return None
    return found if has_arms else None


def scales(table: Trials, sweep: Sweep | None) -> list[Scale]:
    """The scale of each searched column that has more than one value, λ and the latent size before the others."""
    laws = _laws(sweep) if sweep else {}
    found = []
    for column in dict.fromkeys([*table.choices, *table.searched]):
        values = [row[column] for row in table.rows if row.get(column) is not None]
        if len({item(value) for value in values}) > 1:
            place = table.axes[column]
            found.append(scale(column, values, laws.get(place, laws.get(place.removesuffix(".name"), ()))))
    first = ("lambda", "latent_size")
    return sorted(found, key=lambda each: first.index(each.column) if each.column in first else len(first))


def scale(column: str, values: Sequence[Any], laws: Sequence[Distribution]) -> Scale:
    """By the distributions that the arms have at this place; where they are not known, by the values."""
    ranges = [law for law in laws if not isinstance(law, Choice)]
    if all(map(_is_number, values)) and (ranges or not laws):
        is_log = bool(ranges) and all(isinstance(law, LogUniform | LogInt) for law in ranges)
        return Scale(column, "log" if is_log else "linear")
    options = [item(option) for law in laws if isinstance(law, Choice) for option in law.options]
    options = [text for text in options if text in {item(value) for value in values}]
    return Scale(column, "category", tuple(dict.fromkeys([*options, *map(item, values)])))


def placed(table: Trials, scale: Scale) -> list[tuple[Row, float, float | None]]:
    """The trials of the search that ended and have the axis, where they stand on it, and their scores."""
    found = []
    for index, row in enumerate(row for row in searched(table) if row["outcome"]):
        x = scale.place(row.get(scale.column), index)
        if x is not None:
            found.append((row, x, score(row, table.objective)))
    return found


def _laws(sweep: Sweep) -> Mapping[str, list[Distribution]]:
    """Place in a configuration -> what the arms draw it from."""
    found: dict[str, list[Distribution]] = {}
    for arm in sweep.arms.values():
        for axis in arm.axes:
            found.setdefault(axis.path.place, []).append(axis.distribution)
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max

"""The ledger of a sweep as a table: one row a trial, ordered by number.

The table holds no clock: a sweep that was killed and resumed gives the same bytes as one that was not. What a trial
cost in seconds, which no two runs agree on, stands in costs.csv beside it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gensweep.axes.axis import AxisPath
from gensweep.errors import Outcome
from gensweep.ledger.durable import write_atomic
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.sweep_folder import SweepFolder

if TYPE_CHECKING:
    import pandas as pd

IDENTITY = ("number", "key", "arm", "family", "outcome", "epoch", "best_epoch")
_ASIDE = ("trial", "sweep", "group", "seconds", "reason", "reports", "folder")


@dataclass(frozen=True)
class Trials:
    """The trials of one sweep. A row maps columns to values; an absent or None value is an empty cell.

    `axes` maps a column to the path in the configuration that it shows, `scores` are the columns of scores, and
    `protocols` the columns `protocol.<metric>`. Beside its columns a row holds what the comparison needs: `sweep`,
    `seconds`, `reason`, `reports` (epoch and scores, by epoch) and `folder`.
    """

    rows: list[dict[str, Any]]
    axes: dict[str, str]
    scores: list[str]
    protocols: list[str]

    @property
    def columns(self) -> list[str]:
        """The columns of results.csv, in order."""
        return [*IDENTITY, *self.axes, *self.scores, *self.protocols]


def trials(folder: SweepFolder) -> Trials:
    """The trials of `folder`, with a column for each hyperparameter that was searched or differs between trials."""
    records = [record for _, record in sorted(folder.state().trials.items())]
    configurations = [flatten(record.configuration) for record in records]
    scores = _in_order(name for record in records for name in sorted(record.best))
    protocols = _in_order(f"protocol.{name}" for record in records for name in sorted(record.protocol))
    axes = _axes(records, configurations, taken={*IDENTITY, *_ASIDE, *scores, *protocols})
    rows = [
        _row(record, folder) | {column: configuration.get(path) for column, path in axes.items()}
        for record, configuration in zip(records, configurations, strict=True)
    ]
    return Trials(rows, axes, scores, protocols)


def results(folder: SweepFolder) -> pd.DataFrame:
    """One row a trial, ordered by number: the columns of results.csv."""
    import pandas as pd

    table = trials(folder)
    return pd.DataFrame([[row.get(column) for column in table.columns] for row in table.rows], columns=table.columns)


def write_csv(folder: SweepFolder) -> None:
    """Write results.csv (every digit of every float, no clock) and costs.csv (seconds) into the folder, atomically."""
    table = trials(folder)
    write_atomic(folder.path / "results.csv", as_csv(table.rows, table.columns))
    write_atomic(folder.path / "costs.csv", as_csv(table.rows, ["number", "key", "seconds"]))


def as_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    """Rows as CSV. A float is written so that reading it gives the same bits; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue().encode()


def flatten(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree as dotted path -> leaf, in the tree's order; a list is one leaf."""
    flat: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _row(record: TrialRecord, folder: SweepFolder) -> dict[str, Any]:
    return {
        **record.best,
        **{f"protocol.{name}": digest for name, digest in record.protocol.items()},
        "number": record.number,
        "key": record.key,
        "arm": record.arm,
        "family": record.family,
        "outcome": record.outcome.name if isinstance(record.outcome, Outcome) else "",
        "epoch": record.epoch,
        "best_epoch": record.best_epoch,
        "seconds": record.seconds,
        "reason": record.reason,
        "sweep": folder.name,
        "reports": record.reports,
        "folder": folder.path / "trials" / record.folder_name,
    }


def _axes(
    records: Sequence[TrialRecord], configurations: Sequence[Mapping[str, Any]], taken: set[str]
) -> dict[str, str]:
    """Column -> path of what was searched or differs. The family has its own column."""
    asked = {AxisPath(axis).place for record in records for axis in record.parameters}
    searched = asked | {f"{axis}.name" for axis in asked}  # the axis that chooses a branch is its node's name
    paths = sorted({path for configuration in configurations for path in configuration}, key=_name_first)
    varying = []
    for path in paths:
        values = {json.dumps(c[path], sort_keys=True) for c in configurations if path in c}
        if path != "family.name" and (path in searched or len(values) > 1):
            varying.append(path)
    return plain_names(varying, taken)


def _name_first(path: str) -> list[str]:
    """Sorts a component's name before its fields."""
    return ["" if part == "name" else part for part in path.split(".")]


def plain_names(paths: Sequence[str], taken: set[str]) -> dict[str, str]:
    """Short name -> path: the end of the path that no other path shares, `family.divergence.name` as `divergence`.

    >>> plain_names(["family.lambda", "family.divergence.name", "family.divergence.blur"], set())
    {'lambda': 'family.lambda', 'divergence': 'family.divergence.name', 'blur': 'family.divergence.blur'}
    """
    parts = {path: path.removesuffix(".name").split(".") for path in paths}
    depth = dict.fromkeys(paths, 1)
    while True:
        names = {path: ".".join(parts[path][-depth[path] :]) for path in paths}
        counted = list(names.values())
        clashing = [p for p in paths if counted.count(names[p]) > 1 or names[p] in taken]
        longer = [path for path in clashing if depth[path] < len(parts[path])]
        if not longer:
            return {f"trial.{path}" if path in clashing else names[path]: path for path in paths}
        for path in longer:
            depth[path] += 1


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    return value if isinstance(value, str) else json.dumps(value)


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))

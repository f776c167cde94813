"""The ledger of a sweep as a table: one row a trial, ordered by number.

The table holds no clock: a sweep that was killed and resumed gives the same bytes as one that was not. What a trial
cost in seconds, which no two runs agree on, stands in costs.csv beside it.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gensweep.axes.axis import AxisPath
from gensweep.comparison.columns import axes as axes_of
from gensweep.comparison.columns import flatten, ignored, is_below, labels
from gensweep.errors import ConfigError, DamagedSweep
from gensweep.ledger.durable import write_atomic
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.objective import Objective
from gensweep.text import counted, printable, shortened

Standing = Literal["done", "running", "stopped", "empty"]
CAN_SCORE = ("COMPLETED", "PRUNED")  # the outcomes whose scores count; of other trials that ended there is no result
IDENTITY = ("number", "key", "arm", "family", "outcome", "epoch", "best_epoch")
CONFIRMS = ("parent",)  # the column of sweeps that confirm what they found
TEST = "test."  # before the name of a score on the test split
SUMMARY = ("sweep", "trials", "ended", "state", "objective", "best", "seconds")
_STEP = re.compile(r" at step \d+$")
_SECONDS = ("seconds", "evaluation_seconds")
_ASIDE = (
    "trial", "sweep", "group", *_SECONDS, "reason", "reports", "folder", "unused", "configuration", "device", "host",
    "items", "spans",
)  # fmt: skip


@dataclass(frozen=True)
class Trials:
    """The trials of one sweep. A row maps columns to values; an absent or None value is an empty cell.

    A confirmation's row has its `parent`, the number of the trial that it confirms, and columns `test.<score>`, which are
    `of_test`; of the search's these are empty. `axes` maps a column to the path in the configuration that it shows: of them
    `searched` hold the searched values and `choices` the names of the branches that were chosen. `scores` are the columns of
    scores, and `protocols` the columns `protocol.<metric>`. Beside its columns a row holds what the comparison needs:
    `sweep`, `seconds` and `evaluation_seconds`, `reason`, `reports` (epoch and scores, by epoch), `folder`, and `unused`, the
    columns of axes that its family does not use, which are empty there, the `device`'s name and the `host`'s, the whole
    `configuration`, how many `items` of the training split were seen, and the `spans` of time in which the trial was in hand.
    `definition` is that of the sweep, `searched_as` are those under which it drew trials, `argument` how commands are told of
    it, and `standing` whether it is over.
    """

    sweep: str
    argument: str
    standing: Standing
    objective: Objective
    rows: list[dict[str, Any]]
    axes: dict[str, str]
    searched: list[str]
    choices: list[str]
    scores: list[str]
    of_test: list[str]
    protocols: list[str]
    definition: Mapping[str, Any]
    searched_as: Sequence[Mapping[str, Any]] = ()

    @property
    def columns(self) -> list[str]:
        """The columns of results.csv, in order."""
        return [*self.identity, *self.axes, *self.scores, *self.of_test, *self.protocols]

    @property
    def identity(self) -> list[str]:
        """The columns that say which trial a row is of, and what it confirms where any confirms one."""
        return [*IDENTITY, *(CONFIRMS if any(row["parent"] is not None for row in self.rows) else ())]

    @property
    def main_scores(self) -> list[str]:
        """The columns of scores, without their details."""
        return [score for score in self.scores if "." not in score]

    @property
    def shown(self) -> list[str]:
        """The columns for people: no keys, protocols or details, but what each trial took, and where if at several."""
        scores = [*self.main_scores, *(name for name in self.of_test if "." not in name.removeprefix(TEST))]
        place = ["host"] if len({row["host"] for row in self.rows} - {""}) > 1 else []
        return [*(c for c in self.identity if c != "key"), *self.axes, *scores, *_SECONDS, *place]

    @property
    def to_confirm(self) -> str:
        """How `gensweep confirm` is told of this sweep, and of how many configurations of each arm."""
        asked = self.definition.get("confirm")
        top = asked.get("top", 1) if isinstance(asked, Mapping) else 1
        return self.argument if top == 1 else f"{self.argument} --top {top}"

    def best_first(self) -> list[dict[str, Any]]:
        """The rows, ordered by the objective; those without a result are last."""
        return sorted(self.rows, key=lambda row: loss(row, self.objective))


def trials(folder: SweepFolder, state: SweepState | None = None) -> Trials:
    """The trials of `folder`, with a column for each hyperparameter that was searched or differs between trials.

    `state` is that of the folder, where the caller has read it already.
    """
    state = state or folder.state()
    records = [record for _, record in sorted(state.trials.items())]
    configurations = [flatten(record.configuration) for record in records]
    of_test = _in_order(f"{TEST}{name}" for record in records for name in sorted(record.test))
    scores = _in_order(name for record in records for name in sorted(record.best))
    protocols = _in_order(f"protocol.{name}" for record in records for name in sorted(record.protocol))
    asked = {AxisPath(axis).place for record in records for axis in record.parameters}
    unused_of = ignored(records, folder.definition.get("compare"))
    axes = axes_of(configurations, asked, taken={*IDENTITY, *CONFIRMS, *_ASIDE, *scores, *of_test, *protocols})
    rows = []
    for record, configuration in zip(records, configurations, strict=True):
        unused = frozenset(column for column, path in axes.items() if is_below(path, unused_of[record.arm]))
        found = {**configuration, **labels(record)}
        cells = {column: None if column in unused else found.get(path) for column, path in axes.items()}
        own = {"unused": unused, "spans": state.clock.spans(record.number)}
        rows.append(_row(record, folder) | cells | own)
    return Trials(
        sweep=folder.name,
        argument=folder.argument,
        standing=standing(folder, state),
        objective=objective_of(folder),
        rows=rows,
        axes=axes,
        searched=[column for column, path in axes.items() if path in asked],
        choices=[column for column, path in axes.items() if path.endswith(".name") and path[: -len(".name")] in asked],
        scores=scores,
        of_test=of_test,
        protocols=protocols,
        definition=folder.definition,
        searched_as=[folder.entered(text) for text in state.searched_as],
    )


def standing(folder: SweepFolder, state: SweepState) -> Standing:
    """Whether a sweep is over, and if not, whether a driver holds it."""
    if state.finished:
        return "done"
    return "running" if folder.holder() else "stopped" if state.trials else "empty"


def objective_of(folder: SweepFolder) -> Objective:
    """What a sweep's definition says is best.

    Raises:
        DamagedSweep: it does not say that.
    """
    try:
        return Objective.model_validate(folder.definition.get("objective"))
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise DamagedSweep(
            f"{folder.path / 'sweep.yaml'}: its objective is none ({reason:.200}). Restore it from a copy."
        ) from error


def loss(row: Mapping[str, Any], objective: Objective) -> float:
    """What a trial is ranked by: less is better, +infinity where its end left no finite score."""
    value = row.get(objective.metric)
    return objective.loss(value) if row["outcome"] in CAN_SCORE and value is not None else math.inf


def lacks(scored: Sequence[Mapping[str, Any]], column: str) -> bool:
    """Whether there are rows of trials that were scored, and none has this score: it is none of theirs."""
    return bool(scored) and all(row.get(column) is None for row in scored)


def without_step(reason: str) -> str:
    """The reason of an end, the same whenever in a trial it came; words where there is none."""
    return _STEP.sub("", reason) or "no reason was recorded"


def summary(folder: SweepFolder) -> dict[str, Any]:
    """How far a sweep is: its trials, those that ended, the best so far (of running trials too), what it took."""
    state, objective = folder.state(), objective_of(folder)
    records = list(state.trials.values())
    counted = [r for r in records if r.outcome is None or r.outcome.name in CAN_SCORE]
    return {
        "sweep": folder.name,
        "trials": len(records),
        "ended": sum(not r.is_live for r in records),
        "state": "running" if folder.holder() else standing(folder, state),
        "objective": objective.metric,
        "best": objective.best(objective.of(r.best) for r in counted),
        "seconds": sum(r.seconds + r.evaluation_seconds for r in records),
    }


def facts(folder: SweepFolder, number: int) -> dict[str, Any]:
    """Everything about one trial, as plain data.

    Raises:
        ConfigError: there is no such trial.
    """
    trials = folder.state().trials
    if number not in trials:
        raise ConfigError(f"{folder.name} has no trial {number}. It has {counted(len(trials), 'trial')}, from 0 on.")
    record = trials[number]
    return {
        "number": number,
        "outcome": record.outcome.name if record.outcome else "RUNNING",
        "reason": record.reason,
        "notes": record.notes,
        "arm": record.arm,
        "family": record.family,
        "parameters": record.parameters,
        **({} if record.parent is None else {"confirms": record.parent, "test": record.test}),
        "epoch": record.epoch,
        "step": record.step,
        "best": record.best,
        "best_epoch": record.best_epoch,
        "seconds": round(record.seconds, 3),
        "evaluation_seconds": round(record.evaluation_seconds, 3),
        **({"device": record.device} if record.device else {}),
        **({"host": record.host} if record.host else {}),
        "protocol": record.protocol,
        "folder": str(folder.path / "trials" / record.folder_name),
        "configuration": record.configuration,
        "reports": [{"epoch": r.epoch, **r.scores} for r in record.reports],
    }


def write_csv(table: Trials, destination: Path) -> None:
    """Write results.csv (every digit of every float, no clock) and costs.csv (seconds, and items seen), atomically."""
    for name, content in csv_of(table).items():
        write_atomic(destination / name, content)


def csv_of(table: Trials) -> dict[str, bytes]:
    """What results.csv and costs.csv hold of it."""
    costs = ("number", "key", *_SECONDS, "items")
    return {"results.csv": as_csv(table.rows, table.columns), "costs.csv": as_csv(table.rows, costs)}


def as_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    """Rows as CSV. A float is written so that reading it gives the same bits; None is an empty cell.

    A whole number from 10^20 on is written as a float is. Texts and names come without what a terminal obeys: such files are
    looked at with `cat`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(printable, columns))
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue().encode()


def _row(record: TrialRecord, folder: SweepFolder) -> dict[str, Any]:
    return {
        **record.best,
        **{f"protocol.{name}": digest for name, digest in record.protocol.items()},
        "number": record.number,
        "key": record.key,
        "arm": record.arm,
        "family": record.family,
        "parent": record.parent,
        **{f"{TEST}{name}": value for name, value in record.test.items()},
        "outcome": record.outcome.name if record.outcome else "",
        "epoch": record.epoch,
        "best_epoch": record.best_epoch,
        "seconds": record.seconds,
        "evaluation_seconds": record.evaluation_seconds,
        "items": record.items,
        "reason": record.reason,
        "sweep": folder.name,
        "reports": record.reports,
        "device": record.device,
        "host": record.host,
        "configuration": record.configuration,
        "folder": folder.path / "trials" / record.folder_name,
    }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    value = shortened(value)
    if isinstance(value, float):
        return repr(value)
    return printable(value) if isinstance(value, str) else json.dumps(value)


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))

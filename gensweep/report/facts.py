"""Where the numbers of a page come from: protocols, versions, commands and the definition, as the sweep's folder says them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gensweep import __version__
from gensweep.comparison.collect import Trials
from gensweep.comparison.columns import flatten
from gensweep.comparison.confirmation import Confirmation
from gensweep.credentials import redacted
from gensweep.errors import DamagedSweep
from gensweep.ledger.foreign import document, json_of
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.report.content import Table
from gensweep.report.scales import item
from gensweep.report.series import endings, outcomes
from gensweep.text import counted, number

_UNTOLD = ("hostname",)  # a page is passed on
_NAMED = 8  # trials of a group
_ALL = 300  # trials of the table of all
_LARGEST = 2**20  # bytes of a definition


def failures(table: Trials) -> list[Table]:
    """How the trials of each arm ended, and those that diverged or failed, grouped by their reason."""
    counts = list(outcomes(table))
    kinds = list(dict.fromkeys(kind for _, own in counts for kind in own))
    ended = Table(
        "How trials ended",
        [{"arm": arm, **{kind.lower(): str(own.get(kind, 0)) for kind in kinds}} for arm, own in counts],
        ["Trials of the search and confirmations. Diverged and pruned trials are results; failed ones are none."],
    )
    groups = [
        {
            "reason": found.reason or "none was said",
            "outcome": found.outcome.lower(),
            "trials": str(len(found.numbers)),
            "arms": ", ".join(f"{arm} {n}" for arm, n in found.arms.items()),
            "which": _some(found.numbers),
        }
        for found in endings(table)
    ]
    note = (
        "Reasons that differ only in their numbers, such as the step, are one group; the words are of its first trial."
    )
    return [*([ended] if counts else []), *([Table("Failures by reason", groups, [note])] if groups else [])]


def all_trials(table: Trials) -> Table:
    """Every trial with all that was searched, the best first."""
    rows = [
        {column: _cell(row.get(column)) for column in ("number", *(c for c in table.shown if c != "number"))}
        for row in table.best_first()[:_ALL]
    ]
    left = len(table.rows) - len(rows)
    notes = [f"{counted(left, 'trial')} more: gensweep show {shlex.quote(table.sweep)}."] if left else []
    return Table("All trials", rows, notes)


def protocols(table: Trials) -> list[Table]:
    """What each metric's scores depend on besides the model; a column a protocol, where trials differ in it."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in table.rows:
        missing = [c for c in table.protocols if row.get(c) and row[c] not in found.get(c, {})]
        contents = _protocols_of(row["folder"]) if missing else {}
        for column in missing:
            content = contents.get(column.removeprefix("protocol."))
            if isinstance(content, dict):
                found.setdefault(column, {})[str(row[column])] = flatten(content)
    return [_protocol(column.removeprefix("protocol."), own) for column, own in found.items()]


def versions(folder: SweepFolder) -> Table:
    """The machine and the libraries with which the sweep was begun."""
    known = {path: value for path, value in flatten(folder.environment).items() if path.split(".")[0] not in _UNTOLD}
    rows = [{"what": path, "is": _cell(value)} for path, value in known.items() if value is not None]
    note = f"Of the machine that began the sweep. This page was written by gensweep {__version__}."
    return Table("Versions", rows, [note])


def commands(folder: SweepFolder, table: Trials, found: Confirmation | None) -> list[tuple[str, str]]:
    """(what it does, the command) for whoever has the sweep's folder."""
    name, option = _quoted(folder.name), folder.runs_option
    best = _first_of_all(table, found)
    lines = [
        (
            "run the whole sweep again, under another name",
            f"gensweep run {_quoted(folder.path / 'sweep.yaml')} name=again",
        ),
        ("go on with it", f"gensweep resume {name}{option}"),
        ("its trials in a terminal", f"gensweep show {name}{option}"),
        ("this page", f"gensweep report {name}{option}"),
        ("its figures for a paper", f"gensweep report {name}{option} --pdf figures"),
    ]
    if best is not None:
        lines += [
            ("everything about one trial", f"gensweep show {name} {best}{option}"),
            (
                "score its model anew on the test split",
                f"gensweep evaluate {_quoted(f'{folder.name}/{best}')} --metrics "
                f"{_quoted(','.join(dict.fromkeys(score.partition('.')[0] for score in table.main_scores)))}{option}",
            ),
        ]
    return lines


def definition(folder: SweepFolder) -> str:
    """The sweep as it was resolved, which is all that was asked: its sweep.yaml, without passwords."""
    return redacted(document(folder.path / "sweep.yaml", _LARGEST).decode(errors="replace"))


def _first_of_all(table: Trials, found: Confirmation | None) -> int | None:
    """The trial that was confirmed of the best arm, else the best of the search; None where there is no trial."""
    if found:
        return found.number(found.verdict.arms[0].name)
    return next((int(row["number"]) for row in table.best_first()), None)


def _protocols_of(folder: Path) -> Mapping[str, Any]:
    try:
        found = json_of(document(folder / "protocol.json"))
    except (OSError, ValueError, DamagedSweep):
        return {}
    return found if isinstance(found, dict) else {}


def _protocol(metric: str, own: Mapping[str, Mapping[str, Any]]) -> Table:
    fields = list(dict.fromkeys(path for content in own.values() for path in content))
    rows = [{"field": path, **{digest: _cell(content.get(path)) for digest, content in own.items()}} for path in fields]
    notes = ["Scores of different protocols are never ranked together."] if len(own) > 1 else []
    return Table(f"Protocol of {metric}", rows, notes)


def _cell(value: Any) -> str:
    return number(value) if value is None or isinstance(value, float | str) else item(value)


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(_first(numbers))


def _first(numbers: Sequence[int]) -> Iterator[str]:
    yield from map(str, numbers[:_NAMED])
    if len(numbers) > _NAMED:
        yield f"and {len(numbers) - _NAMED} more"


def _quoted(what: object) -> str:
    return shlex.quote(str(what))

"""Which trial stands for a sweep, and which for one of its arms; with the sentence that says by what."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gensweep.comparison.collect import Trials, loss, trials
from gensweep.comparison.compare import Comparison, compared
from gensweep.comparison.confirmation import Confirmation
from gensweep.errors import NoUsableTrial
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.text import number

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """A trial, and in a sentence why it is the one."""

    number: int
    why: str


def winner(folder: SweepFolder, state: SweepState | None = None) -> Choice:
    """The trial of the arm that is first by confirmed test scores; without those, the one with the best validation score.

    Raises:
        NoUsableTrial: no trial that ended has a score.
        ConfigError: its scores do not compare, for they were taken by different protocols.
    """
    table = trials(folder, state)
    found = _comparison(table)
    if found.confirmation and (arm := found.confirmation.verdict.arm):
        return _confirmed(table, found.confirmation, arm)
    reason = "no arm has two confirmed seeds that ended with a score" if found.confirmation else "nothing is confirmed"
    return _searched(table, table.rows, f"of {table.sweep}, in which {reason}")


def best_of_arm(folder: SweepFolder, arm: str, state: SweepState | None = None) -> Choice:
    """The trial that was confirmed of an arm; where none was, the one with its best validation score.

    Raises:
        NoUsableTrial: no trial of the arm that ended has a score.
        ConfigError: as for `winner`.
    """
    table = trials(folder, state)
    found = _comparison(table).confirmation
    if found and found.chosen.get(arm):
        return _confirmed(table, found, arm)
    return _searched(table, [row for row in table.rows if row["arm"] == arm], f"of arm {arm}, which is not confirmed")


def ranked(table: Trials) -> list[Row]:
    """The trials of a search that ended with a score, the best first: those that were trained to their end before others."""
    scored = [
        row
        for row in table.rows
        if row["parent"] is None and row["outcome"] and math.isfinite(loss(row, table.objective))
    ]
    return sorted(scored, key=lambda row: (row["outcome"] != "COMPLETED", loss(row, table.objective), row["number"]))


def _comparison(table: Trials) -> Comparison:
    if not table.rows:
        raise NoUsableTrial(f"{table.sweep} has no trial so far. Begin it with gensweep run, or resume it.")
    return compared([table])


def _confirmed(table: Trials, found: Confirmation, arm: str) -> Choice:
    chosen = found.number(arm)
    row = next(row for row in table.rows if row["number"] == chosen)
    so_far = f"; so far, with {found.running} seeds still running" if found.running else ""
    return Choice(chosen, f"trial {chosen}{_early(row)}: arm {arm} {_words(found, arm)}{so_far}")


def _words(found: Confirmation, arm: str) -> str:
    """What an arm is by its confirmed scores."""
    verdict, by = found.verdict, f"by confirmed {found.metric} on the test split"
    if arm != verdict.arm:
        return f"was confirmed with it, {by}"
    if sum(one.ranked for one in verdict.arms) == 1:
        return f"is the only one that is ranked {by}"
    words = {"best": "is best", "leads": "leads", "equal": "is first, and equal to the others within the margin,"}
    return f"{words.get(verdict.word, 'is first, though not distinguished from all others,')} {by}"


def _searched(table: Trials, rows: Sequence[Row], what: str) -> Choice:
    own = {row["number"] for row in rows}
    found = next((row for row in ranked(table) if row["number"] in own), None)
    if found is None:
        raise NoUsableTrial(
            f"no trial {what}, has a {table.objective.metric}. gensweep show {table.argument} lists them."
        )
    metric = table.objective.metric
    return Choice(
        int(found["number"]),
        f"trial {found['number']}{_early(found)}: the best {metric} on the validation split, "
        f"{number(found[metric])}, {what}",
    )


def _early(row: Row) -> str:
    return f" (stopped early, at epoch {row['epoch']})" if row["outcome"] == "PRUNED" else ""

"""Which trial stands for a sweep, and which for one of its arms; with the sentence that says by what."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gensweep.comparison.collect import Trials, loss, trials
from gensweep.comparison.compare import Comparison, compared
from gensweep.comparison.confirmation import Confirmation, confirmation
from gensweep.errors import NoUsableTrial
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.text import counted, listed, number

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
    reason = "no arm has two confirmed seeds with a score" if found.confirmation else "nothing is confirmed"
    return _searched(table, table.rows, reason)


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
    return _searched(table, [row for row in table.rows if row["arm"] == arm], f"arm {arm} is not confirmed")


@dataclass(frozen=True)
class Standing:
    """The best trials of a sweep: the one that stands for it first, then the others by their validation scores.

    `tested` maps the trials that were confirmed to the centre of their scores on the test split.
    """

    choice: Choice
    table: Trials
    rows: Sequence[Row]
    tested: Mapping[int, float]


def standings(folder: SweepFolder, n: int | None = None) -> Standing:
    """The n best trials, or all that ended with a score.

    Raises:
        NoUsableTrial, ConfigError: as for `winner`.
    """
    state = folder.state()
    table, choice = trials(folder, state), winner(folder, state)
    rows = sorted(ranked(table), key=lambda row: row["number"] != choice.number)
    return Standing(choice, table, rows[:n], _tested(confirmation(table)))


def _tested(found: Confirmation | None) -> dict[int, float]:
    if found is None:
        return {}
    by_median = found.verdict.statistic == "median"
    centres = {arm.name: arm.median if by_median else arm.mean for arm in found.verdict.arms}
    return {found.number(arm): value for arm, value in centres.items() if value is not None and found.chosen[arm]}


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
    open_ = [f"{counted(found.running, 'seed')} still running"] if found.running else []
    open_ += [f"not confirmed so far: {listed(found.waiting)}"] if found.waiting else []
    return Choice(chosen, "; ".join([f"arm {arm} {_words(found, arm)}", *_early(row), *open_]))


def _words(found: Confirmation, arm: str) -> str:
    """What an arm is by its confirmed scores."""
    verdict, by = found.verdict, f"by confirmed {found.metric} on the test split"
    if arm != verdict.arm:
        return f"was confirmed with it, {by}"
    if sum(one.ranked for one in verdict.arms) == 1:
        return f"is the only one that is ranked {by}"
    words = {"best": "is best", "leads": "leads", "equal": "is first, and equal to the others within the margin,"}
    return f"{words.get(verdict.word, 'is first, though not distinguished from all others,')} {by}"


def _searched(table: Trials, rows: Sequence[Row], reason: str) -> Choice:
    metric, own = table.objective.metric, {row["number"] for row in rows}
    found = next((row for row in ranked(table) if row["number"] in own), None)
    if found is None:
        raise NoUsableTrial(
            f"{table.sweep}: no such trial has a {metric}, and {reason}. gensweep show {table.argument} lists them."
        )
    why = f"the best {metric} on the validation split, {number(found[metric])}"
    return Choice(
        int(found["number"]),
        "; ".join([why, *_early(found), f"{reason}: gensweep confirm {table.to_confirm} does that"]),
    )


def _early(row: Row) -> list[str]:
    return [f"stopped early, at epoch {row['epoch']}"] if row["outcome"] == "PRUNED" else []

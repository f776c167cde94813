"""What a page is made of: sentences and tables that are found elsewhere, and the trials that its charts show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from gensweep.comparison.collect import Trials, loss, trials
from gensweep.comparison.confirmation import Confirmation, confirmation
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.report.series import arms_of, best_of
from gensweep.text import counted, number


@dataclass(frozen=True)
class Table:
    """Rows of text under a title, column -> text in the order of the columns, and what to know of them."""

    title: str
    rows: Sequence[dict[str, str]]
    notes: Sequence[str] = ()

    @property
    def columns(self) -> list[str]:
        """Of all rows, in order; the first names the row."""
        return list(dict.fromkeys(column for row in self.rows for column in row))


@dataclass(frozen=True)
class Content:
    """What a report says: its `headline`, sentences with the verdict first; `tables`; and the trials that charts are drawn of.

    `confirmation` is the verdict on confirmed arms, None where nothing was confirmed. All is data: the page escapes it.
    """

    trials: Trials
    confirmation: Confirmation | None = None
    headline: Sequence[str] = ()
    tables: Sequence[Table] = field(default_factory=tuple)


def content_of(folder: SweepFolder) -> Content:
    """What the trials of a sweep say as it stands, without training or scoring anything.

    Raises:
        DamagedSweep: its ledger cannot be trusted.
    """
    table = trials(folder)
    found = confirmation(table)
    return Content(
        trials=table,
        confirmation=found,
        headline=[found.sentence()] if found else [_of_the_search(table)],
        tables=[*(_confirmed(found) if found else ()), *_best_of_each(table)],
    )


def _of_the_search(table: Trials) -> str:
    """What can be said before anything is confirmed: which trial is first, and that this is no verdict."""
    scored = [row for row in table.best_first() if math.isfinite(loss(row, table.objective))]
    if not scored:
        return "No trial has a score yet."
    first, metric = scored[0], table.objective.metric
    return (
        f"Nothing is confirmed yet: of {counted(len(scored), 'trial')} with a score, trial {first['number']} ({first['arm']}) "
        f"is first, with {metric} {number(first[metric])} on the validation split. The best of many trials flatters itself."
    )


def _confirmed(found: Confirmation) -> list[Table]:
    verdict = found.verdict
    arms = Table(
        "Confirmed scores",
        found.table(),
        [
            "Each arm's best configuration, trained again on fresh seeds and scored once on the test split by "
            f"{found.metric}, at the epoch that was best on the validation split.",
            f"[interval]: {verdict.interval}.",
            "When chosen: the validation score by which the search chose it. Optimism: how much better that was than the mean "
            "of the confirmations on the test split.",
        ],
    )
    note = (
        f"Adjusted p: {verdict.test}, adjusted for all pairs; at most {verdict.level:g} of such reports call any two arms "
        "different that are not."
    )
    pairs = found.pairs()
    return [arms, *([Table("Pairs of arms", pairs, [note])] if pairs else [])]


def _best_of_each(table: Trials) -> list[Table]:
    """The configuration of each arm's best trial of the search."""
    best = [row for arm in arms_of(table) if (row := best_of(table, arm)) is not None]
    columns = ["arm", "number", *table.main_scores, *table.searched]
    rows = [
        {"trial" if column == "number" else column: number(row.get(column)) for column in columns}
        for row in sorted(best, key=lambda row: loss(row, table.objective))
    ]
    note = (
        "Scores on the validation split, which chose these trials: they flatter. A dash: the arm does not search that."
    )
    return [Table("The best trial of each arm's search", rows, [note])] if rows else []

"""What a page is made of: sentences and tables that are found elsewhere, and the trials that its charts show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gensweep.comparison import costs
from gensweep.comparison.collect import Trials, loss, trials
from gensweep.comparison.compare import Comparison, compared
from gensweep.comparison.confirmation import Confirmation
from gensweep.comparison.report import against_baselines, notes_of
from gensweep.comparison.search import Search
from gensweep.errors import ConfigError, NoUsableTrial
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.report.series import arms_of, best_of
from gensweep.report.subjects import Best, bests
from gensweep.spaces.due import due
from gensweep.text import number

Row = Mapping[str, Any]


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

    `confirmation` is the verdict on confirmed arms, None where nothing was confirmed, and `search` what the search by itself
    says, None where the trials cannot be compared. All is data: the page escapes it.
    """

    trials: Trials
    state: SweepState
    confirmation: Confirmation | None = None
    headline: Sequence[str] = ()
    tables: Sequence[Table] = field(default_factory=tuple)
    search: Search | None = None

    @cached_property
    def models(self) -> list[Best]:
        """The model that stands for each arm, loaded when it is first asked for."""
        return bests(self.trials, self.confirmation)


def content_of(
    folder: SweepFolder,
    state: SweepState | None = None,
    comparison: Comparison | None = None,
    sanity: Sequence[Row] = (),
) -> Content:
    """What the trials of a sweep say as it stands, without training or scoring anything.

    `state` and `comparison` are those of the sweep alone, where the caller has them already, and `sanity` what
    scores mean on its data.

    Raises:
        DamagedSweep: its ledger cannot be trusted.
    """
    state = state or folder.state()
    table = trials(folder, state)
    problem = ""
    if comparison is None:
        try:
            comparison = compared([table], due=due({folder: state}))
        except (ConfigError, NoUsableTrial) as error:
            problem = str(error)
    if comparison is None:
        return Content(trials=table, state=state, headline=[problem], tables=_best_of_each(table))
    beaten = against_baselines(comparison, sanity) if sanity else ""
    return Content(
        trials=table,
        state=state,
        confirmation=comparison.confirmation,
        search=comparison.search,
        headline=[comparison.sentence(), *([beaten] if beaten else [])],
        tables=[*_compared(comparison), *_best_of_each(table), *_meaning(sanity)],
    )


def _compared(comparison: Comparison) -> list[Table]:
    """The arms and their pairs: what was confirmed, and what the search found."""
    found, search = comparison.confirmation, comparison.search
    title = "Confirmed arms" if found else "What the search found"
    tables = [Table(title, comparison.table(), notes_of(comparison))]
    if found and (pairs := found.pairs()):
        tables.append(Table("Pairs of confirmed arms", pairs))
    tables.append(Table("What it cost", comparison.cost_table(), costs.notes(comparison)))
    if search.pairs:
        tables.append(Table("Pairs of arms by configurations drawn at random", comparison.pairs()))
    if orders := comparison.other_scores():
        own = ", ".join(group.name for group in search.groups if group.best is not None)
        rows = [
            {"score": search.objective.metric, "order": own},
            *({"score": s, "order": o} for s, o in orders.items()),
        ]
        tables.append(
            Table("Do other scores agree?", rows, ["The arms in the order of their best trials by each score."])
        )
    return tables


def _meaning(sanity: Sequence[Row]) -> list[Table]:
    """What the scores mean on these data."""
    rows = [{name: number(value) for name, value in row.items()} for row in sanity]
    note = "The floor is about what real data score; the models below the first rows learn nothing."
    return [Table("What the scores mean on these data", rows, [note])] if rows else []


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

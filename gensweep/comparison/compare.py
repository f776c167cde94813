"""The trials of one or several sweeps in groups: what the search found of each, and what its confirmations say.

compare(folders) -> Comparison -> sentence(), table(), as_dict(), ...; report.write makes files of it, report/figures.py pictures
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gensweep import registry
from gensweep.comparison import answer, cells, costs
from gensweep.comparison.collect import Standing, Trials, trials, without_step
from gensweep.comparison.confirmation import Confirmation, confirmation_of
from gensweep.comparison.costs import Cost
from gensweep.comparison.protocols import refuse_mixed, refuse_unlike, refuse_untrue
from gensweep.comparison.search import Search, search_of
from gensweep.errors import ConfigError, NoUsableTrial, suggest
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.objective import Objective

_DECLARED = ("arm", "family", "sweep")  # what may be ranked: the choices that the file declares, no axis within an arm


@dataclass(frozen=True)
class Comparison:
    """The trials of some sweeps in groups. `by` is the column that makes the groups.

    `rows` are all trials, `search` is what those of the search found, and `confirmation` what was found again on fresh seeds;
    None where nothing was. `without` counts the trials that are left out, by their arm, because their family has nothing in
    that column, and `twice` those that another of the sweeps has too. `due` is how many trials the sweeps will have, where
    that is known, `standings` whether each is over, and `arguments` how commands are told of it. `forced` are the
    differences in spite of which sweeps are compared.
    """

    sweeps: tuple[str, ...]
    by: str
    rows: list[dict[str, Any]]
    axes: list[str]
    scores: list[str]
    search: Search
    confirmation: Confirmation | None
    without: Mapping[str, int] = field(default_factory=dict)
    twice: Mapping[str, int] = field(default_factory=dict)
    due: int | None = None
    standings: Mapping[str, Standing] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    forced: Sequence[str] = ()

    @property
    def searched(self) -> list[dict[str, Any]]:
        """The rows of the search alone."""
        return [row for row in self.rows if row["parent"] is None]

    @property
    def is_declared(self) -> bool:
        """Whether the groups are what the file compares, and no axis that is searched within an arm."""
        return self.by in _DECLARED

    @property
    def ended(self) -> int:
        """How many trials have ended, of the search and of the confirmation."""
        return sum(row["outcome"] != "" for row in self.rows)

    def sentence(self) -> str:
        """The answer in plain words: the verdict first, then what it leaves out."""
        return answer.sentence(self)

    def table(self) -> list[dict[str, str]]:
        """One row a group, ready to print: column -> text. The best group first."""
        return self._table

    @cached_property
    def _table(self) -> list[dict[str, str]]:
        return cells.table(self)

    def costs(self) -> dict[str, Cost]:
        """Group -> what its trials cost, those of the search and those that confirm."""
        return costs.costs(self)

    def cost_table(self) -> list[dict[str, str]]:
        """One row a group, ready to print: what it cost. In the order of the other table."""
        return costs.table(self, [row[self.by] for row in self.table()])

    def pairs(self) -> list[dict[str, str]]:
        """One row a pair of groups whose configurations were drawn at random."""
        return cells.pairs(self.search)

    def best(self) -> list[dict[str, str]]:
        """One row a group: its best trial, with what was searched and every main score."""
        found, by_trial = [], {row["trial"]: row for row in self.rows}
        for group in self.search.groups:
            if group.best_trial:
                row = by_trial[group.best_trial]
                columns = [*self.axes, *(name for name in self.scores if "." not in name)]
                found.append(
                    {self.by: group.name, "trial": group.best_trial, **{c: cells.text(row.get(c)) for c in columns}}
                )
        return found

    def other_scores(self) -> dict[str, str]:
        """Score -> the order of the groups' best trials by it, or why there is none."""
        return self._other_scores

    @cached_property
    def _other_scores(self) -> dict[str, str]:
        own = self.search.objective.metric
        return {name: self._order_by(name) for name in self.scores if "." not in name and name != own}

    def _order_by(self, score: str) -> str:
        try:
            if (objective := objective_of_score(score)) is None:
                return "not ranked: it only watches for something"
            found = search_of(self.searched, objective, self.search.why_not, tested=False)
        except (ConfigError, NoUsableTrial) as error:
            return "not ranked: " + str(error).splitlines()[0]
        return ", ".join(group.name for group in found.groups if group.best is not None)

    def endings(self) -> list[str]:
        """The reasons of the trials that diverged or failed, the most frequent first, in lines."""
        counts = Counter(
            (row["group"], row["outcome"].lower(), without_step(row["reason"]))
            for row in self.rows if row["outcome"] in ("DIVERGED", "FAILED")
        )  # fmt: skip
        return [f"{group}: {n} {outcome}: {reason}" for (group, outcome, reason), n in counts.most_common(20)]

    def as_dict(self) -> dict[str, Any]:
        """Numbers for JSON."""
        return cells.as_dict(self)

    def csv(self) -> bytes:
        """One row a group, every digit."""
        return cells.csv(self)


def compare(folders: Sequence[SweepFolder], **options: Any) -> Comparison:
    """Compare the sweeps in `folders`, by the options of `compared`."""
    return compared([trials(folder) for folder in folders], **options)


def compared(
    tables: Sequence[Trials],
    *,
    metric: str | None = None,
    by: str | None = None,
    margin: float | None = None,
    force: bool = False,
    due: int | None = None,
) -> Comparison:
    """Compare the groups that the column `by` makes of the trials in `tables`: by default the arms.

    Args:
        tables: the trials of each sweep.
        metric: the score to compare by; by default the objective.
        by: the column that makes the groups.
        margin: the largest difference that does not matter, as `judge` takes it.
        force: compare sweeps that differ in data, network or epochs too, and write the differences on the result.
        due: how many trials the sweeps will have.

    Raises:
        ConfigError: the sweeps have no common objective, are unlike, protocols differ, `metric` or `by` is unknown, or
            neither direction of `metric` is better.
        NoUsableTrial: there is no finite score to compare.
    """
    named = Counter(table.sweep for table in tables)
    if twice_named := [name for name, n in named.items() if n > 1]:
        raise ConfigError(f"{', '.join(twice_named)} is named more than once. Name each sweep once.")
    scores = list(dict.fromkeys(score for table in tables for score in table.scores))
    axes = list(dict.fromkeys(axis for table in tables for axis in table.axes))
    objective = _objective(tables, metric, scores)
    by = _grouping(by or "arm", tables, axes)
    forced = refuse_unlike(tables, force=force)
    every = [row for table in tables for row in _named(table, by, len(tables))]
    rows, twice = _once(every)
    unused = [row for row in rows if by in row["unused"]]
    rows = [row for row in rows if by not in row["unused"]]
    refuse_mixed([row for row in rows if row["outcome"]], objective.metric)
    forced += refuse_untrue([row for row in rows if row["parent"] is not None], every, force=force)
    is_declared, to_confirm = by in _DECLARED, {table.sweep: table.to_confirm for table in tables}
    found = search_of([row for row in rows if row["parent"] is None], objective, _why_not_drawn(tables))
    return Comparison(
        sweeps=tuple(table.sweep for table in tables),
        by=by,
        rows=rows,
        axes=axes,
        scores=scores,
        search=found,
        confirmation=confirmation_of(rows, objective, margin, every, to_confirm) if is_declared else None,
        without=Counter(_label(row["arm"], row["sweep"], len(tables)) for row in unused),
        twice=twice,
        due=due,
        standings={table.sweep: table.standing for table in tables},
        arguments={table.sweep: table.argument for table in tables},
        forced=forced,
    )


def _named(table: Trials, by: str, n_sweeps: int) -> Iterator[dict[str, Any]]:
    """The rows with their trials' and their groups' names. A confirmation is of the group of the trial that it confirms."""
    own = {row["number"]: row for row in table.rows}
    for row in table.rows:
        name = cells.text((row if row["parent"] is None else own[row["parent"]]).get(by))
        yield {
            **row,
            "trial": str(row["number"]) if n_sweeps == 1 else f"{table.sweep}/{row['number']}",
            "group": table.sweep if by == "sweep" else _label(name, table.sweep, n_sweeps),
        }


def _label(name: str, sweep: str, n_sweeps: int) -> str:
    return name if n_sweeps == 1 else f"{sweep}: {name}"


def _once(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Each trial once, though several sweeps have it, with those of the later sweep counted by group."""
    seen: dict[str, str] = {}
    kept, twice = [], Counter[str]()
    for row in rows:
        if seen.setdefault(row["key"], row["sweep"]) == row["sweep"]:
            kept.append(row)
        else:
            twice[row["group"]] += 1
    return kept, dict(twice)


def _why_not_drawn(tables: Sequence[Trials]) -> str:
    """Why the trials are no random draws that were trained to their end; empty where they are."""
    for table, definition in ((t, one) for t in tables for one in (*t.searched_as, t.definition)):
        search, stopping = definition.get("search"), definition.get("early_stopping")
        sampler = search.get("sampler", "random") if isinstance(search, Mapping) else "random"
        rule = stopping.get("name", "none") if isinstance(stopping, Mapping) else stopping or "none"
        if not getattr(_searcher(sampler), "draws", False):
            return f"{table.sweep} was searched by {sampler}, whose trials are no random draws"
        if rule != "none":
            return f"{rule} stopped trials of {table.sweep} early, so that they are no draws of one distribution"
    return ""


def _searcher(name: Any) -> Any:
    try:
        return registry.load("searchers", str(name))
    except ConfigError:  # of a package that is not here
        return None


def _objective(tables: Sequence[Trials], metric: str | None, scores: Sequence[str]) -> Objective:
    own = {table.objective.metric: table.objective for table in tables}
    if metric is None and len({(o.metric, o.mode) for o in (table.objective for table in tables)}) > 1:
        known = ", ".join(f"{table.sweep} by {table.objective.metric}" for table in tables)
        raise ConfigError(f"the sweeps have different objectives ({known}). Name one score for all with --metric.")
    wanted = metric or next(iter(own))
    if scores and wanted not in scores:
        raise ConfigError(f"no trial has the score '{wanted}'. {suggest(wanted, scores)}")
    objective = own.get(wanted) or objective_of_score(wanted)
    if objective is None:
        measures = ", ".join(score for score in scores if objective_of_score(score)) or "a score that measures quality"
        raise ConfigError(
            f"'{wanted}' only tells about models: neither more nor less of it is better. Rank by {measures}."
        )
    return objective


def objective_of_score(score: str) -> Objective | None:
    """A score with the direction that the metric which gives it says is better; None where neither is."""
    name, _, detail = score.partition(".")
    metric: Any = registry.load("metrics", name)
    mode = metric.detail_modes.get(detail) if detail else metric.mode if metric.is_quality else None
    return Objective(metric=score, mode=mode) if mode else None


def _grouping(by: str, tables: Sequence[Trials], axes: Sequence[str]) -> str:
    known = [*_DECLARED, *axes]
    if by not in known:
        cure = suggest(by, known)
        raise ConfigError(f"--by: there is no column '{by}', for only what differs between trials has one. {cure}")
    without = [table.sweep for table in tables if by in axes and by not in table.axes]
    if without:
        shared = [axis for axis in axes if all(axis in table.axes for table in tables)]
        told = f"--by {by}: {', '.join(without)} has no such column, for its trials do not differ in it"
        raise ConfigError(f"{told}. Group by one of {', '.join([*_DECLARED, *shared])}.")
    return by

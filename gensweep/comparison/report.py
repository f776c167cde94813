"""A comparison as files: comparison.md, comparison.csv and the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gensweep.comparison import plots
from gensweep.comparison.compare import Comparison, trials_of
from gensweep.comparison.confirmation import Confirmation
from gensweep.ledger.durable import json_text, write_atomic
from gensweep.text import markdown as escaped
from gensweep.text import number


def write(
    comparison: Comparison,
    destination: Path,
    sanity: Sequence[Mapping[str, Any]] = (),
    confirmed: Confirmation | None = None,
) -> list[Path]:
    """Write comparison.md, comparison.csv and the figures into `destination`, and return their paths.

    `sanity` are rows that say what the scores mean on these data: floors, and models that learn nothing. `confirmed` is what
    the confirmations say; it is written into confirmation.json too.
    """
    destination.mkdir(parents=True, exist_ok=True)
    figures = plots.draw(comparison.rows, comparison.ranking, comparison.axes)
    files = {
        "comparison.md": markdown(comparison, list(figures), sanity, confirmed).encode(),
        "comparison.csv": comparison.csv(),
        **({"confirmation.json": json_text(confirmed.as_dict(), indent=1)} if confirmed else {}),
        **figures,
    }
    for name, data in files.items():
        write_atomic(destination / name, data, fsync=False)
    return [destination / name for name in files]


def markdown(
    comparison: Comparison,
    figures: Sequence[str] = (),
    sanity: Sequence[Mapping[str, Any]] = (),
    confirmed: Confirmation | None = None,
) -> str:
    """The report: the sentence first, then what it rests on."""
    ranking = comparison.ranking
    parts = [
        f"# {escaped(', '.join(comparison.sweeps))}: which {escaped(comparison.by)} is best?",
        f"**{escaped(confirmed.sentence() if confirmed else comparison.sentence())}**",
    ]
    if confirmed:
        parts += [*_confirmed(confirmed), "## What the search found", escaped(comparison.sentence())]
    parts += [markdown_table(comparison.table())]
    parts += [_markdown_link(name) for name in figures]
    if ranking.pairs:
        parts += ["## How sure", markdown_table(comparison.pairs())]
    parts += ["## The best trial of each", markdown_table(comparison.best())]
    if sanity:
        parts += [
            "## What the scores mean on these data",
            markdown_table([{name: number(value) for name, value in row.items()} for row in sanity]),
        ]
    if orders := comparison.other_scores():
        own = ", ".join(group.name for group in ranking.groups)
        lines = [{"score": ranking.objective.metric, "order": own}] + [
            {"score": s, "order": o} for s, o in orders.items()
        ]
        parts += ["## Do other scores agree?", markdown_table(lines)]
    if endings := comparison.endings():
        parts += ["## What went wrong", "\n".join(f"- {escaped(line)}" for line in endings)]
    return "\n\n".join([*parts, "## How to read this", _notes(comparison)]) + "\n"


def _confirmed(found: Confirmation) -> list[str]:
    verdict = found.verdict
    notes = [
        f"Each arm's best configuration, trained again on fresh seeds and scored once on the test split by "
        f"{escaped(found.metric)}, at the epoch that was best on the validation split.",
        f"*[interval]*: {escaped(verdict.interval)}.",
        f"*p*: {escaped(verdict.test)}, adjusted for all pairs; at most {verdict.level:g} of such reports call any two arms "
        "different that are not. *Best*: distinguished from all others; *leads*: from at least one.",
        "*When chosen*: the validation score by which the search chose it. *Optimism*: how much better that was than the "
        "mean of the confirmations on the test split.",
    ]
    tables = [markdown_table(found.table()), *([markdown_table(pairs)] if (pairs := found.pairs()) else [])]
    return ["## Confirmed", *tables, "\n".join(f"- {line}" for line in notes)]


def markdown_table(rows: Sequence[dict[str, str]]) -> str:
    """Rows of text as a Markdown table; the first column is left-aligned, the others right."""
    if not rows:
        return ""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [[escaped(column) for column in columns], ["---", *["---:"] * (len(columns) - 1)]]
    lines += [[escaped(row.get(column, "")) for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _notes(comparison: Comparison) -> str:
    ranking, objective = comparison.ranking, comparison.ranking.objective
    direction = "less" if objective.better(0.0, 1.0) else "more"
    protocol = f"protocol.{objective.metric.partition('.')[0]}"
    hashes = sorted({row[protocol] for row in comparison.rows if protocol in row})
    lines = [
        f"Ranked by {escaped(objective.metric)} ({direction} is better), protocol "
        f"{escaped(', '.join(hashes)) or 'unknown'}, at the epoch where the sweep's objective was best.",
        f"*Expected best of {ranking.budget}*: the best score that a search of {trials_of(ranking.budget)} finds on "
        "average (unbiased estimator of Tang et al. 2020, arXiv:2004.13705); intervals by 2000 bootstrap resamples of "
        "the trials.",
        "*P*: the probability that a random trial of the first beats one of the second. A *tie* is an interval that "
        "contains 0.5; with too few trials to tell anything the interval is [0, 1].",
        "Trials that diverged or failed count as the worst results; none is dropped. ∞ means that the budget may be "
        "spent on such trials alone.",
        "*Compute*: training and evaluation of all trials, of those that diverged, failed or were stopped early too.",
        "The best of many trials flatters itself: these scores chose the winners. Train the best configurations again "
        "on fresh seeds, and score those on the test split, before quoting a number.",
    ]
    if ranking.unfinished:
        lines.insert(1, f"{trials_of(ranking.unfinished)} not finished yet and left out.")
    return "\n".join(f"- {line}" for line in lines)


def _markdown_link(name: str) -> str:
    return f"![{plots.CAPTIONS[name]}]({name})\n\n*{plots.CAPTIONS[name]}*"

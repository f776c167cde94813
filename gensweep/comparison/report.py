"""A comparison as files: comparison.md, comparison.csv and comparison.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gensweep.comparison import answer, costs
from gensweep.comparison.compare import Comparison
from gensweep.comparison.confirmation import Confirmation
from gensweep.comparison.search import Search
from gensweep.ledger.durable import json_text, write_atomic
from gensweep.text import counted, markdown_table, number
from gensweep.text import markdown as escaped

LEARNS_NOTHING = ("class means", "PCA Gaussian", "uniform noise")  # of the rows that say what scores mean: the models


def write(
    comparison: Comparison,
    destination: Path,
    sanity: Sequence[Mapping[str, Any]] = (),
    pictures: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write comparison.md, comparison.csv and comparison.json into `destination`, and return their paths.

    `sanity` are rows that say what the scores mean on these data: floors, and models that learn nothing. `pictures` maps
    the names of files that lie beside to their captions.
    """
    destination.mkdir(parents=True, exist_ok=True)
    files = {
        "comparison.md": markdown(comparison, pictures or {}, sanity).encode(),
        "comparison.csv": comparison.csv(),
        "comparison.json": json_text(comparison.as_dict(), indent=1),
    }
    for name, data in files.items():
        write_atomic(destination / name, data, fsync=False)
    return [destination / name for name in files]


def markdown(
    comparison: Comparison, pictures: Mapping[str, str] | None = None, sanity: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The report: the sentence first, then what it rests on."""
    search, confirmed = comparison.search, comparison.confirmation
    parts = [
        f"# {escaped(', '.join(comparison.sweeps))}: which {escaped(comparison.by)} is best?",
        f"**{escaped(comparison.sentence())}**",
    ]
    if sanity and (said := against_baselines(comparison, sanity)):
        parts.append(escaped(said))
    if confirmed:
        parts += [*_confirmed(confirmed), "## What the search found", escaped(answer.found(search))]
    parts += [markdown_table(comparison.table()), "## What it cost", markdown_table(comparison.cost_table())]
    parts += [f"![{caption}]({name})\n\n*{caption}*" for name, caption in (pictures or {}).items()]
    if search.pairs:
        parts += ["## How sure", markdown_table(comparison.pairs())]
    parts += ["## The best trial of each", markdown_table(comparison.best())]
    if sanity:
        parts += [
            "## What the scores mean on these data",
            markdown_table([{name: number(value) for name, value in row.items()} for row in sanity]),
        ]
    if orders := comparison.other_scores():
        own = ", ".join(group.name for group in search.groups if group.best is not None)
        lines = [{"score": search.objective.metric, "order": own}] + [
            {"score": s, "order": o} for s, o in orders.items()
        ]
        parts += ["## Do other scores agree?", markdown_table(lines)]
    if endings := comparison.endings():
        parts += ["## What went wrong", "\n".join(f"- {escaped(line)}" for line in endings)]
    return "\n\n".join([*parts, "## How to read this", _notes(comparison)]) + "\n"


def against_baselines(comparison: Comparison, sanity: Sequence[Mapping[str, Any]]) -> str:
    """Which groups beat the strongest of the models that learn nothing; nothing where none has the score."""
    objective = comparison.search.objective
    scored = [row for row in sanity if row["row"] in LEARNS_NOTHING and isinstance(row.get(objective.metric), float)]
    if not scored:
        return ""
    strongest = min(scored, key=lambda row: objective.loss(row[objective.metric]))
    return answer.beaten(comparison, str(strongest["row"]), strongest[objective.metric])


def _confirmed(found: Confirmation) -> list[str]:
    notes = _of_confirmations(found)
    tables = [markdown_table(found.table()), *([markdown_table(pairs)] if (pairs := found.pairs()) else [])]
    return ["## Confirmed", *tables, "\n".join(f"- {escaped(line)}" for line in notes)]


def _of_confirmations(found: Confirmation) -> list[str]:
    """What the numbers of confirmed arms mean."""
    verdict = found.verdict
    return [
        f"Each arm's best configuration, trained again on fresh seeds and scored once on the test split by {found.metric}, "
        "at the epoch that was best on the validation split.",
        f"95 % CI: {verdict.interval}.",
        f"Adjusted p: {verdict.test}, for all pairs; about {verdict.level:g} of such reports call some pair of arms different "
        "that is not. Best: distinguished from all others; leads: from at least one.",
        "When chosen: the validation score by which the search chose it. Fresh, validation: the mean of the fresh seeds on that "
        "split. Optimism: how much better the score was when chosen than the mean of the fresh seeds on the test split; below 0 "
        "where the search's seed was an unlucky one. What the choice adds to it lies between the first two, what the split "
        "adds between fresh, validation and the test.",
    ]


def _notes(comparison: Comparison) -> str:
    return "\n".join(f"- {escaped(line)}" for line in [*_of_the_search(comparison), *costs.notes(comparison)])


def notes_of(comparison: Comparison) -> list[str]:
    """Sentences on what the numbers of `Comparison.table` mean."""
    return [
        *(_of_confirmations(comparison.confirmation) if comparison.confirmation else []),
        *_of_the_search(comparison),
    ]


def _of_the_search(comparison: Comparison) -> list[str]:
    search, objective = comparison.search, comparison.search.objective
    direction = "less" if objective.better(0.0, 1.0) else "more"
    protocol = f"protocol.{objective.metric.partition('.')[0]}"
    hashes = sorted({row[protocol] for row in comparison.rows if protocol in row})
    lines = [
        f"By {objective.metric} ({direction} is better), protocol {', '.join(hashes) or 'unknown'}, at the epoch where the "
        "sweep's objective was best on the validation split.",
        *_of_draws(search),
        "Trials that diverged count as the worst results. Trials that failed are left out: that is our fault or the machine's, "
        "and it is said where their scores could change what is claimed. Best: of trials that were trained to their end.",
        "Search trials: those that ended, without confirmations. Compute in all: training and evaluation of every trial, of the "
        "search and of what confirms it.",
    ]
    if not comparison.confirmation:
        lines.append(
            "The best of many trials flatters itself: these scores chose the winners. `gensweep confirm` trains the best "
            "configurations again on fresh seeds, and scores those on the test split; quote those numbers."
        )
    if search.unfinished:
        lines.insert(1, f"{counted(search.unfinished, 'trial')} of the search not finished yet and left out.")
    return lines


def _of_draws(search: Search) -> list[str]:
    """What the numbers on distributions mean, or why there are none."""
    if not search.k:
        return [f"Nothing is claimed of distributions over configurations: {search.why_not}."]
    return [
        f"Best of {search.k}: the median of what a search of {counted(search.k, 'trial')} finds, the quantile 1 - 2^(-1/k) "
        "of the scores, with its order-statistic interval (Conover 1999), right for any distribution. k is the largest "
        "that the smallest group bounds; < says that nothing bounds an end.",
        "P(a trial of the first is better): with the score interval of Newcombe 2006, doi:10.1002/sim.2324. P(its best "
        "of k is better): with the p-value of a permutation test, adjusted for all pairs by Holm's method; where it is "
        "above 0.05 they are not distinguished.",
    ]

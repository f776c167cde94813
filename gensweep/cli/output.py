"""How results are printed: tables for people, JSON for programs, and the verdict of a sweep."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gensweep.credentials import redacted
from gensweep.tables import Layout, natural_width
from gensweep.terminal import print_table, print_text, waiting
from gensweep.text import counted, number
from gensweep.tracking.sent import store_of
from gensweep.tracking.store import resolve_uri
from gensweep.tracking.wandb_place import is_wandb, where_to_look

if TYPE_CHECKING:
    from gensweep.comparison.collect import Trials
    from gensweep.comparison.compare import Comparison
    from gensweep.orchestration.plan import Probe
    from gensweep.spaces.sweep import Sweep
    from gensweep.verdict import Verdict

Row = Mapping[str, Any]
_JSON = Layout(elsewhere="--json")
_NARROW = 80  # characters of a line
_TRUTH = ("objective", "worst_mu", "worst_sigma", "seeds", "within", "*")


def print_rows(
    rows: Sequence[Row], columns: Sequence[str] | None = None, *, as_json: bool = False, layout: Layout = _JSON
) -> None:
    """Rows as a table or as JSON; `columns` are all that there are, where they are not given."""
    columns = columns or list(dict.fromkeys(key for row in rows for key in row))
    if as_json:
        print(json.dumps([{column: row.get(column) for column in columns} for row in rows]))
    else:
        print_table(columns, rows, layout=layout)


def print_facts(facts: Row, *, as_json: bool) -> None:
    """One thing as YAML, or as JSON."""
    print(json.dumps(facts, indent=1) if as_json else _yaml(facts))


def _yaml(facts: Row) -> str:
    return yaml.safe_dump(dict(facts), sort_keys=False, allow_unicode=True).strip()


def print_answer(verdict: Verdict) -> None:
    """The trials, the arms and the answer in a sentence: as soon as it is known."""
    print_trials(verdict.trials)
    print()
    if verdict.comparison:
        print_comparison(verdict.comparison, f"gensweep compare {verdict.trials.sweep} -f json")
        print_text(f"\n{verdict.comparison.sentence()}\n")


def print_rest(verdict: Verdict, tracking_uri: str | None) -> None:
    """What the scores mean, and where everything is."""
    if verdict.sanity:
        keep = ("row", verdict.trials.objective.metric)
        print_rows(verdict.sanity, layout=Layout(keep, elsewhere=str(_near(verdict.report))))
        print_text(f"\n{verdict.against_baselines}\n" if verdict.against_baselines else "")
    if truth := verdict.ground_truth:
        layout = Layout(_TRUTH, elsewhere=str(_near(verdict.report.parent / "ground_truth.md")))
        print_rows(truth.table(), truth.columns(), layout=layout)
        notes = truth.footnotes()
        print_text("\n".join(["", *notes, *([""] if notes else []), truth.sentence(), ""]))
    if verdict.comparison:
        print(f"Report: {_near(verdict.report)}")
    uri = store_of(verdict.report.parents[1], tracking_uri)
    is_mlflow = not is_wandb(uri)
    runs = verdict.report.parents[2]
    print(f"In MLflow: gensweep ui{_store_option(tracking_uri, runs)}" if is_mlflow else where_to_look(uri))


def _store_option(tracking_uri: str | None, runs: Path) -> str:
    """What `gensweep ui` needs to find the same store from here."""
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return ""
    if tracking_uri:
        return f" --tracking-uri {shlex.quote(redacted(tracking_uri))}"
    return "" if resolve_uri(None, runs) == resolve_uri(None) else f" --runs {shlex.quote(str(_near(runs)))}"


def _near(path: Path) -> Path:
    """The path as seen from this folder, where it lies below it."""
    here = Path.cwd()
    return path.resolve().relative_to(here) if path.resolve().is_relative_to(here) else path


def print_trials(table: Trials) -> None:
    """The trials, the best first, with all that was searched in one column; the objective also where it is a detail."""
    rows = []
    for row in table.best_first():
        given = [f"{axis}={number(row[axis])}" for axis in table.searched if row.get(axis) is not None]
        rows.append({**row, "confirms": row["parent"], "parameters": ", ".join(given)})
    metric = table.objective.metric
    scores = dict.fromkeys([*table.main_scores, *(score for score in table.scores if score == metric)])
    layout = Layout(
        ("number", "arm", metric, "parameters"), ("parameters",), elsewhere=f"gensweep show {table.sweep} --json"
    )
    confirms = ["confirms"] if any(row["confirms"] is not None for row in rows) else []
    columns = ["number", "arm", *confirms, *table.choices, *scores, "epoch", "outcome", "seconds", "parameters"]
    print_rows(rows, columns, layout=layout)


def print_each(table: Trials, *, as_json: bool) -> None:
    """The trials by number, with a column for each axis; on a terminal too narrow for that all that was searched in one."""
    layout = Layout(("number", "arm", table.objective.metric), joined=tuple(table.searched), elsewhere="--json")
    print_rows(table.rows, table.shown, as_json=as_json, layout=layout)


def print_comparison(comparison: Comparison, elsewhere: str = "-f json") -> None:
    """The groups, the best first, each pair that was tested, and what the groups cost where that fits every terminal."""
    rows = comparison.table()
    told = [column for column in rows[0] if column.startswith(("test ", "best of "))][:1] or ["best"]
    print_rows(rows, layout=Layout((comparison.by, *told), elsewhere=elsewhere))
    pairs = comparison.confirmation.pairs() if comparison.confirmation else comparison.pairs()
    if pairs:
        print()
        print_rows(pairs, layout=Layout(("pair", "adjusted p", "verdict"), elsewhere=elsewhere))
    costs = comparison.cost_table()
    if natural_width(list(costs[0]), costs) <= _NARROW:
        print()
        print_rows(costs, layout=Layout(elsewhere=elsewhere))


def print_plan(sweep: Sweep, probes: Iterable[Probe], placed: str = "") -> None:
    """What each arm would search, as soon as it is timed; then what all would take, and what of the GPUs a trial would get."""
    timed: list[Probe] = []
    left = iter(probes)
    while (found := _next(left)) is not None:
        timed.append(found)
        searched = ", ".join(f"{axis} {law}" for axis, law in found.axes.items())
        print_text(f"{found.family}: {counted(found.trials, 'trial')}; searched: {searched or 'nothing'}")
    print()
    print_rows([_priced(found) for found in timed], layout=Layout(("arm", "trials", "minutes in all")))
    total, n = sum(p.seconds for p in timed), sum(p.trials for p in timed)
    print_text(
        f"\n{counted(n, 'trial')}, about {total / 60:.1f} minutes in one place on this machine, less in several or with "
        f"early stopping ({sweep.early_stopping.dump()['name']}); {sum(p.disk for p in timed) / 1e6:.0f} MB of checkpoints. "
        f"Nothing was started.\n{_forecast(sweep)}"
    )
    if placed:
        print_text(placed)


def _forecast(sweep: Sweep) -> str:
    from gensweep.comparison.power import forecast

    return forecast(len(sweep.arms), sweep.confirm.seeds if sweep.confirm else None)


def _next(probes: Iterator[Probe]) -> Probe | None:
    with waiting("timing a short training of each arm"):
        return next(probes, None)


def _priced(found: Probe) -> Row:
    return {
        "arm": found.family,
        "trials": found.trials,
        "trains": found.mode,
        "training s/trial": found.training_seconds,
        "evaluation s/trial": found.evaluation_seconds,
        "minutes in all": found.seconds / 60,
        "disk MB": found.disk / 1e6,
    }

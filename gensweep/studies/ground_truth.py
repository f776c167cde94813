"""Trained against target: where each family's Gaussians came to lie, and where its own objective puts them.

A line for each objective and setting, over the seeds that it was trained with; gaussian_fits.py says which trials have one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gensweep.comparison.collect import as_csv
from gensweep.ledger.durable import write_atomic
from gensweep.ledger.state import SweepState
from gensweep.studies.gaussian_fits import Fit, fits
from gensweep.studies.gaussian_targets import known
from gensweep.text import markdown, markdown_table

_COLUMNS = (
    "objective", "family", "trials", "target_mu", "mu", "sd_mu", "worst_mu", "target_sigma", "sigma", "sd_sigma",
    "worst_sigma", "critic", "seeds", "within", "seconds", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Repeats:
    """The fits of trials that differ by their seed alone, to one target."""

    fits: tuple[Fit, ...]

    @property
    def n_within(self) -> int:
        """How many of them are within the bounds."""
        return sum(fit.is_within for fit in self.fits)

    @property
    def has_target(self) -> bool:
        """Whether a best Gaussian is known."""
        return self.fits[0].has_target

    def row(self) -> dict[str, Any]:
        """The line of the table.

        mu and sigma are means over the seeds that ended well, sd_ their standard deviations, nan for fewer than two;
        worst_ is trained less target of the seed that is off most. critic is the mean of critic_diagnostics.relative:
        0 the best critic, 1 one that knows nothing. seconds are those of all seeds.
        """
        first, within = self.fits[0], self.n_within if self.has_target else None
        critics = [fit.critic for fit in self.fits if not math.isnan(fit.critic)]
        places = {name: self._spread(i) for i, name in enumerate(("mu", "sigma"))}
        return {
            "objective": first.objective, "family": first.family, "trials": " ".join(str(fit.trial) for fit in self.fits),
            **places["mu"], **places["sigma"], "critic": statistics.fmean(critics) if critics else math.nan,
            "seeds": len(self.fits), "within": within,
            "seconds": math.fsum(fit.seconds for fit in self.fits), "note": self.note(),
        }  # fmt: skip

    def _spread(self, i: int) -> dict[str, float]:
        """Of mu (i is 0) or sigma (1): target, and mean, deviation and worst over the seeds."""
        name = ("mu", "sigma")[i]
        trained = [fit.trained[i] for fit in self.fits if not math.isnan(fit.trained[i])]
        return {
            f"target_{name}": self.fits[0].target[i],
            name: statistics.fmean(trained) if trained else math.nan,
            f"sd_{name}": statistics.stdev(trained) if len(trained) > 1 else math.nan,
            f"worst_{name}": max((value - self.fits[0].target[i] for value in trained), key=abs, default=math.nan),
        }

    def note(self) -> str:
        """What there is to say of all of them, then of single trials."""
        said: dict[str, list[int]] = {}
        for fit in self.fits:
            if fit.note:
                said.setdefault(fit.note, []).append(fit.trial)
        of_all = [note for note, trials in said.items() if len(trials) == len(self.fits)]
        of_some = [f"{_named(trials)}: {note}" for note, trials in said.items() if len(trials) < len(self.fits)]
        return "; ".join([*of_all, *of_some])


@dataclass(frozen=True)
class GroundTruth:
    """The table of a sweep: a line a setting, and one more where what it minimises is often taken for something else."""

    rows: tuple[Repeats, ...]

    @property
    def fits(self) -> list[Fit]:
        """Those of all rows."""
        return [fit for row in self.rows for fit in row.fits]

    def sentence(self) -> str:
        """How many are within the bounds, which are not, and which have no target."""
        aimed = [fit for fit in self.fits if fit.has_target]
        outside = [_of(row, [fit for fit in row.fits if not fit.is_within]) for row in self.rows if row.has_target]
        aimless = [_of(row, row.fits) for row in self.rows if not row.has_target]
        mu, sigma = self.fits[0].bounds
        said = (
            f"Ground truth: {sum(fit.is_within for fit in aimed)} of {len(aimed)} trained Gaussians lie within {mu:.3g} "
            f"(mu) and {sigma:.3g} (sigma) of the best Gaussian by their own objective"
        )
        lists = {"not": [one for one in outside if one], "without a target": aimless}
        return "; ".join([said, *(f"{what}: {', '.join(names)}" for what, names in lists.items() if names)]) + "."

    def columns(self) -> list[str]:
        """The columns of the printed table; the notes stand below it."""
        return [*_COLUMNS[:-1], "*"]

    def table(self) -> list[dict[str, str]]:
        """One row a setting, ready to print: column -> text."""
        notes = self._notes()
        return [
            {**{c: _text(c, v) for c, v in row.row().items() if c != "note"}, "*": _mark(notes, row.note())}
            for row in self.rows
        ]

    def footnotes(self) -> list[str]:
        """What the numbers in the last column mean."""
        return [f"[{number}] {note}" for note, number in self._notes().items()]

    def _notes(self) -> dict[str, int]:
        notes = dict.fromkeys(filter(None, (row.note() for row in self.rows)))
        return {note: number for number, note in enumerate(notes, 1)}

    def write(self, destination: Path) -> None:
        """Write ground_truth.csv (every digit) and ground_truth.md into `destination`."""
        destination.mkdir(parents=True, exist_ok=True)
        text = "\n\n".join([
            "# Trained against target", f"**{markdown(self.sentence())}**", markdown_table(self.table()),
            "\n".join(f"- {markdown(line)}" for line in self.footnotes()),
        ])  # fmt: skip
        write_atomic(destination / "ground_truth.csv", as_csv([row.row() for row in self.rows], _COLUMNS), fsync=False)
        write_atomic(destination / "ground_truth.md", text.encode() + b"\n", fsync=False)


def ground_truth(state: SweepState) -> GroundTruth | None:
    """The table of a sweep; None where it has no trial whose best Gaussian is known."""
    found = [fit for _, record in sorted(state.trials.items()) for fit in fits(record)]
    order = {name: i for i, name in enumerate(known())}
    rows = sorted(_repeats(found), key=lambda row: (order[row.fits[0].objective], row.fits[0].trial))
    return GroundTruth(tuple(rows)) if rows else None


def _repeats(found: Iterable[Fit]) -> list[Repeats]:
    """The fits by objective, setting and target: seeds that went to either of two optima have no mean in common."""
    groups: dict[tuple[object, ...], list[Fit]] = {}
    for fit in found:
        target = fit.target if fit.has_target else None  # two nan are not equal
        groups.setdefault((fit.objective, fit.setting, target), []).append(fit)
    return [Repeats(tuple(group)) for group in groups.values()]


def _named(trials: Iterable[int]) -> str:
    numbers = [str(trial) for trial in trials]
    return f"trial{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"


def _of(row: Repeats, those: Iterable[Fit]) -> str:
    """The objective and which of its trials; nothing where it is none."""
    trials = [fit.trial for fit in those]
    return f"{row.fits[0].objective} ({_named(trials)})" if trials else ""


def _text(column: str, value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if column == "seconds" else f"{value:{'+' if column.startswith('worst') else ''}.4f}"


def _mark(notes: Mapping[str, int], note: str) -> str:
    return f"[{notes[note]}]" if note else ""

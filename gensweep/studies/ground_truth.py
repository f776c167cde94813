"""Trained against target: where each family's Gaussian came to lie, and where its own objective puts it.

For sweeps on a one-dimensional Gaussian mixture with the `affine` network, whose models are Gaussians, and the metric
`gaussian_fit`. The targets are computed for the mixture at hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from gensweep.comparison.collect import as_csv
from gensweep.comparison.report import markdown_table
from gensweep.configuration import TrialConfiguration
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.errors import Outcome
from gensweep.ledger.durable import write_atomic
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.losses import PopulationObjective
from gensweep.studies.gaussian_pair import Mixture
from gensweep.studies.gaussian_targets import NEIGHBOURS, Place, best_gaussian, known
from gensweep.text import markdown

METRIC = "gaussian_fit"
Components: TypeAlias = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]
_AS_GOOD = 1e-6  # two optima whose values differ by less are equally right
# .03 and .04 for the deviation 1.8304 of the mixture that the bounds were agreed on; for others in proportion
_MU_BOUND, _SIGMA_BOUND = 0.03 / 1.8304, 0.04 / 1.8304
_COLUMNS = (
    "objective", "trial", "family", "target_mu", "mu", "difference_mu", "target_sigma", "sigma", "difference_sigma",
    "within", "seconds", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """One trained model against the best Gaussian by one objective.

    `trained` are not numbers where the trial did not end well, nor `target` where no Gaussian is best.
    """

    objective: str
    trial: int
    family: str
    target: tuple[float, float]
    trained: tuple[float, float]
    bounds: tuple[float, float]
    seconds: float
    note: str = ""

    @property
    def differences(self) -> tuple[float, float]:
        """Trained less target, of mu and of sigma."""
        return self.trained[0] - self.target[0], self.trained[1] - self.target[1]

    @property
    def has_target(self) -> bool:
        """Whether a best Gaussian is known."""
        return not math.isnan(self.target[0])

    @property
    def is_within(self) -> bool:
        """Whether both differences are within the bounds."""
        return all(abs(d) < bound for d, bound in zip(self.differences, self.bounds, strict=True))

    def row(self) -> dict[str, Any]:
        """The fit as a line of the table."""
        values = (*self.target, *self.trained, *self.differences)
        names = ("target_mu", "target_sigma", "mu", "sigma", "difference_mu", "difference_sigma")
        return {
            "objective": self.objective, "trial": self.trial, "family": self.family,
            **dict(zip(names, values, strict=True)),
            "within": ("yes" if self.is_within else "no") if self.has_target else "-", "seconds": self.seconds, "note": self.note,
        }  # fmt: skip


@dataclass(frozen=True)
class GroundTruth:
    """The table of a sweep: a line a trial, and one more where what it minimises is often taken for something else."""

    fits: tuple[Fit, ...]

    def sentence(self) -> str:
        """How many are within the bounds, which are not, and which have no target."""
        aimed = [fit for fit in self.fits if fit.has_target]
        outside = [f"{fit.objective} (trial {fit.trial})" for fit in aimed if not fit.is_within]
        aimless = [f"{fit.objective} (trial {fit.trial})" for fit in self.fits if not fit.has_target]
        mu, sigma = self.fits[0].bounds
        said = (
            f"Ground truth: {len(aimed) - len(outside)} of {len(aimed)} trained Gaussians lie within {mu:.3g} "
            f"(mu) and {sigma:.3g} (sigma) of the best Gaussian by their own objective"
        )
        lists = {"not": outside, "without a target": aimless}
        return "; ".join([said, *(f"{what}: {', '.join(names)}" for what, names in lists.items() if names)]) + "."

    def columns(self) -> list[str]:
        """The columns of the printed table; the notes stand below it."""
        return [*_COLUMNS[:-1], "*"]

    def table(self) -> list[dict[str, str]]:
        """One row a fit, ready to print: column -> text."""
        notes = self._notes()
        return [
            {**{c: _text(c, v) for c, v in fit.row().items() if c != "note"}, "*": _mark(notes, fit)}
            for fit in self.fits
        ]

    def footnotes(self) -> list[str]:
        """What the numbers in the last column mean."""
        return [f"[{number}] {note}" for note, number in self._notes().items()]

    def _notes(self) -> dict[str, int]:
        notes = dict.fromkeys(fit.note for fit in self.fits if fit.note)
        return {note: number for number, note in enumerate(notes, 1)}

    def write(self, destination: Path) -> None:
        """Write ground_truth.csv (every digit) and ground_truth.md into `destination`."""
        destination.mkdir(parents=True, exist_ok=True)
        text = "\n\n".join([
            "# Trained against target", f"**{markdown(self.sentence())}**", markdown_table(self.table()),
            "\n".join(f"- {markdown(line)}" for line in self.footnotes()),
        ])  # fmt: skip
        write_atomic(destination / "ground_truth.csv", as_csv([fit.row() for fit in self.fits], _COLUMNS), fsync=False)
        write_atomic(destination / "ground_truth.md", text.encode() + b"\n", fsync=False)


def ground_truth(folder: SweepFolder) -> GroundTruth | None:
    """The table of a sweep; None where it has no trial whose best Gaussian is known."""
    fits = [fit for _, record in sorted(folder.state().trials.items()) for fit in _fits(record)]
    order = {name: i for i, name in enumerate(known())}
    return GroundTruth(tuple(sorted(fits, key=lambda fit: (order[fit.objective], fit.trial)))) if fits else None


_MOVING = (
    "no family minimises this: the critic's constraint moves with the model, and the generator does not feel that, so the "
    "game rests at {own}, a row of its own; the difference here is the theory's"
)
_LIMIT = "reached as lambda grows; here it is {scale:g}"
_BESIDE = {"relaxed_wasserstein_2": _LIMIT + ", for which {own} is a row of its own"}  # of other games it is _MOVING
_SECOND = "the objective has {n} optima; the target is the best, and ({mu:.4f}, {sigma:.4f}) is the nearest to where this ended"
_NO_TARGET = "no target: on this mixture no one Gaussian was found that is better than all around it and than the rest"


def _fits(record: TrialRecord) -> list[Fit]:
    """The fits of one trial: none, one, or two where the objective has a neighbour for which it is often taken."""
    configuration = _configuration(record)
    objective = _objective(configuration) if configuration else None
    if configuration is None or objective is None:
        return []
    objectives = [objective]
    if objective.name in NEIGHBOURS:
        note = _BESIDE.get(objective.name, _MOVING).format(own=objective.name, scale=objective.scale)
        objectives.append(PopulationObjective(NEIGHBOURS[objective.name], bias=note))
    return [_fit(record, configuration, one) for one in objectives]


def _fit(record: TrialRecord, configuration: TrialConfiguration, objective: PopulationObjective) -> Fit:
    mixture = Mixture(*_components(configuration))
    scores: Mapping[str, float] = record.reports[-1].scores if record.reports else {}
    trained = scores.get(f"{METRIC}.mean", math.nan), scores.get(f"{METRIC}.deviation", math.nan)
    target, aside = _target(mixture, objective, trained)
    ended = "" if record.outcome is Outcome.COMPLETED or not record.outcome else record.outcome.name.lower()
    notes = (f"{ended}: {record.reason}" if ended else "", objective.bias, aside)
    return Fit(
        objective=objective.name,
        trial=record.number,
        family=configuration.family.name,
        target=target,
        trained=trained,
        bounds=(_MU_BOUND * mixture.deviation, _SIGMA_BOUND * mixture.deviation),
        seconds=record.seconds,
        note="; ".join(filter(None, notes)),
    )


def _target(mixture: Mixture, objective: PopulationObjective, trained: Place) -> tuple[Place, str]:
    """The best Gaussian, of several as good the nearest to the trained one, and what there is to say of it."""
    best = best_gaussian(objective.name, mixture, objective.scale)
    if best is None:
        return (math.nan, math.nan), _NO_TARGET
    optima = [best, *best.others]
    nearest = min(optima, key=lambda one: math.dist((one.mu, one.sigma), trained))
    if nearest.value - best.value < _AS_GOOD:  # by symmetry; also where there is one optimum
        return (nearest.mu, nearest.sigma), ""
    return (best.mu, best.sigma), _SECOND.format(n=len(optima), mu=nearest.mu, sigma=nearest.sigma)


def _configuration(record: TrialRecord) -> TrialConfiguration | None:
    """The configuration of a trial that ended, if its data and network may be those of the table."""
    names = {"dataset": "gaussian_mixture", "network": "affine"}
    nodes = {key: record.configuration.get(key) for key in names}
    if record.outcome is None or any(not isinstance(n, dict) or n.get("name") != names[k] for k, n in nodes.items()):
        return None
    return TrialConfiguration.model_validate(record.configuration)


def _components(configuration: TrialConfiguration) -> Components:
    """The mixture's weights, means and deviations; none in more than one dimension."""
    assert isinstance(configuration.dataset, GaussianMixture)
    return configuration.dataset.components() or ((), (), ())


def _objective(configuration: TrialConfiguration) -> PopulationObjective | None:
    """What the trial should have minimised, where it was measured and its model is a Gaussian on a line."""
    is_measured = any(metric.name == METRIC for metric in configuration.evaluation.metrics)
    objective = configuration.family.population_objective()
    if not (is_measured and _components(configuration)[0]) or objective is None:
        return None
    if objective.name == "relaxed_wasserstein_2" and configuration.latent_size > 1:  # slices of the codes are not W_2
        return PopulationObjective(NEIGHBOURS[objective.name], bias=_LIMIT.format(scale=objective.scale))
    return objective if objective.name in known() else None


def _text(column: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "-"
    return (
        f"{value:.0f}"
        if column == "seconds"
        else f"{value:+.4f}"
        if column.startswith("difference")
        else f"{value:.4f}"
    )


def _mark(notes: Mapping[str, int], fit: Fit) -> str:
    return f"[{notes[fit.note]}]" if fit.note else ""

"""What one trial's trained Gaussian is held to: the best Gaussian by each objective that its family may have minimised.

For trials on a one-dimensional Gaussian mixture with the `affine` network, whose models are Gaussians, and the metric
`gaussian_fit`. The targets are computed for the mixture at hand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from gensweep.configuration import TrialConfiguration
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.errors import Outcome
from gensweep.ledger.history import TrialRecord
from gensweep.losses import PopulationObjective
from gensweep.studies.gaussian_pair import Mixture
from gensweep.studies.gaussian_slopes import has_variance
from gensweep.studies.gaussian_targets import NEIGHBOURS, Place, best_gaussian, known

METRIC = "gaussian_fit"
_CRITIC = "critic_diagnostics.relative"
Components: TypeAlias = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]
_AS_GOOD = 1e-6  # two optima whose values differ by less are equally right
# .03 and .04 for the deviation 1.8304 of the mixture that the bounds were agreed on; for others in proportion
_MU_BOUND, _SIGMA_BOUND = 0.03 / 1.8304, 0.04 / 1.8304


@dataclass(frozen=True)
class Fit:
    """One trained model against the best Gaussian by one objective.

    `trained` are not numbers where the trial did not end well, nor `target` where no Gaussian is best. `setting` is the
    trial's configuration but for its seed, as text: what trials that repeat each other share. `critic` is how far the
    trained critic is from the best one, 1 where it knows nothing; not a number where that was not measured.
    """

    objective: str
    trial: int
    family: str
    setting: str
    target: tuple[float, float]
    trained: tuple[float, float]
    bounds: tuple[float, float]
    seconds: float
    note: str = ""
    critic: float = math.nan

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


_MOVING = (
    "no family minimises this: the critic's constraint moves with the model, and the generator does not feel that, so the "
    "game rests at {own}, a row of its own; the difference here is the theory's"
)
_LIMIT = "reached as lambda grows; here it is {scale:g}"
_BESIDE = {"relaxed_wasserstein_2": _LIMIT + ", for which {own} is a row of its own"}  # of other games it is _MOVING
_SECOND = "the objective has {n} optima; the target is the best, and ({mu:.4f}, {sigma:.4f}) is the nearest to where this ended"
_NO_VARIANCE = (
    "no batch can show the way to this optimum: there the slope at a sample has no finite variance, with the best critic too, "
    "and a fit ends where the tails that it does not see no longer count"
)
_NO_TARGET = "no target: on this mixture no one Gaussian was found that is better than all around it and than the rest"


def fits(record: TrialRecord) -> list[Fit]:
    """The fits of one trial that ended: none, one, or two where its objective has a neighbour for which it is often taken."""
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
    is_shown = math.isnan(target[1]) or has_variance(objective.name, mixture, target[1], objective.scale)
    notes = (
        f"{ended}: {record.reason}" if ended else "", objective.bias, aside, "" if is_shown else _NO_VARIANCE,
    )  # fmt: skip
    return Fit(
        objective=objective.name,
        trial=record.number,
        family=configuration.family.name,
        setting=_setting(record),
        target=target,
        trained=trained,
        bounds=(_MU_BOUND * mixture.deviation, _SIGMA_BOUND * mixture.deviation),
        seconds=record.seconds,
        note="; ".join(filter(None, notes)),
        critic=scores.get(_CRITIC, math.nan),
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


def _setting(record: TrialRecord) -> str:
    """The configuration but for the seed, the same text for the same settings."""
    return json.dumps({key: value for key, value in record.configuration.items() if key != "seed"}, sort_keys=True)


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
    is_gaussian = getattr(configuration.family, "prior", "normal") == "normal"
    if not (is_measured and is_gaussian and _components(configuration)[0]) or objective is None:
        return None
    if objective.name == "relaxed_wasserstein_2" and configuration.latent_size > 1:  # slices of the codes are not W_2
        return PopulationObjective(NEIGHBOURS[objective.name], bias=_LIMIT.format(scale=objective.scale))
    return objective if objective.name in known() else None

"""A trial of the ledger as one of Optuna's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from gensweep.axes.arms import Arm
from gensweep.axes.distributions import Choice, Distribution, Int, LogInt, LogUniform, QUniform, Uniform
from gensweep.axes.items import write_item
from gensweep.errors import Outcome
from gensweep.ledger.history import TrialRecord
from gensweep.objective import Objective


def modelled(distribution: Distribution) -> BaseDistribution:
    """Optuna's distribution for one of ours. Options go by their labels and steps by their number, so that none is lost."""
    match distribution:
        case Choice():
            return CategoricalDistribution(distribution.labels)
        case QUniform():
            return IntDistribution(0, distribution.steps)
        case Int() | LogInt():
            return IntDistribution(int(distribution.low), int(distribution.high), log=isinstance(distribution, LogInt))
        case Uniform() | LogUniform():
            return FloatDistribution(distribution.low, distribution.high, log=isinstance(distribution, LogUniform))
    raise AssertionError(f"no distribution of Optuna for {distribution!r}")


def told(distribution: Distribution, value: Any) -> Any:
    """A value as `modelled` holds it; a knob that early stopping moved over an end of its range stands at the end."""
    match distribution:
        case Choice():
            return write_item(value)
        case QUniform():
            return min(max(round((value - distribution.low) / distribution.q), 0), distribution.steps)
        case Int() | LogInt() | Uniform() | LogUniform():
            return min(max(value, distribution.low), distribution.high)
    raise AssertionError(f"no distribution of Optuna for {distribution!r}")


def held(distribution: Distribution, value: Any) -> Any:
    """The value of a configuration that `told` made this of."""
    match distribution:
        case Choice():
            return distribution.of(value)
        case QUniform():
            return distribution.after(value)
    return value


def parameters_of(
    arm: Arm, parameters: Mapping[str, Any], *, imputed: bool = False
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """Values and distributions of a trial's axes; `imputed`: of all axes, those that it does not have at their middle."""
    present = [axis for axis in arm.axes if imputed or axis.path in parameters]
    values = {a.path: parameters[a.path] if a.path in parameters else a.distribution.at(0.5) for a in present}
    return (
        {str(axis.path): told(axis.distribution, values[axis.path]) for axis in present},
        {str(axis.path): modelled(axis.distribution) for axis in present},
    )


def trial(
    record: TrialRecord,
    objective: Objective,
    parameters: tuple[dict[str, Any], dict[str, BaseDistribution]],
    attributes: Mapping[str, Any] | None = None,
) -> FrozenTrial:
    """The trial as it ended, or as it runs. Its value is its best score; that of one that diverged is the worst there is."""
    values, distributions = parameters
    state, value = _result(record, objective)
    return create_trial(
        state=state,
        value=value,
        params=values,
        distributions=distributions,
        intermediate_values={report.epoch: objective.of(report.scores) for report in record.reports},
        user_attrs=dict(attributes or {}),
    )


def running(parameters: tuple[dict[str, Any], dict[str, BaseDistribution]]) -> FrozenTrial:
    """A trial of which nothing is known but its parameters."""
    return create_trial(state=TrialState.RUNNING, params=parameters[0], distributions=parameters[1])


def direction(objective: Objective) -> str:
    """Which way is better, in Optuna's words."""
    return "minimize" if objective.mode == "min" else "maximize"


def _result(record: TrialRecord, objective: Objective) -> tuple[TrialState, float | None]:
    match record.outcome:
        case None:
            return TrialState.RUNNING, None
        case Outcome.FAILED:
            return TrialState.FAIL, None
        case Outcome.PRUNED:
            last = objective.of(record.reports[-1].scores) if record.reports else math.nan
            return TrialState.PRUNED, last if math.isfinite(last) else None
    best = objective.of(record.best)
    is_worst = record.outcome is Outcome.DIVERGED or not math.isfinite(best)
    worst = math.inf if objective.mode == "min" else -math.inf
    return TrialState.COMPLETE, worst if is_worst else best

"""What of a sweep goes to a run store, under which names: pure functions of the ledger."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from gensweep.errors import Outcome
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.ledger.trial_folder import Row
from gensweep.objective import Objective
from gensweep.tracking.run_store import Point, Status

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_\-. :/]")
_NO_MODEL = re.compile(r"[^A-Za-z0-9_-]+")
_SCORED = (Outcome.COMPLETED, Outcome.PRUNED)
_STATUS: dict[Outcome | None, Status] = {None: "RUNNING", Outcome.FAILED: "FAILED"}  # every other one is a result
_LONGEST_NAME = 250  # characters
_LONGEST_COMMIT = 64  # digits of a hash
_LONGEST_TAG = 4500  # characters: stores take about 5000
_LOSS, _SECONDS, _FLOOR = "loss.", "epoch.seconds", ".floor"


def parameters(node: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A configuration as parameters: `family.divergence.name` -> `mmd`. A list is one parameter, as JSON."""
    flat: dict[str, str] = {}
    for key, value in node.items():
        if isinstance(value, Mapping):
            flat |= parameters(value, f"{prefix}{key}.")
        else:
            flat[clean(f"{prefix}{key}")] = value if isinstance(value, str) else json.dumps(value)
    return flat


def trial_parameters(configuration: Mapping[str, Any]) -> dict[str, str]:
    """The same of a trial, and each component's name where the component stands too: `family` -> `wae`."""
    return {**parameters(configuration), **dict(_components(configuration))}


def _components(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            if name := _name(value):
                yield clean(f"{prefix}{key}"), name
            yield from _components(value, f"{prefix}{key}.")


def as_yaml(configuration: Mapping[str, Any]) -> str:
    """A configuration as a file for people."""
    return yaml.safe_dump(dict(configuration), sort_keys=False, allow_unicode=True)


def run_name(record: TrialRecord) -> str:
    """`13 wae/sinkhorn`: its number, its family and what else sets its arm apart; and whether it is no trial of the search."""
    family, divergence = record.family, _divergence(record) or ""
    apart = record.arm.removeprefix(family).lstrip(".") or divergence
    name = f"{record.number} {family}/{apart}" if apart and apart != family else f"{record.number} {family}"
    if record.parent is not None:
        name += f" confirms {record.parent}, seed {record.repeat + 1}"
    elif record.items == 0 and record.best:  # scored, and trained on nothing
        name += " (baseline)"
    return name[:_LONGEST_NAME]


def model_name(sweep: str, arm: str) -> str:
    """The name of an arm's model: stores take no dots and slashes in it.

    >>> model_name("wae", "wae/sinkhorn")
    'wae-wae-sinkhorn'
    """
    return _NO_MODEL.sub("-", f"{sweep}-{arm}")[:_LONGEST_NAME]


def model_tags(record: TrialRecord, sweep: str, sweep_id: str) -> dict[str, str]:
    """What a model can be found by, and by which protocols it was scored."""
    return {
        "gensweep.sweep": sweep,
        "gensweep.sweep_id": sweep_id,
        "gensweep.number": str(record.number),
        "gensweep.arm": record.arm,
        "gensweep.family": record.family,
        **{f"gensweep.protocol.{clean(name)}": digest for name, digest in record.protocol.items()},
    }


def trial_tags(record: TrialRecord, environment: Mapping[str, Any]) -> dict[str, str]:
    """What a trial's run can be found by."""
    named = {
        "gensweep.arm": record.arm,
        "gensweep.family": record.family,
        "gensweep.divergence": _divergence(record),
        "gensweep.dataset": _name(record.configuration.get("dataset")),
        "gensweep.confirms": None if record.parent is None else str(record.parent),
    }
    return {key: value for key, value in named.items() if value} | source_tags(environment)


def source_tags(environment: Mapping[str, Any]) -> dict[str, str]:
    """Which code the runs come from."""
    git = environment.get("git")
    tags = {"mlflow.source.name": "gensweep", "mlflow.source.type": "LOCAL"}
    if isinstance(git, Mapping) and isinstance(commit := git.get("commit"), str) and commit:
        dirty = git.get("dirty") is True if git.get("dirty") is not None else None
        tags |= {
            "mlflow.source.git.commit": commit[:_LONGEST_COMMIT],
            "gensweep.git_dirty": json.dumps(dirty),
        }
    return tags


def row_points(row: Row, *, grouped: bool = True) -> Iterator[Point]:
    """One row of results as points: the step is the epoch, the time is the row's own, so that a replay is the same.

    What the training says of itself stands below `train/`, which charts show as one group, apart from the scores; not
    `grouped` is how an earlier gensweep named it. Floors are the same in every epoch: the sweep's run has them.
    NaN is kept. Infinity is left out: MLflow stores it as 1.8e308, which flattens every chart; the ledger keeps it.
    """
    players = {name.removeprefix(_LOSS) for name in row.values if name.startswith(_LOSS)}
    for name, value in [*row.values.items(), (_SECONDS, row.seconds)]:
        if math.isinf(value) or (grouped and name.endswith(_FLOOR)):
            continue
        is_training = name.startswith(_LOSS) or name == _SECONDS or name.partition(".")[0] in players
        yield Point(clean(f"train/{name}" if grouped and is_training else name), value, row.time, row.epoch)


def knob_points(record: TrialRecord, first: Mapping[str, Any], rows: Iterable[Row]) -> Iterator[Point]:
    """The values that population-based training changed, over the epochs that trained with them; `first` is of the issue.

    A store's parameters cannot change, so that they keep the first values; words and lists stand in the lineage alone.
    """
    changed = sorted({name for copy in record.copies for name in copy.changed})
    for row in rows:
        # a copy after epoch e trains from epoch e + 1 on
        values = next((copy.parameters for copy in reversed(record.copies) if copy.epoch < row.epoch), first)
        for name in changed:
            value = values.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                yield Point(clean(f"knob.{name}"), float(value), row.time, row.epoch)


def best_points(record: TrialRecord, time: int) -> Iterator[Point]:
    """The trial's result, which MLflow's table then shows: it shows last values, and a last value is not the best."""
    values = {f"best.{name}": value for name, value in record.best.items() if not name.endswith(_FLOOR)}
    values |= {f"test.{name}": value for name, value in record.test.items() if not name.endswith(_FLOOR)}
    values |= {"duration.seconds": record.seconds, "duration.evaluation_seconds": record.evaluation_seconds}
    if record.best_epoch is not None:
        values["best.epoch"] = record.best_epoch
    for name, value in values.items():
        if not math.isinf(value):
            yield Point(clean(name), float(value), time, record.epoch)


def ending_tags(record: TrialRecord) -> dict[str, str]:
    """How the trial stands: its outcome, why, what to know of its numbers, how and where it trained, how it was scored."""
    tags = {"gensweep.outcome": record.outcome.name if record.outcome else "RUNNING", "gensweep.reason": record.reason}
    tags["gensweep.mode"] = record.mode
    if record.host:
        tags["gensweep.host"] = record.host
    tags |= {f"gensweep.{clean(name)}": version for name, version in record.software.items()}
    if record.copies:
        tags["gensweep.lineage"] = lineage(record)
    if record.notes:
        tags["gensweep.notes"] = "\n".join(record.notes)[:_LONGEST_TAG]
    return tags | {f"gensweep.protocol.{clean(name)}": digest for name, digest in record.protocol.items()}


def lineage(record: TrialRecord) -> str:
    """Whose weights the trial took, after which epoch, and what changed with them: JSON, the oldest first.

    Of a history that is too long for a tag the newest part stands there, after how many are left out.
    """
    copies = [
        {
            "epoch": copy.epoch,
            "source": copy.source,
            "step": copy.source_step,
            "changed": {name: copy.parameters.get(name) for name in copy.changed},
        }
        for copy in record.copies
    ]
    for left_out in range(len(copies) + 1):
        kept: list[Any] = [*([{"left_out": left_out}] if left_out else []), *copies[left_out:]]
        text = json.dumps(kept, separators=(",", ":"))
        if len(text) <= _LONGEST_TAG:
            break
    return text


def summary(state: SweepState, objective: Objective | None, time: int) -> Iterator[Point]:
    """The sweep's own numbers: how many trials ended how, the best of the objective, and about what real data score."""
    records = list(state.trials.values())
    step = sum(not record.is_live for record in records)
    for outcome in Outcome:
        n = sum(record.outcome is outcome for record in records)
        yield Point(f"trials.{outcome.name.lower()}", n, time, step)
    if objective is not None:
        best = objective.best(objective.of(record.best) for record in records if record.outcome in _SCORED)
        if best is not None:
            yield Point(clean(f"best.{objective.metric}"), best, time, step)
    for name, value in _floors(records).items():
        yield Point(clean(f"floor.{name}"), value, time, step)


def _floors(records: Iterable[TrialRecord]) -> dict[str, float]:
    """The floor of each score on the validation split; none where trials differ in it."""
    found: dict[str, set[float]] = {}
    for record in records:
        for name, value in record.best.items():
            if name.endswith(_FLOOR) and math.isfinite(value):
                found.setdefault(name.removesuffix(_FLOOR), set()).add(value)
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


def best_of_arms(state: SweepState, objective: Objective | None) -> dict[str, TrialRecord]:
    """The best trial that each arm's search found so far; an arm without a score has none."""
    found: dict[str, TrialRecord] = {}
    if objective is None:
        return found
    for record in state.trials.values():
        if record.parent is not None or record.outcome not in _SCORED:
            continue
        before = objective.of(found[record.arm].best) if record.arm in found else math.nan
        if objective.better(objective.of(record.best), before):  # NaN is worse than every number
            found[record.arm] = record
    return found


def status(outcome: Outcome | None) -> Status:
    """A store's word for an outcome. A pruned or diverged trial is FINISHED: it is a result."""
    return _STATUS.get(outcome, "FINISHED")


def clean(name: str) -> str:
    """A name with nothing in it that a store refuses."""
    return _FORBIDDEN.sub("_", name)[:250]


def _divergence(record: TrialRecord) -> str | None:
    family = record.configuration.get("family")
    return _name(family.get("divergence")) if isinstance(family, Mapping) else None


def _name(node: Any) -> str | None:
    return (
        str(node["name"]) if isinstance(node, Mapping) and "name" in node else node if isinstance(node, str) else None
    )

"""What is right by itself in a trial, and does not go together: its data and its networks, its metrics and the objective."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import ValidationError

from gensweep import registry
from gensweep.axes.space import Ask
from gensweep.component import build
from gensweep.configuration import Evaluation, TrialConfiguration
from gensweep.datasets.base import Dataset, SplitName
from gensweep.errors import ConfigError, Problem
from gensweep.families.base import Family
from gensweep.metrics.base import Metric
from gensweep.networks.base import Network
from gensweep.spaces.located import at, where_of
from gensweep.spaces.messages import not_measured
from gensweep.spaces.sweep import Sweep

_Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Parts:
    """What of a trial could be read. `metrics` holds None where one could not, so that places stay."""

    dataset: Dataset | None
    network: Network | None
    family: Family | None
    metrics: tuple[Metric | None, ...]
    split: SplitName | None
    batch_size: int | None

    @classmethod
    def of(cls, trial: TrialConfiguration) -> Parts:
        """All of a sound trial."""
        evaluation, batch_size = trial.evaluation, trial.training.batch_size
        return cls(trial.dataset, trial.network, trial.family, evaluation.metrics, evaluation.split, batch_size)

    @classmethod
    def readable(cls, node: Mapping[str, Any]) -> Parts:
        """What is sound of a trial that is not, so that one mistake hides no other."""
        training, evaluation = (_mapping(node.get(key)) for key in ("training", "evaluation"))
        listed = evaluation.get("metrics")
        metrics = tuple(_built("metrics", metric) for metric in (listed if isinstance(listed, list) else [None]))
        batch_size, split = (
            training.get("batch_size"),
            evaluation.get("split", Evaluation.model_fields["split"].default),
        )
        return cls(
            cast(Dataset | None, _built("datasets", node.get("dataset"))),
            cast(Network | None, _built("networks", node.get("network"))),
            cast(Family | None, _built("families", node.get("family"))),
            cast(tuple[Metric | None, ...], metrics),
            cast(SplitName, split) if split in ("validation", "test") else None,
            batch_size if isinstance(batch_size, int) and not isinstance(batch_size, bool) else None,
        )


class Described(dict[Dataset, "Facts"]):
    """What is known of each dataset without reading it: some open files to tell, so that each is asked once."""

    def __missing__(self, dataset: Dataset) -> Facts:
        self[dataset] = facts = _facts(dataset)
        return facts


@dataclass(frozen=True)
class Facts:
    """What is known of a dataset that was not read."""

    shape: tuple[int, ...] = ()
    bounds: tuple[float, float] | None = None
    levels: int = 0
    n_items: Mapping[SplitName, int] = field(default_factory=dict)
    is_here: bool = True
    problem: str = ""


def _facts(dataset: Dataset) -> Facts:
    if dataset.problem():
        return Facts(is_here=False)  # `data_problems` reports it
    try:
        return Facts(dataset.shape, dataset.bounds, dataset.levels, dataset.n_items() or {})
    except ConfigError as error:
        return Facts(is_here=False, problem=str(error))


def crossed(sweep: Sweep, ask: Ask, parts: Parts, described: Mapping[Dataset, Facts]) -> Iterator[Problem]:
    """What does not go together, of the parts that could be read."""
    yield from _objective(sweep, ask, parts.metrics)
    if parts.dataset is None:
        return
    facts = described[parts.dataset]
    if facts.problem:
        yield at(sweep, ask, ("dataset",), facts.problem)
    if facts.is_here:
        yield from (
            at(sweep, ask, place, misfit) for place, misfit in _misfits(parts, parts.dataset, facts, sweep) if misfit
        )


def _misfits(trial: Parts, dataset: Dataset, facts: Facts, sweep: Sweep) -> Iterator[tuple[_Place, str | None]]:
    if trial.network:
        yield ("network",), trial.network.misfit(facts.shape)
    if trial.family:
        yield ("family",), trial.family.misfit(facts.shape, facts.bounds)
        yield ("family", "levels"), trial.family.levels_misfit(facts.levels)
    if trial.family and trial.network:
        yield ("family", "constraint"), trial.family.critic_misfit(trial.network)
    for i, metric in enumerate(trial.metrics):
        if metric:
            yield ("evaluation", "metrics", i), metric.misfit(dataset)
        splits: list[SplitName | None] = [trial.split, "test" if sweep.confirm else None]
        for split in dict.fromkeys(splits):
            if metric and split and split in facts.n_items:
                yield ("evaluation", "metrics", i), metric.shortage(facts.n_items[split], split)
    yield ("training", "batch_size"), _too_few(trial.batch_size, facts.n_items.get("train"))


def _too_few(batch_size: int | None, n: int | None) -> str | None:
    if batch_size is None or n is None or batch_size <= n:
        return None
    cure = f"Write batch_size: {max(1, n // 4)} or so"
    return f"{batch_size} is not allowed: the training split has {n} items. {cure}"


def _built(kind: str, node: object) -> Any:
    try:
        return build(kind, node)
    except ValidationError:
        return None


def _mapping(node: object) -> Mapping[str, Any]:
    return node if isinstance(node, Mapping) else {}


def scored(sweep: Sweep, trial: TrialConfiguration) -> tuple[object, ...]:
    """What trials have to have in common for their scores to be ranked, but for their data."""
    return trial.evaluation.split, [m for m in trial.evaluation.metrics if m.name == sweep.objective.metric]


def _objective(sweep: Sweep, ask: Ask, given: Sequence[Metric | None]) -> Iterator[Problem]:
    if not given:  # which is reported
        return
    names = [metric.name if metric else None for metric in given]
    metrics = [metric for metric in given if metric]
    for i, name in enumerate(names):
        if name and name in names[:i]:
            yield at(sweep, ask, ("evaluation", "metrics", i), f"{name} is measured twice under one name. Keep one")
    wanted = sweep.objective
    if wanted.metric not in names:
        unread = None in names and wanted.metric in registry.names("metrics")  # it may be the one
        if wanted.metric and not unread:  # else the section is what was reported
            measured = tuple(metric.name for metric in metrics)
            yield Problem(
                where_of(sweep, "objective.metric"), "objective.metric", not_measured(wanted.metric, measured)
            )
        return
    metric = next(metric for metric in metrics if metric.name == wanted.metric)
    if not metric.is_quality:
        yield Problem(where_of(sweep, "objective.metric"), "objective.metric", _no_objective(wanted.metric, metrics))
    elif metric.mode != wanted.mode:
        yield Problem(
            where_of(sweep, "objective.mode"),
            "objective.mode",
            f"'{wanted.mode}' would search for the worst {wanted.metric}. Write mode: {metric.mode}",
        )


def _no_objective(watching: str, metrics: Sequence[Metric]) -> str:
    measures = [metric.name for metric in metrics if metric.is_quality]
    cure = (
        f"Choose {' or '.join(measures)}" if measures else "Add one that measures quality to trial.evaluation.metrics"
    )
    return f"'{watching}' only watches for something, and a worse model need not score worse. {cure}"

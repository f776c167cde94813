"""Everything that can be known to be wrong before anything starts, all at once.

Not every combination is tried, which could be millions: every option of each choice, both ends of each range and every
branch are, and every two options of two choices together, each with the first option of all other axes, and everything
once for each family.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gensweep import registry
from gensweep.axes import space as spaces
from gensweep.axes.axis import Axis, AxisPath
from gensweep.axes.distributions import Choice
from gensweep.axes.space import Ask, OneOf
from gensweep.configuration import TrialConfiguration
from gensweep.datasets import base as datasets
from gensweep.datasets.base import Dataset
from gensweep.errors import ConfigError, Problem
from gensweep.spaces.blame import told
from gensweep.spaces.load import read
from gensweep.spaces.messages import explain, not_measured
from gensweep.spaces.places import moved, moved_override
from gensweep.spaces.sweep import Sweep

_NEEDED = {"dataset": "datasets", "network": "networks", "family": "families"}


def load_and_check(file: Path, overrides: Sequence[str] = (), groups: Sequence[Path] = ()) -> Sweep:
    """The sweep of a file and overrides, known to be sound.

    Raises:
        ConfigError: with every mistake in the file, the overrides and what they mean.
    """
    sweep, problems = read(file, overrides, groups, whole=True)
    reported = {(problem.where, AxisPath(problem.path).place) for problem in problems}
    problems += [p for p in check(sweep) if (p.where, p.path) not in reported and not _follows(p, problems)]
    if problems:
        problems = [Problem(p.where, AxisPath(p.path).place, p.message) for p in told(problems, sweep.sources, file)]
        raise ConfigError(sorted(problems, key=_line))
    return sweep


def _follows(problem: Problem, reported: Sequence[Problem]) -> bool:
    """Whether it is about a searcher that stands in for the one that could not be read, or about missing defaults."""
    paths = [other.path for other in reported]
    if problem.path == "trial.dataset" and "is missing" in problem.message:
        return "defaults" in paths
    return problem.path == "search.samples" and any(path.startswith("search") for path in paths)


def check(sweep: Sweep) -> list[Problem]:
    """What is wrong with a sweep that could be read: its trials, and whether its settings go with them."""
    found = list(_settings(sweep))
    configurations: list[tuple[Ask, TrialConfiguration]] = []
    for ask in _asks(sweep.space):
        try:
            configurations.append((ask, TrialConfiguration.example(spaces.resolve(sweep.space, ask))))
        except ValidationError as error:
            found += [_translated(sweep, ask, line) for line in _first_causes(error)]
    for ask, configuration in configurations:
        found += _crossed(sweep, ask, configuration)
    return list(dict.fromkeys(found))


def data_problems(sweep: Sweep) -> list[Problem]:
    """Which datasets of the sweep cannot be read on this machine, with the cures. Reads no data."""
    found = [(ask, dataset.problem()) for ask, dataset in _datasets(sweep)]
    return list(dict.fromkeys(_at(sweep, ask, ("dataset",), problem) for ask, problem in found if problem))


def _datasets(sweep: Sweep) -> Iterator[tuple[Ask, Dataset]]:
    for ask in _asks(sweep.space):
        try:
            yield ask, TrialConfiguration.example(spaces.resolve(sweep.space, ask)).dataset
        except ValidationError:
            continue  # `check` reports it


def unreadable(sweep: Sweep) -> list[Problem]:
    """What of the sweep's data and feature extractors cannot be opened here. Reads them, and keeps them for its trials."""
    found, opened = list[Problem](), set[Any]()
    for ask in _asks(sweep.space):
        try:
            configuration = TrialConfiguration.example(spaces.resolve(sweep.space, ask))
        except ValidationError:
            continue  # `check` reports it
        for location, key, opening in _opened(configuration):
            if key not in opened and (reason := _reason(opening)):
                found.append(_at(sweep, ask, location, reason))
                break  # without data no extractor is of use
            opened.add(key)
    return list(dict.fromkeys(found))


def _opened(configuration: TrialConfiguration) -> Iterator[tuple[tuple[str | int, ...], Any, Callable[[], Any]]]:
    """What a trial opens: where that is written, what it is, and how it is opened."""
    dataset = configuration.dataset
    yield ("dataset",), dataset, partial(datasets.load, dataset)
    for i, metric in enumerate(configuration.evaluation.metrics):
        yield ("evaluation", "metrics", i), (metric, dataset), partial(metric.ready, dataset)


def _reason(opening: Callable[[], Any]) -> str | None:
    try:
        opening()
    except ConfigError as error:
        return str(error)
    except Exception as error:  # a file may be broken in ways that only its library knows
        return f"cannot be read ({type(error).__name__}: {error}). Check the file, or get it again."
    return None


def _asks(space: dict[str, Any]) -> Iterator[Ask]:
    """One way to answer for each value that has to be valid."""
    family = space.get("family")
    for label in family.branches if isinstance(family, OneOf) else [None]:
        fixed = {} if label is None else {"family": label}
        yield _answering(fixed)
        axes = [a for a in spaces.axes(space) if a.given.get("family", label) == label and a.path not in fixed]
        for axis in axes:
            yield from (_answering({**axis.given, **fixed, axis.path: end}) for end in axis.distribution.ends())
        for pair in itertools.combinations((a for a in axes if isinstance(a.distribution, Choice)), 2):
            yield from (_answering({**fixed, **both}) for both in _together(*pair))


def _together(one: Axis, other: Axis) -> Iterator[dict[str, Any]]:
    """Every two options of two choices, with what has to be chosen for both to exist."""
    for options in itertools.product(one.distribution.ends(), other.distribution.ends()):
        chosen = dict(zip((one.path, other.path), options, strict=True))
        wanted = [*one.given.items(), *other.given.items(), *chosen.items()]
        if all(dict(wanted)[name] == value for name, value in wanted):
            yield dict(wanted)


def _answering(chosen: dict[str, Any]) -> Ask:
    def ask(axis: Axis) -> Any:
        return chosen[axis.path] if axis.path in chosen else axis.distribution.ends()[0]

    return ask


def _first_causes(error: ValidationError) -> list[Any]:
    """The errors without those that follow from another: an unknown family brings no optimiser."""
    found: list[Any] = list(error.errors())
    lines = [one for one in found if one["type"] != "too_short" or not any(_is_inside(o, one) for o in found)]
    if not any(line["loc"] in (("family",), ("family", "name")) for line in lines):
        return lines
    return [line for line in lines if line["loc"][:2] != ("training", "optimizer")]


def _is_inside(error: Any, other: Any) -> bool:
    """Whether an error is about an item of what the other one is about: a list of wrong items is not too short."""
    inner, outer = tuple(error["loc"]), tuple(other["loc"])
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _translated(sweep: Sweep, ask: Ask, error: Any) -> Problem:
    location = tuple(error["loc"])
    problem = _at(sweep, ask, location, explain(error))
    kind = _NEEDED.get(str(location[-1])) if error["type"] == "missing" and len(location) == 1 else None
    if kind:
        cure = f"{problem.message}. Write {location[-1]}: {{name: …}}. Known: {', '.join(registry.names(kind))}."
        return Problem(problem.where, problem.path, cure)
    if error["type"] == "unknown_field":  # the line of the field, the path of the node that does not know it
        node = AxisPath(f"trial.{spaces.locate(sweep.space, ask, location[:-1])}".strip(".")).place
        problem = Problem(problem.where, node, problem.message + _meant(sweep, problem.where, f"{node}.{location[-1]}"))
    return problem


def _meant(sweep: Sweep, where: str, path: str) -> str:
    """Where a field that stands elsewhere belongs; empty where its own node has one that it was meant for."""
    tree = sweep.definition()
    better = moved_override(where, tree) if "=" in where else moved(path, tree)
    same_node = better is not None and path.rpartition(".")[0] == better.partition("=")[0].rpartition(".")[0]
    return f" Write {better}." if better and not same_node else ""


def _at(sweep: Sweep, ask: Ask, location: tuple[str | int, ...], message: str) -> Problem:
    name = f"trial.{spaces.locate(sweep.space, ask, location)}".strip(".")
    return Problem(_where(sweep, name), AxisPath(name).place, message)


def _where(sweep: Sweep, name: str) -> str:
    """Where `name` was written, or the nearest node around it that was."""
    while name and name not in sweep.sources:
        name = name[: name.rindex("[")] if name.endswith("]") else name.rpartition(".")[0]
    return sweep.sources.get(name, "")


def _line(problem: Problem) -> tuple[bool, str, int]:
    """The order of the report: overrides first, then each file from top to bottom."""
    file, _, line = problem.where.rpartition(":")
    return (line.isdigit(), file, int(line)) if line.isdigit() else (False, "", 0)


def _settings(sweep: Sweep) -> Iterator[Problem]:
    try:
        arms = sweep.arms
    except ConfigError as error:
        yield Problem(_where(sweep, "compare"), "compare", str(error))
        return
    if sweep.search.samples is None and any(sweep.searcher.limit(arm) is None for arm in arms.values()):
        message = f"null lets {sweep.searcher.name} go on for ever. Give a number, or sampler: grid"
        yield Problem(_where(sweep, "search.samples"), "search.samples", message)
    for arm in arms.values():
        for key, misfit in (
            ("search.sampler", sweep.searcher.misfit(arm)),
            ("early_stopping.name", sweep.early_stopping.misfit(arm)),
        ):
            if misfit:
                yield Problem(_where(sweep, key), key, f"{arm.label}: {misfit}")


def _crossed(sweep: Sweep, ask: Ask, configuration: TrialConfiguration) -> Iterator[Problem]:
    """What is right by itself, and does not go together."""
    parts: Any = configuration
    shape, bounds = parts.dataset.shape, parts.dataset.bounds
    for location, misfit in (
        (("network",), parts.network.misfit(shape)),
        (("family",), parts.family.misfit(shape, bounds)),
        (("family", "levels"), parts.family.levels_misfit(parts.dataset.levels)),
        (("family", "constraint"), parts.family.critic_misfit(parts.network)),
        *((("evaluation", "metrics", i), m.misfit(parts.dataset)) for i, m in enumerate(parts.evaluation.metrics)),
    ):
        if misfit:
            yield _at(sweep, ask, location, misfit)
    yield from _objective(sweep, ask, list(parts.evaluation.metrics))
    n_train, batch_size = getattr(parts.dataset, "n_train", None), parts.training.batch_size
    if isinstance(n_train, int) and batch_size > n_train:
        message = f"{batch_size} is not allowed: the training split has {n_train} items"
        yield _at(sweep, ask, ("training", "batch_size"), message)


def _objective(sweep: Sweep, ask: Ask, metrics: list[Any]) -> Iterator[Problem]:
    names = [metric.name for metric in metrics]
    for i, name in enumerate(names):
        if name in names[:i]:
            yield _at(sweep, ask, ("evaluation", "metrics", i), f"{name} is measured twice under one name. Keep one")
    wanted = sweep.objective
    if wanted.metric not in names:
        if wanted.metric:  # else the section is what was reported
            yield Problem(
                _where(sweep, "objective.metric"), "objective.metric", not_measured(wanted.metric, tuple(names))
            )
        return
    metric = metrics[names.index(wanted.metric)]
    if not metric.is_quality:
        yield Problem(_where(sweep, "objective.metric"), "objective.metric", _no_objective(wanted.metric, metrics))
    elif metric.mode != wanted.mode:
        yield Problem(
            _where(sweep, "objective.mode"),
            "objective.mode",
            f"'{wanted.mode}' would search for the worst {wanted.metric}. Write mode: {metric.mode}",
        )


def _no_objective(watching: str, metrics: list[Any]) -> str:
    measures = [metric.name for metric in metrics if metric.is_quality]
    cure = (
        f"Choose {' or '.join(measures)}" if measures else "Add one that measures quality to trial.evaluation.metrics"
    )
    return f"'{watching}' only watches for something, and a worse model need not score worse. {cure}"

"""Everything that can be known to be wrong before anything starts, all at once.

Which configurations are looked at: see tried.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gensweep import registry
from gensweep.axes import space as spaces
from gensweep.axes.axis import AxisPath
from gensweep.axes.whole import wrong_kind
from gensweep.configuration import TrialConfiguration
from gensweep.errors import ConfigError, Problem
from gensweep.spaces.blame import told
from gensweep.spaces.crossed import Described, Parts, crossed, scored
from gensweep.spaces.defaults_list import Lost
from gensweep.spaces.load import read, unexplained
from gensweep.spaces.located import at, where_of
from gensweep.spaces.messages import explain
from gensweep.spaces.places import moved, moved_override
from gensweep.spaces.sources import data_problems
from gensweep.spaces.sweep import Sweep
from gensweep.spaces.tried import Try, tries

_UNLIKE = (
    "is searched, and so trials would be scored in unlike ways, which are never ranked together. Give it one value; for "
    "another one, run another sweep"
)
_NEEDED = {"dataset": "datasets", "network": "networks", "family": "families"}


def load_and_check(file: Path, overrides: Sequence[str] = (), groups: Sequence[Path] = ()) -> Sweep:
    """The sweep of a file and overrides, known to be sound.

    Raises:
        ConfigError: with every mistake in the file, the overrides and what they mean.
    """
    sweep, problems = read(file, overrides, groups, whole=True)
    reported = {(problem.where, AxisPath(problem.path).place) for problem in problems}
    problems += [p for p in check(sweep) if (p.where, p.path) not in reported and not _follows(p, problems)]
    if problems and not any(isinstance(problem, Lost) for problem in problems):
        problems += [p for p in data_problems(sweep) if p.path not in {other.path for other in problems}]
    if problems := unexplained(problems):
        problems = [Problem(p.where, AxisPath(p.path).place, p.message) for p in told(problems, sweep.sources)]
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
    sound: list[tuple[Try, TrialConfiguration]] = []
    blamed, broken = set[AxisPath](), list[Try]()
    for tried in tries(sweep.space):
        try:
            sound.append((tried, TrialConfiguration.example(spaces.resolve(sweep.space, tried.ask))))
        except ValidationError as error:
            if tried.axis is None or not (tried.is_within and tried.axis.path in blamed):  # its ends say it already
                found += [_translated(sweep, tried, line) for line in _first_causes(error)]
            blamed |= {tried.axis.path} if tried.axis else set()
            broken.append(tried)
    described = Described()
    for tried, configuration in sound:
        found += crossed(sweep, tried.ask, Parts.of(configuration), described)
        if tried.axis and scored(sweep, configuration) != scored(sweep, sound[0][1]):
            found.append(at(sweep, tried.ask, tuple(tried.axis.path.place.split(".")), _UNLIKE))
    if not sound:
        for tried in broken:
            found += crossed(sweep, tried.ask, Parts.readable(spaces.resolve(sweep.space, tried.ask)), described)
    return list(dict.fromkeys(found))


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


def _translated(sweep: Sweep, tried: Try, error: Any) -> Problem:
    location, ask = tuple(error["loc"]), tried.ask
    problem = at(sweep, ask, location, explain(error))
    axis = next((a for a in spaces.axes(sweep.space) if a.path == spaces.locate(sweep.space, ask, location)), None)
    if axis and (message := wrong_kind(axis.distribution, error["type"])):
        return Problem(problem.where, problem.path, message)
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


def _line(problem: Problem) -> tuple[bool, str, int]:
    """The order of the report: overrides first, then each file from top to bottom."""
    file, _, line = problem.where.rpartition(":")
    return (line.isdecimal(), file, int(line)) if line.isdecimal() else (False, "", 0)


def _settings(sweep: Sweep) -> Iterator[Problem]:
    try:
        arms = sweep.arms
    except ConfigError as error:
        yield Problem(where_of(sweep, "compare"), "compare", str(error))
        return
    if sweep.search.samples is None and any(sweep.searcher.limit(arm) is None for arm in arms.values()):
        message = f"null lets {sweep.searcher.name} go on for ever. Give a number, or sampler: grid"
        yield Problem(where_of(sweep, "search.samples"), "search.samples", message)
    for arm in arms.values():
        for key, misfit in (
            ("search.sampler", sweep.searcher.misfit(arm)),
            ("early_stopping.name", sweep.early_stopping.misfit(arm)),
        ):
            if misfit:
                yield Problem(where_of(sweep, key), key, f"{arm.label}: {misfit}")
        if wrong := sweep.early_stopping.wrong_field(arm):
            key = f"early_stopping.{wrong.name}"
            yield Problem(where_of(sweep, key), key, wrong.message)

"""Whose mistake it is: a problem is told where the user wrote its cause, and each mistake once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from gensweep.errors import Problem
from gensweep.reading import Place, shown
from gensweep.spaces.defaults_list import SHIPPED

_REFUSED = " is not allowed"
_UNKNOWN = re.compile(r"unknown field '([^']*)' of ([\w ]+)\. (.*)", re.DOTALL)
_HINT = re.compile(r"Did you mean|Write ")
_CURE = re.compile(r"\. (?=Write |To search)")


def told(problems: Iterable[Problem], sources: Mapping[str, str]) -> list[Problem]:
    """The problems as the user needs them. `sources` says where each name was written, and of "" which file it is."""
    return _merged([_at_home(problem, sources) for problem in problems])


def _at_home(problem: Problem, sources: Mapping[str, str]) -> Problem:
    """A problem of a shipped file, told at the nearest line around it of the user's own, for that is what misfits.

    Where the user said nothing there but took the file itself, in an override or a defaults list, it is told there.
    """
    root = shown(SHIPPED)
    if problem.where and not problem.where.startswith(root):
        return problem
    name, own = problem.path, ""
    while name and not own:
        name = name[: name.rindex("[")] if name.endswith("]") else name.rpartition(".")[0]
        place = sources.get(name, "")
        own = "" if place.startswith(root) else place
    asked = problem.where.asked if isinstance(problem.where, Place) else ""
    if asked and "." not in name and not asked.startswith(root):
        own = asked
    written = problem.where and sources.get(problem.path) == problem.where
    whose = f" (from {Path(problem.where.rpartition(':')[0]).name})" if written else ""
    return replace(problem, where=own or sources.get("", ""), message=problem.message + whose)


def _merged(problems: list[Problem]) -> list[Problem]:
    """Values refused at one place for one reason, as the ends of a range, and a field unknown to several are one problem."""
    groups: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in problems:
        given, refused, reason = problem.message.partition(_REFUSED)
        unknown = _UNKNOWN.match(problem.message)
        same = unknown[1] if unknown else _CURE.split(reason)[0] if refused else given
        groups.setdefault((problem.where, problem.path, same), []).append(problem)
    return [_joined(group, reason) for (_, _, reason), group in groups.items()]


def _joined(group: list[Problem], reason: str) -> Problem:
    unknown = list(filter(None, (_UNKNOWN.match(problem.message) for problem in group)))
    if len(unknown) > 1:
        best = next((match for match in unknown if _HINT.search(match[3])), unknown[0])
        owners = list(dict.fromkeys(match[2] for match in unknown))
        told = f"unknown field '{best[1]}' of {_listed(owners)}. {best[3]}"
        return replace(group[0], message=told if len(owners) > 1 else group[0].message)
    values = list(dict.fromkeys(problem.message.partition(_REFUSED)[0] for problem in group))
    if len(values) == 1:
        return group[0]
    cures = {problem.message.partition(_REFUSED)[2] for problem in group}
    why = cures.pop() if len(cures) == 1 else reason
    return replace(group[0], message=f"{_listed(values)} are not allowed{why}")


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]

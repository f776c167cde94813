"""Where a problem of a trial was written."""

from __future__ import annotations

from gensweep.axes import space as spaces
from gensweep.axes.axis import AxisPath
from gensweep.axes.space import Ask
from gensweep.errors import Problem
from gensweep.spaces.sweep import Sweep


def at(sweep: Sweep, ask: Ask, location: tuple[str | int, ...], message: str) -> Problem:
    """A problem of the trial that answers so, at what stands at `location` in its configuration."""
    name = f"trial.{spaces.locate(sweep.space, ask, location)}".strip(".")
    return Problem(where_of(sweep, name), AxisPath(name).place, message)


def where_of(sweep: Sweep, name: str) -> str:
    """Where `name` was written, or the nearest node around it that was."""
    while name and name not in sweep.sources:
        name = name[: name.rindex("[")] if name.endswith("]") else name.rpartition(".")[0]
    return sweep.sources.get(name, "")

"""The page of the Python API: what `import gensweep` offers, and the classes that it gives back."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator

import gensweep
from gensweep.datasets.base import Dataset
from gensweep.families.base import Family, Game, Player, Setting
from gensweep.losses import Draw, Loss
from gensweep.metrics.base import Metric, Model, Score
from gensweep.results import Trial
from gensweep.verdict import Verdict

_GIVEN = (Trial, Verdict)  # by methods of what is offered
_CONTRACTS = (Family, Setting, Game, Player, Draw, Loss, Dataset, Metric, Model, Score)
_OPTIONS = "    options:\n      heading_level: 3\n      show_root_heading: true\n      show_root_full_path: false\n"


def page() -> str:
    """The page, as Markdown with mkdocstrings' directives."""
    offered = [getattr(gensweep, name) for name in gensweep.__all__]
    functions = sorted(offered, key=inspect.isclass)  # in their order, and what they give back behind them
    taken = [cls for function in functions for cls in _classes_of(function) if cls not in functions]
    given = dict.fromkeys([*_GIVEN, *taken])
    return (
        "# Python\n\n`import gensweep` loads nothing; what is used is imported when it is first asked for. What is not on "
        "this page may change from one release to the next.\n\n## What `import gensweep` offers\n\n"
        + "".join(map(_directive, functions))
        + "## What it gives back\n\n"
        + "".join(map(_directive, given))
        + "## For components of your own\n\n"
        "[How to add each kind](../how-to/add/index.md) has an example of each; these are the words in which they speak.\n\n"
        + "".join(map(_directive, _CONTRACTS))
    )


def _directive(what: type | typing.Callable[..., object]) -> str:
    return f"::: {what.__module__}.{what.__qualname__}\n{_OPTIONS}\n"


def _classes_of(function: object) -> Iterator[type]:
    """The classes of gensweep that a function takes or gives back."""
    if not inspect.isfunction(function):
        return
    for hint in typing.get_type_hints(function).values():
        for cls in (hint, *typing.get_args(hint)):
            if inspect.isclass(cls) and cls.__module__.startswith("gensweep."):
                yield cls

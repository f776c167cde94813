"""Which configurations of a space are tried before anything starts, out of what could be millions.

Every option of each choice, the ends of each range and values between them, and every branch are, and every two options
of two choices together: each with the first option of all other axes, and everything once for each family. Where that
would be thousands it is a sample, the same each time, and `left_out` says of what.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gensweep.axes import space as spaces
from gensweep.axes.axis import Axis
from gensweep.axes.distributions import Choice
from gensweep.axes.space import Ask, OneOf

MOST_VALUES = 2000  # of all axes and families together: half a second each
MOST_PAIRS = 2000
_NAMED = 3


@dataclass(frozen=True)
class Try:
    """One way to answer for a space; `axis` is the one whose value is tried, where it is one."""

    ask: Ask
    axis: Axis | None = None

    @property
    def is_within(self) -> bool:
        """Whether the value lies within a range, and is none of its ends."""
        if self.axis is None or isinstance(self.axis.distribution, Choice):
            return False
        return self.ask(self.axis) not in self.axis.distribution.ends()


@dataclass(frozen=True)
class _Group:
    """Values that are tried one by one, or pairs of them: `size` in all, of which `at` gives what has to be chosen."""

    axes: tuple[Axis, ...]
    size: int
    at: Callable[[int], Mapping[str, Any]]


def tries(space: Mapping[str, Any]) -> Iterator[Try]:
    """What is tried, in a fixed order."""
    for fixed in _families(space):
        yield Try(_answering(fixed))
    for groups, most in _kinds(space):
        for group, n in zip(groups, _shared([group.size for group in groups], most), strict=True):
            axis = group.axes[0] if len(group.axes) == 1 else None
            yield from (Try(_answering(group.at(index)), axis) for index in _chosen(group.size, n))


def left_out(space: Mapping[str, Any]) -> list[str]:
    """A sentence for values and one for pairs, where not all of them are tried."""
    said = []
    for (groups, most), noun in zip(_kinds(space), ("options", "pairs of options"), strict=True):
        sizes = [group.size for group in groups]
        taken = _shared(sizes, most)
        cut = [
            " with ".join(axis.path.place for axis in g.axes) for g, n in zip(groups, taken, strict=True) if n < g.size
        ]
        if names := list(dict.fromkeys(cut)):
            of = "; ".join([*names[:_NAMED], *(["..."] if len(names) > _NAMED else [])])
            said.append(
                f"check tried {sum(taken):,} of {sum(sizes):,} {noun}, a fixed sample of those of {of}: a mistake in "
                "another one shows when it is drawn."
            )
    return said


def _kinds(space: Mapping[str, Any]) -> tuple[tuple[list[_Group], int], tuple[list[_Group], int]]:
    """The values of one axis each, and the pairs of values of two choices; each with how many are tried at most."""
    values, pairs = list[_Group](), list[_Group]()
    for fixed in _families(space):
        label = fixed.get("family")
        axes = [a for a in spaces.axes(space) if a.given.get("family", label) == label and a.path not in fixed]
        values += [_of_one(axis, fixed) for axis in axes]
        choices = [axis for axis in axes if isinstance(axis.distribution, Choice)]
        pairs += [group for two in itertools.combinations(choices, 2) if (group := _of_two(*two, fixed)).size]
    return (values, MOST_VALUES), (pairs, MOST_PAIRS)


def _families(space: Mapping[str, Any]) -> list[dict[str, Any]]:
    family = space.get("family")
    return [{"family": label} for label in family.branches] if isinstance(family, OneOf) else [{}]


def _of_one(axis: Axis, fixed: Mapping[str, Any]) -> _Group:
    values = axis.distribution.examples()
    return _Group((axis,), len(values), lambda i: {**axis.given, **fixed, axis.path: values[i]})


def _of_two(one: Axis, other: Axis, fixed: Mapping[str, Any]) -> _Group:
    """Every two options of two choices that can exist together."""
    first, second = _beside(one, other), _beside(other, one)
    if any(other.given.get(path, label) != label for path, label in one.given.items()):
        first = []

    def at(index: int) -> dict[str, Any]:
        i, j = divmod(index, len(second))
        return {**fixed, **one.given, **other.given, one.path: first[i], other.path: second[j]}

    return _Group((one, other), len(first) * len(second), at)


def _beside(axis: Axis, other: Axis) -> list[Any]:
    """The options of a choice with which the other one exists."""
    wanted = other.given.get(axis.path)
    return [option for option in axis.distribution.ends() if wanted is None or option == wanted]


def _shared(sizes: Sequence[int], most: int) -> list[int]:
    """How many of each size are taken, `most` in all: small ones whole, what is left alike among the others."""
    taken, left = [0] * len(sizes), most
    order = sorted(range(len(sizes)), key=lambda i: sizes[i])
    for position, i in enumerate(order):
        taken[i] = min(sizes[i], max(1, left // (len(order) - position)))
        left -= taken[i]
    return taken


def _chosen(size: int, n: int) -> Sequence[int]:
    """n indices below `size`; the first and the last are among them where n is 2 or more."""
    if n >= size:
        return range(size)
    inner = random.Random(size).sample(range(1, size - 1), max(0, n - 2))
    return sorted({0, *inner, *([size - 1] if n > 1 else [])})


def _answering(chosen: Mapping[str, Any]) -> Ask:
    def ask(axis: Axis) -> Any:
        return chosen[axis.path] if axis.path in chosen else axis.distribution.ends()[0]

    return ask

"""The distributions that a leaf of a search space may be, and how they are written.

    choice(a, b, …)     uniform(a, b)     loguniform(a, b)     int(a, b)     logint(a, b)     quniform(a, b, q)

Both ends of a range belong to it. `quniform` takes the values a, a + q, a + 2q, … up to b. The leaf mappings of Weights
& Biases sweeps are read too: {values: [a, b]}, {min: a, max: b}, {min: a, max: b, distribution: log_uniform_values}.
"""

from __future__ import annotations

import math
import random
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from gensweep.axes.foreign_calls import call_meant
from gensweep.axes.items import write_item
from gensweep.axes.shorthand import meant
from gensweep.errors import nearest, suggest
from gensweep.reading import YamlError, read_items

Number = int | float
MOST_OPTIONS = 10_000  # of these `check` tries a sample, and searchers look one up at each step
_FEW = 16  # values of a range that are tried one by one
_GOLDEN = 0.381966


class DistributionError(ValueError):
    """A distribution that nothing can be drawn from; the message says why and what is accepted."""


def too_many(n: int) -> DistributionError:
    """Of a choice of `n` options."""
    return DistributionError(
        f"a choice of {n} options, and at most {MOST_OPTIONS} are accepted. Give fewer, or a range, as in int(1, 20000)"
    )


class Distribution(ABC):
    """What a leaf is drawn from. `str` of one is the text that `parse` reads."""

    @abstractmethod
    def at(self, share: float) -> Any:
        """The value below which this share of the draws lies, 0 <= share < 1: a uniform share makes a draw."""

    @abstractmethod
    def share(self, value: Any) -> float:
        """A share in [0, 1] at which `at` gives this value: the middle of all of them."""

    @abstractmethod
    def holds(self, value: Any) -> bool:
        """Whether the value can have been drawn, but for rounding."""

    @property
    @abstractmethod
    def n_values(self) -> int | None:
        """How many different values there are; None where they are continuous."""

    def sample(self, rng: random.Random) -> Any:
        """One value."""
        return self.at(rng.random())

    @abstractmethod
    def grid(self, points: int) -> list[Any]:
        """Every option of a choice, or at most `points` values of a range, both ends among them."""

    @abstractmethod
    def ends(self) -> list[Any]:
        """Every option of a choice, or both ends of a range."""

    @abstractmethod
    def examples(self) -> list[Any]:
        """What has to be valid for the whole to be: every option of a choice, or the ends of a range and some between."""


@dataclass(frozen=True)
class Choice(Distribution):
    """One of the options, which may be numbers, texts, null, booleans or lists."""

    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not self.options:
            raise DistributionError("a choice of nothing. Give one option or more, as in choice(a, b)")
        if len(self.options) > MOST_OPTIONS:
            raise too_many(len(self.options))
        twice = sorted(label for label, n in Counter(self.labels).items() if n > 1)
        if twice:
            raise DistributionError(f"{self} names {', '.join(twice)} twice, which would be drawn twice as often")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """A distinct text for each option, for searchers that know no lists."""
        return tuple(write_item(option) for option in self.options)

    def of(self, label: str) -> Any:
        """The option of this label."""
        return self.options[self.labels.index(label)]

    @property
    def n_values(self) -> int:
        """Of the options."""
        return len(self.options)

    def at(self, share: float) -> Any:
        """Each option alike."""
        return self.options[_step(share, len(self.options))]

    def share(self, value: Any) -> float:
        """The middle of the option's part."""
        return (self.labels.index(write_item(value)) + 0.5) / len(self.options)

    def holds(self, value: Any) -> bool:
        """Whether it is one of the options, of the same type."""
        try:
            return write_item(value) in self.labels
        except (ValueError, TypeError):  # a mapping, which no option is
            return False

    def grid(self, points: int) -> list[Any]:
        """Every option, in the order in which they are written."""
        return list(self.options)

    def ends(self) -> list[Any]:
        """Every option."""
        return list(self.options)

    def examples(self) -> list[Any]:
        """Every option."""
        return list(self.options)

    def __str__(self) -> str:
        return f"choice({', '.join(self.labels)})"


@dataclass(frozen=True)
class _Range(Distribution):
    low: Number
    high: Number

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise DistributionError(f"{self}: {write_item(value)} is not a number")
        if self.low > self.high:
            swapped = str(self).replace(f"({_ends(self.low, self.high)}", f"({_ends(self.high, self.low)}")
            raise DistributionError(f"{self}: the first end is above the second. Write {swapped}")

    @property
    def n_values(self) -> int | None:
        """One where the ends are the same."""
        return 1 if self.low == self.high else None

    def holds(self, value: Any) -> bool:
        """Whether it is a number between the ends, which an error of rounding may pass."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        slack = 1e-9 * max(abs(self.low), abs(self.high))
        return self.low - slack <= value <= self.high + slack

    def ends(self) -> list[Any]:
        """The lowest and the highest value."""
        return list(dict.fromkeys([self.low, self.high]))

    def examples(self) -> list[Any]:
        """All where they are few; of a continuous range the ends and one value that is no simple fraction."""
        return _distinct([*self.ends(), *self.grid(min(self.n_values or 2, _FEW)), self.at(_GOLDEN)])

    def __str__(self) -> str:
        return f"{_NAMES[type(self)]}({', '.join(write_item(getattr(self, f.name)) for f in fields(self))})"


@dataclass(frozen=True)
class _Whole(_Range):
    def __post_init__(self) -> None:
        super().__post_init__()
        for end in (self.low, self.high):
            if not isinstance(end, int):
                cure = "loguniform" if isinstance(self, LogInt) else "uniform"
                raise DistributionError(
                    f"{self}: {end} is not a whole number. Write whole ends, or {cure}({_ends(self.low, self.high)})"
                )

    def holds(self, value: Any) -> bool:
        """Whether it is a whole number from end to end."""
        return isinstance(value, int) and super().holds(value)

    @property
    def n_values(self) -> int:
        """Of the whole numbers from end to end."""
        return int(self.high - self.low) + 1


def _positive(range_: _Range, least: Number, says: str) -> None:
    if range_.low < least or range_.low <= 0:
        law, linear = _NAMES[type(range_)], "int" if least else "uniform"
        begun = f"{law}({_ends(least or float(f'{range_.high / 1e4:.1g}'), range_.high)})" if range_.high > 0 else ""
        cure = " or ".join(filter(None, [begun, f"{linear}({_ends(range_.low, range_.high)})"]))
        raise DistributionError(f"{range_}: a logarithmic range begins {says}, not at {range_.low}. Write {cure}")


def _ends(low: Number, high: Number) -> str:
    return f"{write_item(low)}, {write_item(high)}"


@dataclass(frozen=True)
class Uniform(_Range):
    """A number between low and high."""

    def at(self, share: float) -> float:
        """Uniform on the line."""
        return min(self.low + (self.high - self.low) * share, self.high)

    def share(self, value: Number) -> float:
        """The part of the way from low to high."""
        return _part(value, self.low, self.high)

    def grid(self, points: int) -> list[Any]:
        """Equal steps from end to end."""
        return _distinct([_mix(self.low, self.high, k, points) for k in range(points)])


@dataclass(frozen=True)
class LogUniform(_Range):
    """A positive number whose logarithm is uniform; low and high are the values themselves, not exponents."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive(self, 0, "above 0")

    def at(self, share: float) -> float:
        """Uniform on the logarithm."""
        low, high = math.log(self.low), math.log(self.high)
        return min(max(math.exp(low + (high - low) * share), self.low), self.high)  # rounding may step over an end

    def share(self, value: Number) -> float:
        """The part of the way from low to high, on the logarithm."""
        return _part(math.log(value), math.log(self.low), math.log(self.high))

    def grid(self, points: int) -> list[Any]:
        """Equal ratios from end to end."""
        return _distinct([_mix_log(self.low, self.high, k, points) for k in range(points)])


@dataclass(frozen=True)
class Int(_Whole):
    """A whole number from low to high."""

    def at(self, share: float) -> int:
        """Each number alike."""
        return int(self.low) + _step(share, self.n_values)

    def share(self, value: Number) -> float:
        """The middle of the number's part."""
        return (value - self.low + 0.5) / self.n_values

    def grid(self, points: int) -> list[Any]:
        """Nearly equal steps from end to end, each number once."""
        return _distinct([round(_mix(self.low, self.high, k, points)) for k in range(points)])


@dataclass(frozen=True)
class LogInt(_Whole):
    """A whole number of 1 or more whose logarithm is nearly uniform."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive(self, 1, "at 1 or above")

    def at(self, share: float) -> int:
        """Uniform on the logarithm, rounded; the ends get the half steps beyond them, so that none is rare."""
        low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
        return min(max(round(math.exp(low + (high - low) * share)), int(self.low)), int(self.high))

    def share(self, value: Number) -> float:
        """The part of the way between the half steps beyond the ends, on the logarithm."""
        return _part(math.log(value), math.log(self.low - 0.5), math.log(self.high + 0.5))

    def grid(self, points: int) -> list[Any]:
        """Nearly equal ratios from end to end, each number once."""
        return _distinct([round(_mix_log(self.low, self.high, k, points)) for k in range(points)])


@dataclass(frozen=True)
class QUniform(_Range):
    """One of low, low + q, low + 2q, … up to high."""

    q: Number

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.q <= 0:
            raise DistributionError(f"{self}: the step is {self.q}, and must be above 0")

    @property
    def steps(self) -> int:
        """How many steps of q lie between the ends."""
        return math.floor((self.high - self.low) / self.q + 1e-9)

    @property
    def n_values(self) -> int:
        """One more than there are steps."""
        return self.steps + 1

    def after(self, k: int) -> Number:
        """The value after k steps, free of the noise of binary fractions."""
        return round(self.low + k * self.q, 12)

    def at(self, share: float) -> Number:
        """Each value alike."""
        return self.after(_step(share, self.n_values))

    def holds(self, value: Any) -> bool:
        """Whether it is one of the values."""
        return super().holds(value) and math.isclose(value, self.at(self.share(value)), abs_tol=1e-9 * self.q)

    def share(self, value: Number) -> float:
        """The middle of the value's part."""
        return (round((value - self.low) / self.q) + 0.5) / self.n_values

    def grid(self, points: int) -> list[Any]:
        """Values at nearly equal distances, each once."""
        return _distinct([self.after(round(_mix(0, self.steps, k, points))) for k in range(points)])

    def ends(self) -> list[Any]:
        """The lowest and the highest value that can be drawn."""
        return list(dict.fromkeys([self.after(0), self.after(self.steps)]))


FUNCTIONS: dict[str, type[Choice | _Range]] = {
    "choice": Choice,
    "uniform": Uniform,
    "loguniform": LogUniform,
    "int": Int,
    "logint": LogInt,
    "quniform": QUniform,
}
_NAMES = {cls: name for name, cls in FUNCTIONS.items()}
_CALL = re.compile(r"\s*([A-Za-z_][\w.]*)\s*\((.*)\)\s*", re.DOTALL)


def parse(text: str) -> Distribution | None:
    """The distribution that `text` writes, or None where it is no such text.

    Raises:
        DistributionError: it is meant as one, and is wrong.
    """
    call = _CALL.fullmatch(text)
    if call is None:
        return None
    name, inner = call.groups()
    if name not in FUNCTIONS:
        _refuse_unknown(text, name, inner)
        return None
    if re.search(r"(?:^|,)\s*\(", inner):
        cure = call_meant(text) or text.replace("((", "([").replace("))", "])")
        raise DistributionError(f"{text}: a list has square brackets. Write {cure}")
    try:
        items = read_items(inner)
    except YamlError as error:
        raise DistributionError(f"{text}: {error.problem.message}") from None
    return _make(name, items, text)


def _refuse_unknown(text: str, name: str, inner: str) -> None:
    """A call of no function of ours is an error, unless it is plain text that ends with brackets, as in photos(1)."""
    cure = call_meant(text)
    if cure:
        ends = ", whose ends both belong to it" if cure.startswith(("int(", "logint(")) else ""
        raise DistributionError(f"{text} is not how it is written here. Write {cure}{ends}")
    if "," in inner or nearest(name, FUNCTIONS):
        raise DistributionError(f"unknown distribution '{name}'. {suggest(name, FUNCTIONS)}")


def from_mapping(node: Mapping[str, Any]) -> Distribution | None:
    """The distribution of a leaf mapping as Weights & Biases writes it, or None where the keys are not exactly those.

    Raises:
        DistributionError: the keys are those, and the distribution is wrong or unknown.
    """
    keys = set(node) - {"distribution"}
    if keys not in ({"values"}, {"min", "max"}, {"min", "max", "q"}):
        return None
    if keys == {"values"}:
        if node.get("distribution", "categorical") != "categorical" or not isinstance(node["values"], list):
            cure = meant(node)
            raise DistributionError(
                "values: takes a list, and goes with distribution: categorical or none"
                + (f". Write {cure}" if cure else "")
            )
        return _make("choice", list(node["values"]))
    whole = all(isinstance(node[end], int) for end in ("min", "max"))
    kind = node.get("distribution") or ("q_uniform" if "q" in node else "int_uniform" if whole else "uniform")
    if kind == "log_uniform":
        raise DistributionError(
            "log_uniform takes exponents of e in Weights & Biases, which is easily misread. "
            "Write distribution: log_uniform_values, or loguniform(low, high), with the values"
        )
    known = {"uniform": "uniform", "int_uniform": "int", "log_uniform_values": "loguniform", "q_uniform": "quniform"}
    if kind not in known:
        raise DistributionError(f"unknown distribution '{kind}'. {suggest(str(kind), known)}")
    step = [node.get("q", 1)] if kind == "q_uniform" else []
    if "q" in node and not step:
        raise DistributionError(f"q: goes with distribution: q_uniform, not with {kind}")
    return _make(known[kind], [node["min"], node["max"], *step])


def _make(name: str, items: list[Any], text: str = "") -> Distribution:
    if name == "choice":
        return Choice(tuple(items))
    wanted = [field.name for field in fields(FUNCTIONS[name])]
    if len(items) != len(wanted):
        given, cure = text or f"{name}({', '.join(map(write_item, items))})", meant(text)
        told = f"takes {len(wanted)} numbers, {name}({', '.join(wanted)}), not {len(items)}"
        raise DistributionError(f"{given}: {told}" + (f". Write {cure}" if cure and cure != text else ""))
    return FUNCTIONS[name](*items)


def _step(share: float, n: int) -> int:
    """Which of n equal parts of [0, 1) a share lies in."""
    return min(int(share * n), n - 1)


def _part(value: float, low: float, high: float) -> float:
    """How far from low to high a value lies, within [0, 1]; the middle where they are the same."""
    return 0.5 if low == high else min(max((value - low) / (high - low), 0.0), 1.0)


def _mix(low: Number, high: Number, k: int, points: int) -> Number:
    """Point k of `points` from low to high, both exactly."""
    return low if k == 0 else high if k == points - 1 else low + (high - low) * k / (points - 1)


def _mix_log(low: Number, high: Number, k: int, points: int) -> Number:
    return low if k == 0 else high if k == points - 1 else low * (high / low) ** (k / (points - 1))


def _distinct(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))

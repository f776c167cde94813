"""Why what a range draws does not fit the field that it stands at, and what to write instead."""

from __future__ import annotations

import math

from gensweep.axes.distributions import Choice, Distribution, Int, LogInt, LogUniform, QUniform, Uniform

_FEW = 8  # options that are written out
_WHOLE = {"int_type", "int_parsing", "int_from_float"}  # as pydantic calls its errors
_BOOLEAN = {"bool_type", "bool_parsing"}


def wrong_kind(distribution: Distribution, error: str) -> str | None:
    """The sentence for an error of this type at a value of the distribution; None where the value itself says enough."""
    if isinstance(distribution, Choice):
        return None
    if error in _BOOLEAN:
        return f"{distribution} is not allowed: must be true or false. Write choice(true, false)"
    if error not in _WHOLE:
        return None
    cure = in_whole_numbers(distribution)
    return f"{distribution} is not allowed: must be a whole number, and it draws others. " + (
        f"Write {cure}" if cure else "No whole number lies in it; int(a, b) is a range of them"
    )


def in_whole_numbers(distribution: Distribution) -> Distribution | None:
    """The distribution of the whole numbers that a range holds; None where there are none."""
    if isinstance(distribution, QUniform):
        values = [distribution.after(k) for k in range(min(distribution.n_values, _FEW * 100))]
        whole = [int(value) for value in values if value == int(value)]
        return Choice(tuple(whole)) if 0 < len(whole) <= _FEW else Int(whole[0], whole[-1]) if whole else None
    if not isinstance(distribution, Uniform | LogUniform):
        return None
    low, high = math.ceil(distribution.low), math.floor(distribution.high)
    if low > high:
        return None
    return LogInt(low, high) if isinstance(distribution, LogUniform) else Int(low, high)

"""Distributions as other libraries call them, as the text that means the same here: for the cure of an error.

    tune.loguniform(1e-4, 1e-2)    hp.choice("n", [2, 8])    trial.suggest_int("n", 2, 8)    np.logspace(-3, -1, 3)

Nothing is evaluated: Python's parser reads the text, and its literals are all that counts.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gensweep.axes.items import WORDS, write_item

MOST = 20  # values that a cure lists


class NoMeaningError(Exception):
    """What means nothing here."""


def call_meant(text: str) -> str | None:
    """The text here of a call that another library understands; None where it has none."""
    try:
        call = ast.parse(text.strip(), mode="eval").body
        return _called(call) if isinstance(call, ast.Call) else None
    except (SyntaxError, ValueError, TypeError, IndexError, OverflowError, RecursionError, NoMeaningError):
        return None


def text_of(name: str, items: Sequence[Any]) -> str:
    """A distribution of ours as text.

    Raises:
        NoMeaningError: it would be refused, and so is no cure.
    """
    wanted = {"choice": range(1, MOST + 1), "quniform": range(3, 4)}.get(name, range(2, 3))
    numbers = all(isinstance(item, int | float) and not isinstance(item, bool) for item in items)
    if len(items) not in wanted or (name != "choice" and not numbers) or not all(map(_is_value, items)):
        raise NoMeaningError
    return f"{name}({', '.join(short(item) if isinstance(item, float) else write_item(item) for item in items)})"


def short(number: float) -> str:
    """A number in six digits or fewer."""
    return f"{number:.6g}"


def _called(call: ast.Call) -> str:
    path = ast.unparse(call.func)
    name = re.sub("[-_]", "", path.rpartition(".")[2]).casefold()
    given = [item for node in call.args for item in _literals(node)]
    options = {word.arg: _literal(word.value) for word in call.keywords if word.arg}
    if path.startswith("hp.") or name.startswith("suggest"):  # the first argument names the parameter
        given = given[1:]
    if name == "loguniform" and path.startswith("hp."):
        return text_of("loguniform", [math.exp(end) for end in given])
    if name == "randint" and path == "random.randint":
        return text_of("int", given)
    if name not in _CALLS:
        raise NoMeaningError
    return _CALLS[name](given, options)


def _choice(given: list[Any], options: Mapping[str, Any]) -> str:
    listed = next((options[key] for key in ("choices", "options", "categories") if key in options), given)
    inner = listed[0] if len(listed) == 1 and isinstance(listed[0], list) else listed
    return text_of("choice", inner)


def _float(given: list[Any], options: Mapping[str, Any]) -> str:
    ends, step = _ends(given, options)
    if step:
        return text_of("quniform", [*ends, step])
    return text_of("loguniform" if options.get("log") else "uniform", ends)


def _int(given: list[Any], options: Mapping[str, Any]) -> str:
    ends, step = _ends(given, options)
    if step not in (None, 1):
        return text_of("quniform", [*ends, step])
    return text_of("logint" if options.get("log") else "int", ends)


def _half_open(name: str) -> Callable[[list[Any], Mapping[str, Any]], str]:
    def text(given: list[Any], options: Mapping[str, Any]) -> str:
        low, high = given if len(given) > 1 else (0, *given)
        return text_of(name, [low, high - 1])

    return text


def _steps(given: list[Any], _options: Mapping[str, Any]) -> str:
    low, high, step = given if len(given) == 3 else (*(given if len(given) == 2 else (0, *given)), 1)
    if all(isinstance(number, int) for number in (low, high)) and step == 1:
        return text_of("int", [low, high - 1])
    count = math.ceil((high - low) / step - 1e-9)
    return text_of("choice", [low + k * step for k in range(min(count, MOST + 1))])


def _spaced(make: Callable[[float], float]) -> Callable[[list[Any], Mapping[str, Any]], str]:
    def text(given: list[Any], options: Mapping[str, Any]) -> str:
        low, high, count = *given[:2], given[2] if len(given) > 2 else options.get("num", 50)
        low, high, back = (
            (math.log(low), math.log(high), math.exp) if make is math.exp else (low, high, make)
        )  # geomspace takes the values, logspace the exponents
        if count > MOST:
            return text_of("uniform" if back is float else "loguniform", [back(low), back(high)])
        return text_of("choice", [back(low + (high - low) * k / max(count - 1, 1)) for k in range(count)])

    return text


def _same(name: str) -> Callable[[list[Any], Mapping[str, Any]], str]:
    return lambda given, options: text_of(name, [*given, *options.values()])


_CALLS: dict[str, Callable[[list[Any], Mapping[str, Any]], str]] = {
    **dict.fromkeys(
        ["choice", "gridsearch", "suggestcategorical", "categoricaldistribution", "categorical", "list"], _choice
    ),
    **dict.fromkeys(["suggestfloat", "floatdistribution"], _float),
    **dict.fromkeys(["suggestint", "intdistribution"], _int),
    **dict.fromkeys(["uniform", "suggestuniform", "interval"], _same("uniform")),
    **dict.fromkeys(["loguniform", "suggestloguniform", "reciprocal"], _same("loguniform")),
    **dict.fromkeys(["quniform", "qrandint", "suggestdiscreteuniform"], _same("quniform")),
    **dict.fromkeys(["int", "uniformint"], _same("int")),
    "logint": _same("logint"),
    "randint": _half_open("int"),
    "lograndint": _half_open("logint"),
    **dict.fromkeys(["range", "arange"], _steps),
    "linspace": _spaced(float),
    "logspace": _spaced(lambda exponent: 10.0**exponent),
    "geomspace": _spaced(math.exp),
}


def _ends(given: Sequence[Any], options: Mapping[str, Any]) -> tuple[list[Any], Any]:
    named = [options[key] for key in ("low", "high") if key in options]
    ends = [*given, *named]
    return ends[:2], options.get("step", ends[2] if len(ends) > 2 else None)


def _is_value(item: Any) -> bool:
    return item is None or isinstance(item, str | int | float | list)


def _literals(node: ast.expr) -> list[Any]:
    """The arguments that one node writes: several where it is starred."""
    value = _literal(node.value if isinstance(node, ast.Starred) else node)
    return list(value) if isinstance(node, ast.Starred) else [value]


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return WORDS.get(node.id, node.id)
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [item for element in node.elts for item in _literals(element)]
    if isinstance(node, ast.Call):
        path = ast.unparse(node.func)
        numbers = [item for argument in node.args for item in _literals(argument)]
        if path == "range" and numbers and max(map(abs, numbers)) <= 10 * MOST:
            return list(range(*numbers))
        if path in ("list", "tuple", "sorted"):
            return list(*numbers)
        raise NoMeaningError
    return ast.literal_eval(node)

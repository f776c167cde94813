"""What is written is read back as it was."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gensweep.reading import plain, read_text
from gensweep.writing import yaml_of

TEXTS = [
    "wae", "1e5", "1e-4", "1e400", "0o7", "0x1F", "012", "1_000", ".5", "+1", "12:30", "yes", "on", "true", "null", "~", ".inf",
    "2026-11-28", "", " a ", "a: b", "- a", "#x", "<<", "=", "'", '"', "it's", "choice(1", "choice(1e-4, '1e5')", "int (1, 2)",
    "é\u2028", "a\nb", "{a", "[", "*a", "&a", "!a", "%", "@", "`",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_stays_a_text(text: str) -> None:
    tree = {"a": text, "b": [text, {"c": text}]}
    assert plain(read_text(yaml_of(tree), "text")) == tree


@pytest.mark.parametrize(
    "value", [1e-5, 1e300, 1e16, 0.1, 10**17, -0.0, math.inf, 3, True, None, [], {}, [[], {"a": []}]]
)
def test_any_other_value_stays_what_it_is(value: Any) -> None:
    found = plain(read_text(yaml_of({"a": value}), "text"))["a"]
    assert (found, type(found)) == (value, type(value))


def test_what_is_there_twice_is_written_twice() -> None:
    shared = {"name": "mlp"}
    assert yaml_of({"a": shared, "b": shared}) == "a:\n  name: mlp\nb:\n  name: mlp\n"

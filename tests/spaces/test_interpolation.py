"""References that double: a file of a page that would be one of gigabytes."""

from __future__ import annotations

import pytest

from gensweep.reading import MAX_NODES, Map, read_text
from gensweep.spaces.interpolation import filled


def tree(text: str) -> Map:
    found = read_text(text, "a.yaml")
    assert isinstance(found, Map)
    return found


DOUBLING = {
    "texts": "".join(f"a{i}: '${{a{i + 1}}}${{a{i + 1}}}'\n" for i in range(40)) + "a40: xxxxxxxx\n",
    "texts of nothing": "".join(f"a{i}: '${{a{i + 1}}}${{a{i + 1}}}'\n" for i in range(40)) + "a40: ''\n",
    "mappings": "a0: {k: 1}\n" + "".join(f"a{i + 1}: {{x: '${{a{i}}}', y: '${{a{i}}}'}}\n" for i in range(40)),
    "lists": "a0: [1, 2]\n" + "".join(f"a{i + 1}: ['${{a{i}}}', '${{a{i}}}']\n" for i in range(40)),
}


@pytest.mark.parametrize("what", DOUBLING)
def test_references_that_double_end(what: str) -> None:
    problems = filled(tree(DOUBLING[what]))
    assert problems
    assert all(f"more than {MAX_NODES} values or characters long" in problem.message for problem in problems)
    assert problems[0].where.startswith("a.yaml:")


def test_many_honest_ones_are_filled() -> None:
    found = tree("a: {b: [1, 2, 3]}\n" + "".join(f"c{i}: '${{a.b}}'\nd{i}: 'x-${{a.b}}'\n" for i in range(1000)))
    assert filled(found) == []
    assert found["c999"] == [1, 2, 3]
    assert found["d999"] == "x-[1, 2, 3]"

"""Numbers are short, and say nothing that is not so."""

from __future__ import annotations

import pytest

from gensweep.text import duration, markdown, number, printable

INF = float("inf")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"), (3, "3"), (1 / 3, "0.3333"), (float("nan"), "nan"), ("x", "x"), (INF, "∞"), (-INF, "-∞"),
        (123456.7, "123457"), (-2500.4, "-2500"), (999.94, "999.9"), (True, "True"),
        (1e300, "1e+300"), (-1.23456e300, "-1.235e+300"), (9.99e9, "9990000000"), (1e10, "1e+10"), (2**64, str(2**64)),
        (10**300, "1e+300"), (-(10**20), "-1e+20"), (12345 * 10**400, "1.2345e+404"), ([1, 10**300], "[1, 1e+300]"),
        ({"a": (10**300, "x")}, "{'a': [1e+300, 'x']}"), ([True], "[True]"),
    ],
)  # fmt: skip
def test_numbers_are_short(value: object, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(12.345, "12.3"), (0.00012345, "0.000123"), (123456.0, "123456"), (1000.4, "1000")]
)
def test_an_estimate_has_three_digits(value: float, shown: str) -> None:
    assert number(value, 3) == shown


def test_durations() -> None:
    assert [duration(s) for s in (42.0, 119.0, 210.0, 7190.0, 9000.0)] == [
        "42 s",
        "119 s",
        "3.5 min",
        "120 min",
        "2.5 h",
    ]


@pytest.mark.parametrize(
    ("evil", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;ZXZpbA==\x1b\\text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP+q\x1b\\text", "text"),
        ("\x9b31mtext", "text"),
        ("\x1b\x1b[31m[31mtext", "[31mtext"),
        ("\x1b[", ""),
        ("a\x08\x7f\x00b\rc", "abc"),
        ("\u202egpj.exe\u2066", "gpj.exe"),
        ("two\nlines\tand é ∞ 猫", "two\nlines\tand é ∞ 猫"),
    ],
)
def test_a_terminal_obeys_nothing_of_what_is_printable(evil: str, shown: str) -> None:
    assert printable(evil) == shown
    assert not any(ord(c) < 32 and c not in "\n\t" for c in printable(evil * 3))


@pytest.mark.parametrize(
    ("evil", "shown"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)>"),
        ("</td><!-- <?x", "&lt;/td>&lt;!-- &lt;?x"),
        ("[a](javascript:alert(1))", r"[a\](javascript:alert(1))"),
        (r"[a\](javascript:b)", r"[a\\\](javascript:b)"),
        ("[a]: javascript:b", r"[a\]: javascript:b"),
        ("a|b`c`*d*", r"a\|b\`c\`\*d\*"),
        ("a\n\n# b\x1b[31m", "a  # b"),
        ("0.5 [0.3, 0.7] < 1", "0.5 [0.3, 0.7] < 1"),
    ],
)
def test_a_page_runs_nothing_of_what_is_escaped(evil: str, shown: str) -> None:
    assert markdown(evil) == shown

import io
import sys

import pytest

from gensweep import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("quiet", "expected"), [(-1, "\rcounting: 1 of 3\rcounting: 2 of 3\rcounting: 3 of 3\n"), (60, "")]
)
def test_a_terminal_sees_a_count_of_what_takes_long_and_nothing_of_what_does_not(monkeypatch, quiet, expected):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(progress, "_QUIET", quiet)
    monkeypatch.setattr(progress, "_EVERY", -1)
    assert list(progress.progress("abc", "counting")) == ["a", "b", "c"]
    assert terminal.getvalue() == expected


def test_a_file_sees_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", file := io.StringIO())
    monkeypatch.setattr(progress, "_QUIET", -1)
    assert list(progress.progress("abc", "counting")) == ["a", "b", "c"]
    assert file.getvalue() == ""

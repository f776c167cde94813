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


def test_a_terminal_that_cannot_go_back_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(progress, "_QUIET", -1)
    list(progress.progress("abc", "counting"))
    assert terminal.getvalue() == "counting: 1 of 3\ncounting: 3 of 3\n"


def test_nothing_is_counted_below_a_line_that_says_what_takes_so_long(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(progress, "_QUIET", -1)
    terminal.rich_proxied_file = terminal
    assert list(progress.progress("abc", "counting")) == ["a", "b", "c"]
    assert terminal.getvalue() == ""


def test_a_sentence_is_told_once(capsys):
    for _ in range(2):
        progress.tell_once("3 of them were skipped")
    progress.tell_once("")
    assert capsys.readouterr().err == "gensweep: 3 of them were skipped\n"

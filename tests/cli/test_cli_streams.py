"""What commands print is text, whoever wrote it: a terminal obeys nothing of it."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console
from rich.text import Text

from gensweep import terminal
from gensweep.cli.streams import streams
from gensweep.terminal import print_table, print_text, say

EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x08 \u202etxt"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def terminal_of_a_command(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Both streams as one terminal. No fixture: pytest changes the streams between that and the test."""
    screen = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", screen)
        patch.setattr(sys, "stderr", screen)
        patch.setenv("TERM", "xterm-256color")
        with streams():
            yield screen


def test_nothing_that_is_printed_moves_colours_or_renames(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal_of_a_command(monkeypatch) as shown:
        print(EVIL)
        print(EVIL, file=sys.stderr)
        sys.stderr.writelines([EVIL])
        sys.stdout.flush()
    assert shown.getvalue() == "red txt\nred txt\nred txt"


def test_a_count_that_is_rewritten_in_place_still_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal_of_a_command(monkeypatch) as shown:
        print("\rdecoding: 3 of \r10", end="", file=sys.stderr)
    assert shown.getvalue() == "\rdecoding: 3 of 10"


def test_what_is_drawn_keeps_its_own_colours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal_of_a_command(monkeypatch) as shown:
        print_table(["arm", EVIL], [{"arm": EVIL, EVIL: EVIL}], title=EVIL)
        print_text(EVIL)
        say(EVIL)
        with terminal.waiting(EVIL):
            pass
    assert "red txt" in shown.getvalue()
    assert "\x1b[1m" in shown.getvalue(), "a header is bold"
    for part in ("\x1b]0", "\x1b[2J", "\x1b[31m", "owned", "\x08", "\u202e"):
        assert part not in shown.getvalue()


def test_markup_of_rich_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal_of_a_command(monkeypatch) as shown:
        print_table(["arm"], [{"arm": "[red]x[/red] [link=http://a]y[/link]"}])
        print_text("[bold]z[/bold]")
    assert "[red]x[/red] [link=http://a]y[/link]" in shown.getvalue()
    assert "[bold]z[/bold]" in shown.getvalue()


def test_other_consoles_are_what_they_were() -> None:
    out = io.StringIO()
    Console(file=out, force_terminal=True).print(Text("x", style="bold"))
    assert "\x1b[1m" in out.getvalue()

"""What is printed is what was said."""

from __future__ import annotations

import pytest

from gensweep.terminal import print_table


def test_brackets_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["what"], [{"what": "images [n, h, w] or [bold]"}], title="a [title]")

    assert capsys.readouterr().out.split("\n")[:3] == ["a [title]", "what".ljust(26), "images [n, h, w] or [bold]"]

"""gensweep.log: what each start said, bounded, without passwords, and never in the way."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from gensweep import journal
from gensweep.progress import tell_once


@pytest.fixture(autouse=True)
def _nothing_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    journal._before.clear()
    monkeypatch.setattr(sys, "argv", ["/usr/bin/gensweep", "run", "wae", "--tracking-uri", "http://me:hunter2@host/x"])


def lines(folder: Path) -> list[str]:
    """What was said, without the times and the process."""
    text = (folder / "gensweep.log").read_text()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \d+ |  ", line) for line in text.splitlines())
    return [re.sub(r"^\S+ \d+ ", "", line) for line in text.splitlines()]


def test_each_start_is_added_with_what_was_said_before_it_had_a_folder(tmp_path: Path) -> None:
    journal.note("reading wae")
    for word in ("one", "two"):
        with journal.kept(tmp_path):
            journal.note(word)
    said = lines(tmp_path)
    assert [line.split(" on Python")[0] for line in said] == [
        "gensweep 0.1.0",
        "reading wae",
        "one",
        "gensweep 0.1.0",
        "two",
    ]
    assert said[0].endswith(": gensweep run wae --tracking-uri http://host/x")
    journal.note("of the next one")
    assert lines(tmp_path) == said


def test_it_holds_no_passwords_and_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    with journal.kept(tmp_path):
        journal.note("MLflow at postgresql://me:hunter2@db/x said \x1b[31mtoken=hunter2\x1b[0m\nand more")
    text = (tmp_path / "gensweep.log").read_text()
    assert "hunter2" not in text
    assert "\x1b" not in text
    assert lines(tmp_path)[-2:] == ["MLflow at postgresql://db/x said token=***", "  and more"]


def test_an_error_that_ends_a_start_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), journal.kept(tmp_path):
        raise KeyboardInterrupt("at once")
    assert lines(tmp_path)[-1] == "ended: KeyboardInterrupt: at once"
    journal.append(tmp_path, "the driver ended: SIGKILL")
    assert lines(tmp_path)[-1] == "the driver ended: SIGKILL"


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LARGEST", 2000)
    with journal.kept(tmp_path):
        for number in range(1000):
            journal.note(f"line {number}")
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["gensweep.log", "gensweep.log.1"]
    assert all(file.stat().st_size <= 2000 for file in files)
    assert lines(tmp_path)[-1] == "line 999"
    for number in range(1000):
        journal.note(f"before {number}")
    assert len(journal._before) == 200, "nor does what waits for a folder grow"


@pytest.mark.parametrize("what", ["link", "folder", "gone", "read-only", "pipe"])
def test_where_it_cannot_be_written_the_sweep_goes_on_without_it(
    tmp_path: Path, what: str, capfd: pytest.CaptureFixture[str]
) -> None:
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    log, outside = sweep / "gensweep.log", tmp_path / "mine"
    outside.write_text("mine")
    if what == "link":
        log.symlink_to(outside)
    elif what == "folder":
        log.mkdir()
    elif what == "gone":
        sweep.rmdir()
    elif what == "read-only" and os.getuid():
        log.touch(mode=0o400)
    elif what == "pipe":
        os.mkfifo(log)
    with journal.kept(sweep):
        journal.note("word")
    assert outside.read_text() == "mine"
    assert capfd.readouterr() == ("", "")


def test_what_the_lower_floors_say_is_in_it(tmp_path: Path) -> None:
    with journal.kept(tmp_path):
        tell_once(f"{tmp_path}: said by a dataset")
    assert lines(tmp_path)[-1] == f"{tmp_path}: said by a dataset"

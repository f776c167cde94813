"""report: where the page lies, of which sweeps, and what is refused."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Ended
from tests.written_sweep import DEFINITION, Writer

Done = tuple[Path, Ended]


@pytest.fixture
def study(tmp_path: Path) -> Writer:
    """A sweep of two trials, one of which is running."""
    sweep = Writer(tmp_path / "runs" / "study", {**DEFINITION, "name": "study"})
    sweep.trial("vae", 3.0)
    sweep.trial("wae", 2.0, outcome="")
    return sweep


def test_report_writes_the_page_and_says_where(done: Done, gensweep: Command) -> None:
    folder, _ = done
    ended = gensweep("report", "tiny", folder=folder)
    assert (ended.code, ended.out) == (0, "Report: runs/tiny/report/report.html\n")
    page = (folder / "runs" / "tiny" / "report" / "report.html").read_text()
    assert "<h1>tiny</h1>" in page
    assert "Not confirmed: nothing was trained again on fresh seeds" in page


def test_a_running_sweep_is_reported_so_far(study: Writer, gensweep: Command) -> None:
    with study.folder.hold():
        assert gensweep("report", "study").code == 0
    page = (study.folder.path / "report" / "report.html").read_text()
    assert "So far: 1 of 20 trials have ended. It is running." in page


def test_figures_for_a_paper_are_written_where_one_says(study: Writer, tmp_path: Path, gensweep: Command) -> None:
    ended = gensweep("report", "study", "--pdf", "figures/new")
    assert ended.code == 0
    assert "Figure: figures/new/best_over_trials.pdf\n" in ended.out
    assert (tmp_path / "figures" / "new" / "best_over_trials.pdf").read_bytes().startswith(b"%PDF")


def test_the_browser_is_opened_when_asked_only(
    study: Writer, gensweep: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(opened.append(url)))
    assert gensweep("report", "study").err == ""
    assert opened == []
    ended = gensweep("report", "study", "--open")
    assert ended.code == 0
    assert opened == [(study.folder.path / "report" / "report.html").as_uri()]
    assert "No browser was found" in ended.err


def test_a_sweep_that_is_not_there_is_named_with_the_nearest(study: Writer, gensweep: Command) -> None:
    ended = gensweep("report", "studi")
    assert ended.code == 2
    assert "there is no sweep 'studi'" in ended.err
    assert "study" in ended.err


def test_a_place_that_cannot_be_written_is_said_and_nothing_is_left(
    study: Writer, tmp_path: Path, gensweep: Command
) -> None:
    (study.folder.path / "report").write_text("a file where the folder would be")
    ended = gensweep("report", "study")
    assert ended.code == 4
    assert "cannot be written" in ended.err
    (study.folder.path / "report").unlink()
    (tmp_path / "figures").write_text("")
    ended = gensweep("report", "study", "--pdf", "figures")
    assert ended.code == 4
    assert "figures" in ended.err
    assert "Traceback" not in ended.err


def test_a_link_in_a_strangers_folder_is_not_followed(study: Writer, tmp_path: Path, gensweep: Command) -> None:
    (tmp_path / "elsewhere").mkdir()
    (study.folder.path / "report").symlink_to(tmp_path / "elsewhere")
    ended = gensweep("report", "study")
    assert ended.code == 5
    assert "link" in ended.err
    assert list((tmp_path / "elsewhere").iterdir()) == []

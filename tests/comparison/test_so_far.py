"""Sweeps that are not over: the answer says how far they are, whether they run, and the command that goes on."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from gensweep.comparison.compare import compare
from gensweep.comparison.formats import formatted
from gensweep.comparison.report import markdown
from gensweep.text import markdown as escaped
from tests.written_sweep import Writer

Write = Callable[..., Writer]


@pytest.fixture
def unfinished(write: Write) -> Writer:
    """Two trials have ended, and one has not."""
    sweep = write()
    for family, outcome in (("vae", "COMPLETED"), ("wae", "COMPLETED"), ("wae", "")):
        sweep.trial(family, 1.0, outcome=outcome)
    return sweep


def test_one_that_nothing_runs_names_the_command_that_goes_on(unfinished: Writer) -> None:
    name = unfinished.folder.argument
    told = f"So far, 2 of 24 trials; nothing runs: `gensweep resume {name}` goes on with it."
    found = compare([unfinished.folder], due=24)
    assert found.sentence().startswith("Not confirmed: it is not over yet. Best FID so far")
    assert found.sentence().endswith(told)
    assert escaped(told) in formatted(found, "markdown")
    assert escaped(told) in markdown(found)
    assert json.loads(formatted(found, "json"))["progress"] == {"ended": 2, "due": 24, "sweeps": {"study": "stopped"}}
    unknown = f"So far: 1 trial not over yet; nothing runs: `gensweep resume {name}` goes on with it."
    assert compare([unfinished.folder]).sentence().endswith(unknown)


def test_one_that_runs_says_so(unfinished: Writer) -> None:
    with unfinished.folder.hold():
        assert compare([unfinished.folder], due=24).sentence().endswith("So far, 2 of 24 trials; it is running.")
        assert compare([unfinished.folder]).sentence().endswith("So far: 1 trial not over yet; it is running.")


def test_one_that_is_over_says_nothing_of_it(write: Write) -> None:
    sweep = write()
    sweep.trial("vae", 1.0)
    with sweep.folder.hold():
        sweep.folder.events.append({"event": "finished"})
        assert "So far" not in compare([sweep.folder], due=1).sentence()
    assert compare([sweep.folder]).standings == {"study": "done"}


def test_of_several_each_is_named(unfinished: Writer, write: Write) -> None:
    runs, done = write("runs", keys="runs"), write("done", keys="done")
    for sweep in (runs, done):
        sweep.trial("vae", 1.0)
    with done.folder.hold():
        done.folder.events.append({"event": "finished"})
    with runs.folder.hold():
        said = compare([unfinished.folder, runs.folder, done.folder], due=30).sentence()
    name = unfinished.folder.argument
    assert said.endswith(
        f"So far, 4 of 30 trials; nothing of study runs: `gensweep resume {name}` goes on with it; runs is running."
    )


def test_the_command_names_a_folder_of_runs_that_is_elsewhere(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = write("runs/a sweep")
    assert sweep.folder.argument == f"'a sweep' --runs {sweep.folder.path.parent}"
    monkeypatch.chdir(sweep.folder.path.parents[1])
    assert sweep.folder.argument == "'a sweep'"

"""--quiet and --verbose: what is on stderr, and that the log has it all the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gensweep import campaign
from gensweep.executors.base import Work
from gensweep.progress import Loudness, loudness
from gensweep.trial import Failure, Job, Report
from tests.cli.conftest import Command, Ended
from tests.scripted_executor import Script, Scripted, completes, said


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], None]:
    return lambda script: monkeypatch.setattr(campaign, "InProcess", lambda _: Scripted(script))


@pytest.mark.parametrize("option", ["--quiet", "-q"])
def test_quiet_leaves_results_and_errors(
    gensweep: Command, scripted: Callable[[Script], None], tmp_path: Path, option: str
) -> None:
    scripted(completes)
    ended = gensweep("run", "space.yaml", "--in-process", option)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("number ")
    log = (tmp_path / "runs" / "tiny" / "gensweep.log").read_text()
    assert log.count(" completed at epoch ") == 4
    assert "reading space.yaml" in log
    assert log.endswith(" ended: done\n")
    refused = gensweep("run", "space.yaml", "bogus=1", "--in-process", option)
    assert refused.code == 2
    assert refused.err.startswith("gensweep: bogus=1 ")


@pytest.mark.parametrize("option", ["--verbose", "-v"])
def test_verbose_has_a_line_for_every_report(
    gensweep: Command, scripted: Callable[[Script], None], option: str
) -> None:
    def reports(job: Job, work: Work) -> Iterator[Report | Failure]:
        yield replace(said(job, 9.0, None), epoch=1, step=10)
        yield said(job, 8.0)

    scripted(reports)
    ended = gensweep("run", "space.yaml", "--in-process", option)
    assert ended.code == 0
    assert ended.err.count(" completed at epoch ") == 4
    assert ended.err.count(" at epoch 1/2: sliced_wasserstein 9\n") == 4
    again = gensweep("run", "space.yaml", "name=again", "--in-process")
    assert " at epoch 1/2: " not in again.err


@pytest.mark.parametrize("command", ["run space.yaml", "resume tiny", "confirm tiny"])
def test_both_are_refused_and_neither_outlasts_its_command(
    done: tuple[Path, Ended], gensweep: Command, tmp_path: Path, command: str
) -> None:
    shutil.copytree(done[0] / "runs", tmp_path / "runs")
    refused = gensweep(*command.split(), "-q", "-v", "--in-process")
    assert refused.code == 2
    assert "--quiet and --verbose say two things" in refused.err
    gensweep("ls")
    assert loudness() is Loudness.USUAL


def test_a_start_that_goes_on_is_added_to_the_log(done: tuple[Path, Ended]) -> None:
    log = (done[0] / "runs" / "tiny" / "gensweep.log").read_text()
    assert log.count(" on Python ") == 1
    assert log.count(" completed at epoch 2") == 4

"""rerun: what it prints, and its exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gensweep import agreement
from tests.cli.conftest import Command, Ended


def test_a_trial_comes_again(done: tuple[Path, Ended], gensweep: Command) -> None:
    folder, _ = done
    ended = gensweep("rerun", "tiny/3", folder=folder)
    assert ended.code == 0, ended.err
    assert ended.out.split("\n")[0].split() == ["score", "epoch", "recorded", "here", "difference", "agrees"]
    assert ended.out.endswith("scores agree bit for bit.\n")
    found = json.loads(gensweep("rerun", "runs/tiny/0003/", "--json", "--device", "cpu", folder=folder).out)
    assert (found["agrees"], found["missing"], found["unlike"]) == (True, [], [])
    assert {row["agrees"] for row in found["scores"]} == {"bit for bit"}


def test_numbers_that_do_not_come_again_are_exit_code_1(
    done: tuple[Path, Ended], gensweep: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(done[0] / "runs", tmp_path / "runs")
    monkeypatch.setattr(agreement, "_agreement", lambda *_: "no")
    ended = gensweep("rerun", "tiny/0")
    assert ended.code == 1
    assert "Not repeated: " in ended.out
    assert "Exit code 0 where all agree" in gensweep("rerun", "--help").out


@pytest.mark.parametrize("given", ["tiny", "tiny/x", "/7", "7", "tiny/-1", "tiny/" + "9" * 30, "other/1", "tiny/77"])
def test_what_names_no_trial_is_refused(done: tuple[Path, Ended], given: str, gensweep: Command) -> None:
    refused = gensweep("rerun", given, folder=done[0])
    assert refused.code == 2
    assert refused.out == ""

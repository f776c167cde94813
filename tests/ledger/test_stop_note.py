"""What a driver was told before it was killed becomes its end, whoever holds the folder next."""

from __future__ import annotations

from pathlib import Path

import pytest

from gensweep.ledger.stop_note import StopNote, missing_end, note_stopping, noted
from gensweep.ledger.sweep_folder import SweepFolder


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return SweepFolder.create(tmp_path / "runs" / "tiny", {"name": "tiny"})


def drive(folder: SweepFolder, *kinds: str) -> None:
    with folder.hold():
        folder.events.append_many([{"event": kind} for kind in kinds])


def test_it_is_of_the_driver_that_holds_the_sweep(folder: SweepFolder) -> None:
    with folder.hold():
        note_stopping(folder.path, "SIGTERM", 75)
    assert noted(folder.path, 1) == StopNote(1, "SIGTERM", 75)
    assert noted(folder.path, 2) is None


def test_a_driver_that_was_told_and_killed_has_its_end_from_the_note(folder: SweepFolder) -> None:
    with folder.hold():
        folder.events.append({"event": "started"})
        note_stopping(folder.path, "SIGTERM", 75)
    with folder.hold():  # as `gensweep sync` does, which is no driver
        folder.events.append({"event": "identified", "sweep_id": "0" * 32, "place": {}})
    found = SweepFolder.open(folder.path)
    assert missing_end(found.path, found.events) == {"event": "stopped", "reason": "SIGTERM, then killed", "code": 75}


@pytest.mark.parametrize("end", ["stopped", "finished", "closed"])
def test_one_that_entered_its_end_lacks_none(folder: SweepFolder, end: str) -> None:
    with folder.hold():
        folder.events.append({"event": "started"})
        note_stopping(folder.path, "SIGTERM", 75)
        folder.events.append({"event": end, "reason": "", "code": 75})
    assert missing_end(folder.path, folder.events) is None


def test_one_that_was_told_nothing_lacks_none_that_is_known(folder: SweepFolder) -> None:
    drive(folder, "started")
    assert missing_end(folder.path, folder.events) is None


def test_the_note_of_an_earlier_driver_says_nothing_of_a_later_one(folder: SweepFolder) -> None:
    with folder.hold():
        folder.events.append({"event": "started"})
        note_stopping(folder.path, "SIGTERM", 75)
    drive(folder, "started")
    assert missing_end(folder.path, folder.events) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"generation": 1}', '{"generation": 1, "reason": "x", "code": "many"}']
)
def test_what_cannot_be_read_is_none(folder: SweepFolder, text: str) -> None:
    drive(folder, "started")
    (folder.path / "ledger" / "stopping.json").write_text(text)
    assert missing_end(folder.path, folder.events) is None


def test_a_link_is_not_followed(folder: SweepFolder, tmp_path: Path) -> None:
    drive(folder, "started")
    (tmp_path / "mine").write_text('{"generation": 1, "reason": "x", "code": 75}')
    (folder.path / "ledger" / "stopping.json").symlink_to(tmp_path / "mine")
    assert noted(folder.path, 1) is None

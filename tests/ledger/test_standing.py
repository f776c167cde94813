"""How a driver is, from its folder alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gensweep.ledger.standing import standing
from gensweep.ledger.stop_note import note_stopping
from gensweep.ledger.stop_request import ask
from gensweep.ledger.sweep_folder import SweepFolder
from tests.written_sweep import Writer


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "runs" / "study")


def word(folder: SweepFolder) -> tuple[str, str, int | None]:
    found = standing(folder, folder.state())
    return found.word, found.reason, found.code


def enter(folder: SweepFolder, *events: dict[str, object]) -> None:
    with folder.hold():
        folder.events.append_many(events)


def test_one_that_no_driver_took_has_not_begun(writer: Writer) -> None:
    assert word(writer.folder) == ("not begun", "", None)


def test_one_that_is_held_is_starting_then_waiting_then_running(writer: Writer) -> None:
    with writer.folder.hold():
        assert word(writer.folder)[0] == "starting"
        writer.folder.events.append({"event": "started"})
        assert word(writer.folder)[0] == "waiting"
    writer.trial("vae", 1.0, outcome="")
    with writer.folder.hold():
        writer.folder.events.append({"event": "started"})
        assert word(writer.folder)[0] == "waiting", "what an earlier driver had in hand is not in this one's"
        writer.folder.events.append({"event": "continued", "number": 0})
        assert word(writer.folder)[0] == "running"
        writer.folder.events.append({"event": "finished"})
        assert word(writer.folder)[0] == "finishing"


def test_one_that_is_held_elsewhere_is_where_its_lease_says(writer: Writer) -> None:
    lease = writer.folder.path / "ledger" / "lease.json"
    with writer.folder.hold():
        writer.folder.events.append({"event": "started"})
        lease.write_text(json.dumps({**json.loads(lease.read_text()), "host": "gpu-7", "pid": 1}))
        found = standing(writer.folder, writer.folder.state())
    assert found.driver is not None
    assert (found.is_held, found.driver.host, found.driver.pid) == (True, "gpu-7", 1)


def test_one_that_was_told_to_stop_says_by_whom(writer: Writer) -> None:
    with writer.folder.hold():
        writer.folder.events.append({"event": "started"})
        note_stopping(writer.folder.path, "SIGTERM", 75)
        assert word(writer.folder) == ("waiting", "SIGTERM", None)
        request = ask(writer.folder.path, at_once=False)
        assert word(writer.folder) == ("waiting", f"gensweep stop on {request.by}", None)


def test_one_that_stopped_has_its_reason_and_code(writer: Writer) -> None:
    enter(writer.folder, {"event": "started"}, {"event": "stopped", "reason": "Ctrl-C", "code": 130})
    assert word(writer.folder) == ("stopped", "Ctrl-C", 130)


def test_one_that_was_told_to_stop_and_killed_has_both(writer: Writer) -> None:
    with writer.folder.hold():
        writer.folder.events.append({"event": "started"})
        note_stopping(writer.folder.path, "SIGTERM", 75)
    assert word(writer.folder) == ("stopped", "SIGTERM, then killed", 75)


def test_one_that_ended_without_a_word_died(writer: Writer) -> None:
    enter(writer.folder, {"event": "started"})
    found = standing(writer.folder, writer.folder.state())
    assert (found.word, found.code, found.is_held) == ("died", None, False)
    assert "without a word" in found.reason


@pytest.mark.parametrize(
    ("outcomes", "code"), [(("COMPLETED", "DIVERGED"), 0), (("PRUNED", "FAILED"), 3), (("DIVERGED", "FAILED"), 1)]
)
def test_one_that_is_done_has_the_code_of_its_driver(writer: Writer, outcomes: tuple[str, ...], code: int) -> None:
    for outcome in outcomes:
        writer.trial("vae", 1.0, outcome=outcome)
    enter(writer.folder, {"event": "started"}, {"event": "finished"})
    found = standing(writer.folder, writer.folder.state())
    assert (found.word, found.code) == ("done", code)
    assert found.rest, "nobody wrote its report"
    enter(writer.folder, {"event": "closed"})
    assert standing(writer.folder, writer.folder.state()).rest == ""

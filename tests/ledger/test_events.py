"""The log: numbered without gaps, torn only at its end, and silent about nothing else."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from gensweep.errors import CannotRun, DamagedSweep
from gensweep.ledger.events import EventLog
from gensweep.ledger.lease import Fenced
from gensweep.ledger.sweep_folder import SweepFolder


def fill(sweep: SweepFolder, n: int = 4) -> list[dict]:
    with sweep.hold():
        for k in range(n):
            sweep.events.append({"event": "reported", "number": k, "scores": {"fid": k / 3, "größe": math.inf}})
    return sweep.events.read()


def without_lease(sweep: SweepFolder) -> EventLog:
    """The same log as it is before any driver checked it, so that only its own lines can tell what is wrong."""
    (sweep.path / "ledger" / "lease.json").unlink(missing_ok=True)
    return EventLog(sweep.path)


def test_events_come_back_as_they_went_in_and_numbered(sweep: SweepFolder) -> None:
    events = fill(sweep)
    assert [event["seq"] for event in events] == [1, 2, 3, 4]
    assert {event["generation"] for event in events} == {1}
    assert events[2]["scores"] == {"fid": 2 / 3, "größe": math.inf}
    with sweep.hold():
        assert sweep.events.append_many([{"event": "a"}, {"event": "b"}]) == [5, 6]
    assert [event["generation"] for event in sweep.events.read()] == [1, 1, 1, 1, 2, 2]


def test_nan_stays_nan_and_numbers_stay_exact(sweep: SweepFolder) -> None:
    with sweep.hold():
        sweep.events.append({"event": "reported", "scores": {"fid": math.nan, "kid": 0.1 + 0.2}})
    scores = sweep.events.read()[0]["scores"]
    assert math.isnan(scores["fid"])
    assert scores["kid"] == 0.1 + 0.2


def test_only_the_holder_appends(sweep: SweepFolder) -> None:
    with pytest.raises(CannotRun, match=r"folder\.hold"):
        sweep.events.append({"event": "started"})
    with sweep.hold():
        sweep.events.append({"event": "started"})
    with pytest.raises(CannotRun, match=r"folder\.hold"):
        sweep.events.append({"event": "finished"})
    assert len(sweep.events.read()) == 1


def test_a_driver_whose_sweep_was_taken_may_not_append(sweep: SweepFolder) -> None:
    with sweep.hold():
        sweep.events.append({"event": "started"})
        (sweep.path / "ledger" / "lock").unlink()  # as a file system without working locks would behave
        second = SweepFolder.open(sweep.path)
        with second.hold():
            second.events.append({"event": "started"})
            with pytest.raises(Fenced, match="taken by another driver"):
                sweep.events.append({"event": "finished"})
    assert [event["generation"] for event in sweep.events.read()] == [1, 2]


@pytest.mark.parametrize("note_lease", [True, False])
def test_cut_at_every_byte_the_log_is_a_prefix_or_damaged(sweep: SweepFolder, note_lease: bool) -> None:
    whole = fill(sweep)
    fill(sweep, 1)  # the second driver found four events: the log can never be shorter than that again
    whole = sweep.events.read()
    if not note_lease:
        without_lease(sweep)
    data = sweep.events.path.read_bytes()
    seen = set()
    for size in range(len(data) + 1):
        sweep.events.path.write_bytes(data[:size])
        n_whole = data[:size].count(b"\n")
        if note_lease and n_whole < 4:
            with pytest.raises(DamagedSweep, match="Events were lost"):
                EventLog(sweep.path).read()
        else:
            assert EventLog(sweep.path).read() == whole[:n_whole]
            seen.add(n_whole)
    assert seen == ({4, 5} if note_lease else {0, 1, 2, 3, 4, 5})


def test_a_torn_end_is_cut_off_reported_and_written_over(sweep: SweepFolder) -> None:
    whole = fill(sweep)
    data = sweep.events.path.read_bytes()
    sweep.events.path.write_bytes(data[:-20])
    again = SweepFolder.open(sweep.path)
    assert again.events.read() == whole[:3]
    assert sweep.events.path.read_bytes() == data[:-20]  # reading repairs nothing
    with again.hold():
        assert again.events.note is not None
        assert "events.jsonl:4: the last line was torn" in again.events.note
        assert again.events.append({"event": "started"}) == 4
    assert [event["seq"] for event in again.events.read()] == [1, 2, 3, 4]


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_changed_byte_anywhere_but_in_the_last_line_is_named(sweep: SweepFolder, line: int) -> None:
    fill(sweep)
    log = without_lease(sweep)
    lines = log.path.read_bytes().splitlines(keepends=True)
    for place in range(0, len(lines[line]) - 1, 3):
        broken = bytearray(lines[line])
        broken[place] ^= 1
        log.path.write_bytes(b"".join([*lines[:line], bytes(broken), *lines[line + 1 :]]))
        with pytest.raises(DamagedSweep, match=rf"events.jsonl:{line + 1}: .*Restore the file"):
            log.read()


def test_a_changed_byte_in_the_last_line_is_a_torn_end(sweep: SweepFolder) -> None:
    whole = fill(sweep)
    data = bytearray(sweep.events.path.read_bytes())
    data[-30] ^= 1
    sweep.events.path.write_bytes(data)
    assert sweep.events.read() == whole[:3]


@pytest.mark.parametrize(("order", "line"), [((0, 2, 3), 2), ((1, 2, 3), 1), ((0, 1, 1, 2, 3), 3), ((0, 2, 1, 3), 2)])
def test_a_gap_a_double_or_a_swap_is_damage(sweep: SweepFolder, order: tuple[int, ...], line: int) -> None:
    fill(sweep)
    log = without_lease(sweep)
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(lines[k] for k in order))
    with pytest.raises(DamagedSweep, match=rf"events.jsonl:{line}: .* where event \d belongs"):
        log.read()


def test_a_line_of_an_overtaken_driver_is_damage(sweep: SweepFolder, tmp_path: Path) -> None:
    other = SweepFolder.create(tmp_path / "other", {})
    fill(other, 2)
    fill(sweep, 0)
    fill(sweep, 1)
    log = without_lease(sweep)
    log.path.write_bytes(log.path.read_bytes() + other.events.path.read_bytes().splitlines(keepends=True)[1])
    lines = log.path.read_bytes()
    log.path.write_bytes(lines + lines.splitlines(keepends=True)[0])  # so that it is not the last line
    with pytest.raises(DamagedSweep, match=r"events.jsonl:2: .*by driver 1 after driver 2"):
        log.read()


@pytest.mark.parametrize("line", [1, 4])
def test_a_newer_schema_is_refused_even_in_the_last_line(sweep: SweepFolder, line: int) -> None:
    fill(sweep)
    lines = sweep.events.path.read_bytes().splitlines(keepends=True)
    lines[line - 1] = json.dumps({"event": "from the future", "schema": 2, "check": "unknown"}).encode() + b"\n"
    sweep.events.path.write_bytes(b"".join(lines))
    with pytest.raises(DamagedSweep, match=rf"events.jsonl:{line}: .*schema is 2"):
        sweep.hold()


def test_lost_logs_of_sweeps_with_trials_are_never_empty_sweeps(sweep: SweepFolder) -> None:
    assert sweep.events.read() == []
    fill(sweep)
    sweep.trial(1, "wae", "0123456789")
    log = without_lease(sweep)
    data = log.path.read_bytes()
    for lost in (b"", data[:10]):
        log.path.write_bytes(lost)
        with pytest.raises(DamagedSweep, match="there are trials"):
            sweep.state()
    log.path.unlink()
    with pytest.raises(DamagedSweep, match=r"events.jsonl: is missing"):
        SweepFolder.open(sweep.path).hold()
    log.path.write_bytes(data)
    assert len(sweep.events.read()) == 4


def test_a_log_that_something_else_changed_is_not_written(sweep: SweepFolder, tmp_path: Path) -> None:
    with sweep.hold():
        sweep.events.append({"event": "started"})
        data = sweep.events.path.read_bytes()
        sweep.events.path.unlink()
        with pytest.raises(DamagedSweep, match="something else changed it"):
            sweep.events.append({"event": "finished"})
        sweep.events.path.write_bytes(data)
        assert sweep.events.append({"event": "finished"}) == 2


def test_an_event_that_is_not_plain_data_leaves_the_log_alone(sweep: SweepFolder) -> None:
    with sweep.hold():
        with pytest.raises(TypeError):
            sweep.events.append_many([{"event": "started"}, {"event": "issued", "what": object()}])
        assert sweep.events.append({"event": "started"}) == 1
    assert len(sweep.events.read()) == 1

"""The log: numbered without gaps, torn only at its end, and silent about nothing else."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from gensweep.errors import CannotRun, DamagedSweep
from gensweep.ledger import events as module
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
    other.events.path.write_bytes(b"")
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
    lines[line - 1] = json.dumps({"event": "from the future", "schema": 3, "check": "unknown"}).encode() + b"\n"
    sweep.events.path.write_bytes(b"".join(lines))
    with pytest.raises(DamagedSweep, match=rf"events.jsonl:{line}: .*schema is 3"):
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


def test_a_follower_gives_every_event_once_and_reads_no_line_twice(
    sweep: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fill(sweep)
    follower = sweep.events.follow()
    assert follower.read() == (whole, True)
    assert follower.read() == ([], False)
    decoded: list[bytes] = []
    decode = module._decode
    monkeypatch.setattr(module, "_decode", lambda line: (decoded.append(line), decode(line))[1])
    with sweep.hold():
        sweep.events.append_many([{"event": "a"}, {"event": "b"}])
        decoded.clear()
        news = follower.read()
        assert len(decoded) == 2
        assert ([event["event"] for event in news.events], news.is_whole) == (["a", "b"], False)
        assert [event["seq"] for event in news.events] == [5, 6]
        sweep.events.append({"event": "c"})
        assert [event["seq"] for event in follower.read().events] == [7]


def test_a_follower_that_finds_nothing_new_does_not_open_the_log(
    sweep: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(sweep)
    follower = sweep.events.follow()
    follower.read()
    monkeypatch.setattr(Path, "open", lambda *_, **__: pytest.fail("the log was opened"))
    monkeypatch.setattr(Path, "read_bytes", lambda *_: pytest.fail("the log was read"))
    assert follower.read() == ([], False)


def test_a_follower_sees_the_same_events_however_the_log_grows(sweep: SweepFolder) -> None:
    whole = fill(sweep)
    fill(sweep, 2)
    whole = sweep.events.read()
    log = without_lease(sweep)
    data = log.path.read_bytes()
    log.path.write_bytes(b"")
    follower, seen = log.follow(), []
    for size in range(len(data) + 1):
        with log.path.open("ab") as file:
            file.write(data[size - 1 : size] if size else b"")
        news = follower.read()
        seen += news.events
        assert news.is_whole == (size == 0)
        assert seen == whole[: data[:size].count(b"\n")]


def test_a_follower_leaves_a_torn_line_until_the_next_driver_cut_it_off(sweep: SweepFolder) -> None:
    whole = fill(sweep)
    follower = sweep.events.follow()
    data = sweep.events.path.read_bytes()
    sweep.events.path.write_bytes(data[:-20])
    assert follower.read() == (whole[:3], True)
    again = SweepFolder.open(sweep.path)
    with again.hold():
        assert follower.read() == ([], False)
        again.events.append({"event": "started"})
    news = follower.read()
    assert [(event["seq"], event["event"]) for event in news.events] == [(4, "started")]
    assert not news.is_whole


def test_a_follower_leaves_a_last_line_with_a_wrong_checksum_too(sweep: SweepFolder) -> None:
    whole = fill(sweep)
    data = sweep.events.path.read_bytes()
    follower = sweep.events.follow()
    start = data.rindex(b"\n", 0, -1) + 1
    sweep.events.path.write_bytes(data[:start])
    assert follower.read() == (whole[:3], True)
    torn = bytearray(data)
    torn[-30] ^= 1
    sweep.events.path.write_bytes(torn)
    assert follower.read() == ([], False)
    sweep.events.path.write_bytes(data)
    assert follower.read() == (whole[3:], False)


def test_a_follower_reads_anew_what_was_taken_back(sweep: SweepFolder) -> None:
    whole = fill(sweep)
    follower = sweep.events.follow()
    follower.read()
    data = sweep.events.path.read_bytes()
    sweep.events.path.write_bytes(data[: data.rindex(b"\n", 0, -1) + 1])  # as a full disk makes a driver do it
    assert follower.read() == (whole[:3], True)
    with sweep.hold():
        sweep.events.append_many([{"event": "other"}, {"event": "more"}])
    assert [event["event"] for event in follower.read().events] == ["other", "more"]
    fill(sweep, 0)  # a driver found five
    sweep.events.path.write_bytes(data[: data.rindex(b"\n", 0, -1) + 1])
    with pytest.raises(DamagedSweep, match="Events were lost"):
        follower.read()


@pytest.mark.parametrize("longer", [False, True])
def test_a_follower_notices_another_log_in_the_place_of_its_own(
    sweep: SweepFolder, tmp_path: Path, longer: bool
) -> None:
    fill(sweep)
    other = SweepFolder.create(tmp_path / "other", {})
    with other.hold():
        other.events.append_many([{"event": "other", "text": "x" * 500}] * (6 if longer else 4))
    follower = sweep.events.follow()
    follower.read()
    sweep.events.path.write_bytes(other.events.path.read_bytes())
    assert follower.read() == (other.events.read(), True)
    replaced = sweep.events.path.with_name("copy")
    replaced.write_bytes(sweep.events.path.read_bytes())
    replaced.replace(sweep.events.path)
    assert follower.read().is_whole


def test_a_follower_names_a_damaged_line_and_goes_on_when_it_is_mended(sweep: SweepFolder) -> None:
    fill(sweep, 2)
    follower = sweep.events.follow()
    follower.read()
    fill(sweep, 3)
    data = sweep.events.path.read_bytes()
    lines = data.splitlines(keepends=True)
    for broken, why in (
        ([*lines[:3], lines[3].replace(b"reported", b"repeated"), lines[4]], r"events.jsonl:4: .*checksum"),
        ([*lines[:2], lines[3], lines[4]], r"events.jsonl:3: .*event 4 where event 3 belongs"),
    ):
        sweep.events.path.write_bytes(b"".join(broken))
        for _ in range(2):
            with pytest.raises(DamagedSweep, match=why):
                follower.read()
    sweep.events.path.write_bytes(data)
    assert follower.read() == (sweep.events.read(), True)


def test_a_follower_knows_which_driver_wrote_before(sweep: SweepFolder, tmp_path: Path) -> None:
    other = SweepFolder.create(tmp_path / "other", {})
    fill(other, 3)
    fill(sweep, 1)
    fill(sweep, 1)
    log = without_lease(sweep)
    follower = log.follow()
    follower.read()
    late = other.events.path.read_bytes().splitlines(keepends=True)[2]
    log.path.write_bytes(log.path.read_bytes() + late + late)
    with pytest.raises(DamagedSweep, match=r"events.jsonl:3: .*by driver 1 after driver 2"):
        follower.read()


def test_a_log_that_is_gone_under_a_follower_is_damage(sweep: SweepFolder) -> None:
    fill(sweep)
    follower = sweep.events.follow()
    follower.read()
    fill(sweep, 0)
    sweep.events.path.unlink()
    with pytest.raises(DamagedSweep, match="is missing"):
        follower.read()


def test_a_start_reads_a_long_log_once(sweep: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `hold` has checked serves the driver's state and the reader that follows, until the log changes."""
    with sweep.hold():
        sweep.events.append_many([{"event": "started"}, {"event": "stopped", "reason": "Ctrl-C"}])
    readings = []
    parse = module._parse
    monkeypatch.setattr(module, "_parse", lambda *given: readings.append(1) or parse(*given))
    again = SweepFolder.open(sweep.path)
    with again.hold():
        state, following = again.state(), again.follow()
        assert len(readings) == 1
        again.events.append({"event": "started"})
        news = following.advance()
        assert ([e["event"] for e in news.events], news.is_whole) == (["started", "stopped", "started"], True)
        assert following.state != state
        assert following.state == again.state()
        again.events.append({"event": "finished"})
        assert ([e["event"] for e in following.advance().events], following.advance()) == (["finished"], ([], False))
        assert again.events.read()[-1]["event"] == "finished"
    with sweep.events.path.open("ab") as file:
        file.write(b"torn")
    assert SweepFolder.open(sweep.path).events.read()[-1]["event"] == "finished"


def test_the_last_event_is_read_from_the_end(sweep: SweepFolder) -> None:
    assert sweep.events.last() is None
    fill(sweep)
    with sweep.hold():
        sweep.events.append({"event": "stopped", "reason": "Ctrl-C"})
    last = sweep.events.last()
    assert last is not None
    assert (last["event"], last["reason"]) == ("stopped", "Ctrl-C")
    with sweep.events.path.open("ab") as file:
        file.write(b'{"event": "to')
    assert sweep.events.last() is None


def test_the_last_event_besides_some_kinds_is_found_however_far_back_it_is(sweep: SweepFolder) -> None:
    assert (
        sweep.events.last(besides=("started",)) is None or sweep.events.last(besides=("started",))["event"] != "started"
    )
    with sweep.hold():
        sweep.events.append({"event": "issued", "number": 7, "filler": "x" * 100_000})
        sweep.events.append_many([{"event": "started", "filler": "x" * 1000}] * 200)
        found = sweep.events.last(besides=("started", "stopped"))
        assert found is not None
        assert (found["event"], found["number"]) == ("issued", 7)
        last = sweep.events.last()
        assert last is not None
        assert last["event"] == "started"
    with sweep.events.path.open("ab") as log:
        log.write(b"torn")
    assert sweep.events.last(besides=("started",)) is None


def test_what_was_read_is_not_read_again(sweep: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    with sweep.hold():
        sweep.events.append_many([{"event": "started"}] * 50)
    read = SweepFolder.open(sweep.path)
    before = read.events.read()
    with sweep.hold():
        sweep.events.append_many([{"event": "stopped"}] * 3)
    decoded: list[bytes] = []
    whole = module._decode
    monkeypatch.setattr(module, "_decode", lambda line: decoded.append(line) or whole(line))  # type: ignore[func-returns-value]
    assert [event["event"] for event in read.events.read_after(before[-1]["seq"])] == ["stopped"] * 3
    assert len(decoded) == 3
    assert len(read.events.read_after(before[-2]["seq"])) == 4  # from anywhere else: of all of it
    assert len(decoded) > 50


def test_a_log_that_was_replaced_is_read_anew(sweep: SweepFolder) -> None:
    with sweep.hold():
        sweep.events.append_many([{"event": "started"}] * 5)
    read = SweepFolder.open(sweep.path)
    seq = read.events.read()[-1]["seq"]
    log = sweep.events.path
    with sweep.hold():
        sweep.events.append_many([{"event": "stopped"}] * 5)
    whole = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(whole[: seq - 1]) + whole[seq - 1].replace(b"started", b"stirred"))
    with pytest.raises(DamagedSweep):
        read.events.read_after(seq)

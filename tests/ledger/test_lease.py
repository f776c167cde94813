"""One driver at a time, whatever dies; and orphans that notice."""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep.errors import CannotRun, DamagedSweep
from gensweep.ledger.lease import Fence, Fenced
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import Row, TrialFolder


def test_the_second_driver_learns_who_the_first_is(sweep: SweepFolder) -> None:
    with sweep.hold() as lease:
        assert lease.holds()
        with pytest.raises(CannotRun, match=rf"is locked by {socket.gethostname()}:{os.getpid()} since \d{{4}}-.*kill"):
            SweepFolder.open(sweep.path).hold()
        holder = SweepFolder.open(sweep.path).holder()
        assert holder is not None
        assert holder.pid == os.getpid()
    assert not lease.holds()
    assert sweep.holder() is None


def test_every_acquisition_is_a_new_generation(sweep: SweepFolder) -> None:
    assert sweep.generation() == 0
    for expected in (1, 2, 3):
        with sweep.hold() as lease:
            assert lease.generation == sweep.generation() == expected
            sweep.events.append({"event": "started"})
    (sweep.path / "ledger" / "lease.json").unlink()
    with sweep.hold() as lease:
        assert lease.generation == 4  # the log remembers


def test_a_damaged_lease_is_named(sweep: SweepFolder) -> None:
    (sweep.path / "ledger" / "lease.json").write_text("{")
    with pytest.raises(DamagedSweep, match=r"lease.json: .*delete the file"):
        sweep.hold()


def test_of_many_processes_that_race_one_wins(sweep: SweepFolder) -> None:
    go_read, go_write = os.pipe()
    told_read, told_write = os.pipe()
    children = []
    for _ in range(4):
        if (child := os.fork()) == 0:
            os.read(go_read, 1)
            try:
                lease = sweep.hold()
                os.write(told_write, b"w")
                time.sleep(1.2)  # longer than the others are patient
                lease.release()
            except CannotRun:
                os.write(told_write, b"l")
            finally:
                os._exit(0)
        children.append(child)
    os.write(go_write, b"....")
    for child in children:
        os.waitpid(child, 0)
    assert sorted(os.read(told_read, 10)) == sorted(b"wlll")
    assert sweep.generation() == 1
    for end in (go_read, go_write, told_read, told_write):
        os.close(end)


def test_a_killed_driver_frees_its_lock_even_when_its_own_child_lives_on(sweep: SweepFolder) -> None:
    told_read, told_write = os.pipe()
    driver = os.fork()
    if driver == 0:
        sweep.hold()
        grandchild = os.fork()
        if grandchild:
            os.write(told_write, str(grandchild).encode())
        time.sleep(60)
        os._exit(0)
    grandchild = int(os.read(told_read, 20))
    assert sweep.holder() is not None
    os.kill(driver, signal.SIGKILL)
    os.waitpid(driver, 0)
    try:
        with sweep.hold() as lease:
            assert lease.generation == 2
    finally:
        os.kill(grandchild, signal.SIGKILL)
        os.close(told_read)
        os.close(told_write)


def test_a_forked_child_holds_nothing(sweep: SweepFolder, in_child: Callable[[Callable[[], object]], int]) -> None:
    def append() -> None:
        with pytest.raises(CannotRun):
            sweep.events.append({"event": "from the child"})

    with sweep.hold() as lease:
        assert in_child(append) == 0
        assert lease.holds()
        with pytest.raises(CannotRun):
            SweepFolder.open(sweep.path).hold()
    assert sweep.events.read() == []


def test_an_orphan_worker_is_fenced_and_writes_nothing(sweep: SweepFolder) -> None:
    with sweep.hold() as lease:
        fence = pickle.loads(pickle.dumps(lease.fence))
        orphan = TrialFolder(sweep.trial(1, "wae", "0123456789").path, fence)
        orphan.append([Row(1, 10, 0, 0.1, {})])
        orphan.save(10, {"state.pt": b"ten"}, best=True)
        sweep.events.append({"event": "issued", "number": 1, "key": "0123456789", "family": "wae"})
    orphan.append([Row(2, 20, 0, 0.1, {})])  # nobody took the sweep: what it finished still counts
    with sweep.hold() as lease:
        ours = SweepFolder.open(sweep.path).trial(1, "wae", "0123456789", generation=lease.generation)
        for write in (
            lambda: orphan.append([Row(3, 30, 0, 0.1, {})]),
            lambda: orphan.save(30, {"state.pt": b"thirty"}, best=True),
            lambda: orphan.write_outcome({}),
            lambda: orphan.write_file("samples/epoch-0003.png", b""),
        ):
            with pytest.raises(Fenced, match="belongs to driver 1 of the sweep, and driver 2 took it"):
                write()
        ours.append([Row(3, 31, 0, 0.1, {})])
    assert [row.step for row in ours.rows()] == [10, 20, 31]
    newest = ours.newest()
    assert newest is not None
    assert newest.step == 10
    assert ours.outcome() is None


def test_a_writer_that_is_overtaken_while_it_writes_publishes_nothing(sweep: SweepFolder) -> None:
    with sweep.hold():
        trial = sweep.trial(1, "wae", "0123456789")
        sweep.events.append({"event": "issued", "number": 1, "key": "0123456789", "family": "wae"})

    class Slow(dict):
        def items(self):  # type: ignore[no-untyped-def]
            with sweep.hold():
                pass
            return super().items()

    with pytest.raises(Fenced):
        TrialFolder(trial.path, Fence(sweep.path, 1)).save(1, Slow({"state.pt": b""}), best=True)
    assert list((trial.path / "checkpoints").iterdir()) == []


def test_a_lock_on_a_deleted_file_does_not_count(sweep: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    real, lock = fcntl.flock, sweep.path / "ledger" / "lock"
    deletions = iter([lock.unlink])

    def delete_first(descriptor: int, operation: int) -> None:
        next(deletions, lambda: None)()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", delete_first)
    with sweep.hold(), pytest.raises(CannotRun, match="is locked by"):
        SweepFolder.open(sweep.path).hold()


def test_a_lock_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "ledger").write_text("a file where a folder belongs")
    with pytest.raises(CannotRun, match=r"ledger.*cannot be written"):
        SweepFolder(tmp_path / "study").hold()

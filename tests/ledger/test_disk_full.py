"""A full disk: the error comes as it is, what was there stays readable, and after freeing space the work goes on."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from gensweep.errors import CannotRun
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import Row

FREE = 3000  # bytes that a full disk still takes: enough to tear a line or a checkpoint
State = dict[str, bytes]
STATE: State = {"state.pt": b"s" * 10_000}


def mount(place: Path) -> bool:
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


class TinyDisk:
    """A real one where this user may mount; else a limit on the size of files, which fails half-way just the same."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mounted = mount(root)

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        with self._filled() if self.mounted else limited(FREE):
            yield

    @contextlib.contextmanager
    def _filled(self) -> Iterator[None]:
        filler = self.root / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
            while True:
                stream.write(b"f" * 4096)
        yield
        filler.unlink()

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.root)], check=True)


@contextlib.contextmanager
def limited(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[TinyDisk]:
    tiny = TinyDisk(tmp_path / "disk")
    yield tiny
    tiny.close()


def refused(work: Callable[[], object], full: Callable[[], AbstractContextManager[None]]) -> None:
    def until_the_last_free_byte() -> None:
        for _ in range(1000):
            work()

    with full(), pytest.raises(OSError) as caught:
        until_the_last_free_byte()
    assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)


def test_nothing_is_lost_on_a_full_disk(disk: TinyDisk, record_property: Callable[[str, object], None]) -> None:
    sweep = SweepFolder.create(disk.root / "study", {"name": "study"})
    with sweep.hold():
        sweep.events.append({"event": "issued", "number": 1, "key": "abcdef0123", "family": "wae"})
        trial = sweep.trial(1, "wae", "abcdef0123")
        trial.append([Row(1, 10, 0, 0.1, {"fid": 1.0})])
        trial.save(10, STATE, best=True)
        refused(lambda: trial.save(20, STATE, best=True), disk.full)
        refused(lambda: sweep.events.append({"event": "note", "text": "x" * 500}), disk.full)
        refused(lambda: trial.append([Row(len(trial.rows()) + 1, 0, 0, 0.1, {"x" * 500: 1.0})]), disk.full)

        n_events, n_rows = len(sweep.events.read()), len(trial.rows())
        assert n_events >= 1
        assert n_rows >= 1
        for checkpoint in (trial.newest(), trial.best()):
            assert checkpoint is not None
            assert checkpoint.step == 10
            assert checkpoint.read("state.pt") == STATE["state.pt"]
        assert trial.torn() == []

        assert sweep.events.append({"event": "finished"}) == n_events + 1
        trial.append([Row(n_rows + 1, 20, 0, 0.1, {"fid": 1.0})])
        trial.save(20, STATE, best=True)
    newest = trial.newest()
    assert newest is not None
    assert newest.step == 20
    assert len(trial.rows()) == n_rows + 1
    seqs = [event["seq"] for event in sweep.events.read()]
    assert seqs == list(range(1, n_events + 2))
    record_property("events lost, doubled", f"{n_events + 1 - len(set(seqs))}, {len(seqs) - len(set(seqs))}")
    assert [path for path in disk.root.rglob("*tmp*")] == []


def test_a_failed_append_leaves_no_torn_line(sweep: SweepFolder) -> None:
    with sweep.hold():
        sweep.events.append({"event": "started"})
        data = sweep.events.path.read_bytes()
        with limited(len(data) + 50), pytest.raises(OSError):
            sweep.events.append({"event": "note", "text": "x" * 500})
        assert sweep.events.path.read_bytes() == data
        assert sweep.events.append({"event": "finished"}) == 2


def test_a_torn_line_that_could_not_be_cut_off_is_cut_by_the_next_append(
    sweep: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "broken disk")

    with sweep.hold():
        sweep.events.append({"event": "started"})
        size = sweep.events.path.stat().st_size
        with monkeypatch.context() as patch, limited(size + 50):
            patch.setattr(os, "ftruncate", broken)
            with pytest.raises(OSError):
                sweep.events.append({"event": "note", "text": "x" * 500})
        assert sweep.events.path.stat().st_size == size + 50
        assert sweep.events.append({"event": "finished"}) == 2
        assert sweep.events.note is not None
    assert [event["event"] for event in sweep.events.read()] == ["started", "finished"]


def test_a_sweep_cannot_start_on_a_full_disk(disk: TinyDisk) -> None:
    if not disk.mounted:
        return
    sweep = SweepFolder.create(disk.root / "study", {})
    with disk.full():
        with pytest.raises(CannotRun, match="free space"):
            sweep.hold()
        with pytest.raises(CannotRun, match="free space"):
            SweepFolder.create(disk.root / "other", {})
    assert sweep.generation() == 0
    with sweep.hold() as lease:
        assert lease.generation == 1

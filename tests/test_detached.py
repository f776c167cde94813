"""A driver that is started without a terminal: real processes. What the driver does is written into each test."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gensweep import detached
from gensweep.detached import Start, detach
from gensweep.errors import CannotRun
from gensweep.file_modes import private
from gensweep.ledger.sweep_folder import SweepFolder

DRIVER = """
import os, sys, time
from pathlib import Path
from gensweep.journal import kept
from gensweep.ledger.sweep_folder import SweepFolder
def begin():
    folder = SweepFolder.create(path, {"name": "tiny"}) if not path.exists() else SweepFolder.open(path)
    lease = folder.hold()
    log = kept(folder.path)
    log.__enter__()
    folder.events.append({"event": "started", "pid": os.getpid()})
    return folder, lease, log
path = Path(sys.argv[1])
print("hello from", sys.argv[1:], "in", os.environ.get("HERE"), "input", repr(sys.stdin.read()), flush=True)
"""


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The processes of drivers, which end with the test."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def start(path: Path, body: str, monkeypatch: pytest.MonkeyPatch, started: list[int] | None = None) -> Start:
    monkeypatch.setattr(detached, "command", lambda: [sys.executable, "-c", DRIVER + body])
    found = detach(path, [str(path)], {"HERE": "there"})
    if found.driver and started is not None:
        started.append(found.driver.pid)
    return found


def test_it_has_a_session_of_its_own_no_input_and_its_output_in_the_sweeps_folder(
    runs: Path, monkeypatch: pytest.MonkeyPatch, started: list[int]
) -> None:
    before = os.umask(0o022)
    try:
        with private():
            found = start(
                runs / "tiny", "it = begin(); print('more', flush=True); time.sleep(600)", monkeypatch, started
            )
    finally:
        os.umask(before)
    assert found.driver is not None
    pid = found.driver.pid
    assert os.getsid(pid) == pid != os.getsid(0)
    time.sleep(0.3)
    output = runs / "tiny" / "driver.log"
    assert output.read_text() == f"hello from ['{runs / 'tiny'}'] in there input ''\nmore\n"
    assert stat.S_IMODE(output.stat().st_mode) == 0o640
    assert stat.S_IMODE(runs.stat().st_mode) == 0o750
    assert os.listdir(runs) == ["tiny"]
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        umask = next(line for line in status.read_text().splitlines() if line.startswith("Umask"))
        assert umask.split()[1] == "0022", "gensweep itself narrows it, and --shared must find the user's own"


def test_one_that_ends_before_it_begins_is_told_with_its_code_and_leaves_nothing(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = start(runs / "tiny", "print('no such thing', file=sys.stderr); sys.exit(4)", monkeypatch)
    assert (found.driver, found.code, found.called_off) == (None, 4, None)
    assert found.said.endswith("no such thing\n")
    assert os.listdir(runs) == []


def test_of_two_the_one_that_another_holds_off_is_not_taken_for_the_one_that_runs(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = SweepFolder.create(runs / "tiny", {"name": "tiny"})

    def other() -> None:
        time.sleep(0.2)
        with folder.hold():
            folder.events.append({"event": "started"})
            time.sleep(3)

    thread = threading.Thread(target=other)
    thread.start()
    found = start(folder.path, "time.sleep(2); begin()", monkeypatch)
    thread.join()
    assert (found.driver, found.code) == (None, 1)
    assert "CannotRun" in found.said
    assert "is locked by" in found.said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_called_off_before_it_began_it_ends_and_leaves_nothing(
    runs: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    monkeypatch.setattr(detached, "_TO_LEAVE", 1.0)
    handler = signal.getsignal(number)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), number))
    timer.start()
    body = "import signal; signal.signal(2, signal.SIG_IGN); Path('pid').write_text(str(os.getpid())); time.sleep(600)"
    monkeypatch.chdir(runs.parent)
    found = start(runs / "tiny", body, monkeypatch)
    assert found.called_off is not None
    assert (found.driver, found.called_off.code) == (None, code)
    with pytest.raises(ProcessLookupError):
        os.kill(int((runs.parent / "pid").read_text()), 0)
    assert os.listdir(runs) == []
    assert signal.getsignal(number) == handler


def test_what_an_earlier_one_printed_goes_with_the_next_driver(
    runs: Path, monkeypatch: pytest.MonkeyPatch, started: list[int]
) -> None:
    path = runs / "tiny"
    start(path, "it = begin(); print('the first', flush=True); time.sleep(600)", monkeypatch, started)
    os.killpg(started.pop(), signal.SIGKILL)
    time.sleep(0.3)
    start(path, "it = begin(); print('the second', flush=True); time.sleep(600)", monkeypatch, started)
    time.sleep(0.3)
    assert "the second" in (text := (path / "driver.log").read_text())
    assert "the first" not in text
    os.killpg(started.pop(), signal.SIGKILL)
    time.sleep(0.3)
    from gensweep.journal import kept

    with kept(path):  # one that has a terminal, or a test's output
        assert not (path / "driver.log").exists()


def test_where_its_output_cannot_be_written_nothing_is_started(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.write_text("a file")
    with pytest.raises(CannotRun, match=r"output cannot be written there .*--runs"):
        start(runs / "tiny", "", monkeypatch)


def test_a_gensweep_in_the_working_folder_is_not_what_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gensweep.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    assert detach(tmp_path / "runs" / "x", ["--version"], {}).said.startswith("0.")

"""The parent of a driver: real processes, real signals. What the driver does is written into each test."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gensweep.ledger.stop_note import missing_end
from gensweep.ledger.sweep_folder import SweepFolder

DRIVER = """
import os, signal, sys, time
from pathlib import Path
sys.argv = ["gensweep", "run", "x.yaml"]
if "WITHOUT" in os.environ: delattr(signal, os.environ["WITHOUT"])
from gensweep import parent
from gensweep.cli import program
from gensweep.led import led
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.stopping import asked_by_signals
def begin():
    folder = SweepFolder.open(Path(os.environ["SWEEP"]))
    lease = folder.hold()
    folder.events.append({"event": "started"})
    led().begun(folder.path)
    print(os.getpid(), flush=True)
    return folder, lease
def driver():
    BODY
program.main = driver
parent._LEAVING = 1.0
parent.main()
"""
WAITS = "print(os.getpid(), flush=True); time.sleep(600)"
BEGINS = "kept = begin(); time.sleep(600)"
STOPS = """kept = begin()
    while led().stops.first is None: time.sleep(0.01)
    print(led().stops.first, flush=True); time.sleep(0.3); sys.exit(led().stops.first.code)"""


@pytest.fixture
def sweep(tmp_path: Path) -> SweepFolder:
    return SweepFolder.create(tmp_path / "runs" / "tiny", {"name": "tiny"})


@pytest.fixture
def started(
    sweep: SweepFolder, record_property: Callable[[str, object], None]
) -> Iterator[list[subprocess.Popen[str]]]:
    commands: list[subprocess.Popen[str]] = []
    yield commands
    for command in commands:
        if command.returncode is not None:
            record_property("exit codes", command.returncode)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.pid, signal.SIGKILL)


def begun(
    sweep: SweepFolder, started: list[subprocess.Popen[str]], body: str, *before: str
) -> tuple[subprocess.Popen[str], int]:
    """The command, in a process group of its own as a terminal makes one, and the process of its driver."""
    command = subprocess.Popen(
        [*before, sys.executable, "-c", DRIVER.replace("BODY", body)], env={**os.environ, "SWEEP": str(sweep.path)},
        cwd=sweep.path.parents[1], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    started.append(command)
    assert command.stdout is not None
    return command, int(command.stdout.readline())


def ended(command: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = command.communicate(timeout=60)
    return command.returncode, out, err


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def last(sweep: SweepFolder) -> dict[str, object]:
    event = sweep.events.last()
    assert event is not None
    return {name: event.get(name) for name in ("event", "reason", "code")}


SIGNALS = [("SIGINT", "Ctrl-C", 130), ("SIGTERM", "SIGTERM", 75), ("SIGHUP", "SIGHUP", 75), ("SIGUSR1", "SIGUSR1", 75)]


@pytest.mark.parametrize(("number", "reason", "code"), SIGNALS)
def test_before_anything_was_begun_a_signal_ends_it_and_says_so(
    sweep: SweepFolder, started: list[subprocess.Popen[str]], number: str, reason: str, code: int
) -> None:
    command, driver = begun(sweep, started, WAITS)
    command.send_signal(signal.Signals[number])
    assert ended(command) == (code, "", f"gensweep: {reason}: nothing was begun. The same command starts it.\n")
    assert not is_alive(driver)
    assert last(sweep)["event"] == "defined"  # when the folder was made


@pytest.mark.parametrize(("number", "reason", "code"), SIGNALS)
def test_a_driver_hears_of_a_signal_and_ends_in_its_own_time(
    sweep: SweepFolder, started: list[subprocess.Popen[str]], number: str, reason: str, code: int
) -> None:
    command, _ = begun(sweep, started, STOPS)
    os.killpg(command.pid, signal.Signals[number])  # as a terminal does: the driver gets it too, and it counts once
    found, out, err = ended(command)
    assert (found, out) == (code, f"Request(reason='{reason}', code={code})\n")
    assert err == f"gensweep: {reason}: stopping at the next report of each trial that runs; once more ends at once.\n"


def test_a_second_signal_ends_it_at_once_and_the_ledger_says_why(
    sweep: SweepFolder, started: list[subprocess.Popen[str]]
) -> None:
    command, driver = begun(sweep, started, BEGINS)
    command.send_signal(signal.SIGTERM)
    assert command.stderr is not None
    assert "once more ends at once" in command.stderr.readline()
    command.send_signal(signal.SIGINT)
    code, _, err = ended(command)
    assert code == 130
    assert "Ctrl-C again: ended at once" in err
    assert err.endswith("gensweep: Continue with: gensweep resume tiny\n")
    assert last(sweep) == {"event": "stopped", "reason": "Ctrl-C", "code": 130}
    assert not is_alive(driver)


DEATHS = {
    "kill -9": ("os.kill(os.getpid(), signal.SIGKILL)", "was killed (SIGKILL); if nobody did that"),
    "Ray's abort": ("os.abort()", "died of SIGABRT"),
    "a library's exit": ("os._exit(1)", "ended by itself with exit code 1"),
    "a fault of memory": ("os.kill(os.getpid(), signal.SIGSEGV)", "died of SIGSEGV"),
}  # fmt: skip


@pytest.mark.parametrize("death", DEATHS)
def test_whatever_the_driver_dies_of_is_in_the_ledger_with_the_way_on(
    sweep: SweepFolder, started: list[subprocess.Popen[str]], death: str
) -> None:
    command, _ = begun(sweep, started, f"kept = begin(); {DEATHS[death][0]}")
    code, _, err = ended(command)
    assert code == 75
    assert DEATHS[death][1] in err
    assert err.endswith("What was reported is saved.\ngensweep: Continue with: gensweep resume tiny\n")
    assert last(sweep)["event"] == "stopped"
    assert DEATHS[death][1] in str(last(sweep)["reason"])


def test_whoever_kills_both_seconds_after_a_signal_leaves_its_reason(
    sweep: SweepFolder, started: list[subprocess.Popen[str]]
) -> None:
    command, driver = begun(sweep, started, BEGINS)  # which is too busy to answer
    os.killpg(command.pid, signal.SIGTERM)
    time.sleep(3)  # as Ray does with a job
    os.killpg(command.pid, signal.SIGKILL)
    assert ended(command)[0] == -signal.SIGKILL
    assert not is_alive(driver)
    assert last(sweep)["event"] == "started"
    end = missing_end(sweep.path, sweep.events)
    assert end == {"event": "stopped", "reason": "SIGTERM, then killed", "code": 75}


def test_what_a_driver_entered_itself_stays(sweep: SweepFolder, started: list[subprocess.Popen[str]]) -> None:
    body = "kept = begin(); kept[0].events.append({'event': 'closed'}); os.abort()"
    code, _, _ = ended(begun(sweep, started, body)[0])
    assert code == 75
    assert last(sweep)["event"] == "closed"


def test_a_reason_that_a_driver_says_before_it_leaves_is_the_one(
    sweep: SweepFolder, started: list[subprocess.Popen[str]]
) -> None:
    body = "from gensweep.stopping import Request; kept = begin(); led().dying(Request('raylet of Ray died', 75)); os._exit(1)"
    code, _, err = ended(begun(sweep, started, body)[0])
    assert code == 75
    assert "gensweep: the driver ended: raylet of Ray died." in err
    assert last(sweep) == {"event": "stopped", "reason": "raylet of Ray died", "code": 75}


def test_a_driver_that_hangs_after_its_last_word_is_killed_and_its_code_counts(
    sweep: SweepFolder, started: list[subprocess.Popen[str]]
) -> None:
    body = "import atexit; kept = begin(); atexit.register(lambda: time.sleep(600)); sys.exit(3)"
    command, driver = begun(sweep, started, body)
    assert ended(command)[0] == 3
    assert not is_alive(driver)


def test_a_driver_whose_parent_is_killed_ends_soon(sweep: SweepFolder, started: list[subprocess.Popen[str]]) -> None:
    command, driver = begun(sweep, started, STOPS)
    command.kill()
    command.wait()
    deadline = time.monotonic() + 20
    while is_alive(driver):
        assert time.monotonic() < deadline, "the driver outlives its parent"
        time.sleep(0.05)


def test_under_nohup_a_lost_terminal_changes_nothing(sweep: SweepFolder, started: list[subprocess.Popen[str]]) -> None:
    command, driver = begun(sweep, started, STOPS, "nohup")
    os.killpg(command.pid, signal.SIGHUP)
    time.sleep(0.3)
    assert is_alive(driver)
    command.send_signal(signal.SIGTERM)
    assert ended(command)[1].endswith("Request(reason='SIGTERM', code=75)\n")


@pytest.mark.parametrize("words", [["run", "--help"], ["ls"], ["plan", "x.yaml"], [], ["--version"]])
def test_commands_that_run_no_sweep_have_no_parent(words: list[str]) -> None:
    code = (
        f"import os, sys; sys.argv = ['gensweep', *{words}]; from gensweep import parent; from gensweep.cli import program\n"
        "program.main = lambda: None\n"
        "os.fork = lambda: sys.exit('forked')\n"
        "parent.main()"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def _as_on_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHOUT", "sigtimedwait")


@pytest.mark.usefixtures("_as_on_macos")
class TestWithoutSigtimedwait:
    """Where a system lacks it."""

    @pytest.mark.parametrize(("number", "reason", "code"), SIGNALS)
    def test_a_driver_hears_of_a_signal(
        self, sweep: SweepFolder, started: list[subprocess.Popen[str]], number: str, reason: str, code: int
    ) -> None:
        test_a_driver_hears_of_a_signal_and_ends_in_its_own_time(sweep, started, number, reason, code)

    def test_a_second_signal_ends_it_at_once(self, sweep: SweepFolder, started: list[subprocess.Popen[str]]) -> None:
        test_a_second_signal_ends_it_at_once_and_the_ledger_says_why(sweep, started)

    def test_the_death_of_a_driver_is_in_the_ledger(
        self, sweep: SweepFolder, started: list[subprocess.Popen[str]]
    ) -> None:
        test_whatever_the_driver_dies_of_is_in_the_ledger_with_the_way_on(sweep, started, "kill -9")

    def test_under_nohup_a_lost_terminal_changes_nothing(
        self, sweep: SweepFolder, started: list[subprocess.Popen[str]]
    ) -> None:
        test_under_nohup_a_lost_terminal_changes_nothing(sweep, started)

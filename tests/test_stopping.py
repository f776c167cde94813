"""Requests to stop: the first counts, whoever asks; and a process without a parent ends at once at a second signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from gensweep.errors import Interrupted, Stopped
from gensweep.stopping import SIGNALS, Request, Stops, asked_by_signals, handlers, listened_to, put_back


@pytest.mark.parametrize(
    ("number", "asked"),
    [
        (signal.SIGINT, Request("Ctrl-C", 130)),
        (signal.SIGTERM, Request("SIGTERM", 75)),
        (signal.SIGUSR1, Request("SIGUSR1", 75)),
        (signal.SIGHUP, Request("SIGHUP", 75)),
    ],
)
def test_the_first_signal_is_a_request_that_is_told(
    capfd: pytest.CaptureFixture[str], number: int, asked: Request
) -> None:
    stops, heard = Stops(), list[Request]()
    stops.tell(heard.append)
    before = signal.getsignal(number)
    with asked_by_signals(stops):
        os.kill(os.getpid(), number)
    assert heard == [asked]
    assert stops.first == asked
    assert capfd.readouterr().err.startswith(f"gensweep: {asked.reason}: stopping at the next report")
    assert signal.getsignal(number) == before


def test_the_second_one_ends_the_process_with_its_code_and_the_way_on() -> None:
    code = (
        "import os, signal; from gensweep.stopping import Stops, asked_by_signals\n"
        "stops = Stops(); stops.before_leaving(lambda: print('left', flush=True))\n"
        "with asked_by_signals(stops):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('never')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (130, "left\n")
    assert ended.stderr.endswith(
        "Ctrl-C again: ended at once. What was reported is saved: gensweep resume NAME goes on from there.\n"
    )


def test_under_a_parent_no_number_of_signals_ends_it(capfd: pytest.CaptureFixture[str]) -> None:
    stops = Stops()
    stops.is_led = True
    with asked_by_signals(stops):
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
    assert stops.first == Request("SIGTERM", 75)
    assert capfd.readouterr().err == ""


def test_who_listens_late_hears_the_first_and_once() -> None:
    stops, heard = Stops(), list[str]()
    stops.request(Request("one", 75))
    stops.request(Request("two", 130))
    stops.tell(lambda request: heard.append(request.reason))
    assert heard == ["one"]


@pytest.mark.parametrize(("code", "kind"), [(130, Interrupted), (75, Stopped)])
def test_before_anything_was_begun_it_is_an_error_with_its_code(code: int, kind: type[Stopped]) -> None:
    stops = Stops()
    stops.refuse()
    stops.request(Request("x", code))
    with pytest.raises(kind, match="x: nothing was begun") as raised:
        stops.refuse()
    assert raised.value.exit_code == code


def test_in_another_thread_signals_stay_as_they_are() -> None:
    before, seen = handlers(), list[object]()

    def elsewhere() -> None:
        with asked_by_signals(Stops()):
            seen.append(handlers())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [before]


def test_handlers_that_a_library_replaced_are_put_back() -> None:
    with asked_by_signals(Stops()):
        ours = handlers()
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        put_back(ours)
        assert handlers() == ours


@pytest.mark.parametrize("is_ignored", [True, False])
def test_under_nohup_a_hang_up_asks_for_nothing_and_the_others_do(is_ignored: bool) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if is_ignored else signal.SIG_DFL)
    try:
        found = listened_to()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert set(SIGNALS) - set(found) == ({signal.SIGHUP} if is_ignored else set())

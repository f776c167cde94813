"""A signal asks for an end, and says so; a second one ends at once, and says so too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from gensweep.executors.signals import graceful


@pytest.mark.parametrize(
    ("number", "asked"),
    [(signal.SIGINT, ("Ctrl-C", 130)), (signal.SIGTERM, ("SIGTERM", 75)), (signal.SIGUSR1, ("SIGUSR1", 75))],
)
def test_the_first_one_is_a_request_that_is_told(
    capfd: pytest.CaptureFixture[str], number: int, asked: tuple[str, int]
) -> None:
    heard: list[tuple[str, int]] = []
    before = signal.getsignal(number)
    with graceful(lambda reason, code: heard.append((reason, code)), at_once=lambda: heard.append(("at once", 0))):
        os.kill(os.getpid(), number)
    assert heard == [asked]
    assert capfd.readouterr().err.startswith(f"gensweep: {asked[0]}: stopping at the next report")
    assert signal.getsignal(number) == before


def test_the_second_one_ends_the_process_with_its_code_and_the_way_on() -> None:
    code = (
        "import os, signal; from gensweep.executors.signals import graceful\n"
        "with graceful(lambda reason, code: None, at_once=lambda: print('left', flush=True)):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('never')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (130, "left\n")
    assert ended.stderr.endswith(
        "Ctrl-C again: ended at once. What was reported is saved: gensweep resume NAME goes on from there.\n"
    )

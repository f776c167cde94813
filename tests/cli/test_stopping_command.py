"""gensweep stop: asks the driver of a sweep, waits for its end, and says what comes next."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from gensweep import cli
from gensweep.ledger.stop_request import asked
from gensweep.ledger.sweep_folder import SweepFolder


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["gensweep", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepFolder:
    monkeypatch.chdir(tmp_path)
    return SweepFolder.create(tmp_path / "runs" / "tiny", {"name": "tiny"})


def test_one_that_does_not_run_is_no_error(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "stop", "tiny") == 0
    assert capsys.readouterr().out == "tiny does not run.\n"


def test_it_waits_until_the_driver_has_ended(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lease = folder.hold()
    released: list[float] = []

    def drives() -> None:
        while asked(folder.path, lease.generation) is None:
            time.sleep(0.01)
        time.sleep(0.3)
        released.append(time.monotonic())
        lease.release()

    threading.Thread(target=drives).start()
    assert command(monkeypatch, "stop", "tiny") == 0
    assert time.monotonic() >= released[0]
    assert capsys.readouterr().out == "tiny has stopped. Continue with: gensweep resume tiny\n"


@pytest.mark.parametrize(("options", "at_once"), [((), False), (("--now",), True)])
def test_without_waiting_it_only_asks(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], at_once: bool
) -> None:
    with folder.hold() as lease:
        assert command(monkeypatch, "stop", "tiny", "--no-wait", *options) == 0
        found = asked(folder.path, lease.generation)
        assert found is not None
        assert found.at_once == at_once


def test_an_unknown_sweep_is_a_mistake(folder: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command(monkeypatch, "stop", "tyni") == 2

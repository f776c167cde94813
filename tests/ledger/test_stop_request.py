"""A request to stop reaches the driver it was meant for, and no later one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gensweep.ledger.stop_request import ask, asked
from gensweep.ledger.sweep_folder import SweepFolder


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return SweepFolder.create(tmp_path / "runs" / "tiny", {"name": "tiny"})


@pytest.mark.parametrize("at_once", [False, True])
def test_it_is_for_the_driver_that_holds_the_sweep(folder: SweepFolder, at_once: bool) -> None:
    with folder.hold() as lease:
        assert asked(folder.path, lease.generation) is None
        ask(folder.path, at_once=at_once)
        found = asked(folder.path, lease.generation)
        assert found is not None
        assert (found.generation, found.at_once) == (lease.generation, at_once)
    with folder.hold() as later:
        assert asked(folder.path, later.generation) is None


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "{}", '{"generation": "1", "by": 2}', '{"generation": true, "by": "", "at_once": 1}', "{" * 9999],
)
def test_what_is_no_request_asks_for_nothing(folder: SweepFolder, text: str) -> None:
    with folder.hold() as lease:
        (folder.path / "ledger" / "stop.json").write_text(text)
        found = asked(folder.path, lease.generation)
        assert found is None or not found.at_once


def test_a_link_is_not_followed(folder: SweepFolder, tmp_path: Path) -> None:
    with folder.hold() as lease:
        ask(folder.path, at_once=False)
        file = folder.path / "ledger" / "stop.json"
        file.rename(tmp_path / "elsewhere.json")
        file.symlink_to(tmp_path / "elsewhere.json")
        assert asked(folder.path, lease.generation) is None

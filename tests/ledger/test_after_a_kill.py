"""What a process that was killed wrote, and had not made durable, is made durable before anybody builds on it.

A power cut would take it else, and leave what was built on it. Each was found by `tests/simulation`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gensweep.ledger.durable import fsync_directory
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import Row, TrialFolder


def test_a_driver_makes_the_folders_of_its_sweep_durable_before_its_lease(
    sweep: SweepFolder, durable: list[str]
) -> None:
    with SweepFolder.open(sweep.path).hold():
        before = durable[: durable.index("-> lease.json")]
    assert {"runs", "study", "ledger", "trials"} <= set(before)
    assert sweep.path.parents[1].name in before  # runs/ may be new too


def test_a_sweep_below_a_folder_that_may_not_be_read_is_held(
    sweep: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> None:
        if path in sweep.path.parents:
            raise PermissionError(path)
        fsync_directory(path)

    monkeypatch.setattr("gensweep.ledger.sweep_folder.fsync_directory", refused)
    with SweepFolder.open(sweep.path).hold() as lease:
        assert lease.holds()


def test_a_driver_makes_the_events_durable_that_its_lease_counts(sweep: SweepFolder, durable: list[str]) -> None:
    with sweep.hold():
        sweep.events.append({"event": "started"})
    durable.clear()
    with SweepFolder.open(sweep.path).hold():
        assert "events.jsonl" in durable[: durable.index("-> lease.json")]


def test_a_trial_that_has_a_row_already_makes_it_durable(tmp_path: Path, durable: list[str]) -> None:
    row = Row(1, 10, 1000, 1.0, {"fid": 3.0})
    TrialFolder(tmp_path / "t").append([row])
    durable.clear()
    assert TrialFolder(tmp_path / "t").append([row]) == []
    assert "results.jsonl" in durable
    assert TrialFolder(tmp_path / "t").rows() == [row]


def test_a_worker_makes_the_name_of_the_checkpoint_durable_that_it_goes_on_from(
    sweep: SweepFolder, durable: list[str]
) -> None:
    with sweep.hold():
        trial = sweep.trial(0, "wae", "0" * 64)
        trial.save(10, {"state.pt": b"weights"}, best=True)
        durable.clear()
        found = sweep.trial(0, "wae", "0" * 64).newest()
    assert found is not None
    assert durable == ["checkpoints"]
    assert TrialFolder(found.path.parents[1]).newest() == found  # a reader's look writes nothing
    assert durable == ["checkpoints"]


def test_a_copy_takes_the_place_of_a_half_one_of_a_process_with_the_same_number(tmp_path: Path) -> None:
    source, copier = TrialFolder(tmp_path / "source"), TrialFolder(tmp_path / "copier")
    source.save(10, {"state.pt": b"weights"}, best=True)
    half = tmp_path / "copier" / "checkpoints" / f".tmp-copy-1-{os.getpid()}"  # as in a container that starts again
    half.mkdir(parents=True)
    (half / "state.pt").write_bytes(b"wei")
    assert copier.copy_from(source, 1) == 10
    assert copier.copied(1).read("state.pt") == b"weights"
    assert not half.exists()

"""A power cut cannot be tested by killing: here the calls that make a write safe from it are, and their order."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep.ledger.durable import write_atomic
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import Row, TrialFolder

Calls = list[tuple[str, str]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Every fsync and every rename, with the name it is about."""
    seen: Calls = []

    def watch(name: str, of: Callable[..., str]) -> None:
        real = getattr(os, name)

        def call(*arguments: object) -> object:
            seen.append((name.replace("replace", "rename"), Path(of(*arguments)).name))
            return real(*arguments)

        monkeypatch.setattr(os, name, call)

    watch("fsync", lambda descriptor: os.readlink(f"/proc/self/fd/{descriptor}"))
    watch("rename", lambda _, target: str(target))
    watch("replace", lambda _, target: str(target))
    return seen


def test_a_file_is_durable_before_its_name_and_the_name_before_the_return(tmp_path: Path, calls: Calls) -> None:
    write_atomic(tmp_path / "a.json", b"1")
    (first, temporary), *rest = calls
    assert first == "fsync"
    assert temporary.startswith(".a.json")
    assert rest == [("rename", "a.json"), ("fsync", tmp_path.name)]
    calls.clear()
    write_atomic(tmp_path / "a.json", b"2", fsync=False)
    assert calls == [("rename", "a.json")]


def test_a_checkpoint_is_durable_before_its_name_and_the_name_before_the_return(tmp_path: Path, calls: Calls) -> None:
    trial = TrialFolder(tmp_path)
    trial.save(1, {"state.pt": b"1"}, best=False)
    del calls[: calls.index(("fsync", "state.pt"))]
    assert calls[:2] == [("fsync", "state.pt"), ("fsync", "manifest.json")]
    assert calls[2][1].startswith(".tmp-step-000001")
    assert calls[3:] == [("rename", "step-000001"), ("fsync", "checkpoints")]


def test_every_append_is_durable_with_one_fsync(sweep: SweepFolder, calls: Calls) -> None:
    with sweep.hold():
        assert calls[-2:] == [("rename", "lease.json"), ("fsync", "ledger")]
        calls.clear()
        sweep.events.append_many([{"event": "a"}, {"event": "b"}])
        assert calls == [("fsync", "events.jsonl")]
        trial = sweep.trial(1, "wae", "abcdef0123")
        assert calls[1:] == [("fsync", "trials")]
        calls.clear()
        trial.append([Row(1, 1, 1, 1.0, {}), Row(2, 2, 2, 1.0, {})])
        assert calls == [("fsync", "results.jsonl"), ("fsync", trial.path.name)]


def test_a_failed_replacement_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("broken disk")

    write_atomic(tmp_path / "a.json", b"old")
    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="broken disk"):
        write_atomic(tmp_path / "a.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"old"

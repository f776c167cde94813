"""Whether the disk has room for what a sweep keeps: said before it starts, from the sizes of its networks."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from gensweep.campaign import Where, conduct
from gensweep.errors import CannotRun
from gensweep.orchestration.room import look_for_room, trial_sizes
from gensweep.text import size
from tests.scripted_executor import small


def with_free(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))


def test_a_trial_keeps_about_what_is_told(tmp_path: Path) -> None:
    sweep = small(
        "kept",
        {"family": {"name": "vae"}, "network": {"name": "mlp", "hidden": [512, 512]}},
        search={"sampler": "random", "samples": 1, "seed": 0},
    )
    conduct(sweep, Where(tmp_path, tracking_uri=f"sqlite:///{tmp_path}/mlflow.db", in_process=True))
    kept = sum(file.stat().st_size for file in (tmp_path / "kept" / "trials").rglob("*") if file.is_file())
    assert 0.5 * kept < sum(trial_sizes(sweep).values()) < 2 * kept


def test_a_disk_that_will_fill_up_is_told_and_one_with_room_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sweep = small("room")
    need = sum(one * (sweep.counts[label] + sweep.confirmations[label]) for label, one in trial_sizes(sweep).items())
    with_free(monkeypatch, need)
    assert look_for_room(sweep, tmp_path / "not" / "there", {}) is None
    with_free(monkeypatch, need - 1)
    said = look_for_room(sweep, tmp_path / "not" / "there", {})
    assert said is not None
    assert said.startswith(
        f"{tmp_path}: {size(need - 1)} are free, and the trials that are left keep about {size(need)}."
    )
    assert look_for_room(sweep, tmp_path, {next(iter(sweep.arms)): 1}) is None  # of what is done nothing more comes


def test_a_disk_without_room_for_one_trial_starts_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_free(monkeypatch, 1000)
    with pytest.raises(CannotRun, match="1000 bytes are free there, and one trial keeps about"):
        conduct(small("full"), Where(tmp_path / "runs", in_process=True))
    assert not (tmp_path / "runs").exists()

"""A driver that is really killed, in the middle of training: the sweep goes on, and nobody could tell from its results."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.counting import count_in
from tests.faults.figures import Record, figures
from tests.living_sweep import after_reports, events, finish, gensweep, mlflow_runs, results
from tests.processes import driver_of

SPACE = """
defaults: [base, {dataset: digits}, _self_]
name: survivor
confirm: none
objective: {metric: sliced_wasserstein}
search: {sampler: random, samples: 1, seed: 4}
early_stopping: {name: none}
trial:
  seed: 0
  network: {name: mlp, hidden: [64]}
  latent_size: choice(2, 4, 8)
  family: {one_of: [{name: vae}, {name: wae, lambda: loguniform(1, 10), divergence: mmd}]}
  training: {epochs: 12, lr_schedule: counted, optimizer: {lr: loguniform(1e-4, 1e-3)}}
  evaluation: {metrics: [sliced_wasserstein], every: 1}
"""


@pytest.mark.slow
def test_a_driver_that_is_killed_goes_on_and_nothing_tells_it_from_one_that_was_not(
    tmp_path: Path, empty_database: Path, record_property: Record
) -> None:
    for name in ("undisturbed", "killed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "space.yaml").write_text(SPACE)
        shutil.copy(empty_database, tmp_path / name / "mlflow.db")
        count_in(tmp_path / name)
    code, _, err = finish(gensweep(tmp_path / "undisturbed", "run", "space.yaml", "--in-process"))
    assert code == 0, err
    killed = tmp_path / "killed"
    driver = gensweep(killed, "run", "space.yaml", "--in-process")
    after_reports(killed, driver, 5)
    os.kill(driver_of(killed / "runs" / "survivor"), signal.SIGKILL)
    assert finish(driver)[0] == 75
    assert events(killed)[-1]["event"] == "stopped"  # its parent says so
    assert 5 <= len(events(killed, "reported")) < 24
    code, _, err = finish(gensweep(killed, "resume", "survivor", "--in-process"))
    assert code == 0, err
    assert results(killed) == results(tmp_path / "undisturbed")
    reported = Counter((event["number"], event["epoch"]) for event in events(killed, "reported"))
    assert set(reported.values()) == {1}
    assert len(reported) == 24
    expected = {("parent", "FINISHED"): 1, ("0", "FINISHED"): 1, ("1", "FINISHED"): 1}
    assert Counter(mlflow_runs(killed)) == Counter(expected)
    found = figures(killed, tmp_path / "undisturbed")
    found.record(record_property, (75, code))
    assert found.holds
    assert 0 <= found.steps_redone <= found.steps / 24  # of the one trial that ran

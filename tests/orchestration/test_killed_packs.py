"""Packs whose workers, driver and parent are really killed or told to stop: no trial loses more than one interval.

What joins a pack when differs from the undisturbed sweep, so that scores agree to rounding and not bit for bit.
"""

from __future__ import annotations

import csv
import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.counting import count_in, steps
from tests.faults.figures import Record, figures
from tests.living_sweep import after_reports, events, finish, gensweep, mlflow_runs, worker_of
from tests.processes import driver_of

pytestmark = pytest.mark.slow

TRIALS, EPOCHS, ROWS = 8, 20, 4
SPACE = f"""
defaults: [base, {{dataset: digits}}, _self_]
name: survivor
confirm: none
objective: {{metric: sliced_wasserstein}}
search: {{sampler: random, samples: {TRIALS}, seed: 4}}
early_stopping: {{name: none}}
resources: {{pack: {ROWS}, max_concurrent: 2}}
trial:
  seed: 0
  network: {{name: mlp, hidden: [64, 64]}}
  latent_size: 4
  family: {{name: vae, beta: loguniform(0.5, 2)}}
  training: {{epochs: {EPOCHS}, lr_schedule: counted, optimizer: {{lr: loguniform(1e-4, 1e-3)}}}}
  evaluation: {{metrics: [sliced_wasserstein], every: 1}}
"""
CLOSE = 5e-3  # of scores in float32, relative


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    folder = prepared(tmp_path_factory.mktemp("undisturbed"), empty_database)
    code, _, err = finish(gensweep(folder, "run", "space.yaml", "--in-process"))
    assert code == 0, err
    assert {event.get("mode") for event in events(folder, "reported")} == {None, f"pack of {ROWS}"}  # said once
    return folder


def prepared(folder: Path, database: Path) -> Path:
    shutil.copy(database, folder / "mlflow.db")
    (folder / "space.yaml").write_text(SPACE)
    count_in(folder)
    return folder


def scores(folder: Path) -> dict[str, float]:
    with (folder / "runs" / "survivor" / "results.csv").open() as file:
        return {row["number"]: float(row["sliced_wasserstein"]) for row in csv.DictReader(file)}


def is_whole(folder: Path, undisturbed: Path, lost: int, record: Record, codes: list[int]) -> None:
    """Every report once, every run finished, the same scores; `lost` packs cost each member an epoch at most."""
    reported = Counter((event["number"], event["epoch"]) for event in events(folder, "reported"))
    assert reported == Counter({(number, epoch): 1 for number in range(TRIALS) for epoch in range(1, EPOCHS + 1)})
    assert set(mlflow_runs(folder)) == {("parent", "FINISHED"), *((str(n), "FINISHED") for n in range(TRIALS))}
    assert scores(folder) == pytest.approx(scores(undisturbed), rel=CLOSE)
    found = figures(folder, undisturbed)
    found.record(record, codes)
    assert found.holds
    # a stack asks the schedule once more for each member at a report, which is in both, and where it is left in the middle
    interval = steps(undisturbed) // (TRIALS * EPOCHS) + 1
    assert 0 <= found.steps_redone <= lost * ROWS * interval


def test_a_worker_that_is_killed_costs_its_members_one_interval(
    tmp_path: Path, empty_database: Path, undisturbed: Path, record_property: Record
) -> None:
    driver = gensweep(prepared(tmp_path, empty_database), "run", "space.yaml")
    after_reports(tmp_path, driver, 3 * ROWS)
    os.kill(worker_of(driver), signal.SIGKILL)
    code, _, err = finish(driver)
    assert code == 0, err
    lost = events(tmp_path, "lost")
    assert 1 <= len(lost) <= ROWS
    assert len({event["number"] for event in lost}) == len(lost)
    is_whole(tmp_path, undisturbed, 1, record_property, [code])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_driver_that_is_told_to_go_or_killed_leaves_packs_that_go_on(
    number: signal.Signals, tmp_path: Path, empty_database: Path, undisturbed: Path, record_property: Record
) -> None:
    driver = gensweep(prepared(tmp_path, empty_database), "run", "space.yaml")
    after_reports(tmp_path, driver, 3 * ROWS)
    os.kill(driver_of(tmp_path / "runs" / "survivor") if number == signal.SIGKILL else driver.pid, number)
    first, _, err = finish(driver)
    assert first == (130 if number == signal.SIGINT else 75), err
    assert events(tmp_path)[-1]["event"] == "stopped"
    assert len(events(tmp_path, "reported")) < TRIALS * EPOCHS
    second, _, err = finish(gensweep(tmp_path, "resume", "survivor", "--in-process"))
    assert second == 0, err
    is_whole(tmp_path, undisturbed, 2, record_property, [first, second])

"""A worker that is frozen as a whole, alone or in a pack, is ended and its trials go on: it cannot say that it hangs."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.counting import count_in, steps
from tests.faults.figures import Record, figures
from tests.living_sweep import after_reports, events, finish, gensweep, worker_of

pytestmark = pytest.mark.slow

TRIALS, EPOCHS, STALL = 4, 12, 15
SPACE = f"""
defaults: [base, {{dataset: digits}}, _self_]
name: survivor
confirm: none
objective: {{metric: sliced_wasserstein}}
search: {{sampler: random, samples: {TRIALS}, seed: 4}}
early_stopping: {{name: none}}
resources: {{pack: PACK, max_concurrent: 1, stall_timeout: {STALL}}}
trial:
  seed: 0
  network: {{name: mlp, hidden: [64, 64]}}
  latent_size: 4
  family: {{name: vae, beta: loguniform(0.5, 2)}}
  training: {{epochs: {EPOCHS}, lr_schedule: counted, optimizer: {{lr: loguniform(1e-4, 1e-3)}}}}
  evaluation: {{metrics: [sliced_wasserstein], every: 1}}
"""


@pytest.mark.parametrize(("pack", "rows"), [("off", 1), ("4", 4)])
def test_a_frozen_worker_is_a_hang_of_its_trials_and_costs_them_one_interval(
    pack: str, rows: int, tmp_path: Path, empty_database: Path, record_property: Record
) -> None:
    folders = [prepared(tmp_path / name, empty_database, pack) for name in ("undisturbed", "frozen")]
    code, _, err = finish(gensweep(folders[0], "run", "space.yaml", "--in-process"))
    assert code == 0, err
    driver = gensweep(folders[1], "run", "space.yaml")
    after_reports(folders[1], driver, 3 * rows)
    os.kill(worker_of(driver), signal.SIGSTOP)
    code, _, err = finish(driver)
    assert code == 0, err
    lost = events(folders[1], "lost")
    assert 1 <= len(lost) <= rows
    assert {event["fault"] for event in lost} == {"HANG"}
    assert all("its process was frozen" in str(event["reason"]) for event in lost)
    reported = Counter((event["number"], event["epoch"]) for event in events(folders[1], "reported"))
    assert reported == Counter({(number, epoch): 1 for number in range(TRIALS) for epoch in range(1, EPOCHS + 1)})
    found = figures(folders[1], folders[0])
    found.record(record_property, [code])
    assert found.holds
    # a stack asks the schedule once more at each report; a trial that hung goes on alone, where it is not asked
    assert found.steps_redone <= rows * steps(folders[0]) // (TRIALS * EPOCHS)


def prepared(folder: Path, database: Path, pack: str) -> Path:
    folder.mkdir()
    shutil.copy(database, folder / "mlflow.db")
    (folder / "space.yaml").write_text(SPACE.replace("PACK", pack))
    count_in(folder)
    return folder

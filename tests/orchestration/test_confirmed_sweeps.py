"""Whole sweeps with their confirmation: what is alike is not distinguished, what is not is, and a kill changes nothing."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gensweep.comparison.compare import compare
from gensweep.errors import Outcome
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.trial import Report
from tests.living_sweep import events, finish, gensweep, wait_until
from tests.orchestration.test_driver import METRIC, start, sweep
from tests.processes import driver_of

SPACE = """
defaults: [base, {{dataset: digits}}, _self_]
name: survivor
objective: fid
search: {{sampler: random, samples: {samples}, seed: 0}}
confirm: {{top: 1, seeds: {seeds}}}
trial:
  network: {{name: mlp, hidden: [32]}}
  latent_size: 4
  family: {{one_of: [{arms}]}}
  training: {{epochs: {epochs}}}
  evaluation: {{metrics: [fid], every: 2}}
"""


def folder(tmp_path: Path, name: str, database: Path, **settings: Any) -> Path:
    (tmp_path / name).mkdir()
    (tmp_path / name / "space.yaml").write_text(SPACE.format(**settings))
    shutil.copy(database, tmp_path / name / "mlflow.db")
    return tmp_path / name


def verdict(of: Path) -> str:
    """All that the verdict says, without what it cost."""
    found = json.loads((of / "runs" / "survivor" / "report" / "comparison.json").read_text())
    for arm in found["arms"]:
        del arm["cost"], arm["seconds"]
    return json.dumps(found, indent=1)


@pytest.mark.slow
def test_a_kill_in_the_middle_of_the_confirmation_changes_no_byte_of_the_verdict(
    tmp_path: Path, empty_database: Path
) -> None:
    settings = {"samples": 1, "seeds": 3, "epochs": 8, "arms": "{name: vae}, {name: wae, lambda: 10}"}
    undisturbed, killed = (folder(tmp_path, name, empty_database, **settings) for name in ("undisturbed", "killed"))
    code, out, err = finish(gensweep(undisturbed, "run", "space.yaml", "--in-process"))
    assert code == 0, err
    assert "By fid on the test split: " in out
    driver = gensweep(killed, "run", "space.yaml", "--in-process")

    def of_confirmations() -> list[dict[str, object]]:
        confirming = {event["number"] for event in events(killed, "issued") if event.get("parent") is not None}
        return [event for event in events(killed, "reported") if event["number"] in confirming]

    wait_until(lambda: len(of_confirmations()) >= 6, driver)
    os.kill(driver_of(killed / "runs" / "survivor"), signal.SIGKILL)
    assert finish(driver)[0] == 75
    assert events(killed)[-1]["event"] == "stopped"  # its parent says so
    assert 6 <= len(of_confirmations()) < 24
    code, again, err = finish(gensweep(killed, "resume", "survivor", "--in-process"))
    assert code == 0, err
    assert verdict(killed) == verdict(undisturbed)
    results = [(of / "runs" / "survivor" / "results.csv").read_bytes() for of in (killed, undisturbed)]
    assert results[0] == results[1]

    def sentence(text: str) -> str:
        return text[text.index("By fid on the test split: ") :].split("\n\n", maxsplit=1)[0]

    assert sentence(again) == sentence(out)


@pytest.mark.slow
def test_one_family_under_two_labels_is_not_distinguished_and_one_that_learns_nothing_is(
    tmp_path: Path, empty_database: Path
) -> None:
    arms = "{name: vae, beta: 1}, {name: vae, beta: 1.000001}, {name: class_means}"
    place = folder(tmp_path, "study", empty_database, samples=2, seeds=5, epochs=12, arms=arms)
    code, _, err = finish(gensweep(place, "run", "space.yaml", "--in-process"))
    assert code == 0, err
    found = compare([SweepFolder.open(place / "runs" / "survivor")])
    assert found.confirmation is not None
    pairs = {frozenset((pair.a, pair.b)): pair for pair in found.confirmation.verdict.pairs}
    same = pairs[frozenset(("vae.beta=1", "vae.beta=1.000001"))]
    assert not same.distinguished, same
    for vae in ("vae.beta=1", "vae.beta=1.000001"):
        assert pairs[frozenset((vae, "class_means"))].p_adjusted < 0.05


RATES = {"vae": 1.0, "wae": 0.15}  # of one curve towards one asymptote: the second takes long


def curve(arm: str, epoch: int, seed: int, epochs: int) -> float:
    """From about 10 to about 1, by each seed in its own way: both arms are as good once they are trained."""
    luck, way = np.random.default_rng(seed).normal(0, 1, 2)
    left = 0.0 if epoch == epochs else 9 * math.exp(-RATES[arm] * epoch)
    return 1 + 0.1 * abs(float(luck)) + left * math.exp(0.3 * float(way))


def reports(driver: Any, epochs: int) -> Iterator[None]:
    """Trials that report one after another in turns, as workers do, until nothing is left."""
    running: dict[int, int] = {}
    while True:
        while len(running) < 4 and (job := driver.next()) is not None:
            running[job.number] = 0
        if not running:
            return
        for number in list(running):
            running[number] += 1
            record, epoch = driver.state.trials[number], running[number]
            value = curve(record.arm, epoch, record.configuration["seed"], epochs)
            is_over = epoch == epochs
            of_test = {"test": {METRIC: value}} if is_over and record.parent is not None else {}
            outcome = Outcome.COMPLETED if is_over else None
            best = {"best": {METRIC: value}, "best_epoch": epoch, "seconds": 1.0 * epoch, "evaluation_seconds": 0.1}
            driver.take(Report(number, epoch, epoch * 15, {METRIC: value}, outcome=outcome, **best, **of_test))
            if driver.state.trials[number].outcome is not None:
                del running[number]
        yield


@pytest.mark.parametrize("seed", range(3))
def test_a_slow_arm_of_the_same_asymptote_is_not_distinguished_after_confirmation(tmp_path: Path, seed: int) -> None:
    """ASHA prunes the slow arm's trials within the arm alone, and what is confirmed is trained to its end."""
    epochs = 27
    of = sweep(
        {"samples": 9, "seed": seed}, {"training": {"epochs": epochs}, "seed": None},
        early_stopping={"name": "asha", "grace_period": 3, "reduction_factor": 3}, confirm={"top": 1, "seeds": 5},
    )  # fmt: skip
    driver = start(tmp_path / "s", of)
    for _ in reports(driver, epochs):
        pass
    driver.finish()
    found = compare([driver.folder])
    pruned = {arm: sum(row["outcome"] == "PRUNED" for row in found.rows if row["arm"] == arm) for arm in RATES}
    assert all(pruned.values()), "nothing was stopped early, so nothing is shown"
    assert found.confirmation is not None
    assert found.as_dict()["verdict"]["word"] == "not distinguished", found.sentence()
    assert {arm.seeds for arm in found.confirmation.verdict.arms} == {5}
    assert found.search.pairs == ()

"""Early stopping with real training: weights that are really copied, and sweeps whose driver is really killed."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from gensweep.errors import Outcome
from gensweep.executors.in_process import InProcess
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import TrialFolder
from gensweep.orchestration.driver import Driver, issue
from gensweep.spaces.sweep import from_definition
from gensweep.trainers.checkpoint import from_bytes
from gensweep.trial import STATE, Job, Trial, run_trial
from tests.processes import driver_of

LAMBDA, LR = "family.lambda", "training.optimizer.lr"
PBT = {"name": "pbt", "interval": 2, "quantile": 0.5, "resample": 0.25}
HYPERBAND = {"name": "hyperband", "grace_period": 1, "reduction_factor": 2}


def definition(early_stopping: dict[str, Any], epochs: int = 8, samples: int = 6, **trial: Any) -> dict[str, Any]:
    return {
        "name": "survivor",
        "objective": {"metric": "sliced_wasserstein"},
        "search": {"sampler": "random", "samples": samples, "seed": 4},
        "early_stopping": early_stopping,
        "trial": {
            "dataset": {"name": "ring", "n_train": 2048, "n_validation": 256, "n_test": 256},
            "network": {"name": "mlp", "hidden": [32]}, "latent_size": "choice(2, 4)",
            "family": {"one_of": [
                {"name": "wae", "lambda": "loguniform(0.1, 100)"}, {"name": "vae", "beta": "loguniform(0.01, 1)"},
            ]},
            "training": {"epochs": epochs, "optimizer": {"lr": "loguniform(1e-5, 1e-2)"}},
            "evaluation": {"metrics": ["sliced_wasserstein"], "every": 1},
            **trial,
        },
    }  # fmt: skip


def undisturbed(path: Path, what: dict[str, Any]) -> SweepFolder:
    """The sweep, trial after trial in this process."""
    folder = SweepFolder.create(path, what)
    with folder.hold():
        driver = Driver(from_definition(what), folder, lambda record: None)
        driver.start()
        InProcess().run(driver)
        driver.finish()
    return folder


@dataclass
class Seen:
    """A trial right after it took another's weights."""

    job: Job
    before: dict[str, Any]
    after: dict[str, Any]
    given: dict[str, Any]
    rates: list[tuple[float, float]]
    knobs: dict[str, float]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[SweepFolder, list[Seen]]:
    """A PBT sweep, and every copy in it as its worker made it."""
    path, seen = tmp_path_factory.mktemp("watched") / "survivor", list[Seen]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trial, "_copy", _watching(path, seen, Trial._copy))
        return undisturbed(path, definition(PBT)), seen


def _watching(path: Path, seen: list[Seen], copy: Callable[[Trial], None]) -> Callable[[Trial], None]:
    def watching(run: Trial) -> None:
        records = SweepFolder.open(path).state().trials
        source = SweepFolder.open(path).trial_of(records[records[run.job.number].copies[-1].source])
        checkpoint = source.newest() or source.best()
        assert checkpoint is not None
        before = run._state()
        before["trainee"] = {"step": before["trainee"]["step"]}
        copy(run)
        rates = [(g["lr"], s.player.lr_ratio) for s in run.trainee.seats for g in s.optimizer.param_groups]
        knobs = {name: float(knob) for name, knob in run.trainee.knobs.items()}
        after = {"trainee": run.trainee.state(), **{k: v for k, v in run._state().items() if k != "trainee"}}
        after = torch.utils._pytree.tree_map(lambda x: x.clone() if isinstance(x, torch.Tensor) else x, after)
        given = from_bytes(checkpoint.read(STATE), run.device)
        seen.append(Seen(run.job, before, after, given, rates, knobs))

    return watching


def test_a_copier_has_the_weights_and_moments_of_its_source_and_all_else_of_its_own(
    watched: tuple[SweepFolder, list[Seen]],
) -> None:
    _folder, seen = watched
    assert len(seen) >= 2
    for one in seen:
        mine, given = one.after["trainee"], one.given["trainee"]
        torch.testing.assert_close(mine["networks"], given["networks"], rtol=0, atol=0)
        moments = {name: state["state"] for name, state in mine["optimizers"].items()}
        torch.testing.assert_close(moments, {n: s["state"] for n, s in given["optimizers"].items()}, rtol=0, atol=0)
        assert mine["step"] == one.before["trainee"]["step"] > 0
        for name in ("epoch", "best", "best_epoch", "seconds", "scores", "evaluation_seconds"):
            assert one.after[name] == one.before[name], name
        assert (one.before["copies"], one.after["copies"]) == (one.job.copies - 1, one.job.copies)
        lr = one.job.configuration["training"]["optimizer"]["lr"]
        assert one.rates == [(pytest.approx(lr * ratio), ratio) for _, ratio in one.rates]
        family = one.job.configuration["family"]
        knob = "lambda" if family["name"] == "wae" else "beta"
        assert one.knobs[knob] == pytest.approx(family[knob])
    assert any(one.given["trainee"]["step"] != one.after["trainee"]["step"] for one in seen)  # steps really differ


def test_epochs_go_on_and_the_best_checkpoint_stays_that_of_the_best_row(
    watched: tuple[SweepFolder, list[Seen]],
) -> None:
    folder, _seen = watched
    state = folder.state()
    assert state.finished
    for record in state.trials.values():
        assert record.outcome is Outcome.COMPLETED
        trial = folder.trial_of(record)
        rows = trial.rows()
        assert [row.epoch for row in rows] == list(range(1, 9))
        assert all(a.step < b.step for a, b in itertools.pairwise(rows))
        best = min(rows, key=lambda row: row.values["sliced_wasserstein"])
        assert (record.best_epoch, record.best["sliced_wasserstein"]) == (best.epoch, best.values["sliced_wasserstein"])
        checkpoint = trial.best()
        assert checkpoint is not None
        assert checkpoint.step == best.step
        assert sorted(path.name for path in (trial.path / "checkpoints").iterdir()) == ["best"]
        configuration = trial.configuration()
        assert configuration is not None
        assert configuration == record.configuration


def test_the_ledger_holds_the_lineage(watched: tuple[SweepFolder, list[Seen]]) -> None:
    folder, seen = watched
    state = folder.state()
    assert_whole_lineage(folder, state)
    copies = [(record.number, n) for record in state.trials.values() for n in range(1, len(record.copies) + 1)]
    assert sorted(copies) == sorted((one.job.number, one.job.copies) for one in seen)


def assert_whole_lineage(folder: SweepFolder, state: SweepState) -> None:
    """Each copy names a trial that had reported by then, the n-th stands n-th, and parameters follow from one another."""
    given: dict[int, dict[str, Any]] = {}
    taken: Counter[int] = Counter()
    reported: dict[int, int] = {}
    for event in folder.events.read():
        if event["event"] == "issued":
            given[event["number"]] = event["parameters"]
        if event["event"] == "reported":
            reported[event["number"]] = event["epoch"]
        if event["event"] != "copied":
            continue
        number, source = event["number"], event["source"]
        assert source in reported
        assert source != number
        copy = state.trials[number].copies[taken[number]]
        taken[number] += 1
        assert (copy.epoch, copy.source, copy.source_step) == (event["epoch"], source, event["source_step"])
        assert copy.source_step > 0
        assert copy.epoch == reported[number] < 8
        before, after = given[number], event["parameters"]
        assert set(after) == set(before)
        changed = sorted(path for path in after if after[path] != before[path])
        assert changed == event["changed"] == list(copy.changed)
        assert changed  # the knobs of another trial, moved or drawn anew, are no longer its own
        assert set(changed) <= {LR, "family[wae].lambda", "family[vae].beta", LAMBDA, "family.beta"}
        assert after["latent_size"] == given[source]["latent_size"]
        assert state.trials[source].arm == state.trials[number].arm
        given[number] = after
    for number, record in state.trials.items():
        assert record.parameters == given[number]
        assert len(record.copies) == taken[number]
        epochs = [copy.epoch for copy in record.copies]
        assert epochs == sorted(set(epochs))
        assert_configuration_follows(folder, record)


def assert_configuration_follows(folder: SweepFolder, record: TrialRecord) -> None:
    arm = from_definition(folder.definition).arms[record.arm]
    _, whole = issue(arm.configuration(record.parameters, record.configuration["seed"]))
    assert whole == record.configuration


@pytest.mark.parametrize("reports", [1, 2])
def test_a_trial_cut_off_around_its_copy_ends_with_the_same_numbers(tmp_path: Path, reports: int) -> None:
    """After the repeated report nothing new is durable, and it copies again; one report later it must not."""
    first, other = (json.loads(json.dumps(configuration_of(lr))) for lr in (1e-2, 1e-4))
    source = job(tmp_path / "source", first)
    list(run_trial(source))
    for name in ("whole", "cut"):
        copier = job(tmp_path / name, other)
        running = run_trial(copier)
        next(running), next(running)
        running.close()  # type: ignore[attr-defined]
        assert copier.trial_folder().copy_from(source.trial_folder(), 1) > 0
    changed = {**other, "training": {**other["training"], "optimizer": {**other["training"]["optimizer"], "lr": 2e-4}}}
    ends = {}
    for name, cuts in (("whole", 0), ("cut", reports)):
        again = dataclasses.replace(job(tmp_path / name, changed), copies=1)
        if cuts:
            running = run_trial(again)
            for _ in range(cuts):
                next(running)
            running.close()  # type: ignore[attr-defined]
        last = list(run_trial(again))[-1]
        rows = [(row.epoch, row.step, row.values) for row in again.trial_folder().rows()]
        ends[name] = (last.outcome, last.scores, last.best, last.best_epoch, rows)
    assert ends["cut"] == ends["whole"]
    uncopied = job(tmp_path / "uncopied", other)
    assert list(run_trial(uncopied))[-1].scores != ends["whole"][1]


def configuration_of(lr: float) -> dict[str, Any]:
    trial = definition(PBT, family={"name": "wae"}, latent_size=2)["trial"]
    return {**trial, "training": {"epochs": 4, "optimizer": {"lr": lr}}, "seed": 3}


def job(path: Path, configuration: dict[str, Any]) -> Job:
    return Job(
        0, "0" * 64, issue(configuration)[1], str(path), str(path.parent), 0, "sliced_wasserstein", "min", copies=0
    )


def command(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
    return subprocess.Popen(
        [sys.executable, "-m", "gensweep", *arguments], cwd=folder, text=True, env=environment, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def logged(folder: Path) -> list[dict[str, Any]]:
    path = folder / "runs" / "survivor" / "ledger" / "events.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def killed_and_resumed(folder: Path, what: dict[str, Any], enough: Callable[[Counter[str]], bool]) -> SweepFolder:
    """The sweep on Ray, its driver killed as soon as the log has enough of each kind of event, and gone on with."""
    (folder / "space.yaml").write_text(yaml.safe_dump(what))
    driver = command(folder, "run", "space.yaml")
    deadline = time.monotonic() + 300
    while not enough(Counter(event["event"] for event in logged(folder))):
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)
    os.kill(driver_of(folder / "runs" / "survivor"), signal.SIGKILL)
    driver.communicate()
    assert driver.returncode == 75
    assert not SweepFolder.open(folder / "runs" / "survivor").state().finished  # it was in the middle
    resumed = command(folder, "resume", "survivor")
    _, errors = resumed.communicate(timeout=400)
    assert resumed.returncode == 0, errors
    return SweepFolder.open(folder / "runs" / "survivor")


def trials_of(folder: SweepFolder) -> dict[int, tuple[str, int, str]]:
    return {n: (record.arm, record.position, record.key) for n, record in folder.state().trials.items()}


def assert_each_ended_once(folder: SweepFolder) -> None:
    ends = Counter(event["number"] for event in folder.events.read() if event["event"] == "ended")
    assert ends == Counter(folder.state().trials.keys())
    reports = Counter((e["number"], e["epoch"]) for e in folder.events.read() if e["event"] == "reported")
    assert set(reports.values()) == {1}
    assert folder.state().finished
    for record in folder.state().trials.values():
        rows = TrialFolder(folder.trial_of(record).path).rows()
        assert [row.epoch for row in rows] == sorted({row.epoch for row in rows})
        assert rows[-1].epoch >= record.epoch


@pytest.mark.slow
def test_a_population_whose_driver_is_killed_ends_with_every_trial_and_a_whole_lineage(
    tmp_path: Path, watched: tuple[SweepFolder, list[Seen]]
) -> None:
    folder = killed_and_resumed(tmp_path, definition(PBT), lambda n: n["copied"] >= 2 and n["reported"] >= 20)
    assert trials_of(folder) == trials_of(watched[0])
    assert_each_ended_once(folder)
    state = folder.state()
    assert {record.outcome for record in state.trials.values()} == {Outcome.COMPLETED}
    assert_whole_lineage(folder, state)
    assert sum(len(record.copies) for record in state.trials.values()) >= 2
    for record in state.trials.values():
        assert [row.epoch for row in folder.trial_of(record).rows()] == list(range(1, 9))
        assert folder.trial_of(record).torn() == []


@pytest.mark.slow
def test_a_hyperband_sweep_whose_driver_is_killed_ends_with_every_trial(tmp_path: Path) -> None:
    what = definition(HYPERBAND, samples=8)
    whole = undisturbed(tmp_path / "undisturbed", what)
    folder = killed_and_resumed(tmp_path, what, lambda n: n["ended"] >= 2 and n["reported"] >= 8)
    assert trials_of(folder) == trials_of(whole)
    assert_each_ended_once(folder)
    for one in (folder, whole):
        outcomes = Counter(record.outcome for record in one.state().trials.values())
        assert set(outcomes) <= {Outcome.COMPLETED, Outcome.PRUNED}
        assert Outcome.COMPLETED in outcomes
        assert one is folder or Outcome.PRUNED in outcomes  # which are stopped depends on who came first
        for record in one.state().trials.values():
            if record.outcome is Outcome.PRUNED:  # at a rung of its bracket: 1, 2 or 4 epochs
                assert record.epoch in (1, 2, 4)
                assert "bracket of grace period" in record.reason
    shutil.rmtree(tmp_path / "undisturbed")

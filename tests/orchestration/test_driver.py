"""The driver and its searcher, run in this process: what is issued, told, retried and rebuilt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from gensweep.errors import Outcome
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.orchestration import local
from gensweep.orchestration.driver import MACHINE_RETRIES, Driver
from gensweep.spaces.sweep import Sweep, from_definition
from gensweep.trial import Assignment, Failure, Report


def sweep(search: dict[str, Any] | None = None, trial: dict[str, Any] | None = None, **sections: Any) -> Sweep:
    return from_definition({
        "name": "small", "objective": {"metric": "sliced_wasserstein"},
        "search": {"sampler": "random", "samples": 4, "seed": 0, **(search or {})},
        "schedule": {"name": "none"}, **sections,
        "trial": {
            "dataset": {"name": "digits"}, "network": {"name": "mlp", "hidden": [16]}, "latent_size": "choice(2, 4)",
            "family": {"one_of": [{"name": "vae", "beta": "loguniform(0.1, 1)"}, {"name": "wae", "lambda": "uniform(1, 9)"}]},
            "training": {"epochs": 2}, "evaluation": {"metrics": ["sliced_wasserstein"], "every": 1}, "seed": 0,
            **(trial or {}),
        },
    })  # fmt: skip


def start(folder: Path, of: Sweep) -> tuple[SweepFolder, Driver]:
    found = (
        SweepFolder.open(folder) if (folder / "sweep.yaml").exists() else SweepFolder.create(folder, of.definition())
    )
    found.hold()
    return found, Driver(of, found, lambda record: None)


def report(assignment: Assignment, epoch: int, value: float, outcome: Outcome | None = None) -> Report:
    scores = {"sliced_wasserstein": value}
    return Report(assignment.number, epoch, epoch * 15, scores, scores, epoch, 1.0, 0.1, outcome)


def issue(driver: Driver) -> Assignment:
    assignment = driver.next()
    assert assignment is not None
    return assignment


def parameters(driver: Driver) -> dict[int, dict[str, Any]]:
    return {number: record.parameters for number, record in driver.state.trials.items()}


def test_families_take_turns_and_each_gets_all_its_samples(tmp_path: Path) -> None:
    _, driver = start(tmp_path / "s", sweep())
    families = []
    while (assignment := driver.next()) is not None:
        families.append(driver.state.trials[assignment.number].family)
        driver.take(report(assignment, 2, 1.0, Outcome.COMPLETED))
    assert families == ["vae", "wae"] * 4
    assert driver.is_done


def test_a_whole_sweep_in_this_process_and_a_second_start_finds_nothing_to_do(tmp_path: Path) -> None:
    folder, driver = start(tmp_path / "s", sweep({"samples": 1}))
    local.execute(driver)
    assert [r.outcome for r in driver.state.trials.values()] == [Outcome.COMPLETED] * 2
    assert all(record.best["sliced_wasserstein"] > 0 for record in folder.state().trials.values())
    again = Driver(sweep({"samples": 1}), folder, lambda record: None)
    assert again.is_done
    assert again.next() is None


def test_suggestions_depend_on_seed_and_number_and_not_on_restarts(tmp_path: Path) -> None:
    _, driver = start(tmp_path / "a", sweep())
    while (assignment := driver.next()) is not None:
        driver.take(report(assignment, 2, 1.0, Outcome.COMPLETED))
    whole = parameters(driver)

    folder, first = start(tmp_path / "b", sweep())
    for _ in range(3):
        driver.take(report(issue(first), 1, 1.0))
    second = Driver(sweep(), folder, lambda record: None)
    numbers = []
    while (assignment := second.next()) is not None:
        numbers.append(assignment.number)
        second.take(report(assignment, 2, 1.0, Outcome.COMPLETED))
    assert numbers == list(range(8))  # the three that were running come first, with their own numbers
    assert parameters(second) == whole
    assert len({str(p) for p in whole.values()}) == 8


def test_the_study_follows_the_ledger_however_the_driver_died(tmp_path: Path) -> None:
    folder, driver = start(tmp_path / "s", sweep())
    outcomes = [Outcome.COMPLETED, Outcome.DIVERGED, Outcome.PRUNED, None]
    for outcome in outcomes:
        driver.take(report(issue(driver), 2, 1.0, outcome))
    driver.search.suggest(4)  # asked of Optuna, and dead before the ledger heard of it
    fresh = Driver(sweep(), folder, lambda record: None)
    assert states(folder, "vae") == ["COMPLETE", "PRUNED", "FAIL"]
    assert states(folder, "wae") == ["FAIL", "RUNNING"]
    assert issue(fresh).number == 3
    (folder.path / "study.db").unlink()  # even without it
    Driver(sweep(), folder, lambda record: None)
    assert states(folder, "vae") == ["COMPLETE", "PRUNED"]
    assert states(folder, "wae") == ["FAIL", "RUNNING"]


def states(folder: SweepFolder, family: str) -> list[str]:
    study = optuna.load_study(study_name=f"small/{family}", storage=f"sqlite:///{folder.path / 'study.db'}")
    return [trial.state.name for trial in study.get_trials()]


def test_a_lost_worker_is_retried_from_its_folder_a_few_times_and_then_counts_as_failed(tmp_path: Path) -> None:
    _, driver = start(tmp_path / "s", sweep({"samples": 1}))
    first = issue(driver)
    folder = first.folder.path
    for attempt in range(MACHINE_RETRIES):
        driver.lost(first.number, "killed")
        again = issue(driver)
        assert (again.number, again.folder.path) == (first.number, folder)
        assert driver.state.trials[first.number].attempt == attempt + 2
    driver.lost(first.number, "killed")
    assert driver.state.trials[first.number].outcome is Outcome.FAILED
    assert "lost 4 times" in driver.state.trials[first.number].reason


def test_an_error_in_the_code_is_not_retried_and_the_same_one_thrice_ends_the_sweep(tmp_path: Path) -> None:
    folder, driver = start(tmp_path / "s", sweep())
    for n in range(3):
        assert driver.take(Failure(issue(driver).number, "ValueError: no", "Traceback ..."))
        assert bool(driver.stop_reason) == (n == 2)
    assert driver.next() is None
    record = driver.state.trials[0]
    assert (folder.path / "trials" / record.folder_name / "error.txt").read_text() == "Traceback ..."


def test_a_trial_that_diverges_is_told_as_failed_and_the_sweep_goes_on(tmp_path: Path) -> None:
    of = sweep({"samples": 1}, {"family": {"name": "vae", "likelihood": "gaussian"},
                                "training": {"epochs": 2, "optimizer": {"name": "sgd", "lr": 1e12}}})  # fmt: skip
    folder, driver = start(tmp_path / "s", of)
    local.execute(driver)
    assert [r.outcome for r in driver.state.trials.values()] == [Outcome.DIVERGED]
    assert states(folder, "vae") == ["FAIL"]
    assert driver.is_done


def test_a_report_said_again_after_a_resume_is_entered_once_and_decides_nothing(tmp_path: Path) -> None:
    folder, driver = start(tmp_path / "s", sweep(schedule={"name": "asha", "grace_period": 1, "reduction_factor": 2}))
    one, two = issue(driver), issue(driver)
    three = issue(driver)
    assert not driver.take(report(one, 1, 5.0))
    assert not driver.take(report(three, 1, 4.0))
    assert not driver.take(report(one, 1, 5.0))  # it would lose now, but it was decided
    assert [e["epoch"] for e in folder.events.read() if e["event"] == "reported" and e["number"] == 0] == [1]
    assert driver.state.trials[two.number].family == "wae"


def test_early_stopping_ranks_within_a_family_only(tmp_path: Path) -> None:
    _, driver = start(tmp_path / "s", sweep(schedule={"name": "asha", "grace_period": 1, "reduction_factor": 2}))
    vae, wae, vae2 = issue(driver), issue(driver), issue(driver)
    assert not driver.take(report(vae, 1, 1.0))
    assert not driver.take(report(wae, 1, 99.0))
    assert driver.take(report(vae2, 1, 2.0))
    assert driver.state.trials[vae2.number].outcome is Outcome.PRUNED


def test_a_time_budget_stops_resumably(tmp_path: Path) -> None:
    _, driver = start(tmp_path / "s", sweep(resources={"time_budget": 1e-6}))
    assert driver.next() is None
    assert (driver.stop_code, driver.stop_reason) == (75, "time budget of 1e-06 s")
    assert not driver.is_done


def test_every_branch_gets_a_turn_before_chance_decides(tmp_path: Path) -> None:
    family = {
        "name": "wae",
        "divergence": {"one_of": [{"name": "mmd"}, {"name": "sinkhorn"}, {"name": "jensen_shannon"}]},
    }
    _, driver = start(tmp_path / "s", sweep({"sampler": "tpe", "samples": 6}, {"family": family}))
    labels = [driver.state.trials[issue(driver).number].parameters["family.divergence"] for _ in range(6)]
    assert labels == ["mmd", "sinkhorn", "jensen_shannon"] * 2


@pytest.mark.parametrize("samples", [None, 5])
def test_a_grid_takes_every_combination_once(tmp_path: Path, samples: int | None) -> None:
    family = {
        "one_of": [
            {"name": "vae", "beta": "loguniform(0.1, 10)"},
            {"name": "gan", "loss": "choice(minimax, non_saturating)"},
        ]
    }
    _, driver = start(tmp_path / "s", sweep({"sampler": "grid", "samples": samples, "points": 3}, {"family": family}))
    while driver.next() is not None:
        pass
    found = [(r.family, tuple(sorted(r.parameters.items()))) for r in driver.state.trials.values()]
    assert len(found) == len(set(found)) == (3 * 2 + 2 * 2 if samples is None else 5 + 4)
    betas = {value for f, p in found if f == "vae" for name, value in p if name.endswith("beta")}
    assert sorted(betas) == pytest.approx([0.1, 1.0, 10.0])

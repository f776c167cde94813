"""What a driver hands out to a pack that has room: trials of its shape, and no trial out of its turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from gensweep.errors import Outcome
from gensweep.faults import Fault
from gensweep.orchestration.driver import Driver
from gensweep.trial import Job
from tests.orchestration.test_driver import EPOCHS, die, events, issue, report, start, sweep

ONE_SIZE = {"latent_size": 2}


def like(driver: Driver, job: Job) -> list[Job]:
    """All that can join the pack of a job now."""
    found = []
    while (one := driver.next(like=job)) is not None:
        found.append(one)
    return found


def test_what_joins_a_pack_is_of_its_shape_and_the_rest_is_kept_for_others(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep({"samples": 4}, ONE_SIZE))
    first = issue(driver)
    joined = like(driver, first)
    assert [job.number for job in [first, *joined]] == [0, 2, 4, 6]  # vae; wae has the odd numbers
    assert {job.shape for job in joined} == {first.shape}
    second = issue(driver)  # for another place: what came in between, in its order
    assert second.number == 1
    assert [job.number for job in like(driver, second)] == [3, 5, 7]
    assert driver.next() is None
    issued = events(driver, "issued")
    assert [event["number"] for event in issued] == list(range(8))
    assert [event["arm"] for event in issued] == ["vae", "wae"] * 4


def test_trials_of_several_latent_sizes_join_one_pack(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep({"samples": 4}, {"network": {"name": "mlp", "hidden": [64, 64]}}))
    first = issue(driver)
    jobs = [first, *like(driver, first)]
    assert [job.number for job in jobs] == [0, 2, 4, 6]
    assert {job.configuration["latent_size"] for job in jobs} == {2, 4}
    assert {job.latent_size for job in jobs} == {4}


def test_the_trials_are_those_that_train_one_by_one(tmp_path: Path) -> None:
    packed, single = start(tmp_path / "packed", sweep()), start(tmp_path / "single", sweep())
    jobs = []
    while (job := packed.next()) is not None:
        jobs += [job, *like(packed, job)]
    alone = []
    while (job := single.next()) is not None:
        alone.append(job)
        single.take(report(job, EPOCHS, 1.0, Outcome.COMPLETED))
    assert [job.number for job in jobs] != [job.number for job in alone]
    assert {job.number: job.configuration for job in jobs} == {job.number: job.configuration for job in alone}


def test_of_what_is_kept_nothing_is_lost_with_its_driver(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep({"samples": 4}, ONE_SIZE))
    first = issue(driver)
    like(driver, first)
    driver.take(report(first, EPOCHS, 1.0, Outcome.COMPLETED))
    die(driver)
    second = start(tmp_path / "s", sweep({"samples": 4}, ONE_SIZE))
    numbers = []
    while (job := second.next()) is not None:
        numbers.append(job.number)
        second.take(report(job, EPOCHS, 1.0, Outcome.COMPLETED))
    assert numbers == list(range(1, 8))
    assert second.is_done


def test_a_sweep_with_trials_that_wait_for_a_pack_is_not_done(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep({"samples": 2}, ONE_SIZE))
    first = issue(driver)
    for job in [first, *like(driver, first)]:
        driver.take(report(job, EPOCHS, 1.0, Outcome.COMPLETED))
    assert not driver.is_done
    assert driver.left == 2
    while (job := driver.next()) is not None:
        driver.take(report(job, EPOCHS, 1.0, Outcome.COMPLETED))
    assert driver.is_done
    assert driver.left == 0


def test_no_more_is_kept_than_a_few_packs_of_each_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gensweep.orchestration.driver.KEPT", 3)
    driver = start(tmp_path / "s", sweep({"samples": 40}, ONE_SIZE))
    first = issue(driver)
    assert len(like(driver, first)) == 5  # and 6 of wae, which wait
    assert len(events(driver, "issued")) == 12


@pytest.mark.parametrize(("sampler", "joined"), [("random", 7), ("tpe", 3)])
def test_a_searcher_that_learns_is_not_asked_far_ahead(sampler: str, joined: int, tmp_path: Path) -> None:
    trial = {"family": {"name": "vae", "beta": "loguniform(0.1, 1)"}, **ONE_SIZE}
    driver = start(tmp_path / "s", sweep({"samples": 8, "sampler": sampler}, trial))
    first = issue(driver)
    assert len(like(driver, first)) == joined
    driver.take(report(first, EPOCHS, 1.0, Outcome.COMPLETED))
    assert len(like(driver, first)) == (1 if sampler == "tpe" else 0)


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.MEMORY, Fault.HANG])
def test_what_may_have_ended_its_process_itself_trains_alone(
    fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gensweep.orchestration.driver.RESTS", (0.0,))
    driver = start(tmp_path / "s", sweep({"samples": 2}, ONE_SIZE))
    first = issue(driver)
    second = driver.next(like=first)
    assert second is not None
    for job in (first, second):
        driver.lost(job.number, "gone", fault)
    assert like(driver, first) == []  # they come before any that is new, and none of them joins it
    again = {job.number: job for job in iter(driver.next, None)}
    assert {number: again[number].rows for number in (first.number, second.number)} == {0: 1, 2: 1}
    assert like(driver, again[first.number]) == []


def test_a_pack_of_one_takes_none(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep({"samples": 4}, ONE_SIZE, resources={"pack": "off"}))
    first = issue(driver)
    assert like(driver, first) == []
    assert len(events(driver, "issued")) == 1

"""What a search found is trained again on fresh seeds: when, which, how often, and that a kill changes nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gensweep.errors import DamagedSweep, Outcome
from gensweep.ledger.state import fold
from gensweep.orchestration.driver import Driver
from gensweep.trial import Failure, Job
from tests.orchestration.test_driver import EPOCHS, METRIC, die, events, issue, report, start, sweep

CONFIRM = {"top": 1, "seeds": 2}
ONE_ARM = {"family": "vae", "latent_size": "int(2, 64)"}


def end(driver: Driver, job: Job, value: float, outcome: Outcome = Outcome.COMPLETED) -> None:
    driver.take(report(job, EPOCHS, value, outcome))


def searched(path: Path, values: dict[str, list[float]], confirm: object = CONFIRM) -> Driver:
    """A driver whose search is over, with these scores of each arm by position."""
    driver = start(path, sweep({"samples": len(values["vae"])}, confirm=confirm))
    for job in [issue(driver) for _ in range(sum(map(len, values.values())))]:
        record = driver.state.trials[job.number]
        end(driver, job, values[record.arm][record.position])
    return driver


def test_an_arm_is_confirmed_as_soon_as_its_own_search_is_over(tmp_path: Path) -> None:
    driver = start(tmp_path, sweep({"samples": 1}, confirm=CONFIRM))
    vae, wae = issue(driver), issue(driver)
    assert driver.next() is None
    assert not driver.is_done
    end(driver, vae, 1.0)
    first, second = issue(driver), issue(driver)
    assert [driver.state.trials[job.number].parent for job in (first, second)] == [vae.number] * 2
    assert driver.next() is None
    end(driver, first, 1.0)
    end(driver, second, 1.0)
    assert not driver.is_done
    end(driver, wae, 1.0)
    assert driver.state.trials[issue(driver).number].parent == wae.number


def test_the_best_configurations_come_again_on_seeds_that_no_other_trial_has(tmp_path: Path) -> None:
    driver = searched(tmp_path, {"vae": [3.0, 1.0, 2.0], "wae": [1.0, 2.0, 3.0]}, {"top": 2, "seeds": 3})
    jobs = [issue(driver) for _ in range(12)]
    assert driver.next() is None
    assert driver.total == len(driver.state.trials) == 18
    records = [driver.state.trials[job.number] for job in jobs]
    assert [(r.arm, r.position, r.repeat) for r in records] == [
        *(("vae", position, repeat) for position in (1, 2) for repeat in range(3)),
        *(("wae", position, repeat) for position in (0, 1) for repeat in range(3)),
    ]
    for record, job in zip(records, jobs, strict=True):
        assert record.kind == "confirm"
        assert job.is_confirmation
        assert record.parent is not None
        parent = driver.state.trials[record.parent]
        assert {**record.configuration, "seed": 0} == parent.configuration  # the file fixes 0
        assert record.parameters == parent.parameters
    assert len({record.configuration["seed"] for record in records} | {0}) == 13
    assert len({record.key for record in driver.state.trials.values()}) == 18


def test_what_is_worse_diverged_failed_or_was_stopped_early_is_not_confirmed(tmp_path: Path) -> None:
    driver = start(tmp_path, sweep({"samples": 4}, trial=ONE_ARM, confirm={"top": 4, "seeds": 2}))
    jobs = [issue(driver) for _ in range(4)]
    end(driver, jobs[0], 0.1, Outcome.DIVERGED)
    driver.take(Failure(jobs[1].number, "broken", ""))
    end(driver, jobs[2], 0.2, Outcome.PRUNED)
    end(driver, jobs[3], 5.0)
    assert {driver.state.trials[issue(driver).number].parent for _ in range(2)} == {jobs[3].number}
    assert driver.next() is None


def test_where_no_trial_was_trained_to_its_end_the_best_of_the_others_is_confirmed(tmp_path: Path) -> None:
    driver = start(tmp_path, sweep({"samples": 2}, trial=ONE_ARM, confirm=CONFIRM))
    jobs = [issue(driver) for _ in range(2)]
    end(driver, jobs[0], 2.0, Outcome.PRUNED)
    end(driver, jobs[1], 1.0, Outcome.PRUNED)
    assert driver.state.trials[issue(driver).number].parent == jobs[1].number


def test_an_arm_without_a_score_has_nothing_to_confirm(tmp_path: Path) -> None:
    driver = start(tmp_path, sweep({"samples": 1}, trial=ONE_ARM, confirm=CONFIRM))
    end(driver, issue(driver), float("nan"), Outcome.DIVERGED)
    assert driver.next() is None
    assert driver.is_done


def test_one_configuration_on_several_seeds_is_one_configuration(tmp_path: Path) -> None:
    space = {"family": "vae", "latent_size": 2, "seed": "choice(0, 1, 2)"}
    of = sweep({"sampler": "grid", "samples": None}, trial=space, confirm={"top": 3, "seeds": 2})
    driver = start(tmp_path, of)
    for value in (3.0, 1.0, 2.0):
        end(driver, issue(driver), value)
    assert [driver.state.trials[issue(driver).number].position for _ in range(2)] == [1, 1]
    assert driver.next() is None


def test_early_stopping_and_the_search_never_hear_of_a_confirmation(tmp_path: Path) -> None:
    of = sweep({"samples": 4}, trial=ONE_ARM, confirm=CONFIRM,
               early_stopping={"name": "asha", "grace_period": 1, "reduction_factor": 2})  # fmt: skip
    driver = start(tmp_path, of)
    for value in (1.0, 2.0, 3.0, 4.0):
        end(driver, issue(driver), value)
    before = len(driver.state.history("vae"))
    job = issue(driver)
    assert driver.take(report(job, 1, 99.0)) is False  # far worse than every trial of the search at this epoch
    assert driver.state.trials[job.number].outcome is None
    assert len(driver.state.history("vae")) == before == 4


def test_the_score_on_the_test_split_is_in_the_ledger(tmp_path: Path) -> None:
    driver = searched(tmp_path, {"vae": [1.0], "wae": [2.0]})
    job = issue(driver)
    driver.take(
        report(job, EPOCHS, 1.0, Outcome.COMPLETED, test={METRIC: 1.5}, protocol={METRIC: "a", f"test.{METRIC}": "b"})
    )
    record = driver.folder.state().trials[job.number]
    assert record.test == {METRIC: 1.5}
    assert record.protocol == {METRIC: "a", f"test.{METRIC}": "b"}
    assert driver.folder.state() == driver.state


def test_a_driver_that_was_killed_confirms_the_same(tmp_path: Path) -> None:
    def conduct(path: Path, *, killed: bool) -> list[tuple[int | None, int, str]]:
        driver = searched(path, {"vae": [3.0, 1.0], "wae": [1.0, 2.0]})
        while not driver.is_done:
            job = issue(driver)
            driver.take(report(job, 1, 5.0))
            if killed:
                die(driver)
                driver = start(path, driver.sweep)
                assert issue(driver).number == job.number
            end(driver, job, 1.0)
        assert fold(driver.folder.events.read()) == driver.state
        return [(r.parent, r.repeat, r.key) for r in driver.state.trials.values()]

    assert conduct(tmp_path / "a", killed=False) == conduct(tmp_path / "b", killed=True)


def test_more_seeds_and_more_configurations_may_be_asked_for_later(tmp_path: Path) -> None:
    driver = searched(tmp_path, {"vae": [3.0, 1.0], "wae": [1.0, 2.0]})
    while (job := driver.next()) is not None:
        end(driver, job, 1.0)
    driver.finish()
    die(driver)
    more = start(tmp_path, sweep({"samples": 2}, confirm={"top": 2, "seeds": 3}))
    jobs = []
    while (job := more.next()) is not None:
        jobs.append(more.state.trials[job.number])
        end(more, job, 1.0)
    assert [(r.arm, r.position, r.repeat) for r in jobs] == [
        ("vae", 1, 2), ("vae", 0, 0), ("vae", 0, 1), ("vae", 0, 2),
        ("wae", 0, 2), ("wae", 1, 0), ("wae", 1, 1), ("wae", 1, 2),
    ]  # fmt: skip
    assert [event["event"] for event in events(more, "finished")] == ["finished"]


def test_a_search_that_goes_on_is_confirmed_anew(tmp_path: Path) -> None:
    driver = searched(tmp_path, {"vae": [3.0], "wae": [1.0]})
    while (job := driver.next()) is not None:
        end(driver, job, 1.0)
    die(driver)
    more = start(tmp_path, sweep({"samples": 2}, confirm=CONFIRM))
    found = [more.state.trials[issue(more).number] for _ in range(2)]
    assert [(r.arm, r.position, r.kind) for r in found] == [("vae", 1, "search"), ("wae", 1, "search")]
    more.take(report(found[0].number, EPOCHS, 1.0, Outcome.COMPLETED))
    more.take(report(found[1].number, EPOCHS, 9.0, Outcome.COMPLETED))
    confirmed = [more.state.trials[issue(more).number] for _ in range(2)]
    assert [(r.arm, r.position) for r in confirmed] == [("vae", 1), ("vae", 1)]
    assert more.next() is None  # the best of wae is as before, and confirmed


@pytest.mark.parametrize("parent", [7, 1, 2], ids=["never issued", "of another arm", "a confirmation itself"])
def test_a_log_that_confirms_what_is_no_trial_of_its_search_is_damaged(tmp_path: Path, parent: int) -> None:
    driver = searched(tmp_path, {"vae": [3.0], "wae": [1.0]})
    issue(driver)
    event = {"event": "issued", "number": 3, "arm": "vae", "key": "0" * 64, "parent": parent, "repeat": 1}
    with pytest.raises(DamagedSweep, match=f"confirms trial {parent}, which is none of the search of 'vae'"):
        driver.state.apply(event)


def test_what_is_trained_again_is_what_the_file_says_and_not_what_a_log_says_of_it(tmp_path: Path) -> None:
    driver = searched(tmp_path, {"vae": [1.0], "wae": [2.0]})
    driver.state.trials[0].configuration["dataset"] = {"name": "digits"}
    assert issue(driver).configuration["dataset"]["name"] == "ring"

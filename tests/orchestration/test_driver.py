"""The driver without training: what is issued, told, retried and rebuilt, and that its state is the fold of its log."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from gensweep.early_stopping.base import Copy, Decision, EarlyStopping, GoOn, Stop
from gensweep.errors import CannotRun, Outcome
from gensweep.faults import Fault
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import fold
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.orchestration import driver as module
from gensweep.orchestration.decide import Lost, Mind, Wanted, trial_seed
from gensweep.orchestration.driver import Driver
from gensweep.spaces.sweep import Sweep, from_definition
from gensweep.tracking.describe import ending_tags
from gensweep.trial import Failure, Job, Report

METRIC = "sliced_wasserstein"
EPOCHS = 4


def sweep(search: dict[str, Any] | None = None, trial: dict[str, Any] | None = None, **sections: Any) -> Sweep:
    return from_definition({
        "name": "small", "objective": {"metric": METRIC},
        "search": {"sampler": "random", "samples": 4, "seed": 0, **(search or {})},
        **sections,
        "trial": {
            "dataset": {"name": "ring"}, "network": {"name": "mlp", "hidden": [16]}, "latent_size": "choice(2, 4)",
            "family": {"one_of": [{"name": "vae", "beta": "loguniform(0.1, 1)"}, {"name": "wae", "lambda": "uniform(1, 9)"}]},
            "training": {"epochs": EPOCHS}, "evaluation": {"metrics": [METRIC], "every": 1}, "seed": 0,
            **(trial or {}),
        },
    })  # fmt: skip


@pytest.fixture(autouse=True)
def _no_rests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "rests" not in request.node.name:
        monkeypatch.setattr(module, "RESTS", (0.0,))


def start(path: Path, of: Sweep, changes: list[TrialRecord] | None = None) -> Driver:
    """A driver of the sweep, as a fresh process would have it: an earlier one is dead."""
    found = SweepFolder.open(path) if (path / "sweep.yaml").exists() else SweepFolder.create(path, of.definition())
    found.hold()
    driver = Driver(of, found, (changes if changes is not None else []).append)
    driver.start()
    return driver


def die(driver: Driver) -> None:
    assert driver.folder._lease is not None
    driver.folder._lease.release()


def report(job: Job | int, epoch: int, value: float, outcome: Outcome | None = None, **more: Any) -> Report:
    number = job if isinstance(job, int) else job.number
    scores = {METRIC: value, "other": epoch * 1.0}
    fields = {"best": scores, "best_epoch": epoch, "seconds": 1.0 * epoch, "evaluation_seconds": 0.1 * epoch}
    return Report(number, epoch, epoch * 15, scores, outcome=outcome, **(fields | more))


def diverged(job: Job | int, epoch: int, step: int, seconds: float) -> Report:
    number = job if isinstance(job, int) else job.number
    return Report(number, epoch, step, {}, seconds=seconds, outcome=Outcome.DIVERGED, reason="loss is nan")


def issue(driver: Driver) -> Job:
    job = driver.next()
    assert job is not None
    return job


def events(driver: Driver, *kinds: str) -> list[dict[str, Any]]:
    return [event for event in driver.folder.events.read() if event["event"] in kinds]


def test_arms_take_turns_and_each_gets_all_its_samples(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep())
    arms = []
    while (job := driver.next()) is not None:
        arms.append(driver.state.trials[job.number].arm)
        driver.take(report(job, EPOCHS, 1.0, Outcome.COMPLETED))
    assert arms == ["vae", "wae"] * 4
    assert driver.is_done
    positions = [(record.arm, record.position) for record in driver.state.trials.values()]
    assert positions == [(arm, position) for position in range(4) for arm in ("vae", "wae")]


def test_what_a_trial_took_is_kept(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep())
    job = issue(driver)
    driver.take(report(job, 1, 1.0, items=150))
    driver.take(report(job, EPOCHS, 1.0, Outcome.COMPLETED, items=900))
    state = driver.folder.state()
    record = state.trials[job.number]
    assert (record.seconds, record.evaluation_seconds, record.items) == (EPOCHS, pytest.approx(0.1 * EPOCHS), 900)
    assert len(state.clock.spans(job.number)) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((4, 2, ["b (10.0.0.2)"], []), "node b (10.0.0.2) joined: 4 trials side by side on 2 nodes"),
        ((1, 1, [], ["a", "b"], "x"), "nodes a and b are gone; x: 1 trial side by side on 1 node"),
        ((9, 10, [str(n) for n in range(10)], ["a"]),
         "nodes 0, 1, 2, 3, 4, 5, 6, 7 and 2 more joined; node a is gone: 9 trials side by side on 10 nodes"),
        ((2, 2, [], []), "2 trials side by side on 2 nodes"),
    ],
)  # fmt: skip
def test_a_cluster_that_changes_is_said_and_noted_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[Any, ...], says: str
) -> None:
    driver = start(tmp_path / "s", sweep())
    job = issue(driver)
    driver.resized(*change)
    assert f"gensweep: {says}\n" in capsys.readouterr().err
    (noted,) = events(driver, "resized")
    assert (noted["places"], noted["nodes"], noted["joined"], noted["gone"]) == change[:4]
    assert noted.get("why", "") == (change[4] if len(change) > 4 else "")
    state = driver.folder.state()
    assert (state.running, state) == ({job.number}, driver.state)


def test_a_machine_that_is_left_out_is_said_and_noted_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    driver = start(tmp_path / "s", sweep())
    job = issue(driver)
    driver.take(report(job, 1, 1.0, host="gpu-1"))
    driver.left_out("gpu-2 (10.0.0.2)", "it lost 3 trials in a row")
    assert "no more trials on node gpu-2 (10.0.0.2): it lost 3 trials in a row" in capsys.readouterr().err
    (noted,) = events(driver, "left_out")
    assert (noted["host"], noted["reason"]) == ("gpu-2 (10.0.0.2)", "it lost 3 trials in a row")
    state = driver.folder.state()
    assert state.running == {job.number}
    assert state.trials[job.number].host == "gpu-1"


def test_a_job_is_plain_data_that_says_everything(tmp_path: Path) -> None:
    of = sweep(objective={"metric": METRIC, "mode": "max"}, resources={"cpu": 2})
    driver = start(tmp_path / "s", of)
    job = issue(driver)
    record = driver.state.trials[0]
    assert (job.number, job.key, job.configuration) == (0, record.key, record.configuration)
    assert (job.metric, job.mode, job.threads, job.device, job.copies) == (METRIC, "max", 2, "cpu", 0)
    assert Path(job.folder) == (tmp_path / "s" / "trials" / record.folder_name).resolve()
    assert (Path(job.sweep), job.generation) == ((tmp_path / "s").resolve(), driver.folder.generation())
    job.trial_folder().write_file("x", b"")  # not fenced


def test_trials_have_seeds_of_their_own_and_arms_share_them(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep(trial={"seed": None}))
    for _ in range(8):
        issue(driver)
    seeds = {(r.arm, r.position): r.configuration["seed"] for r in driver.state.trials.values()}
    assert all(seeds["vae", p] == seeds["wae", p] == trial_seed(0, p) for p in range(4))
    assert len(set(seeds.values())) == 4
    fixed = start(tmp_path / "fixed", sweep(trial={"seed": 7}))
    assert [issue(fixed).configuration["seed"] for _ in range(3)] == [7, 7, 7]


def test_a_space_smaller_than_the_budget_gives_fewer_trials_or_repeats_with_other_seeds(tmp_path: Path) -> None:
    family = {"family": {"name": "vae"}}  # latent_size alone: two configurations
    fixed = start(tmp_path / "fixed", sweep({"samples": 5}, family))
    assert fixed.total == 2
    sizes = [issue(fixed).configuration["latent_size"] for _ in range(2)]
    assert sorted(sizes) == [2, 4]
    assert fixed.next() is None
    seeds = start(tmp_path / "seeds", sweep({"samples": 5}, {**family, "seed": None}))
    found = [issue(seeds).configuration for _ in range(5)]
    assert len({(c["latent_size"], c["seed"]) for c in found}) == 5


def test_suggestions_depend_on_seed_and_position_and_not_on_restarts(tmp_path: Path) -> None:
    driver = start(tmp_path / "a", sweep())
    while (job := driver.next()) is not None:
        driver.take(report(job, EPOCHS, 1.0, Outcome.COMPLETED))
    whole = {number: record.parameters for number, record in driver.state.trials.items()}
    first = start(tmp_path / "b", sweep())
    for _ in range(3):
        first.take(report(issue(first), 1, 1.0))
    die(first)
    second = start(tmp_path / "b", sweep())
    numbers = []
    while (job := second.next()) is not None:
        numbers.append(job.number)
        second.take(report(job, EPOCHS, 1.0, Outcome.COMPLETED))
    assert numbers == list(range(8))  # the three that were running come first, with their own numbers
    assert {number: record.parameters for number, record in second.state.trials.items()} == whole
    assert len({str(p) for p in whole.values()}) == 8


def test_a_lost_worker_is_retried_from_its_folder_a_few_times_and_then_counts_as_failed(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep({"samples": 1}))
    first = issue(driver)
    for attempt in range(Fault.LOST.tries):
        driver.lost(first.number, "killed")
        assert issue(driver) == (
            first if attempt == 0 else replace(first, shape="", rows=1, latent_size=0)
        )  # then it trains alone
        assert driver.state.trials[first.number].losses == attempt + 1
    driver.lost(first.number, "killed")
    record = driver.state.trials[first.number]
    assert record.outcome is Outcome.FAILED
    assert record.reason == "its process or node was lost, 4 times without a report between: killed"
    assert record.fault == "LOST"


def test_losses_between_which_a_trial_goes_on_do_not_end_it(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep({"samples": 1}))
    job = issue(driver)
    for epoch in range(1, 4):
        for _ in range(Fault.LOST.tries):
            driver.lost(job.number, "killed")
            issue(driver)
        driver.take(report(job, epoch, 1.0))
    assert driver.state.trials[job.number].outcome is None


def test_what_a_lost_worker_left_is_kept_and_its_line_is_told(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep())
    job = issue(driver)
    driver.lost(job.number, "lost: MemoryError: no room\nThe last lines of the process:\nMemoryError: no room")
    record = driver.state.trials[job.number]
    kept = driver.folder.trial_of(record).path / "error.txt"
    assert kept.read_text() == "lost: MemoryError: no room\nThe last lines of the process:\nMemoryError: no room"
    assert [event["reason"] for event in events(driver, "lost")] == ["lost: MemoryError: no room"]
    kept.unlink()
    for _ in range(Fault.LOST.tries):
        assert issue(driver).number == job.number
        driver.lost(job.number, "lost: MemoryError: no room")  # nothing was left to read
    assert not kept.exists()
    assert record.reason.endswith("4 times without a report between: lost: MemoryError: no room")


def test_a_loss_is_in_the_log_before_its_last_words_are_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full for the words must not hide the loss, or its trial would be tried for ever."""
    driver = start(tmp_path / "s", sweep())
    job = issue(driver)
    known: list[str] = []

    def full(*_: Any) -> None:
        known.extend(event["event"] for event in driver.folder.events.read())
        raise OSError("no space left")

    monkeypatch.setattr("gensweep.ledger.trial_folder.TrialFolder.write_file", full)
    driver.lost(job.number, "killed\nits last words")
    assert known[-1] == "lost"


TRIES = [(Fault.MEMORY, 1), (Fault.CRASH, 1), (Fault.HANG, 1), (Fault.DEVICE, 3), (Fault.LOST, 3)]


@pytest.mark.parametrize(("fault", "tries"), TRIES)
@pytest.mark.parametrize("how", ["a process that is lost", "an error that is caught"])
def test_each_fault_is_tried_again_as_often_as_it_may_help(tmp_path: Path, fault: Fault, tries: int, how: str) -> None:
    driver = start(tmp_path / "s", sweep({"samples": 1}))

    def happens(number: int) -> None:
        if how == "a process that is lost":
            driver.lost(number, "x", fault)
        else:
            driver.take(Failure(number, "x", "", fault))

    job = issue(driver)
    for _ in range(tries):
        happens(job.number)
        again = issue(driver)
        assert again.number == job.number
        assert again.share == (2 if fault is Fault.MEMORY else 1)
    driver.take(report(job, 1, 1.0))  # it went on: what was before counts no more
    for _ in range(tries):
        happens(job.number)
        issue(driver)
    happens(job.number)
    record = driver.state.trials[job.number]
    assert (record.outcome, record.fault) == (Outcome.FAILED, fault.name)
    assert not driver.stop_reason


def test_a_trial_rests_the_longer_the_more_often_the_machine_took_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    driver = start(tmp_path / "rests", sweep({"samples": 1}))
    first, second = driver.next(), driver.next()
    assert first is not None
    assert second is not None
    for rest in module.RESTS[:2]:
        driver.lost(first.number, "gone")
        if rest:
            now[0] += rest - 0.1
            assert driver.next() is None
            now[0] += 0.2
        again = driver.next()
        assert again is not None
        assert again.number == first.number
    assert driver.take(report(first, 1, 1.0)) is False
    driver.lost(first.number, "gone")  # after a report it counts anew
    again = driver.next()
    assert again is not None
    assert again.number == first.number
    driver.lost(first.number, "gone")
    die(driver)
    successor = start(tmp_path / "rests", sweep({"samples": 1})).next()  # which knows nothing of rests
    assert successor is not None


def test_faults_of_several_kinds_are_counted_each(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep({"samples": 1}))
    job = issue(driver)
    for fault in (Fault.MEMORY, Fault.CRASH, Fault.LOST, Fault.HANG):
        driver.lost(job.number, "x", fault)
        assert issue(driver).number == job.number


@pytest.mark.parametrize(("fault", "code"), [(Fault.STORAGE, 75), (Fault.DAMAGED, 5)])
@pytest.mark.parametrize("how", ["a process that is lost", "an error that is caught"])
def test_what_a_person_must_mend_stops_the_sweep_and_fails_no_trial(
    tmp_path: Path, fault: Fault, code: int, how: str
) -> None:
    driver = start(tmp_path / "s", sweep())
    one, other = issue(driver), issue(driver)
    for job in (one, other):
        if how == "a process that is lost":
            driver.lost(job.number, "no space left", fault)
        else:
            assert driver.take(Failure(job.number, "no space left", "", fault))
    assert (driver.stop_reason, driver.stop_code) == (f"{fault.value}: no space left", code)
    assert [driver.state.trials[job.number].outcome for job in (one, other)] == [None, None]
    driver.finish()
    driver.folder._lease.release()  # type: ignore[union-attr]
    later = start(tmp_path / "s", sweep())
    assert {issue(later).number, issue(later).number} == {0, 1}
    assert not later.stop_reason


def test_errors_are_the_same_by_their_kind_and_place_whatever_they_say(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep())
    for n in range(3):
        driver.take(Failure(issue(driver).number, f"ValueError: at 0x7f{n}, 10:0{n}", "", None, "ValueError in a.py:7"))
    assert driver.stop_code == 1


def test_workers_lost_while_stopping_are_no_losses(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep())
    job = issue(driver)
    driver.request_stop("Ctrl-C", 130)
    driver.lost(job.number, "killed")
    assert driver.state.trials[job.number].losses == 0
    driver.finish()
    assert events(driver, "stopped")[-1]["reason"] == "Ctrl-C"


def test_an_error_in_the_code_is_not_retried_and_the_same_one_thrice_ends_the_sweep(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep())
    for n in range(3):
        assert driver.take(Failure(issue(driver).number, "ValueError: no", "Traceback ..."))
        assert bool(driver.stop_reason) == (n == 2)
    assert driver.next() is None
    assert driver.stop_code == 1
    record = driver.state.trials[0]
    assert (record.outcome, record.reason) == (Outcome.FAILED, "ValueError: no")
    assert (driver.folder.path / "trials" / record.folder_name / "error.txt").read_text() == "Traceback ..."


@pytest.mark.parametrize("between", ["another error", "a result", "another step"])
def test_errors_that_differ_or_do_not_follow_each_other_end_nothing(tmp_path: Path, between: str) -> None:
    driver = start(tmp_path / "s", sweep())
    for n in range(4):
        job = issue(driver)
        if n == 2 and between == "a result":
            driver.take(report(job, EPOCHS, 1.0, Outcome.COMPLETED))
        else:
            if n == 2 and between == "another step":
                driver.take(report(job, 1, 1.0))
            driver.take(Failure(job.number, "E2" if n == 2 and between == "another error" else "E1", ""))
    assert not driver.stop_reason


def test_a_divergence_between_evaluations_costs_what_it_cost(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep())
    early, late = issue(driver), issue(driver)
    assert driver.take(diverged(early, 0, 7, 0.5))
    driver.take(report(late, 2, 3.0))
    assert driver.take(diverged(late, 3, 51, 3.5))
    for number, epoch, step, seconds, best in ((0, 0, 7, 0.5, {}), (1, 3, 51, 3.5, {METRIC: 3.0, "other": 2.0})):
        record = driver.folder.state().trials[number]
        assert (record.outcome, record.reason) == (Outcome.DIVERGED, "loss is nan")
        assert (record.epoch, record.step, record.seconds, record.best) == (epoch, step, seconds, best)
    assert not events(driver, "reported")[1:]


def test_a_report_said_again_after_a_resume_is_entered_once_and_decides_nothing(tmp_path: Path) -> None:
    asha = {"name": "asha", "grace_period": 1, "reduction_factor": 2}
    driver = start(tmp_path / "s", sweep(early_stopping=asha))
    one, two, three = issue(driver), issue(driver), issue(driver)
    assert not driver.take(report(one, 1, 5.0))
    assert not driver.take(report(three, 1, 4.0))
    assert not driver.take(report(one, 1, 5.0))  # it would lose now, but it was decided
    assert [e["epoch"] for e in events(driver, "reported") if e["number"] == 0] == [1]
    assert driver.state.trials[two.number].arm == "wae"


def test_early_stopping_ranks_within_an_arm_only(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep(early_stopping={"name": "asha", "grace_period": 1, "reduction_factor": 2}))
    vae, wae, vae2 = issue(driver), issue(driver), issue(driver)
    assert not driver.take(report(vae, 1, 1.0))
    assert not driver.take(report(wae, 1, 99.0))
    assert driver.take(report(vae2, 1, 2.0))
    assert driver.state.trials[vae2.number].outcome is Outcome.PRUNED
    assert driver.take(report(vae2, 2, 0.1))  # whatever it still says
    assert driver.state.trials[vae2.number].epoch == 1


def test_with_a_score_to_be_maximised_the_low_one_is_stopped(tmp_path: Path) -> None:
    of = sweep(objective={"metric": METRIC, "mode": "max"}, early_stopping={"name": "asha", "reduction_factor": 2})
    driver = start(tmp_path / "s", of)
    high, _, low = issue(driver), issue(driver), issue(driver)
    assert not driver.take(report(high, 1, 9.0))
    assert driver.take(report(low, 1, 1.0))
    assert driver.state.trials[low.number].outcome is Outcome.PRUNED


def test_a_time_budget_stops_resumably(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep(resources={"time_budget": 1e-6}))
    assert driver.next() is None
    assert (driver.stop_code, driver.stop_reason) == (75, "time budget of 1e-06 s")
    assert not driver.is_done


def test_the_first_reason_to_stop_stays_and_running_trials_are_left_where_they_stand(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep())
    job = issue(driver)
    driver.request_stop("SIGTERM", 75)
    driver.request_stop("Ctrl-C", 130)
    assert (driver.stop_reason, driver.stop_code) == ("SIGTERM", 75)
    assert driver.take(report(job, 1, 1.0))
    assert driver.state.trials[job.number].outcome is None
    driver.finish()
    assert driver.folder.state().stopped == "SIGTERM"


def test_what_follows_from_an_event_follows_after_it_is_durable(tmp_path: Path) -> None:
    """At every change, and before any answer, the log already says it."""
    seen: list[bool] = []
    folder = SweepFolder.create(tmp_path / "s", sweep().definition())
    folder.hold()
    driver = Driver(sweep(), folder, lambda record: seen.append(folder.state().trials[record.number] == record))
    driver.start()
    job = issue(driver)
    driver.take(report(job, 1, 1.0))
    driver.take(diverged(job, 2, 40, 2.0))
    assert seen == [True, True, True]


def test_an_ended_trial_keeps_its_best_checkpoint_alone(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep())
    job, other = issue(driver), issue(driver)
    for one in (job, other):
        for step in (1, 2, 3):
            one.trial_folder().save(step, {"state.pt": b"x" * step}, best=step == 2)
    driver.take(report(job, EPOCHS, 1.0, Outcome.COMPLETED))
    assert [p.name for p in sorted((Path(job.folder) / "checkpoints").iterdir())] == ["best"]
    assert job.trial_folder().best().step == 2  # type: ignore[union-attr]
    assert len(list((Path(other.folder) / "checkpoints").iterdir())) == 3  # it still runs


class Script(EarlyStopping):
    """Decides by a script: what to answer at the n-th question."""

    answers: tuple[Any, ...] = Field((), exclude=True)
    name: str = "script"

    def decide(self, arm: Any, history: Any, trial: Any, seed: int) -> Decision:
        """See the class."""
        answer = self.answers[sum(len(record.reports) for record in history) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def scripted(*answers: Any) -> Sweep:
    base = sweep(trial={"family": {"name": "vae", "beta": "loguniform(0.1, 1)"}})
    return Sweep(**{**vars(base), "early_stopping": Script(answers=answers)})  # type: ignore[arg-type]


def test_a_copy_is_on_disk_before_the_ledger_says_so_and_the_job_comes_again_changed(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", scripted(GoOn(), Copy(0, {"family.beta": 0.5}), GoOn()))
    source, copier = issue(driver), issue(driver)
    source.trial_folder().save(15, {"state.pt": b"source"}, best=True)
    assert not driver.take(report(source, 1, 1.0))
    assert driver.take(report(copier, 1, 9.0))  # stops, to go on changed
    record = driver.state.trials[copier.number]
    assert (record.outcome, record.copies[0].source, record.copies[0].source_step) == (None, source.number, 15)
    assert record.copies[0].changed == ("family.beta",)
    again = issue(driver)
    assert (again.number, again.copies, again.configuration["family"]["beta"]) == (copier.number, 1, 0.5)
    assert again.configuration["seed"] == copier.configuration["seed"]
    assert again.trial_folder().copied(1).read("state.pt") == b"source"
    assert not driver.take(report(again, 2, 2.0))


def test_a_source_without_a_checkpoint_gives_nothing(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", scripted(GoOn(), Copy(0, {"family.beta": 0.5})))
    _, copier = issue(driver), issue(driver)
    driver.take(report(0, 1, 1.0))
    assert not driver.take(report(copier, 1, 9.0))
    assert driver.state.trials[copier.number].copies == []


def test_a_trial_that_ended_gives_its_best_weights_though_its_driver_died_before_it_deleted_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = start(tmp_path / "s", scripted(GoOn(), Copy(0, {"family.beta": 0.5})))
    source = issue(driver)
    for step in (15, 30):
        source.trial_folder().save(step, {"state.pt": b"x"}, best=step == 15)
    with monkeypatch.context() as killed:
        killed.setattr("gensweep.ledger.trial_folder.TrialFolder.finish", lambda _: None)
        driver.take(report(source, EPOCHS, 1.0, Outcome.COMPLETED))
    die(driver)
    again = start(tmp_path / "s", scripted(GoOn(), Copy(0, {"family.beta": 0.5})))
    copier = issue(again)
    assert again.take(report(copier, 1, 9.0))
    assert again.state.trials[copier.number].copies[0].source_step == 15


@pytest.mark.parametrize("answer", [Stop("enough"), Copy(0, {"family.beta": 0.5}), GoOn()])
def test_what_was_decided_of_a_report_is_decided_again_where_a_power_cut_took_it(tmp_path: Path, answer: Any) -> None:
    of = scripted(GoOn(), answer)
    driver = start(tmp_path / "s", of)
    source, job = issue(driver), issue(driver)
    source.trial_folder().save(15, {"state.pt": b"x"}, best=True)
    driver.take(report(source, 1, 1.0))
    driver.take(report(job, 1, 9.0))
    die(driver)
    log = tmp_path / "s" / "ledger" / "events.jsonl"
    *others, last = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(others) + (last if answer == GoOn() else last[:20]))  # a write of two lines, torn
    for _ in range(2):  # the next driver may die at once too
        SweepFolder.open(tmp_path / "s").hold().release()
    again = start(tmp_path / "s", of)
    record, undisturbed = again.state.trials[job.number], driver.state.trials[job.number]
    assert (record.outcome, record.reason, record.copies) == (
        undisturbed.outcome, undisturbed.reason, undisturbed.copies
    )  # fmt: skip
    assert events(again, "reported") == events(driver, "reported")
    assert again.state == fold(again.folder.events.read())
    die(again)
    assert start(tmp_path / "s", of).state.trials[job.number] == record  # and once only


def test_a_trial_whose_end_a_power_cut_took_says_it_again_and_is_not_judged(tmp_path: Path) -> None:
    of = scripted(Stop("worse than the others"))
    driver = start(tmp_path / "s", of)
    driver.take(report(issue(driver), EPOCHS, 1.0, Outcome.COMPLETED))
    die(driver)
    log = tmp_path / "s" / "ledger" / "events.jsonl"
    *others, _ = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(others))
    again = start(tmp_path / "s", of)
    assert again.state.trials[0].outcome is None
    again.take(report(issue(again), EPOCHS, 1.0, Outcome.COMPLETED))
    assert again.state.trials[0].outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (ValueError("oops"), "ValueError: oops"),
        (KeyError("x"), "KeyError: 'x'"),
        ("stop", "'stop' is no GoOn"),
        (None, "None is no GoOn"),
        (True, "True is no GoOn"),
        (GoOn, "is no GoOn"),
        (Stop(3), "the reason of Stop.reason=3. is no text"),
        (Copy(7, {}), r"no trial 7 to copy from: the arm has \[0\]"),
        (Copy(0, {"family.gamma": 0.5}), "'family.gamma'"),
        (Copy(0, None), "AttributeError|TypeError"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_rule_that_decides_nonsense_is_named_and_asked_again_once_mended(
    tmp_path: Path, answer: Any, says: str
) -> None:
    driver = start(tmp_path / "s", scripted(answer))
    job = issue(driver)
    with pytest.raises(
        CannotRun, match=f"rule script decides nothing .* trial 0 of vae .*(?:{says}).*Mend .*Script, or"
    ):
        driver.take(report(job, 1, 1.0))
    die(driver)
    again = start(tmp_path / "s", scripted(Stop("enough")))
    assert issue(again).number == job.number
    assert again.take(report(job, 1, 1.0))  # the trial says it once more
    assert again.state.trials[0].outcome is Outcome.PRUNED


def test_the_mind_changes_nothing(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep(early_stopping={"name": "asha", "reduction_factor": 2}))
    jobs = [issue(driver) for _ in range(3)]
    driver.take(report(jobs[0], 1, 1.0))
    mind: Mind = driver.mind
    for said in (Wanted(), Lost(0, "x"), Failure(1, "x", ""), report(2, 1, 5.0), diverged(0, 1, 3, 1.0)):
        before = fold(driver.folder.events.read())
        first = mind.decide(driver.state, said)
        assert first
        assert mind.decide(driver.state, said) == first
        assert driver.state == before


class World:
    """Trials that train by dice, their folders real, and a driver that dies and comes again."""

    def __init__(self, path: Path, of: Sweep, seed: int) -> None:
        self.path, self.of, self.dice = path, of, random.Random(seed)
        self.driver = start(path, of)
        self.placed: dict[int, Job] = {}

    def turn(self) -> None:
        """One thing happens."""
        actions = [self.place, self.place, self.report, self.report, self.report, self.lose, self.repeat]
        actions += [self.fail, self.diverge, self.kill] if self.dice.random() < 0.3 else []
        self.dice.choice(actions)()

    def place(self) -> None:
        if len(self.placed) < 3 and (job := self.driver.next()) is not None:
            assert job.number not in self.placed
            self.placed[job.number] = job

    def some(self) -> Job | None:
        return self.placed[self.dice.choice(sorted(self.placed))] if self.placed else None

    def said(self, said: Report | Failure) -> None:
        if self.driver.take(said):
            self.placed.pop(said.number, None)

    def report(self) -> None:
        if (job := self.some()) is None:
            return
        epoch = self.driver.state.trials[job.number].epoch + 1
        job.trial_folder().save(15 * epoch, {"state.pt": b"%d" % job.number}, best=self.dice.random() < 0.5)
        outcome = Outcome.COMPLETED if epoch >= EPOCHS else None
        self.said(report(job, epoch, self.dice.random(), outcome))

    def repeat(self) -> None:
        if (job := self.some()) and (reports := self.driver.state.trials[job.number].reports):
            self.said(report(job, reports[-1].epoch, reports[-1].scores[METRIC]))

    def fail(self) -> None:
        if job := self.some():
            self.said(Failure(job.number, self.dice.choice(["E1", "E2", "E3", "E4"]), "traceback"))

    def diverge(self) -> None:
        if job := self.some():
            epoch = self.driver.state.trials[job.number].epoch
            self.said(diverged(job, epoch, 15 * epoch + 3, epoch + 0.5))

    def lose(self) -> None:
        if job := self.some():
            self.placed.pop(job.number)
            self.driver.lost(job.number, "killed")

    def kill(self) -> None:
        """The driver dies, perhaps after it was asked to stop; another one comes."""
        if self.dice.random() < 0.3:
            self.driver.request_stop("SIGTERM", 75)
            self.driver.finish()
        die(self.driver)
        self.placed.clear()
        self.driver = start(self.path, self.of)


RULES = [
    {"name": "none"},
    {"name": "asha", "grace_period": 1, "reduction_factor": 2},
    *([{"name": "pbt", "interval": 1}]),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["name"])
@pytest.mark.parametrize("seed", range(12))
def test_the_state_is_the_fold_of_the_log_whatever_happens(tmp_path: Path, seed: int, rule: dict[str, Any]) -> None:
    world = World(tmp_path / "s", sweep({"samples": 6}, early_stopping=rule), seed)
    for _ in range(2000):
        world.turn()
        if world.driver.is_done:
            break
        if world.driver.stop_reason:
            world.kill()
        assert world.driver.state == fold(world.driver.folder.events.read())
    assert world.driver.is_done
    state = fold(world.driver.folder.events.read())
    assert state == world.driver.state
    assert sorted((r.arm, r.position) for r in state.trials.values()) == [
        (a, p) for a in ("vae", "wae") for p in range(6)
    ]
    log = world.driver.folder.events.read()
    reported = [(e["number"], e["epoch"]) for e in log if e["event"] == "reported"]
    assert len(reported) == len(set(reported))
    ended = [e["number"] for e in log if e["event"] == "ended"]
    assert sorted(ended) == sorted(state.trials)
    for record in state.trials.values():
        assert [c.epoch for c in record.copies] == sorted(c.epoch for c in record.copies)
        if record.outcome is Outcome.DIVERGED:
            assert (record.seconds, record.step) == (record.epoch + 0.5, 15 * record.epoch + 3)


def test_what_to_know_of_a_trials_numbers_is_in_the_log_once(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep())
    job = issue(driver)
    for epoch, notes in ((1, []), (2, ["a: b."]), (3, ["a: b."])):
        driver.take(report(job, epoch, 1.0, notes=notes))
    driver.take(report(job, 4, 1.0, Outcome.COMPLETED, notes=["a: b."]))
    told = [event.get("notes") for event in events(driver, "reported", "ended")]
    assert [notes for notes in told if notes] == [["a: b."]]
    assert driver.state.trials[job.number].notes == ["a: b."]


def test_the_software_below_torch_is_said_once_and_kept(tmp_path: Path) -> None:
    driver = start(tmp_path / "s", sweep())
    job, below = issue(driver), {"cuda": "12.8", "driver": "570.1"}
    for epoch in (1, 2):
        driver.take(report(job, epoch, 1.0, software=below))
    assert [event.get("software") for event in events(driver, "reported")] == [below, None]
    die(driver)
    again = start(tmp_path / "s", sweep())
    assert again.state.trials[job.number].software == below
    tags = ending_tags(again.state.trials[job.number])
    assert (tags["gensweep.cuda"], tags["gensweep.driver"]) == ("12.8", "570.1")


def test_a_trial_knows_what_part_of_a_gpu_its_process_gets(tmp_path: Path) -> None:
    plain = sweep()
    on_a_gpu = replace(plain, resources=plain.resources.settled(0.25))
    assert [(job.device, job.gpu) for job in (issue(start(tmp_path / "a", plain)), issue(start(tmp_path / "b", on_a_gpu)))] == [
        ("cpu", 0.0), ("cuda", 0.25),
    ]  # fmt: skip

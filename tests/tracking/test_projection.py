from __future__ import annotations

import errno
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from memory_store import MemoryStore
from tracked_sweep import CONFIGURATION, START, Driver, Store, row

from gensweep.errors import CannotRun, Outcome
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.tracking.cursor import Cursor, RunCursor
from gensweep.tracking.mlflow_store import MlflowStore
from gensweep.tracking.projection import Projection
from gensweep.tracking.run_store import Away

Project = Callable[..., Projection]
KEY = "0000-wae-00000000"  # of the cursor
NAME, SECOND = "0 wae/mmd", "1 wae/mmd"


def small_sweep(driver: Driver) -> None:
    for number in (0, 1):
        driver.issue(number)
        driver.rows(number, range(1, 5))
        driver.end(number)


def cursor_of(driver: Driver, uri: str) -> Cursor:
    return Cursor.load(driver.folder.path / "tracking.jsonl", uri)


def without_name(tags: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name != "mlflow.runName"}


def test_before_the_first_pass_nothing_is_known_to_be_there(driver: Driver, store: Store) -> None:
    found = Projection(driver.folder, store.uri).progress
    assert (found.trials, found.pending, found.problem) == (0, 0, None)


def test_a_trial_is_one_run_under_the_sweep_with_all_its_rows(driver: Driver, store: Store, project: Project) -> None:
    small_sweep(driver)
    assert project().sync().is_done
    (sweep_id, status) = store.runs("sweep")["study"]
    assert status == "RUNNING"
    assert list(store.runs()) == [NAME, SECOND]
    run_id, status = store.runs()[NAME]
    assert status == "FINISHED"
    tags, metrics = store.tags(run_id), store.metrics(run_id)
    assert tags["mlflow.parentRunId"] == sweep_id
    assert (tags["gensweep.family"], tags["gensweep.divergence"], tags["gensweep.dataset"]) == ("wae", "mmd", "digits")
    assert (tags["gensweep.outcome"], tags["gensweep.protocol.fid"]) == ("COMPLETED", "1a2b3c4d")
    assert store.parameters(run_id)["family.divergence.name"] == "mmd"
    assert [m for m in metrics if m[0] == "fid"] == [("fid", 30.0 + e, START + 10 * e, e) for e in range(1, 5)]
    last = {key: value for key, value, _, _ in metrics}
    assert (last["best.fid"], last["best.epoch"]) == (30.0, 3.0)
    assert (last["duration.seconds"], last["duration.evaluation_seconds"]) == (4.5, 1.5)
    artifacts = store.path.parent / "mlartifacts"
    assert {p.name for p in artifacts.rglob(f"{run_id}/**/*.*")} == {"epoch-0004.png", "configuration.yaml"}


def test_a_second_pass_sends_nothing(
    driver: Driver, store: Store, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_sweep(driver)
    project().sync()
    again = project()
    monkeypatch.setattr(MlflowStore, "_call", lambda *_, **__: pytest.fail("a request"))
    assert again.sync(force=True).is_done


def test_a_replay_from_the_beginning_changes_nothing(driver: Driver, store: Store, project: Project) -> None:
    small_sweep(driver)
    project().sync()
    before = store.snapshot()
    cursor = cursor_of(driver, store.uri)
    cursor.declare({key: RunCursor(run.declared, run.run_id) for key, run in cursor.runs.items()})
    assert project().sync().is_done
    assert store.snapshot() == before


def test_new_rows_are_added_to_what_is_there(driver: Driver, store: Store, project: Project) -> None:
    projection = project()
    driver.issue(0)
    driver.rows(0, range(1, 3))
    projection.sync()
    driver.rows(0, range(3, 5))
    projection.sync()
    run_id, status = store.runs()[NAME]
    assert status == "RUNNING"
    assert [step for key, _, _, step in store.metrics(run_id) if key == "fid"] == [1, 2, 3, 4]


def test_a_crash_after_the_intent_adopts_the_run_and_deletes_doubles(
    driver: Driver, store: Store, project: Project
) -> None:
    small_sweep(driver)
    projection = project()
    projection.sync()
    before = {**store.runs(), **store.runs("sweep")}
    double = projection.runs.store.create(
        NAME, store.tags(before[NAME][0]), START + 10**6
    )  # as a lost answer would leave it
    cursor = cursor_of(driver, store.uri)
    cursor.declare({key: RunCursor(run.declared) for key, run in cursor.runs.items()})  # intents alone
    assert project().sync().is_done
    assert {**store.runs(), **store.runs("sweep")} == before
    assert store.ask("select lifecycle_stage from runs where run_uuid = ?", double) == [("deleted",)]


def test_a_run_whose_answer_was_lost_is_found_by_the_next_pass(
    driver: Driver, store: Store, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    projection = project()
    driver.issue(0)
    create = MlflowStore.create

    def lose(self: MlflowStore, *arguments: object) -> str:
        create(self, *arguments)  # type: ignore[arg-type]
        raise Away("the answer was lost")

    monkeypatch.setattr(MlflowStore, "create", lose)
    assert projection.sync().problem == "the answer was lost"
    monkeypatch.setattr(MlflowStore, "create", create)
    assert projection.sync(force=True).is_done
    assert list(store.runs()) == [NAME]


def test_a_stranger_with_our_mark_is_deleted_at_the_end(driver: Driver, store: Store, project: Project) -> None:
    small_sweep(driver)
    projection = project()
    projection.sync()
    run_id = store.runs()[NAME][0]
    projection.runs.store.create("double", without_name(store.tags(run_id)), START)
    assert projection.close(final=True).is_done
    assert "double" not in store.runs()


def test_nan_is_kept_and_infinity_is_left_out(driver: Driver, store: Store, project: Project) -> None:
    driver.issue(0)
    driver.rows(0, range(1, 2), nan=math.nan, up=math.inf, down=-math.inf)
    driver.end(0, "DIVERGED", "loss.model is nan at step 10", fid=math.inf)
    assert project().sync().is_done
    run_id, status = store.runs()[NAME]
    names = {key: value for key, value, _, _ in store.metrics(run_id)}
    assert math.isnan(names["nan"])
    assert not {"up", "down", "best.fid"} & set(names)
    assert status == "FINISHED"
    assert store.tags(run_id)["gensweep.reason"] == "loss.model is nan at step 10"


def test_a_stopped_and_resumed_sweep_keeps_its_runs(driver: Driver, store: Store, project: Project) -> None:
    for number in (0, 2):
        driver.issue(number)
        driver.rows(number, range(1, 3))
    driver.issue(1)
    driver.end(1, "FAILED", "out of memory")
    project().close(final=False)
    sweep = store.runs("sweep")["study"]
    ids = {name: run_id for name, (run_id, _) in store.runs().items()}
    assert sweep[1] == "KILLED"
    assert [status for _, status in store.runs().values()] == ["KILLED", "FAILED", "KILLED"]
    projection = project()
    driver.folder.events.append_many([{"event": "started"}, {"event": "continued", "number": 0}])
    projection.sync()
    assert store.runs("sweep")["study"] == (sweep[0], "RUNNING")
    assert [status for _, status in store.runs().values()] == ["RUNNING", "FAILED", "RUNNING"]
    for number in (0, 2):
        driver.rows(number, range(1, 5))
        driver.end(number)
    assert projection.close(final=True).is_done
    assert store.runs("sweep")["study"] == (sweep[0], "FINISHED")
    names = list(ids)
    assert store.runs() == {
        name: (run_id, "FAILED" if name == names[1] else "FINISHED") for name, run_id in ids.items()
    }
    assert [m[3] for m in store.metrics(ids[NAME]) if m[0] == "fid"] == [1, 2, 3, 4]


def test_the_sweeps_run_has_its_summary_and_report(driver: Driver, store: Store, project: Project) -> None:
    small_sweep(driver)
    (driver.folder.path / "results.csv").write_text("number\n0\n")
    (driver.folder.path / "report").mkdir()
    (driver.folder.path / "report" / "comparison.md").write_text("# study\n")
    projection = project()
    projection.close(final=True)
    projection.close(final=True)
    run_id = store.runs("sweep")["study"][0]
    summary = [(key, value) for key, value, _, _ in store.metrics(run_id)]
    counts = [(f"trials.{outcome.name.lower()}", 2.0 * (outcome is Outcome.COMPLETED)) for outcome in Outcome]
    assert summary == sorted([("best.fid", 30.0), *counts])
    names = {path.name for path in (store.path.parent / "mlartifacts").rglob(f"{run_id}/**/*.*")}
    assert names == {"results.csv", "sweep.yaml", "environment.json", "comparison.md", "epoch-0004.png"}
    (picture,) = (store.path.parent / "mlartifacts").rglob(f"{run_id}/**/*.png")
    assert picture.parent.parts[-3:] == ("gallery", "wae, trial 0", "samples")


def test_a_store_that_was_replaced_gets_everything_again(
    driver: Driver, store: Store, project: Project, empty_database: Path
) -> None:
    small_sweep(driver)
    project().sync()
    before = len(store.ask("select * from metrics"))
    store.path.write_bytes(empty_database.read_bytes())
    assert project().sync().is_done
    assert len(store.ask("select * from metrics")) == before > 0


def test_thousands_of_values_go_in_batches(driver: Driver, store: Store, project: Project) -> None:
    driver.issue(0)
    driver.rows(0, range(1, 301), **{f"value.{i}": float(i) for i in range(5)})
    assert project().sync().is_done
    assert len(store.metrics(store.runs()[NAME][0])) == 300 * (2 + 5 + 1)


def test_one_refused_trial_does_not_hold_up_the_others(driver: Driver, store: Store, project: Project) -> None:
    projection = project()
    driver.issue(0)
    projection.sync()
    projection.runs.store.delete(store.runs()[NAME][0])
    driver.rows(0, range(1, 2))
    driver.issue(1)
    driver.rows(1, range(1, 2))
    progress = projection.sync()
    assert list(progress.refused) == [KEY]
    assert len(store.metrics(store.runs()[SECOND][0])) == 3


def test_a_run_began_with_its_first_epoch_and_ended_with_its_last(
    driver: Driver, store: Store, project: Project
) -> None:
    small_sweep(driver)
    project().sync()
    found = store.ask("select start_time, end_time from runs where run_uuid = ?", store.runs()[NAME][0])
    assert found == [(START + 10 - 1000, START + 40)]


def test_the_projection_needs_no_mlflow(driver: Driver, memory: MemoryStore, remember: Project) -> None:
    small_sweep(driver)
    assert remember().close(final=True).is_done
    runs = memory.runs()
    assert list(runs) == [NAME, SECOND]
    assert runs[NAME].series("fid") == [(epoch, 30.0 + epoch) for epoch in range(1, 5)]
    assert {run.status for run in runs.values()} == {"FINISHED"}
    assert set(runs[NAME].files) == {"configuration.yaml", "samples/epoch-0004.png"}
    assert yaml.safe_load(runs[NAME].files["configuration.yaml"]) == CONFIGURATION
    assert memory.runs("sweep")["study"].status == "FINISHED"


def test_points_keep_the_time_of_their_row(driver: Driver, memory: MemoryStore, remember: Project) -> None:
    small_sweep(driver)
    remember().sync()
    before = [(run.name, list(run.points)) for run in memory.all.values()]
    cursor = cursor_of(driver, "memory://here")
    cursor.declare({key: RunCursor(run.declared, run.run_id) for key, run in cursor.runs.items()})
    time.sleep(0.002)
    remember().sync()
    assert [(run.name, run.points) for run in memory.all.values()] == before
    times = {point.time for point in memory.runs()[NAME].points}
    assert times == {START + 10 * epoch for epoch in range(1, 5)}


def test_an_intent_is_on_disk_before_its_run_is_created(
    driver: Driver, memory: MemoryStore, remember: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_sweep(driver)
    create, intended = memory.create, []

    def look(name: str, tags: dict[str, str], start: int) -> str:
        key = "sweep" if tags["gensweep.kind"] == "sweep" else {NAME: KEY, SECOND: "0001-wae-01010101"}[name]
        intended.append(cursor_of(driver, "memory://here").runs[key].run_id)
        return create(name, tags, start)

    monkeypatch.setattr(memory, "create", look)
    remember().sync()
    assert intended == [None] * 3


def test_a_pass_looks_at_the_trials_that_changed_and_no_others(
    driver: Driver, memory: MemoryStore, remember: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        driver.issue(number)
        driver.rows(number, range(1, 3))
        driver.end(number)
    driver.issue(20)
    projection = remember()
    assert projection.sync() == projection.progress
    looked: list[int] = []
    send = Projection._send_numbers
    monkeypatch.setattr(
        Projection, "_send_numbers", lambda self, record: (looked.append(record.number), send(self, record))[1]
    )
    driver.issue(21)
    driver.rows(21, range(1, 2))
    driver.end(21)
    assert projection.sync().is_done
    assert looked == [20, 21]
    assert memory.runs()["21 wae/mmd"].series("fid") == [(1, 31.0)]


def test_a_pass_without_news_asks_for_nothing_but_the_logs_size(
    driver: Driver, memory: MemoryStore, remember: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_sweep(driver)
    driver.issue(2)
    projection = remember()
    projection.sync()
    memory.calls.clear()
    written = driver.folder.path.joinpath("tracking.jsonl").stat()
    monkeypatch.setattr(Projection, "_pass", lambda *_: pytest.fail("a pass"))
    assert projection.sync().is_done
    assert memory.calls == []
    assert driver.folder.path.joinpath("tracking.jsonl").stat().st_mtime_ns == written.st_mtime_ns


def test_rows_of_live_trials_arrive_and_close_leaves_them_killed(
    driver: Driver, memory: MemoryStore, remember: Project
) -> None:
    trial = driver.issue(0)
    driver.rows(0, range(1, 3))
    projection = remember()
    projection.sync()
    trial.append([row(0, 3)])  # as a worker leaves it that is killed before its report is entered
    driver.issue(1)
    projection.sync()
    assert [step for step, _ in memory.runs()[NAME].series("fid")] == [1, 2, 3]
    driver.folder.events.append({"event": "lost", "number": 0, "reason": "out of memory"})
    projection.sync()
    trial.append([row(0, 4)])
    assert projection.close(final=False).is_done
    assert [step for step, _ in memory.runs()[NAME].series("fid")] == [1, 2, 3, 4]
    assert {run.status for run in memory.all.values()} == {"KILLED"}


def test_rows_are_durable_before_they_are_sent(
    driver: Driver, memory: MemoryStore, remember: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr("gensweep.tracking.projection.fsync_file", lambda path: done.append(path.name))
    monkeypatch.setattr("gensweep.tracking.projection.fsync_directory", lambda path: done.append(path.name))
    log = memory.log
    monkeypatch.setattr(memory, "log", lambda *given: (done.append("log"), log(*given)))
    projection = remember()
    driver.issue(0).append([row(0, 1)])  # its worker may have been killed in the middle of this
    done.clear()
    projection.sync()
    assert done == ["results.jsonl", KEY, "log", "log"]  # the last is what the sweep says of itself


def test_what_a_store_that_was_away_lacks_is_sent_when_it_is_back(
    driver: Driver, memory: MemoryStore, remember: Project
) -> None:
    projection = remember()
    small_sweep(driver)
    memory.is_away = True
    progress = projection.sync()
    assert (progress.pending, progress.problem, progress.is_done) == (2, "nobody answers", False)
    calls = len(memory.calls)
    assert projection.sync() == progress  # it waits before it tries again
    assert len(memory.calls) == calls
    memory.is_away = False
    assert projection.sync(force=True).is_done
    assert [run.series("fid")[-1] for run in memory.runs().values()] == [(4, 34.0)] * 2
    assert projection._wait == 0


def test_a_store_that_lost_everything_gets_it_again_though_the_first_new_start_was_cut_short(
    driver: Driver, memory: MemoryStore, remember: Project
) -> None:
    small_sweep(driver)
    remember().sync()
    before = {run.name: run.points for run in memory.runs().values()}
    memory.all.clear()
    remember()  # and is killed before its first pass
    assert remember().close(final=True).is_done
    assert {run.name: run.points for run in memory.runs().values()} == before


def test_of_the_runs_that_lost_answers_left_the_oldest_is_taken_and_the_others_are_deleted(
    driver: Driver, memory: MemoryStore, remember: Project
) -> None:
    small_sweep(driver)
    remember().sync()
    ids = {run.name: run_id for run_id, run in memory.all.items()}
    double = memory.create(NAME, memory.all[ids[NAME]].tags, START + 10**6)
    cursor = cursor_of(driver, "memory://here")
    cursor.declare({key: RunCursor(run.declared) for key, run in cursor.runs.items()})
    assert remember().sync().is_done
    assert memory.all[double].is_deleted
    assert {run.name: run_id for run_id, run in memory.all.items() if not run.is_deleted} == ids


def test_a_cursor_that_cannot_be_written_is_a_problem_until_it_can(
    driver: Driver, memory: MemoryStore, remember: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    projection = remember()
    small_sweep(driver)
    save = Cursor.save

    def full(self: Cursor, keys: list[str]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Cursor, "save", full)
    monkeypatch.setattr("gensweep.tracking.runs._SAVE_EVERY", 60.0)  # so that it is written at the end of the pass
    assert "No space left" in str(projection.sync().problem)
    assert projection.progress.pending == 0
    monkeypatch.setattr(Cursor, "save", save)
    monkeypatch.setattr(projection, "_not_before", 0.0)
    assert projection.sync().is_done
    assert all(run.complete for key, run in cursor_of(driver, "memory://here").runs.items() if key != "sweep")


def test_files_that_a_store_did_not_take_are_sent_later(driver: Driver, memory: MemoryStore, remember: Project) -> None:
    projection = remember()
    small_sweep(driver)
    memory.broken = {"add_file"}
    progress = projection.sync()
    assert (progress.pending, progress.is_done) == (2, False)
    assert [run.status for run in memory.runs().values()] == ["FINISHED"] * 2  # numbers do not wait for files
    memory.broken = set()
    assert projection.sync(force=True).is_done
    assert [set(run.files) for run in memory.runs().values()] == [{"configuration.yaml", "samples/epoch-0004.png"}] * 2


def test_the_data_of_a_trial_are_said_once_and_before_it_ends(
    driver: Driver, memory: MemoryStore, remember: Project
) -> None:
    projection = remember()
    trial = driver.issue(0)
    projection.sync()
    assert memory.runs()[NAME].data == []  # nothing was scored yet
    trial.write_file("protocol.json", json.dumps({"fid": {"data": "50cc3e08" * 8}}).encode())
    for epoch in (1, 2, 3):
        driver.rows(0, range(1, epoch + 1))
        projection.sync()
    (data,) = memory.runs()[NAME].data
    assert (data.name, data.digest, data.sizes["train"]) == ("digits", "50cc3e0850cc", 1000)
    driver.end(0)
    remember().close(final=True)
    assert memory.calls.count("add_data") == 1


def test_the_wait_after_failures_grows_to_a_minute(driver: Driver, memory: MemoryStore, remember: Project) -> None:
    projection = remember()
    driver.issue(0)
    memory.is_away = True
    waits = []
    for _ in range(7):
        projection.sync(force=True)
        waits.append(projection._wait)
        assert projection._not_before - time.monotonic() == pytest.approx(waits[-1], abs=1)
    assert waits == [2, 4, 8, 16, 32, 60, 60]


def test_a_refused_trial_is_named_tried_again_on_request_and_holds_up_nobody(
    driver: Driver, memory: MemoryStore, remember: Project
) -> None:
    projection = remember()
    memory.refuses = {NAME}
    small_sweep(driver)
    progress = projection.sync()
    assert progress.refused == {KEY: f"{NAME} is refused"}
    assert (progress.is_done, progress.pending, progress.trials) == (True, 0, 2)
    assert memory.runs()[SECOND].status == "FINISHED"
    calls = len(memory.calls)
    assert projection.sync().refused
    assert len(memory.calls) == calls
    memory.refuses = set()
    assert projection.sync(force=True).refused == {}
    assert memory.runs()[NAME].status == "FINISHED"


def test_a_deadline_ends_a_pass_and_the_rest_comes_later(
    driver: Driver, memory: MemoryStore, remember: Project
) -> None:
    projection = remember()
    small_sweep(driver)
    progress = projection.sync(deadline=time.monotonic() - 1)
    assert (progress.pending, progress.problem, progress.is_done) == (2, None, False)
    assert memory.runs() == {}
    assert projection.sync().is_done
    assert len(memory.runs()) == 2


def test_a_log_that_was_taken_back_is_projected_as_it_is_now(
    driver: Driver, memory: MemoryStore, remember: Project
) -> None:
    driver.issue(0)
    projection = remember()
    before = driver.folder.events.path.read_bytes()
    driver.end(0, "FAILED", "out of memory")
    projection.sync()
    assert memory.runs()[NAME].status == "FAILED"
    driver.folder.events.path.write_bytes(before)  # the driver could not make the end durable
    projection.sync()
    assert memory.runs()[NAME].status == "RUNNING"


def test_the_lineage_of_a_trial_and_what_it_changed_are_there(
    driver: Driver, memory: MemoryStore, remember: Project
) -> None:
    for number in (0, 1):
        driver.issue(number, lr=0.1, beta=1.0, kernel="imq")
        driver.rows(number, range(1, 3))
    projection = remember()
    projection.sync()
    parameters = dict(memory.runs()[NAME].parameters)
    assert memory.runs()[NAME].series("knob.lr") == []
    driver.copy(0, 2, 1, ["kernel", "lr"], lr=0.2, beta=1.0, kernel="rbf")
    driver.rows(0, range(3, 5))
    projection.sync()
    driver.copy(0, 4, 1, ["lr"], lr=0.4, beta=1.0, kernel="rbf")
    projection.sync()
    driver.rows(0, range(5, 6))
    driver.end(0)
    projection.sync()
    run = memory.runs()[NAME]
    assert run.series("knob.lr") == [(1, 0.1), (2, 0.1), (3, 0.2), (4, 0.2), (5, 0.4)]
    assert run.parameters == parameters
    assert not [point.name for point in run.points if point.name in ("knob.beta", "knob.kernel")]
    assert json.loads(run.tags["gensweep.lineage"]) == [
        {"epoch": 2, "source": 1, "step": 20, "changed": {"kernel": "rbf", "lr": 0.2}},
        {"epoch": 4, "source": 1, "step": 40, "changed": {"lr": 0.4}},
    ]
    assert "gensweep.lineage" not in memory.runs()[SECOND].tags
    first = {point.time for point in run.points if point.name == "knob.lr"}
    assert first == {START + 10 * epoch for epoch in range(1, 6)}


def test_the_parameters_of_a_trial_are_its_first_ones_though_it_changed_before_it_was_sent(
    driver: Driver, memory: MemoryStore, remember: Project
) -> None:
    driver.issue(0, lr=0.1)
    driver.issue(1, lr=0.3)
    driver.rows(0, range(1, 3))
    driver.copy(0, 2, 1, ["lr"], lr=0.2)
    driver.rows(0, range(3, 4))
    remember().sync()
    run = memory.runs()[NAME]
    assert "lr" not in run.parameters
    assert yaml.safe_load(run.files["configuration.yaml"]) == CONFIGURATION
    assert run.series("knob.lr") == [(1, 0.1), (2, 0.1), (3, 0.2)]


@pytest.mark.parametrize(("mode", "best"), [("min", 20.0), ("max", 40.0)])
def test_the_best_of_the_sweep_follows_the_direction_of_its_objective(tmp_path: Path, mode: str, best: float) -> None:
    driver, memory = Driver(tmp_path / "runs" / "directed", mode), MemoryStore()
    for number, fid in enumerate((30.0, 20.0, 40.0, math.nan)):
        driver.issue(number)
        driver.end(number, fid=fid)
    driver.issue(4)
    driver.end(4, "DIVERGED", "nan", fid=10.0 if mode == "min" else 90.0)
    projection = Projection(driver.folder, "memory://here", open_store=lambda _: memory)
    projection.start()
    projection.close(final=True)
    last = memory.runs("sweep")["directed"].last()
    assert last["best.fid"] == best
    assert (last["trials.completed"], last["trials.diverged"]) == (4, 1)
    driver.lease.release()


def test_a_stranger_is_deleted_whatever_its_name(driver: Driver, memory: MemoryStore, remember: Project) -> None:
    small_sweep(driver)
    projection = remember()
    projection.sync()
    tags = {name: memory.runs()[NAME].tags[name] for name in ("gensweep.sweep_id", "gensweep.kind", "gensweep.driver")}
    stranger = memory.create("stranger", tags, START)
    others = [
        memory.create("other", {**tags, "gensweep.sweep_id": "another sweep"}, START),
        memory.create("of a copy", {**tags, "gensweep.driver": "1 2020-01-01T00:00:00+00:00"}, START),
    ]
    assert projection.close(final=True).is_done
    assert memory.all[stranger].is_deleted
    assert not any(memory.all[other].is_deleted for other in others)
    assert len(memory.runs()) == 4


def test_no_password_is_in_a_message_or_the_cursor(
    driver: Driver, memory: MemoryStore, remember: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "memory://me:s3cr@et@here"
    projection = remember(uri)
    small_sweep(driver)
    projection.close(final=True)
    content = (driver.folder.path / "tracking.jsonl").read_text()
    assert '"memory://here"' in content
    assert "et@" not in content
    assert "s3cr" not in content
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert Projection(driver.folder, open_store=lambda _: memory).uri == "memory://here"
    memory.is_away = True
    with pytest.raises(CannotRun, match="nobody answers") as raised:
        remember(uri)
    assert "s3cr" not in str(raised.value)
    assert "et@" not in str(raised.value)


def test_the_store_of_earlier_is_remembered(
    driver: Driver, store: Store, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project()
    monkeypatch.chdir(tmp_path / "runs")
    assert Projection(SweepFolder.open(driver.folder.path)).uri == store.uri


def test_an_unusable_store_is_said_before_anything_starts(driver: Driver, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database, but long enough to be one")
    for uri, why in (
        ("http://user:secret@127.0.0.1:9", "refused"),
        (f"sqlite:///{tmp_path / 'text.db'}", "not a SQLite database"),
        ("sqlite:////proc/nowhere/mlflow.db", "No such file"),
    ):
        with pytest.raises(CannotRun, match=why) as raised:
            Projection(driver.folder, uri).start()
        assert "--tracking-uri sqlite:///" in str(raised.value)
        assert "secret" not in str(raised.value)

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from tracked_sweep import START, Driver, Store

from gensweep.errors import CannotRun
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.tracking.mlflow_log import Away, MlflowLog
from gensweep.tracking.projection import Projection

Project = Callable[..., Projection]
NAME = "0000-wae-00000000"


def small_sweep(driver: Driver) -> None:
    for number in (0, 1):
        driver.issue(number)
        driver.rows(number, range(1, 5))
        driver.end(number)


def without_name(tags: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name != "mlflow.runName"}


def test_a_trial_is_one_run_under_the_sweep_with_all_its_rows(driver: Driver, store: Store, project: Project) -> None:
    small_sweep(driver)
    assert project().sync().is_done
    (sweep_id, status) = store.runs("sweep")["study"]
    assert status == "RUNNING"
    assert list(store.runs()) == [NAME, "0001-wae-01010101"]
    run_id, status = store.runs()[NAME]
    assert status == "FINISHED"
    tags, metrics = store.tags(run_id), store.metrics(run_id)
    assert tags["mlflow.parentRunId"] == sweep_id
    assert (tags["gensweep.family"], tags["gensweep.divergence"], tags["gensweep.dataset"]) == ("wae", "mmd", "digits")
    assert (tags["gensweep.outcome"], tags["gensweep.protocol.fid"]) == ("COMPLETED", "1a2b3c4d")
    assert store.parameters(run_id)["family.divergence.name"] == "mmd"
    assert [m for m in metrics if m[0] == "fid"] == [("fid", 30.0 + e, START + 10 * e, e) for e in range(1, 5)]
    assert {(key, value) for key, value, _, _ in metrics} >= {("best.fid", 30.0), ("best.epoch", 3.0)}
    artifacts = store.path.parent / "mlartifacts"
    assert {p.name for p in artifacts.rglob(f"{run_id}/**/*.*")} == {"epoch-0004.png", "configuration.yaml"}


def test_a_second_pass_sends_nothing(
    driver: Driver, store: Store, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_sweep(driver)
    project().sync()
    again = project()
    monkeypatch.setattr(MlflowLog, "_call", lambda *_, **__: pytest.fail("a request"))
    assert again.sync(force=True).is_done


def test_a_replay_from_the_beginning_changes_nothing(driver: Driver, store: Store, project: Project) -> None:
    small_sweep(driver)
    project().sync()
    before = store.snapshot()
    path = driver.folder.path / "tracking.json"
    content = json.loads(path.read_bytes())
    for run in content["stores"][store.uri].values():
        run |= {"described": False, "epoch": -1, "ending": "", "files": [], "complete": False}
    path.write_text(json.dumps(content))
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
    double = projection.runs.log.create(
        NAME, store.tags(before[NAME][0]), START + 10**6
    )  # as a lost answer would leave it
    path = driver.folder.path / "tracking.json"
    content = json.loads(path.read_bytes())
    runs = content["stores"][store.uri]
    content["stores"][store.uri] = {key: {"declared": run["declared"]} for key, run in runs.items()}  # intents alone
    path.write_text(json.dumps(content))
    assert project().sync().is_done
    assert {**store.runs(), **store.runs("sweep")} == before
    assert store.ask("select lifecycle_stage from runs where run_uuid = ?", double) == [("deleted",)]


def test_a_run_whose_answer_was_lost_is_found_by_the_next_pass(
    driver: Driver, store: Store, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    projection = project()
    driver.issue(0)
    create = MlflowLog.create

    def lose(self: MlflowLog, *arguments: object) -> str:
        create(self, *arguments)  # type: ignore[arg-type]
        raise Away("the answer was lost")

    monkeypatch.setattr(MlflowLog, "create", lose)
    assert projection.sync().problem == "the answer was lost"
    monkeypatch.setattr(MlflowLog, "create", create)
    assert projection.sync(force=True).is_done
    assert list(store.runs()) == [NAME]


def test_a_stranger_with_our_mark_is_deleted_at_the_end(driver: Driver, store: Store, project: Project) -> None:
    small_sweep(driver)
    projection = project()
    projection.sync()
    run_id = store.runs()[NAME][0]
    projection.runs.log.create("double", without_name(store.tags(run_id)), START)
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
    driver.issue(0)
    driver.rows(0, range(1, 3))
    driver.issue(1)
    driver.end(1, "FAILED", "out of memory")
    project().close(final=False)
    sweep = store.runs("sweep")["study"]
    ids = {name: run_id for name, (run_id, _) in store.runs().items()}
    assert sweep[1] == "KILLED"
    assert [status for _, status in store.runs().values()] == ["KILLED", "FAILED"]
    projection = project()
    driver.issue(1, attempt=2)
    projection.sync()
    assert store.runs("sweep")["study"] == (sweep[0], "RUNNING")
    assert [status for _, status in store.runs().values()] == ["RUNNING", "RUNNING"]
    for number in (0, 1):
        driver.rows(number, range(1, 5))
        driver.end(number)
    assert projection.close(final=True).is_done
    assert store.runs("sweep")["study"] == (sweep[0], "FINISHED")
    assert store.runs() == {name: (run_id, "FINISHED") for name, run_id in ids.items()}
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
    assert ("best.fid", 30.0) in summary
    assert ("trials.completed", 2.0) in summary
    assert len(summary) == 6
    names = {path.name for path in (store.path.parent / "mlartifacts").rglob(f"{run_id}/**/*.*")}
    assert names == {"results.csv", "sweep.yaml", "environment.json", "comparison.md"}


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
    projection.runs.log.delete(store.runs()[NAME][0])
    driver.rows(0, range(1, 2))
    driver.issue(1)
    driver.rows(1, range(1, 2))
    progress = projection.sync()
    assert list(progress.refused) == [NAME]
    assert len(store.metrics(store.runs()["0001-wae-01010101"][0])) == 3


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
        assert "sqlite:///mlflow.db" in str(raised.value)
        assert "secret" not in str(raised.value)

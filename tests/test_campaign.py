"""From a sweep to its verdict: what is refused before anything begins, what is written, and what the verdict says."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import optuna
import pytest
import torch

from gensweep import campaign, devices, drive, placement
from gensweep.campaign import Where, conduct, synchronise
from gensweep.changes import continued
from gensweep.component import build
from gensweep.errors import CannotRun, ConfigError, DamagedSweep, Interrupted, NoUsableTrial, Outcome, Stopped
from gensweep.executors import in_process
from gensweep.executors.base import Answer, Work
from gensweep.executors.in_process import InProcess
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.orchestration.decide import Mind
from gensweep.orchestration.driver import issue
from gensweep.report import figures
from gensweep.spaces.sweep import Sweep
from gensweep.stopping import Stops
from gensweep.tracking.background import Background
from gensweep.tracking.projection import Progress, Projection
from gensweep.tracking.remembered import remember
from gensweep.trial import Failure, Job, Report
from gensweep.verdict import SomeTrialsFailed, Stop, Verdict, judge
from tests.scripted_executor import METRIC, Script, Scripted, completes, said, small

Run = Callable[..., Verdict]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> str:
    """One store of MLflow for all."""
    return f"sqlite:///{shutil.copy(empty_database, tmp_path_factory.mktemp('store') / 'mlflow.db')}"


@pytest.fixture(autouse=True)
def _few_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures take a second, and one sweep here is enough to see that they are drawn."""
    if "trained" not in request.node.name and "trains" not in request.node.name:
        monkeypatch.setattr(figures, "write_pictures", lambda *_, **__: {})


@pytest.fixture
def where(tmp_path: Path, store: str) -> Where:
    return Where(tmp_path / "runs", tracking_uri=store, in_process=True)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, where: Where) -> Callable[[Script], Scripted]:
    """Lets the executor in this process follow a script."""

    def follow(script: Script) -> Scripted:
        executor = Scripted(script)
        monkeypatch.setattr(campaign, "InProcess", lambda resources: executor)
        return executor

    return follow


def runs_of(uri: str, name: str) -> dict[str, str]:
    """Name -> status of every run that MLflow has of a sweep: its own, and one a trial."""
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("gensweep")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    parent = next(run for run in found if run.info.run_name == name)
    mine = [run for run in found if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    return {run.info.run_name: run.info.status for run in (parent, *mine)}


def test_a_sweep_that_trains_gives_its_verdict_and_leaves_it_on_disk_and_in_mlflow(where: Where, store: str) -> None:
    found = conduct(small("trained"), where)
    assert (found.problem, found.stopped, found.failed) == (None, None, ())
    assert [row["outcome"] for row in found.trials.rows] == ["COMPLETED"] * 4
    assert found.comparison is not None
    assert {group.name for group in found.comparison.search.groups} == {"vae", "wae"}
    assert [row["row"] for row in found.sanity] == ["floor", "training items", "memoriser", "class means",
                                                    "PCA Gaussian", "uniform noise"]  # fmt: skip
    assert all(isinstance(row[METRIC], float) for row in found.sanity)
    assert "<h1>trained</h1>" in found.report.read_text()
    text = (found.report.parent / "comparison.md").read_text()
    assert f"**{found.comparison.sentence()}**" in text
    assert "## What the scores mean on these data" in text
    assert len((found.folder.path / "results.csv").read_text().splitlines()) == 5
    assert found.folder.state().finished
    statuses = runs_of(store, "trained")
    assert len(statuses) == 5
    assert set(statuses.values()) == {"FINISHED"}


def test_what_nodes_lack_is_named_before_anything_is_written(
    where: Where, scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A real cluster of two nodes: executors/test_visible.py."""
    np.save(tmp_path / "u8.npy", np.zeros((60, 4), np.float32))
    sweep = small("unseen", {"dataset": {"name": "array", "path": str(tmp_path / "u8.npy")}})
    executor = scripted(completes)

    def there(question: Callable[[], object], patience: float) -> dict[str, Answer[Any]]:
        assert [path.name[:10] for path in tmp_path.iterdir() if path.name.startswith(".")] == [".gensweep-"]
        (tmp_path / "u8.npy").rename(tmp_path / "hidden.npy")
        try:
            found = Answer((), pickle.loads(pickle.dumps(question))())
        finally:
            (tmp_path / "hidden.npy").rename(tmp_path / "u8.npy")
        return {"a (10.0.0.7)": found, "b (10.0.0.8)": Answer((), []), "c (10.0.0.9)": replace(found, wrong=("old.",))}

    monkeypatch.setattr(executor, "elsewhere", there)
    monkeypatch.setattr(type(executor), "is_elsewhere", True)
    with pytest.raises(CannotRun) as refused:
        conduct(sweep, where)
    assert str(refused.value).splitlines() == [
        f"nodes a (10.0.0.7), c (10.0.0.9): trial.dataset: dataset array: {tmp_path}/u8.npy: no such file.",
        "node c (10.0.0.9): old.",
        "Nothing was started. Mend that, or take such a node out of the cluster (ray stop, there).",
    ]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert (executor.jobs, executor.is_closed, where.runs.exists()) == ([], True, False)


def test_a_sweep_that_is_done_is_judged_and_not_continued(
    where: Where, scripted: Callable[[Script], Scripted], capsys: pytest.CaptureFixture[str]
) -> None:
    scripted(completes)
    first = conduct(small("done"), where)
    events = (first.folder.path / "ledger/events.jsonl").read_bytes()
    executor = scripted(completes)
    first.report.write_text("kept")
    capsys.readouterr()
    again = conduct(small("done"), where)
    assert (
        "done is done: all its 4 trials have ended. For more: gensweep resume done --samples N"
        in capsys.readouterr().err
    )
    assert executor.jobs == []
    assert again.trials == first.trials
    assert again.report.read_text() == "kept"
    assert (first.folder.path / "ledger/events.jsonl").read_bytes() == events
    again.report.unlink()
    assert conduct(small("done"), where).report.exists()


def test_only_a_sweep_whose_every_trial_has_ended_is_done(where: Where, scripted: Callable[[Script], Scripted]) -> None:
    path = where.runs / "half"

    def is_done(of: Sweep) -> bool:
        return Mind(of, issue).is_done(SweepFolder.open(path).state())

    def stops(job: Job, work: Work) -> Iterator[Report]:
        if job.number == 3:
            work.request_stop("SIGTERM", 75)
        yield said(job, 1.0, None if job.number == 3 else Outcome.COMPLETED)

    scripted(stops)
    conduct(small("half"), where)
    assert len(SweepFolder.open(path).state().trials) == 4
    assert not is_done(small("half"))  # the last was issued and has not ended
    executor = scripted(completes)
    assert conduct(small("half"), where).problem is None
    assert [job.number for job in executor.jobs] == [3]
    assert is_done(small("half"))
    assert not is_done(small("half", search={"sampler": "random", "samples": 3, "seed": 0}))


def test_more_samples_go_on_with_it(where: Where, scripted: Callable[[Script], Scripted]) -> None:
    scripted(completes)
    folder = conduct(small("more"), where).folder
    for as_many in (None, "2", "+0"):
        assert continued(folder, as_many).search.samples == 2  # which are no mistake
    executor = scripted(completes)
    more = conduct(continued(folder, "+1"), where)
    assert [job.number for job in executor.jobs] == [4, 5]
    assert len(more.trials.rows) == 6
    assert SweepFolder.open(folder.path).definition["search"]["samples"] == 3
    with pytest.raises(ConfigError, match="only more can be asked for"):
        conduct(continued(SweepFolder.open(folder.path), "1"), where)


def test_failed_trials_are_a_problem_of_a_verdict_that_is_whole(
    where: Where, scripted: Callable[[Script], Scripted]
) -> None:
    def fails(job: Job, work: Work) -> Iterator[Report | Failure]:
        yield Failure(job.number, "ValueError: no", "details") if job.number in (1, 2) else said(job, 1.0)

    scripted(fails)
    found = conduct(small("failing"), where)
    assert isinstance(found.problem, SomeTrialsFailed)
    assert found.problem.exit_code == 3
    assert str(found.problem).startswith("2 of 4 trials failed, the first: trial 1: ValueError: no. See ")
    assert Path(str(found.problem).split("See ")[1]).read_text() == "details"
    assert [record.number for record in found.failed] == [1, 2]
    assert found.comparison is not None
    assert found.sanity
    assert found.report.exists()


def test_a_sweep_without_a_score_has_no_comparison(where: Where, scripted: Callable[[Script], Scripted]) -> None:
    def diverges(job: Job, work: Work) -> Iterator[Report]:
        yield said(job, 1.0, None)
        yield said(job, 1.0, Outcome.DIVERGED, "loss became nan")

    scripted(diverges)
    found = conduct(small("lost"), where)
    assert isinstance(found.problem, NoUsableTrial)
    assert str(found.problem) == "lost: no trial has a score: diverged: loss became nan"
    assert found.problem.exit_code == 1
    assert found.comparison is None
    assert not found.report.exists()
    assert [row["outcome"] for row in found.trials.rows] == ["DIVERGED"] * 4
    assert (found.folder.path / "costs.csv").read_text().splitlines()[1].endswith(",3.0,0.5,0")


def test_the_same_error_again_and_again_ends_the_sweep(where: Where, scripted: Callable[[Script], Scripted]) -> None:
    executor = scripted(lambda job, work: iter([Failure(job.number, "KeyError: 'x'", "details")]))
    found = conduct(small("broken"), where)
    assert len(executor.jobs) == 3
    assert isinstance(found.problem, NoUsableTrial)
    assert "ended early: the same error in 3 trials in a row (KeyError: 'x'" in str(found.problem)
    assert f"See error.txt in {found.folder.path / 'trials'}" in str(found.problem)
    assert found.folder.state().stopped is not None


@pytest.mark.parametrize(("reason", "code", "kind"), [("Ctrl-C", 130, Interrupted), ("SIGTERM", 75, Stopped)])
def test_a_stop_is_a_problem_with_the_command_that_goes_on(
    where: Where, scripted: Callable[[Script], Scripted], store: str, reason: str, code: int, kind: type[Stopped]
) -> None:
    def stops(job: Job, work: Work) -> Iterator[Report]:
        if job.number == 2:
            work.request_stop(reason, code)
        yield said(job, 1.0, None if job.number == 2 else Outcome.COMPLETED)

    executor = scripted(stops)
    found = conduct(small(f"stopped-{code}"), where)
    assert type(found.problem) is kind
    assert found.problem.exit_code == code
    assert str(found.problem) == (
        f"stopped by {reason} with 2 trials ended; everything is saved. "
        f"Continue with: gensweep resume stopped-{code} --runs {where.runs}"
    )
    assert found.stopped == Stop(reason, code)
    assert found.trials.standing == "stopped"
    with found.folder.hold():  # as its driver does while it says so
        assert judge(found.folder, Stop(reason, code)).trials.standing == "stopped"
        assert judge(found.folder).trials.standing == "running"
    assert found.sanity == ()
    assert (found.report.parent / "comparison.md").exists()
    assert not found.report.exists(), "who said stop does not wait for pictures"
    assert executor.is_closed
    assert found.folder.holder() is None
    assert runs_of(store, f"stopped-{code}")[f"stopped-{code}"] == "KILLED"


def test_the_folder_that_is_the_default_need_not_be_named(
    where: Where, scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(job: Job, work: Work) -> Iterator[Report]:
        work.request_stop("SIGTERM", 75)
        yield said(job, 1.0, None)

    scripted(stops)
    monkeypatch.chdir(where.runs.parent)
    found = conduct(small("near"), Where(Path("runs"), tracking_uri=where.tracking_uri, in_process=True))
    assert str(found.problem).endswith("Continue with: gensweep resume near")


def test_an_executor_that_ends_early_leaves_a_sweep_that_is_stopped(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Scripted(completes)
    monkeypatch.setattr(executor, "run", lambda work: work.take(said(work.next(), 1.0)))
    monkeypatch.setattr(campaign, "InProcess", lambda resources: executor)
    found = conduct(small("early"), where)
    assert isinstance(found.problem, Stopped)
    assert found.problem.exit_code == 75
    assert not found.folder.state().finished
    assert found.folder.state().stopped == "the end of what ran its trials"


def test_whatever_the_executor_dies_of_the_results_are_written_and_sent(
    where: Where, scripted: Callable[[Script], Scripted], store: str
) -> None:
    def dies(job: Job, work: Work) -> Iterator[Report]:
        if job.number == 1:
            raise MemoryError("no more")
        yield said(job, 1.0)

    executor = scripted(dies)
    with pytest.raises(MemoryError):
        conduct(small("dead"), where)
    folder = SweepFolder.open(where.runs / "dead")
    assert judge(folder).sanity == ()  # as long as a trial has not ended
    assert len((folder.path / "results.csv").read_text().splitlines()) == 3
    assert folder.holder() is None
    assert executor.is_closed
    statuses = runs_of(store, "dead")
    assert len(statuses) == 3
    assert statuses["dead"] == "KILLED"


def test_the_ledger_says_who_drove_and_environment_json_what_on(
    where: Where, scripted: Callable[[Script], Scripted]
) -> None:
    executor = scripted(completes)
    executor.surroundings = lambda: {"nodes": ["here"]}  # type: ignore[method-assign]
    folder = conduct(small("said"), where).folder
    started = next(event for event in folder.events.read() if event["event"] == "started")
    assert (started["pid"], started["at_once"]) == (os.getpid(), 1)
    assert folder.environment["nodes"] == ["here"]


def test_another_definition_is_refused_with_the_difference(
    where: Where, scripted: Callable[[Script], Scripted]
) -> None:
    scripted(completes)
    conduct(small("mine"), where)
    executor = scripted(completes)
    with pytest.raises(ConfigError) as raised:
        conduct(small("mine", {"latent_size": 3}), where)
    assert "trial.latent_size: 2 -> 3" in str(raised.value)
    assert "gensweep resume mine" in str(raised.value)
    assert executor.jobs == []


def begun_before_its_first_trial(where: Where, name: str, seed: int) -> SweepFolder:
    """What a driver leaves that dies, or stops, before it issues a trial."""
    before = small(name, search={"sampler": "random", "samples": 2, "seed": seed}).definition()
    folder = SweepFolder.create(where.runs / name, before, environment={"nodes": ["there"]})
    with folder.hold():
        folder.events.append({"event": "started", "pid": 1, "at_once": 1})
    return folder


def test_a_sweep_that_issued_no_trial_is_begun_anew(
    where: Where, scripted: Callable[[Script], Scripted], capfd: pytest.CaptureFixture[str], store: str
) -> None:
    folder = begun_before_its_first_trial(where, "anew", seed=7)
    Projection(folder, store).start()
    assert runs_of(store, "anew") == {"anew": "RUNNING"}
    executor = scripted(completes)
    executor.surroundings = lambda: {"nodes": ["here"]}  # type: ignore[method-assign]
    found = conduct(small("anew"), where)
    assert found.problem is None
    assert len(executor.jobs) == 4
    assert f"{folder.path} holds a sweep of this name that issued no trial; it is begun anew" in capfd.readouterr().err
    kept = SweepFolder.open(folder.path)
    assert kept.definition == small("anew").definition()
    assert kept.environment["nodes"] == ["here"]
    client = mlflow.MlflowClient(store)
    runs = client.search_runs([client.get_experiment_by_name("gensweep").experiment_id])
    (mine,) = [r for r in runs if r.info.run_name == "anew" and r.data.params["search.seed"] == "0"]
    assert sum(run.data.tags.get("mlflow.parentRunId") == mine.info.run_id for run in runs) == 4


def test_a_sweep_that_issued_a_trial_is_not_begun_anew(where: Where, scripted: Callable[[Script], Scripted]) -> None:
    folder = begun_before_its_first_trial(where, "issued", seed=7)
    with folder.hold():
        folder.events.append({"event": "issued", "number": 0, "key": "00" * 32, "arm": "vae"})
    executor = scripted(completes)
    with pytest.raises(ConfigError, match=r"search\.seed: 7 -> 0"):
        conduct(small("issued"), where)
    assert executor.jobs == []


def test_the_same_definition_goes_on_without_a_word(
    where: Where, scripted: Callable[[Script], Scripted], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = begun_before_its_first_trial(where, "same", seed=0)
    scripted(completes)
    assert conduct(small("same"), where).problem is None
    assert "anew" not in capfd.readouterr().err
    assert SweepFolder.open(folder.path).environment["nodes"] == ["there"]


def test_a_copy_goes_on_as_a_sweep_of_its_own_and_says_so(
    where: Where, scripted: Callable[[Script], Scripted], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = begun_before_its_first_trial(where, "copied", seed=0)
    with first.hold():
        first.settle()
    shutil.copytree(first.path, tmp_path / "elsewhere" / "copied")
    scripted(completes)
    conduct(small("copied"), replace(where, runs=tmp_path / "elsewhere"))
    assert "is a copy of the sweep at" in capfd.readouterr().err
    found = SweepFolder.open(tmp_path / "elsewhere" / "copied").identity()
    known = first.identity()
    assert found is not None
    assert known is not None
    assert found.sweep_id != known.sweep_id


@pytest.mark.parametrize("what", ["more samples", "another definition", "another try"])
def test_a_start_that_is_refused_because_another_driver_runs_changes_no_byte(
    where: Where, scripted: Callable[[Script], Scripted], what: str, record_property: Callable[[str, object], None]
) -> None:
    scripted(completes)
    folder = conduct(small("held"), where).folder
    more = small("held", search={"sampler": "random", "samples": 3, "seed": 0})
    asked: dict[str, Callable[[], object]] = {
        "more samples": lambda: conduct(more, where),
        "another definition": lambda: conduct(
            small("held", search={"sampler": "random", "samples": 3, "seed": 9}), where, allowed=["search.seed"]
        ),
        "another try": lambda: conduct(small("held"), where, retry=[0]),
    }
    with folder.hold():
        before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
        with pytest.raises(CannotRun, match="is locked by") as raised:
            asked[what]()
        assert {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()} == before
    record_property("exit codes", raised.value.exit_code)


def test_what_another_driver_began_meanwhile_is_not_replaced(
    where: Where, scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = begun_before_its_first_trial(where, "meanwhile", seed=7)
    executor = scripted(completes)

    def meanwhile() -> dict[str, object]:
        with folder.hold():
            folder.events.append({"event": "issued", "number": 0, "key": "00" * 32, "arm": "vae"})
        return {}

    executor.surroundings = meanwhile  # type: ignore[method-assign]
    with pytest.raises(ConfigError, match=r"search\.seed: 7 -> 0"):
        conduct(small("meanwhile"), where)
    assert SweepFolder.open(folder.path).definition["search"]["seed"] == 7
    assert executor.jobs == []


def test_mlflow_is_opened_once_something_was_reported(
    where: Where, scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes seconds of the CPU on which the first workers start."""
    waited_for: list[threading.Event] = []
    seen: list[bool] = []

    class Watched(Background):
        def start(self, after: threading.Event | None = None) -> None:
            assert after is not None
            waited_for.append(after)
            super().start(after=after)

    def reports_twice(job: Job, work: Work) -> Iterator[Report | Failure]:
        seen.append(waited_for[0].is_set())
        yield said(job, 5.0, None)
        seen.append(waited_for[0].is_set())
        yield said(job, 4.0)

    monkeypatch.setattr("gensweep.drive.Background", Watched)
    scripted(reports_twice)
    conduct(small("opened"), where)
    assert seen[:2] == [False, True]


def test_a_sweep_that_is_done_is_sent_to_another_store(
    where: Where, scripted: Callable[[Script], Scripted], tmp_path: Path, capfd: pytest.CaptureFixture[str], store: str
) -> None:
    scripted(completes)
    conduct(small("made"), where)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    shutil.copy(store.removeprefix("sqlite:///"), tmp_path / "other.db")  # to create its tables takes seconds
    conduct(small("elsewhere"), where)
    capfd.readouterr()
    there = replace(where, tracking_uri=other)
    assert conduct(small("elsewhere"), there).problem is None
    assert len(runs_of(other, "elsewhere")) == 5
    assert f"elsewhere: 4 trials are in {other}" in capfd.readouterr().err
    assert conduct(small("elsewhere"), there).problem is None
    assert "sending" not in capfd.readouterr().err  # it is there by now
    away = conduct(small("elsewhere"), replace(where, tracking_uri="http://me:s3cr3t@127.0.0.1:1"))
    assert isinstance(away.problem, CannotRun)
    assert "gensweep sync elsewhere --tracking-uri http://127.0.0.1:1" in str(away.problem)
    assert "s3cr3t" not in str(away.problem)
    assert len(away.trials.rows) == 4


def test_the_store_of_earlier_is_the_one_that_is_checked(
    where: Where, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    earlier = tmp_path / "earlier.db"
    earlier.write_bytes(b"broken since")
    folder = begun_before_its_first_trial(where, "earlier", seed=0)
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    remember(folder.path, f"sqlite:///{earlier}", "0" * 32)
    with pytest.raises(CannotRun, match=r"earlier\.db cannot be used"):
        conduct(continued(folder, "3"), replace(where, tracking_uri=None))
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize(
    "what", ["data", "torn", "extractor", "no extractor", "store", "folder", "file", "broken", "old"]
)
def test_what_cannot_run_leaves_nothing_behind(
    tmp_path: Path, where: Where, what: str, scripted: Callable[[Script], Scripted]
) -> None:
    executor = scripted(completes)
    sweep, kind, says = small("nothing"), CannotRun, "cannot be written"
    if what == "data":
        folder = {"name": "image_folder", "path": str(tmp_path / "none"), "size": 8}
        sweep, kind, says = small("nothing", {"dataset": folder}), ConfigError, "none"
    elif what == "torn":  # that shows only once all of it is read
        np.save(tmp_path / "data.npy", np.full((500, 2), np.nan, dtype="float32"))
        data = {"name": "array", "path": str(tmp_path / "data.npy")}
        sweep, kind, says = small("nothing", {"dataset": data}), ConfigError, "trial.dataset: .*not finite"
    elif what in ("extractor", "no extractor"):
        if what == "extractor":
            (tmp_path / "net.pt").write_bytes(b"no network")
        metrics = [METRIC, {"name": "fid", "extractor": f"file:{tmp_path / 'net.pt'}"}]
        sweep, kind = small("nothing", {"evaluation": {"metrics": metrics, "every": 1}}), ConfigError
        says = "holds no network" if what == "extractor" else "net.pt: no such file"
    elif what in ("broken", "old"):
        broken = tmp_path / "broken.db"
        broken.write_bytes(b"SQLite format 3\x00" + b"no database" * 100)
        if what == "old":
            broken.unlink()
            with closing(sqlite3.connect(broken)) as database:
                for statement in ("table experiments (x)", "table runs (x)", "table alembic_version (version_num)"):
                    database.execute(f"create {statement}")
                database.execute("insert into alembic_version values ('27a6a02d2cf1')")
                database.commit()
        where = replace(where, tracking_uri=f"sqlite:///{broken}")
        says = "mlflow db upgrade sqlite:" if what == "old" else "SQLite cannot read it"
    elif what == "store":
        where, says = Where(where.runs, tracking_uri="http://127.0.0.1:1", in_process=True), "Start the server there"
    elif what == "folder":
        where = Where(Path("/proc/nowhere"), tracking_uri=where.tracking_uri, in_process=True)
    else:
        where.runs.write_text("a file")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(kind, match=says):
        conduct(sweep, where)
    assert sorted(tmp_path.rglob("*")) == before
    assert executor.jobs == []


def test_trials_on_different_data_have_no_common_floor(where: Where, scripted: Callable[[Script], Scripted]) -> None:
    scripted(completes)
    found = conduct(small("mixed", {"dataset": {"name": "ring", "n_modes": "choice(4, 6, 8)"}}), where)
    assert len({json.dumps(r.configuration["dataset"]) for r in found.folder.state().trials.values()}) > 1
    assert found.sanity == ()


@pytest.mark.parametrize(("confirm", "split"), [("none", "validation"), ({"top": 1, "seeds": 2}, "test")])
def test_what_scores_mean_is_said_of_the_split_that_the_verdict_is_about(
    where: Where, scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch, confirm: object, split: str
) -> None:
    asked = []

    def rows(dataset: object, metrics: object, of: str) -> Iterator[dict[str, object]]:
        asked.append(of)
        yield {"row": "floor", METRIC: 0.1}

    monkeypatch.setattr("gensweep.verdict.sanity", rows)
    scripted(completes)
    conduct(small("meaning", confirm=confirm), where)
    assert asked == [split]


def test_a_verdict_reads_the_log_once(
    where: Where, scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log of many trials takes seconds to read."""
    scripted(completes)
    folder = conduct(small("once"), where).folder
    read = []
    real = SweepFolder.state
    monkeypatch.setattr(SweepFolder, "state", lambda self: read.append(self) or real(self))
    judge(folder).with_baselines().write()
    assert len(read) == 1


def test_a_verdict_needs_no_data_that_are_not_here(
    where: Where, scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(completes)
    folder = conduct(small("far"), where).folder
    assert judge(folder).with_baselines().sanity
    kind = type(build("datasets", "ring"))
    monkeypatch.setattr(kind, "problem", lambda self: "its files are not here")
    assert judge(folder).with_baselines().sanity == ()
    assert judge(folder).comparison is not None


def test_scores_that_cannot_be_compared_are_a_problem_of_the_configuration(
    where: Where, scripted: Callable[[Script], Scripted]
) -> None:
    def differs(job: Job, work: Work) -> Iterator[Report]:
        report = said(job, 1.0)
        yield Report(**{**vars(report), "protocol": {METRIC: f"hash{job.number % 2}"}})

    scripted(differs)
    found = conduct(small("protocols"), where)
    assert isinstance(found.problem, ConfigError)
    assert found.comparison is None
    assert "was taken by 2 protocols" in str(found.problem)
    assert found.folder.state().finished


def test_a_sweep_that_only_lacked_its_copy_in_mlflow_is_closed_by_synchronise(
    where: Where, scripted: Callable[[Script], Scripted], store: str
) -> None:
    scripted(completes)
    folder = conduct(small("unclosed"), where).folder
    log = folder.path / "ledger/events.jsonl"
    *others, last = log.read_bytes().splitlines(keepends=True)
    assert b'"closed"' in last
    log.write_bytes(b"".join(others))  # its driver died before
    found = SweepFolder.open(folder.path)
    assert not found.is_closed()
    (page := found.path / "report" / "report.html").unlink(missing_ok=True)
    synchronise(found, store)
    assert found.is_closed()
    assert page.exists()


def test_synchronise_sends_nothing_of_a_sweep_that_lost_rows(
    where: Where, scripted: Callable[[Script], Scripted], store: str
) -> None:
    scripted(completes)
    folder = conduct(small("torn"), where).folder
    next((folder.path / "trials").glob("0001-*/results.jsonl")).unlink()
    with pytest.raises(DamagedSweep, match="0001-"):
        synchronise(SweepFolder.open(folder.path), store)


def test_whoever_leaves_at_once_abandons_the_executor_first(
    where: Where, scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    before: list[Callable[[], None]] = []
    monkeypatch.setattr(Stops, "before_leaving", lambda self, action: before.append(action))
    executor = scripted(completes)
    conduct(small("abandoned"), where)
    assert executor.abandon in before


def test_synchronise_says_how_far_it_came(
    where: Where, scripted: Callable[[Script], Scripted], store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(completes)
    folder = conduct(small("sent"), where).folder
    (folder.path / "results.csv").unlink()
    assert synchronise(folder, store) == f"sent: 4 trials are in {store}"
    assert (folder.path / "results.csv").exists()
    assert runs_of(store, "sent")["sent"] == "FINISHED"
    (folder.path / "results.csv").unlink()
    with folder.hold():  # its driver writes the results
        synchronise(folder, store)
    assert not (folder.path / "results.csv").exists()
    behind = Progress(4, 3, "it is away", {})
    monkeypatch.setattr(campaign.Projection, "close", lambda self, final: behind)
    with pytest.raises(CannotRun, match=r"sent: 3 of 4 trials are still missing in .* \(it is away\)"):
        synchronise(folder, store)


def test_synchronise_says_which_files_it_left_out(
    where: Where,
    scripted: Callable[[Script], Scripted],
    store: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scripted(completes)
    folder = conduct(small("linked"), where).folder
    for left_out, said_so in [("a link: it.png", 1), (None, 0)]:
        capsys.readouterr()
        done = Progress(4, 0, None, {}, left_out)
        monkeypatch.setattr(Projection, "close", lambda self, final, done=done: done)
        synchronise(folder, store)
        assert capsys.readouterr().err.count("a link: it.png") == said_so


def test_ray_runs_what_is_not_asked_for_in_this_process(
    where: Where, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from gensweep.executors import ray_cluster, ray_tune

    sweep = small("ray")
    monkeypatch.setattr(ray_cluster, "RayCluster", lambda address, resources, say, runs, *_: (address, resources, runs))
    monkeypatch.setattr(ray_tune, "RayTune", lambda cluster, scratch, *_: (cluster, scratch))
    monkeypatch.chdir(tmp_path)
    asked = campaign._executor(sweep, Where(Path("runs"), "ray://head:10001"), Path("runs/ray"), Stops())
    assert asked == (("ray://head:10001", sweep.resources, tmp_path / "runs"), tmp_path / "runs/ray/.ray")
    assert isinstance(campaign._executor(sweep, where, where.runs / "ray", Stops()), InProcess)


def test_a_store_that_turns_out_to_be_unusable_stops_the_sweep_with_its_reason(
    where: Where, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is opened while the first trials run: what breaks until then ends them, resumably, and nothing is lost."""
    monkeypatch.setattr(campaign, "check_reachable", lambda uri: None)
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"SQLite format 3\x00" + b"no database" * 100)
    found = conduct(
        small("unusable", search={"sampler": "random", "samples": 400, "seed": 0}),
        replace(where, tracking_uri=f"sqlite:///{broken}"),
    )
    assert isinstance(found.problem, CannotRun)
    assert "broken.db cannot be used" in str(found.problem)
    assert "gensweep resume unusable" in str(found.problem)
    state = found.folder.state()
    assert state.stopped == "what the tracking store says"
    assert len(state.trials) < 800


def test_the_dashboards_file_has_a_study_for_each_arm(
    where: Where, scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(completes)
    file = conduct(small("studied"), where).folder.path / "study.db"
    studies = optuna.get_all_study_summaries(f"sqlite:///{file}")
    assert sorted((study.study_name, study.n_trials) for study in studies) == [("vae", 2), ("wae", 2)]
    monkeypatch.setattr(drive, "MOST_IN_A_STUDY", 3)
    assert not (conduct(small("many"), where).folder.path / "study.db").exists()


def test_a_resumed_sweep_counts_the_trials_that_ended_before(
    where: Where, scripted: Callable[[Script], Scripted], capfd: pytest.CaptureFixture[str]
) -> None:
    scripted(completes)
    conduct(small("counted"), where)
    capfd.readouterr()
    conduct(small("counted", search={"sampler": "random", "samples": 3, "seed": 0}), where)
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("[")]
    assert [line.partition("]")[0] for line in lines] == ["[5/6", "[6/6"]


def test_a_gpu_that_idles_is_told_and_the_file_keeps_its_word(
    where: Where,
    scripted: Callable[[Script], Scripted],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    jobs = scripted(completes).jobs
    monkeypatch.setattr(in_process, "n_usable", lambda: 0)
    monkeypatch.setattr(in_process, "n_there", lambda: 1)
    monkeypatch.setattr(devices, "n_usable", lambda: 0)
    found = conduct(small("idle"), where)
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "GPU" in line]
    assert line.startswith(
        "gensweep: trials train on the CPU while 1 GPU is idle, as torch cannot use that (this machine: "
    )
    assert found.folder.definition["resources"]["gpu"] == "auto"
    assert {(job.device, job.gpu) for job in jobs} == {("cpu", 0.0)}


def test_a_gpu_that_is_there_is_what_the_jobs_get(
    where: Where, scripted: Callable[[Script], Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = scripted(completes).jobs
    monkeypatch.setattr(in_process, "n_usable", lambda: 1)
    monkeypatch.setattr(placement, "seen", lambda: devices.Seen(1, "a card", 80 * 2**30))
    found = conduct(small("there"), where)
    assert {(job.device, job.gpu) for job in jobs} == {("cuda", 1.0)}
    assert found.folder.definition["resources"]["gpu"] == "auto"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here, and it can run")
def test_a_gpu_that_is_not_there_is_told_before_anything_is_written(where: Where) -> None:
    with pytest.raises(CannotRun, match=r"asks for 1 GPU, and torch sees none .* Write resources\.gpu=0"):
        conduct(small("gpu", resources={"gpu": 1}), where)
    assert not where.runs.exists()


@pytest.mark.parametrize("who", ["run", "sync"])
@pytest.mark.parametrize("told", [[], [{"event": "stopped", "reason": "the driver was killed", "code": 75}]])
def test_a_driver_that_died_after_its_last_trial_left_a_sweep_that_is_finished(
    where: Where, scripted: Callable[[Script], Scripted], store: str, who: str, told: list[dict[str, Any]]
) -> None:
    scripted(completes)
    folder = conduct(small("orphaned"), where).folder
    log = folder.path / "ledger/events.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    n = next(i for i, line in enumerate(lines) if b'"finished"' in line)
    log.write_bytes(b"".join(lines[:n]))
    found = SweepFolder.open(folder.path)
    with found.hold():
        for event in told:  # by its parent
            found.events.append(event)
    client = mlflow.MlflowClient(store)
    experiments = [one.experiment_id for one in client.search_experiments()]
    of_the_sweep = f"tags.`gensweep.kind` = 'sweep' and tags.`gensweep.folder` = '{found.path}'"
    (run,) = client.search_runs(experiments, of_the_sweep)
    client.set_terminated(run.info.run_id, "KILLED")
    (found.path / "tracking.jsonl").unlink()
    found = SweepFolder.open(folder.path)
    conduct(small("orphaned"), where) if who == "run" else synchronise(found, store)
    assert [event["event"] for event in found.events.read()][-2:] == ["finished", "closed"]
    assert client.get_run(run.info.run_id).info.status == "FINISHED"

"""A sweep from its definition to its table: what `gensweep run` and `gensweep resume` do, in order.

Everything that can refuse does so before anything is written: the configuration, the data, the tracking store, the
cluster, the sweep's own folder. Then one driver holds the folder, an executor runs its trials, and MLflow follows.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from gensweep.errors import CannotRun, ConfigError, GensweepError, Interrupted, NoUsableTrial, Outcome, Stopped
from gensweep.executors.base import Executor
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.spaces.check import data_problems
from gensweep.spaces.sweep import Sweep, difference, from_definition, refused_changes
from gensweep.terminal import Display
from gensweep.tracking.store import check_reachable, resolve_uri


@dataclass(frozen=True)
class Where:
    """Where a sweep runs and what it leaves: Ray's address (None: this machine), MLflow's store, the folder of sweeps."""

    runs: Path
    address: str | None = None
    tracking_uri: str | None = None
    in_process: bool = False


class SomeTrialsFailed(GensweepError):
    """The sweep is done, and some of its trials failed."""

    exit_code = 3


def conduct(sweep: Sweep, where: Where) -> SweepFolder:
    """Run a sweep, or go on with it where it stands; its folder once it is done.

    Raises:
        ConfigError: the data are missing, or the folder holds another sweep of this name.
        CannotRun: storage, tracking or the cluster is not usable. Nothing was started.
        Stopped: stopped before the end, with everything saved.
        NoUsableTrial, SomeTrialsFailed: the sweep is done, but.
    """
    if problems := data_problems(sweep):
        raise ConfigError(problems)
    path = where.runs / sweep.name
    sweep = _continuing(sweep, path)
    if is_done(path, sweep):
        folder = SweepFolder.open(path)
        _finish(folder, where)
        return folder
    _refuse_unwritable(path)
    check_reachable(resolve_uri(where.tracking_uri))
    with _executor(sweep, where, path) as executor:
        folder = _folder(sweep, path, executor.surroundings())
        with folder.hold():
            _run(sweep, folder, where, executor)
    return folder


def _executor(sweep: Sweep, where: Where, path: Path) -> Executor:
    if where.in_process:
        from gensweep.executors.in_process import InProcess

        return InProcess()
    from gensweep.executors.ray_cluster import RayCluster

    cluster = RayCluster(where.address, sweep.resources, lambda what: print(what, file=sys.stderr, flush=True))
    from gensweep.executors.ray_tune import RayTune

    return RayTune(cluster, path.resolve() / ".ray")


def is_done(path: Path, sweep: Sweep) -> bool:
    """Whether the sweep in this folder has nothing left to run."""
    if not (path / "sweep.yaml").exists():
        return False
    state = SweepFolder.open(path).state()
    return len(state.trials) >= sum(sweep.counts.values()) and not state.live()


def _continuing(sweep: Sweep, path: Path) -> Sweep:
    """The sweep, unless the folder of its name holds a different one."""
    if not (path / "sweep.yaml").exists():
        return sweep
    before = from_definition(SweepFolder.open(path).definition)
    if lines := refused_changes(before, sweep):
        raise ConfigError(
            f"{path} holds a sweep of this name with another definition:\n  "
            + "\n  ".join(lines)
            + f"\nGive this one another name (name=...), move {path} away, or continue the old one: gensweep resume {sweep.name}"
        )
    return sweep


def _folder(sweep: Sweep, path: Path, surroundings: dict[str, object]) -> SweepFolder:
    if not (path / "sweep.yaml").exists():
        return SweepFolder.create(path.resolve(), sweep.definition(), environment=surroundings)
    folder = SweepFolder.open(path.resolve())
    if difference(folder.definition, sweep.definition()):
        folder.redefine(sweep.definition())
    return folder


def _run(sweep: Sweep, folder: SweepFolder, where: Where, executor: Executor) -> None:
    from gensweep.orchestration.driver import Driver
    from gensweep.tracking.background import Background
    from gensweep.tracking.projection import Projection

    counts = sum(sweep.counts.values())
    display = Display(sweep.name, counts, sweep.objective.metric, sweep.objective.mode, _epochs(sweep))
    driver = Driver(sweep, folder, display.changed)
    display.known(driver.state.trials.values())
    background = Background(Projection(folder, where.tracking_uri), say=display.say)
    background.start()
    driver.start(pid=os.getpid(), at_once=executor.n_at_once)
    try:
        with display:
            executor.run(driver)
        driver.finish()
    finally:
        _write_results(folder)
        background.close(final=driver.is_done)
    _conclude(driver.stop_reason, driver.stop_code, folder, where)


def synchronise(folder: SweepFolder, tracking_uri: str | None) -> str:
    """Bring MLflow level with a sweep's folder; a sentence that says how far that came.

    Raises:
        CannotRun: the store cannot be used, or did not take everything.
    """
    from gensweep.tracking.projection import Projection
    from gensweep.tracking.store import redacted

    projection = Projection(folder, tracking_uri)
    projection.start()
    if folder.holder() is None:
        _write_results(folder)
        progress = projection.close(final=folder.state().finished)
    else:
        progress = projection.sync(force=True)
    if not progress.is_done:
        raise CannotRun(
            f"{folder.name}: {progress.pending} of {progress.trials} trials are still missing in "
            f"{redacted(projection.uri)} ({progress.problem}). Run the same command again later."
        )
    return f"{folder.name}: {progress.trials} trials are in {redacted(projection.uri)}"


def _finish(folder: SweepFolder, where: Where) -> None:
    """A sweep that is done: bring its files and MLflow level, and judge it."""
    if not (folder.path / "report" / "comparison.md").exists():
        _write_results(folder)
    _conclude("", 0, folder, where)


def _conclude(stop_reason: str, stop_code: int, folder: SweepFolder, where: Where) -> None:
    trials = folder.state().trials.values()
    if stop_reason:
        ended = sum(r.outcome is not None for r in trials)
        message = (
            f"stopped by {stop_reason} with {ended} trials ended; everything is saved. "
            f"Continue with: gensweep resume {folder.name}{_runs_option(where.runs)}"
        )
        if stop_code == 1:
            raise NoUsableTrial(
                f"ended early: {stop_reason}. See error.txt in {folder.path / 'trials'}; after mending it, "
                f"run the sweep under another name."
            )
        raise Interrupted(message) if stop_code == 130 else Stopped(message)
    if not any(r.best for r in trials):
        raise NoUsableTrial(f"{folder.name}: no trial has a score: " + _outcomes(folder))
    if failed := [r for r in trials if r.outcome is Outcome.FAILED]:
        raise SomeTrialsFailed(
            f"{len(failed)} of {len(trials)} trials failed, the first: trial {failed[0].number}: {failed[0].reason}. "
            f"See {folder.path / 'trials' / failed[0].folder_name / 'error.txt'}"
        )


def _outcomes(folder: SweepFolder) -> str:
    reasons = {f"{r.outcome.name.lower()}: {r.reason}" for r in folder.state().trials.values() if r.outcome}
    return "; ".join(sorted(reasons)[:3])


def _write_results(folder: SweepFolder) -> None:
    """results.csv always; the report where there is something to compare."""
    from gensweep.comparison import collect
    from gensweep.comparison.ground_truth import ground_truth
    from gensweep.comparison.report import compare

    collect.write_csv(folder)
    if truth := ground_truth(folder):
        truth.write(folder.path / "report")
    try:
        compare([folder]).write(folder.path / "report", sanity(folder) if folder.state().finished else [])
    except NoUsableTrial:
        return


def sanity(folder: SweepFolder) -> list[dict[str, str]]:
    """What the scores of a sweep mean: floors, and models that learn nothing; no rows where trials differ in data."""
    from gensweep.component import build
    from gensweep.datasets.base import Dataset
    from gensweep.evaluation import sanity_rows
    from gensweep.metrics.base import Metric
    from gensweep.terminal import number

    configurations = [record.configuration for record in folder.state().trials.values()]
    settings = {json.dumps([c["dataset"], c["evaluation"]], sort_keys=True) for c in configurations}
    if len(settings) != 1:
        return []
    dataset = cast(Dataset, build("datasets", configurations[0]["dataset"]))
    evaluation = configurations[0]["evaluation"]
    metrics = [cast(Metric, build("metrics", node)) for node in evaluation["metrics"]]
    rows = sanity_rows(dataset, metrics, evaluation["split"])
    return [{name: number(value) for name, value in row.items()} for row in rows]


def _refuse_unwritable(path: Path) -> None:
    there = path
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise CannotRun(
            f"{there}: cannot be written, so {path} cannot be made. Make it writable or name another folder "
            f"with --runs."
        )


def _epochs(sweep: Sweep) -> str:
    training = sweep.space.get("training")
    return str(training.get("epochs", "?")) if isinstance(training, dict) else "?"


def _runs_option(runs: Path) -> str:
    return "" if runs == Path("runs") else f" --runs {runs}"

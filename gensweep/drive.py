"""One driver's time with a sweep: it trains what is left, judges, reports, brings MLflow level, and closes.

What a stop, or a death, leaves undone of this the next start does.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import NoReturn

from gensweep.artifacts.homecoming import Homecoming
from gensweep.errors import CannotRun, GensweepError, Stopped, StoreAway
from gensweep.executors.base import Executor
from gensweep.faults import Fault, fault_of
from gensweep.journal import note
from gensweep.led import BEGINS, led
from gensweep.ledger import environment
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.ledger.stop_note import missing_end, note_stopping
from gensweep.ledger.stop_request import asked
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.models.offers import offered
from gensweep.orchestration.driver import Driver
from gensweep.searchers.studies import MOST_IN_A_STUDY
from gensweep.searchers.studies.dashboard import write_studies
from gensweep.spaces.sweep import Sweep
from gensweep.stopping import Request, Stops, tell
from gensweep.terminal import Display, say, waiting
from gensweep.text import size
from gensweep.tracking.background import Background
from gensweep.tracking.projection import Projection
from gensweep.tracking.store import named, program
from gensweep.trial import TRIAL_SCHEMA
from gensweep.verdict import Stop, Verdict, judge

_JUDGING = "comparing"
_REPORTING = "writing the report"
_SAID = 3  # checkpoints that could not be had
_LOOKS = 1.0  # seconds from one look for a request to the next


def judged(
    folder: SweepFolder, stop: Stop | None, told: Callable[[Verdict], None], stops: Stops, *, keep: bool = False
) -> Verdict:
    """The verdict, told at once; then what takes longer, and the report with it; one that is there stays, with `keep`."""
    with waiting(_JUDGING):
        verdict = judge(folder, stop)
    try:
        told(verdict)
    finally:
        try:
            verdict = verdict.with_baselines(say, is_over=lambda: stops.first is not None)
        finally:
            if not (keep and verdict.report.exists()):
                with waiting(_REPORTING):
                    verdict.write(pages=stops.first is None)
    return verdict


def drive(  # noqa: PLR0913 -- what one start is made of
    sweep: Sweep,
    folder: SweepFolder,
    tracking_uri: str | None,
    executor: Executor,
    told: Callable[[Verdict], None],
    stops: Stops,
    retry: Collection[int] = (),
    known: SweepState | None = None,
    home: Homecoming | None = None,
) -> Verdict:
    """Run what is left of a sweep whose folder this process holds; what went wrong on the way is in the verdict.

    `known` is its state, as it was read before; `home` has what its trials leave at a store.

    Raises:
        Stopped: its disk is full or fails. What was acknowledged is saved, and the message says how to go on.
    """
    try:
        return _driven(sweep, folder, tracking_uri, executor, told, stops, retry, known, home)
    except StoreAway as error:
        raise Stopped(
            f"{error}. Everything that was reported is saved. When it answers: gensweep resume {folder.argument}"
        ) from error
    except OSError as error:
        if fault_of(error) is not Fault.STORAGE:
            raise
        raise Stopped(_no_storage(folder, error)) from error


def _no_storage(folder: SweepFolder, error: OSError) -> str:
    free = shutil.disk_usage(folder.path).free
    return (
        f"{error.filename or folder.path}: {error.strerror or error}; {size(free)} are free there. Everything that was reported "
        f"is saved. Make room, then: gensweep resume {folder.argument}"
    )


def _driven(  # noqa: PLR0913
    sweep: Sweep,
    folder: SweepFolder,
    tracking_uri: str | None,
    executor: Executor,
    told: Callable[[Verdict], None],
    stops: Stops,
    retry: Collection[int] = (),
    known: SweepState | None = None,
    home: Homecoming | None = None,
) -> Verdict:
    display = Display(sweep.name, sweep.n_trials, sweep.objective, _epochs(sweep))
    first_report = threading.Event()

    def changed(record: TrialRecord) -> None:
        display.changed(record)
        if record.reports or not record.is_live:
            first_report.set()

    _enter_missing_end(folder)
    driver = Driver(sweep, folder, changed, known, home)
    display.known(driver.state.trials.values())
    projection = Projection(folder, tracking_uri, offers=offered(folder))

    def refused(error: CannotRun) -> None:
        driver.request_stop("what the tracking store says", error.exit_code)

    background = Background(projection, say=display.say, refused=refused)
    driver.start(
        pid=os.getpid(), at_once=executor.n_at_once, versions=environment.versions(), trial_schema=TRIAL_SCHEMA
    )
    driver.retry(retry)
    if parent := led():
        parent.begun(folder.path)
    stops.tell(lambda request: driver.request_stop(request.reason, request.code))
    if home is not None:
        with waiting(f"looking at {home.stored.url}"):
            prepare(home, driver.state)
    if not stops.is_led:  # else the parent notes it, which is never busy
        stops.tell(lambda request: _noted_at_once(folder, request))
    say(f"{BEGINS}; then opening {named(projection.uri)}")
    background.start(after=first_report)
    try:
        with display, _noting(driver), _heeding(folder, stops):
            executor.run(driver)
        driver.finish()
    finally:
        try:
            brought(home, stops)
            stop = None if driver.is_done or not driver.stop_reason else Stop(driver.stop_reason, driver.stop_code)
            verdict = judged(folder, stop, told, stops)
        finally:
            stops.tell(lambda _: background.hurry())
            with waiting(f"bringing {program(projection.uri)} level with the sweep"):
                background.close(final=driver.is_done)
    _write_studies(sweep, driver, folder)
    if background.damage:
        return replace(verdict, problem=verdict.problem or background.damage)
    driver.close()
    if background.error:
        return replace(verdict, problem=_unusable(background.error, folder))
    return replace(verdict, problem=cut_short(folder, stops.first)) if driver.is_done and stops.first else verdict


def prepare(home: Homecoming, state: SweepState) -> None:
    """Begin with what a sweep's store has, and begin to bring what an earlier driver did not."""
    home.prepare(state.live())
    for record in state.trials.values():
        home.add(record)


def brought(home: Homecoming | None, stops: Stops) -> None:
    """Wait until what the sweep's store has for its folder is here; what is not is said, and the next start tries again."""
    if home is None:
        return
    with waiting(f"bringing checkpoints from {home.stored.url}"):
        missing = home.finish(lambda: stops.first is not None)
    home.leave()
    for what in missing[:_SAID]:
        say(what)


def _enter_missing_end(folder: SweepFolder) -> None:
    """Of the driver before this one, which was told to stop and killed before it could say so itself."""
    if (end := missing_end(folder.path, folder.events)) is not None:
        folder.events.append(end)


def _noted_at_once(folder: SweepFolder, request: Request) -> None:
    """Who asks may kill this process before it has entered its end."""
    with suppress(GensweepError, OSError):
        note_stopping(folder.path, request.reason, request.code)


@contextmanager
def _heeding(folder: SweepFolder, stops: Stops) -> Iterator[None]:
    """Meanwhile heed what `gensweep stop` leaves in the folder."""
    over, generation = threading.Event(), folder.generation()

    def heed() -> None:
        while not over.wait(_LOOKS):
            if (found := asked(folder.path, generation)) is not None:
                request = Request(f"gensweep stop on {found.by}", Stopped.exit_code)
                stops.request(request)
                if found.at_once:
                    leave(stops, request, folder.name)

    thread = threading.Thread(target=heed, name="gensweep-heed", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def leave(stops: Stops, request: Request, name: str) -> NoReturn:
    """End this process at once, for a reason that its parent enters and tells, or that is told here."""
    note(f"ended at once: {request.reason}")
    if parent := led():
        parent.dying(request)
    else:
        tell(f"{request.reason}. What was reported is saved: gensweep resume {name} goes on from there.")
    stops.leave(request.code)


@contextmanager
def _noting(driver: Driver) -> Iterator[None]:
    """Whatever ends the training before its time is in the ledger, if that can still be written."""
    try:
        yield
    except BaseException as error:
        with suppress(Exception):
            driver.request_stop(f"{type(error).__name__}: {error}", getattr(error, "exit_code", 1))
            driver.finish()
        raise
    if not driver.is_done:  # the reason that is there already stays
        driver.request_stop("the end of what ran its trials", Stopped.exit_code)


def _write_studies(sweep: Sweep, driver: Driver, folder: SweepFolder) -> None:
    if len(driver.state.trials) <= MOST_IN_A_STUDY:
        with waiting("writing study.db for optuna-dashboard"):
            write_studies(sweep.arms, driver.state, folder.path / "study.db", folder.times())


def cut_short(folder: SweepFolder, request: Request) -> Stopped:
    """The error where a stop came after the last trial."""
    return request.error(
        f"stopped by {request.reason} while the report was written; every trial has ended. The same command, or gensweep "
        f"resume {folder.argument}, writes the rest."
    )


def _unusable(error: CannotRun, folder: SweepFolder) -> CannotRun:
    return CannotRun(f"{error} The trials so far are saved; when that is mended: gensweep resume {folder.argument}")


def _epochs(sweep: Sweep) -> str:
    training = sweep.space.get("training")
    return str(training.get("epochs", "?")) if isinstance(training, dict) else "?"

"""One driver's life: what `gensweep run` does in order, with its workers, its tracker and those that an earlier one left."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

from gensweep import campaign
from gensweep.comparison import collect
from gensweep.errors import CannotRun, Outcome
from gensweep.faults import Fault
from gensweep.ledger import stop_request
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.orchestration.decide import Mind
from gensweep.orchestration.driver import Driver, issue
from gensweep.packs import alone
from gensweep.spaces.sweep import difference
from gensweep.stopping import Request
from gensweep.tracking.projection import Projection
from gensweep.trial import Failure, Job, Report
from tests.simulation import visitors
from tests.simulation.sweeps import Stage
from tests.simulation.world import Broken, Died, Process, World

URI = "http://store:5000"
_LONG = 2_000  # turns, far more than any of these sweeps takes
_TAKE = (Fault.LOST, Fault.MEMORY, Fault.HANG, Fault.CRASH, Fault.DEVICE)  # a worker, and leave its trial
_STOPS = (("SIGTERM", 75), ("Ctrl-C", 130))


@dataclass(eq=False)
class Worker:
    """A process with one job. What it `said` waits for the driver."""

    job: Job
    process: Process
    turns: Iterator[Report | Failure]
    said: Report | Failure | None = None
    is_lost: bool = False
    fault: Fault = Fault.LOST  # that took it


@dataclass(frozen=True)
class End:
    """How a life ended: with which exit code, or (None) by force; with which state, where it came to its last line."""

    code: int | None
    is_done: bool = False
    is_tracked: bool = False
    state: SweepState | None = None


class Life:
    """See the module. `orphans` are workers of earlier drivers; `ended` the trials of which the log says so."""

    def __init__(self, world: World, stage: Stage, places: int, orphans: list[Worker], ended: Set[int]) -> None:
        self.world, self.stage, self.places, self.orphans = world, stage, places, orphans
        self._ended, self._most = ended, places
        self.process = world.new_process("the driver")
        self.workers: list[Worker] = []
        self.driver: Driver | None = None
        self.folder: SweepFolder | None = None
        self._tracker, self._heeder = object(), object()
        self._parent: Process | None = None
        self._dies_of = Request("its process was killed", 75)
        self._is_begun = self._may_be_asked = False
        self._projection: Projection | None = None
        self._is_open = self._is_refused = self._is_executing = False

    def run(self) -> End:
        """All of it."""
        self.world.life = self
        try:
            end = self._lived()
            return end if end.code is not None else self._answered()
        finally:
            self.world.life = None

    def _lived(self) -> End:
        world = self.world
        try:
            with world.acting(self.process, self):
                return self._conduct()
        except Died:
            return End(None)
        except (OSError, CannotRun) as error:
            if not world.had_error:
                raise Broken(f"the driver ended with {type(error).__name__}: {error}") from error
            return End(4 if isinstance(error, CannotRun) else 75)
        finally:
            self.process.alive = self._is_executing = False
            self._bury()
            self.workers, self._projection = [], None

    def _answered(self) -> End:
        """A driver that was killed has a parent, unless that was killed, too."""
        world = self.world
        if self.folder is None or not self._is_begun or not world.has_power or not world.choices.below(2, "turns"):
            return End(None)
        world.trouble["told by its parent"] += 1
        self._parent = world.new_process("the parent")
        return End(visitors.parent(world, self._parent, self.folder, self._dies_of.reason, self._dies_of.code))

    def turn(self) -> None:
        """Let somebody else do something: a step of whoever is not in the middle of one."""
        actions = [*self._others()]
        if self._is_executing and not self.world.is_acting(self):
            actions += self._steps()
        if actions:
            actions[self._below(len(actions))]()

    def ask_to_stop(self) -> None:
        if self.driver is not None and self._is_executing:
            self.driver.request_stop(*_STOPS[self._below(len(_STOPS))])

    def rival(self) -> None:
        if self.folder is not None and self.folder._lease is not None and not self.folder._lease.released:
            visitors.second_driver(self.world, self.folder)

    def ask_by_file(self, *, at_once: bool) -> None:
        if self.folder is not None:
            visitors.stop(self.world, self.folder, at_once=at_once)
            self._may_be_asked = True

    def may_lose(self, process: Process) -> bool:
        """Whether a worker may be lost without its trial failing for it."""
        for worker in self.workers:
            if worker.process is process and self.driver is not None:
                return self.driver.state.trials[worker.job.number].losses < Fault.LOST.tries
        return process is self._parent or any(orphan.process is process for orphan in self.orphans)

    def _below(self, n: int) -> int:
        return self.world.choices.below(n, "turns")

    def failed(self) -> list[int]:
        """The trials that failed, as the ledger says."""
        assert self.folder is not None
        return [n for n, record in self.folder.state().trials.items() if record.outcome is Outcome.FAILED]

    def _conduct(self) -> End:
        path, sweep = self.world.path, self.stage.sweep
        self.folder = folder = SweepFolder.found(path) or SweepFolder.create(path, sweep.definition())
        if self.stage.allowed and folder.is_begun() and difference(folder.definition, sweep.definition()):
            visitors.another_sweep(folder, sweep)
        if folder.is_begun() and not self.stage.retries and Mind(sweep, issue).is_done(state := folder.state()):
            return self._again(folder, state)
        with folder.hold():
            campaign._bring_level(folder, sweep, {}, self.stage.allowed, None)
            retry = self.failed() if self.stage.retries else []
            self.driver = driver = Driver(sweep, folder, self._changed)
            projection = Projection(folder, URI, open_store=lambda _: self.world.store)
            driver.start(pid=os.getpid(), at_once=self.places)
            if retry:
                self.world.trouble["--retry-failed"] += 1
                driver.retry(retry)
            self._is_begun = True
            self._projection = projection  # nothing is sent before the ledger knows of this driver
            try:
                self._execute()
                if not driver.is_done:
                    driver.request_stop("the end of what ran its trials", 75)
                driver.finish()
            finally:
                is_tracked = self._close()
                self._projection = None  # its thread has ended
            driver.close()
            code = driver.stop_code
            failed = any(record.outcome is Outcome.FAILED for record in driver.state.trials.values())
            return End(code or 3 * failed, driver.is_done, is_tracked, driver.state)

    def _again(self, folder: SweepFolder, state: SweepState) -> End:
        """What is left to do where every trial has ended. While the store is away it is not done, and no driver's end either."""
        self.world.trouble["found done"] += 1
        campaign._note_finished(folder, state)
        collect.write_csv(collect.trials(folder), folder.path)
        projection = Projection(folder, URI, open_store=lambda _: self.world.store)
        with self.world.acting(self.process, self._tracker):
            try:
                projection.start()
            except CannotRun:
                return End(None)
            is_tracked = projection.close(final=folder.state().finished).is_done
        campaign._note_closed(folder, is_done=is_tracked)
        failed = any(record.outcome is Outcome.FAILED for record in state.trials.values())
        return End(3 * failed, True, True) if is_tracked else End(None)

    def _execute(self) -> None:
        """What an executor does."""
        driver = self.driver
        assert driver is not None
        self._is_executing = self._may_be_asked = True  # an earlier driver may have been asked
        for _ in range(_LONG):
            if driver.is_stopping or driver.is_done:
                break
            if self._below(6) == 5 and (others := self._others()):
                others[self._below(len(others))]()
            else:
                steps = self._steps()
                steps[self._below(len(steps))]()
        else:
            raise Broken(f"the sweep does not end: {len(driver.state.live())} trials are live")
        self._is_executing = False
        for worker in self.workers:
            worker.process.alive = False

    def _steps(self) -> list[Callable[[], None]]:
        """What the driver may do next; a worker that trains comes with its place."""
        steps: list[Callable[[], None]] = []
        for worker in self.workers:
            if self.world.is_acting(worker):
                continue
            if worker.is_lost or worker.said is not None:
                steps.append(lambda worker=worker: self._as_driver(lambda: self._hear(worker)))
            else:
                steps.append(lambda worker=worker: self._train(worker))
        if len(self.workers) < self.places:
            steps.append(lambda: self._as_driver(self._hand_out))
        if self.world.choices.one_in(40, "nodes"):
            return [lambda: self._as_driver(self._resize)]
        return steps or [lambda: None]

    def _as_driver(self, action: Callable[[], None]) -> None:
        if self.world.is_acting(self):
            action()
            return
        with self.world.acting(self.process, self):
            action()

    def _others(self) -> list[Callable[[], None]]:
        """What may happen beside: workers train, the tracker sends, orphans go on, a worker is lost."""
        free = [worker for worker in self.workers if not self.world.is_acting(worker)]
        able = [worker for worker in free if worker.said is None and not worker.is_lost]
        found: list[Callable[[], None]] = [lambda worker=worker: self._train(worker) for worker in able]
        found += [lambda orphan=orphan: self._orphan(orphan) for orphan in self.orphans]
        if self._projection is not None and not self.world.is_acting(self._tracker) and not self._is_refused:
            found.append(self._track)
        if self._may_be_asked and self._is_executing and not self.world.is_acting(self._heeder):
            found.append(self._heed)
        if self._below(4) == 3 and (
            lose := [worker for worker in free if not worker.is_lost and self.may_lose(worker.process)]
        ):
            found.append(lambda: self._lose(lose[self._below(len(lose))]))
        return found

    def _resize(self) -> None:
        """Nodes of the cluster are gone, or come back: what runs beyond the places that are left goes on to its end."""
        assert self.driver is not None
        self.world.trouble["nodes"] += 1
        before, self.places = self.places, 1 + self.world.choices.below(self._most, "nodes")
        names = [f"node-{n}" for n in range(abs(self.places - before))]
        joined, gone = (names, []) if self.places > before else ([], names)
        self.driver.resized(self.places, self.places, joined, gone)

    def _heed(self) -> None:
        """Look for a request of `gensweep stop`, as the driver does once a second."""
        assert self.folder is not None
        assert self.driver is not None
        with self.world.acting(self.process, self._heeder):
            request = stop_request.asked(self.folder.path, self.folder.generation())
        self._may_be_asked = False
        if request is None:
            return
        self.world.trouble["asked to stop"] += 1
        self.driver.request_stop(f"gensweep stop on {request.by}", 75)
        if request.at_once:
            self._dies_of = Request(f"gensweep stop on {request.by}", 75)
            self.process.alive = False
            self.world.pass_on_death()

    def _hand_out(self) -> None:
        assert self.driver is not None
        others = [worker.job for worker in self.workers if not worker.is_lost]
        like = others[self._below(len(others))] if others and self._below(3) == 0 else None
        job = (self.driver.next(like=like) if like is not None else None) or self.driver.next()
        if job is not None:
            process = self.world.new_process(f"the worker of trial {job.number}")
            self.workers.append(Worker(job, process, alone(job)))
        elif not self.workers and not self.driver.is_done and not self.driver.is_stopping:
            raise Broken(f"nothing is left to hand out, and {len(self.driver.state.live())} trials are live")

    def _train(self, worker: Worker) -> None:
        """Let a worker go on to its next report."""
        try:
            with self.world.acting(worker.process, worker):
                worker.said = next(worker.turns)
        except Died:
            worker.process.alive = False
            worker.is_lost = True
            self.world.disk.die(worker.process)
            self.world.pass_on_death()
        except StopIteration:
            raise Broken(f"trial {worker.job.number} ended without saying so") from None

    def _hear(self, worker: Worker) -> None:
        assert self.driver is not None
        number, said = worker.job.number, worker.said
        if said is None or worker.is_lost:
            self.workers.remove(worker)
            self.driver.lost(number, "the worker is gone", worker.fault)
            return
        if isinstance(said, Failure) and "a mistake of the user's" not in said.reason:
            raise Broken(f"trial {number} failed: {said.reason}\n{said.details}")
        stops = self.driver.take(said)
        worker.said = None
        if stops:
            self.workers.remove(worker)
            worker.process.alive = False
        elif isinstance(said, Failure) or said.outcome is not None:
            raise Broken(f"trial {number} has ended, and its driver lets it go on")

    def _lose(self, worker: Worker) -> None:
        """One of the machine's faults takes it, that its trial survives."""
        assert self.driver is not None
        faults = self.driver.state.trials[worker.job.number].faults
        able = [fault for fault in _TAKE if faults.get(fault.name, 0) < fault.tries]
        worker.fault = able[self._below(len(able))]
        self.world.trouble["worker lost"] += 1
        worker.process.alive, worker.is_lost = False, True

    def _orphan(self, orphan: Worker) -> None:
        """An orphan goes on to its next report, which nobody hears."""
        self.orphans.remove(orphan)
        self.world.trouble["orphan"] += 1
        orphan.process.is_fenced = self.world.generation() not in (0, orphan.job.generation)
        self._train(orphan)

    def _track(self) -> None:
        """A pass of the tracker."""
        assert self._projection is not None
        assert self.driver is not None
        with self.world.acting(self.process, self._tracker):
            if self._is_open:
                self._projection.sync()
                return
            try:
                self._projection.start()
                self._is_open = True
            except CannotRun as error:
                self._is_refused = True
                self.driver.request_stop("what the tracking store says", error.exit_code)

    def _close(self) -> bool:
        """Write the results of a sweep that is done, and bring the store level; whether that has all."""
        assert self.folder is not None
        assert self.driver is not None
        assert self._projection is not None
        if self.driver.is_done:
            collect.write_csv(collect.trials(self.folder), self.folder.path)
        if not self._is_open and not self._is_refused:
            self._track()
        if not self._is_open:
            return False
        with self.world.acting(self.process, self._tracker):
            return self._projection.close(final=self.driver.is_done).is_done

    def _changed(self, record: TrialRecord) -> None:
        """What follows outside from a change of a trial, which must be in the ledger by now."""
        if record.outcome is not None and record.number not in self._ended:
            raise Broken(f"the end of trial {record.number} is told before it is in the ledger")

    def _bury(self) -> None:
        """What this process leaves: nothing open, and after a kill perhaps workers that do not know it yet."""
        world = self.world
        dead = set(world.disk.die(self.process))
        lease = self.folder._lease if self.folder is not None else None
        if lease is not None and lease._descriptor in dead:
            lease._descriptor = None
        if not world.has_power:
            self.orphans.clear()
            return
        able = [w for w in self.workers if w.process.alive and w.said is None and not w.is_lost]
        self.orphans += [worker for worker in able if world.choices.below(4, "turns")]

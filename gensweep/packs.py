"""A pack: what an executor runs in one process. Trials of one shape, which train side by side as the rows of one stack.

    while pack: for said in pack.turn(): the driver's answer -> pack.drop, pack.add

The trials stay the unit of everything else: that they trained together shows in no number beyond rounding. What cannot be
stacked, or went wrong in a stack, trains alone by the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from gensweep.artifacts.workplace import Workplace
from gensweep.configuration import TrialConfiguration
from gensweep.errors import Diverged
from gensweep.faults import fault_of
from gensweep.modes import Mode, mode_of
from gensweep.trainers.arithmetic import deterministic
from gensweep.trainers.compiling import Uncompilable
from gensweep.trainers.loop import Progress, Trainee
from gensweep.trainers.pack import PackTraining
from gensweep.trial import Failure, Job, Report, Said, Trial, build_game, build_trainee, ended, row_of, run_trial

T = TypeVar("T")
_THREADS = 8
_KEPT = 4  # stacks without members, for the next trials of their shape: what was compiled is not compiled again


def alone(job: Job, alive: Callable[[], None] = lambda: None) -> Generator[Said]:
    """The reports of a trial that trains alone, and the error that ends them if one does."""
    try:
        yield from run_trial(job, alive)
    except (Exception, SystemExit) as error:  # a library's exit is a mistake as any other
        yield Failure.of(job.number, error)


class Pack:
    """Trials of one shape in one process; false once it has none. `rows`: how many it can have at once.

    `alive` is called whenever something of a turn is done, so that a turn of many trials is not taken for one that hangs.
    """

    def __init__(self, job: Job, alive: Callable[[], None] = lambda: None) -> None:
        self.like, self._alive = job, alive
        self._is_deterministic = TrialConfiguration.asks_to_be_deterministic(job.configuration)
        with deterministic(wanted=self._is_deterministic):
            mode = mode_of(job)
        self._alone: dict[int, Generator[Said]] = {}
        self._stack = _Stack(mode, alive) if mode.is_stacked else None
        self.add(job)

    def __bool__(self) -> bool:
        return bool(self.n_members)

    @property
    def mode(self) -> Mode:
        """How its trials train."""
        return self._stack.mode if self._stack else Mode()

    @property
    def rows(self) -> int:
        """How many trials it can have at once."""
        return self.mode.rows

    @property
    def n_members(self) -> int:
        """How many it has."""
        return len(self._alone) + (len(self._stack.members) if self._stack else 0)

    def add(self, job: Job) -> None:
        """Let a trial join, from its newest checkpoint; nothing is trained yet."""
        if self._stack is not None:
            self._stack.add(job)
        else:
            self._alone[job.number] = alone(job, self._alive)

    def drop(self, number: int) -> None:
        """Leave a trial where it stands, if it is there."""
        if (reports := self._alone.pop(number, None)) is not None:
            reports.close()
        elif self._stack is not None:
            self._stack.drop(number)

    def turn(self) -> list[Said]:
        """Train until a member has something to say. What has ended has left the pack."""
        with deterministic(wanted=self._is_deterministic):
            return self._turn()

    def _turn(self) -> list[Said]:
        if self._stack is not None and self._stack.members:
            try:
                return self._stack.turn()
            except _Broken as broken:
                self._alone = {job.number: alone(job, self._alive) for job in broken.jobs}
                self._stack = None
        number = next(iter(self._alone))  # one at a time: what it says is said before another can end the process
        reports = self._alone.pop(number)
        said = next(reports)
        if not isinstance(said, Failure) and said.outcome is None:
            self._alone[number] = reports
        return [said]

    def close(self) -> None:
        """Leave every trial where it stands."""
        for number in [*self._alone, *(self._stack.members if self._stack else ())]:
            self.drop(number)


class _Broken(Exception):
    """A round failed for all members at once; whose fault it is shows when each trains alone."""

    def __init__(self, jobs: list[Job]) -> None:
        super().__init__()
        self.jobs = jobs


@dataclass
class _Member:
    """A trial that joined; its row, once it trains."""

    job: Job
    trial: Trial | None = None
    row: int | None = None


class _Stack:
    """The trials of a pack that train as one stack."""

    def __init__(self, mode: Mode, alive: Callable[[], None]) -> None:
        self.mode, self._alive = mode, alive
        self.members: dict[int, _Member] = {}
        self._training: PackTraining | None = None
        self._shape = ""

    def add(self, job: Job) -> None:
        self.members[job.number] = _Member(job)

    def drop(self, number: int) -> None:
        member = self.members.pop(number, None)
        if member is not None and member.row is not None:
            assert self._training is not None
            if member.row in self._training.members:
                self._training.leave(member.row)
        if member is not None and member.trial is not None:
            member.trial.place.close()
        if not self.members and self._training is not None:
            _keep(self._shape, self.mode, self._training)
            self._training = None

    def turn(self) -> list[Said]:
        """What the members have to say: those that joined of where they stand, else all of what they are trained to."""
        said = self._begin([member for member in self.members.values() if member.trial is None])
        while not said and self.members:
            said = self._play()
        for one in said:
            if isinstance(one, Failure) or one.outcome is not None:
                self.drop(one.number)
        return said

    def _begin(self, joined: list[_Member]) -> list[Said]:
        """Give trials their rows. What one has said before it says again; one that has ended says so."""
        places = _at_once([partial(_placed, member.job, self._alive) for member in joined])
        made = [self._made(member, place) for member, place in zip(joined, places, strict=True)]
        reached = _at_once([partial(self._done, partial(_reached, one)) for one in made if isinstance(one, Trial)])
        said: list[Said] = [one for one in made if not isinstance(one, Trial)]
        for trial, news in zip([one for one in made if isinstance(one, Trial)], reached, strict=True):
            said += [news] if news else []
            if not isinstance(news, Failure) and (news is None or news.outcome is None):
                said += self._enter(self.members[trial.job.number], trial)
                self._alive()
        return said

    def _done(self, call: Callable[[], T]) -> T:
        result = call()
        self._alive()
        return result

    def _made(self, member: _Member, place: Workplace | Failure) -> Trial | Said:
        """The trial of a member that joined; what there is to say, where it has ended or cannot be made."""
        if isinstance(place, Failure):
            return place
        try:
            if (last := ended(member.job, place)) is None:
                member.trial = Trial(member.job, place)
                return member.trial
        except (Exception, SystemExit) as error:
            place.close()
            return Failure.of(member.job.number, error)
        place.close()
        return last

    def _enter(self, member: _Member, trial: Trial) -> list[Said]:
        """Put a trial into a row; what it says where that, and a warm-up with it, is its end."""
        c = trial.configuration
        self._say_mode(trial)
        try:
            if self._training is None:
                self._shape = member.job.shape
                self._training = _kept(self._shape, self.mode) or PackTraining(
                    _row_like(trial), trial.data, c.training.batch_size, self.mode.rows, compiled=self.mode.is_compiled
                )
            member.row = self._training.enter(trial.trainee, c.training.epochs, c.seed)
        except Diverged as error:
            return [trial.diverged(error)]
        except (Exception, SystemExit) as error:
            return [Failure.of(member.job.number, error)]
        return []

    def _play(self) -> list[Said]:
        """One turn of the training, and what the members have to say at the ends of their epochs."""
        training = self._training
        assert training is not None
        try:
            news = training.play()
        except Uncompilable as error:
            training.fall_back()
            self.mode = Mode(self.mode.rows, reason=str(error))
            for member in self.members.values():
                self._say_eager(member)
            return []
        except (Exception, SystemExit) as error:
            return self._broken(error)
        self._alive()
        by_row = {member.row: member for member in self.members.values()}
        with ThreadPoolExecutor(_THREADS) as pool:  # while one is evaluated, those before it wait for the disk
            recorded = [
                pool.submit(partial(self._done, record))
                for row, what in news.items()
                if (record := self._done(partial(self._seen, by_row[row], what))) is not None
            ]
        return [one.result() for one in recorded]

    def _seen(self, member: _Member, what: Progress | Diverged) -> Callable[[], Said] | None:
        """How to say what came of a member; None where there is nothing to say."""
        trial, training = member.trial, self._training
        assert trial is not None
        assert training is not None
        assert member.row is not None
        if isinstance(what, Diverged):
            return partial(_recorded, member.job, partial(trial.diverged, what))
        try:
            if member.row in training.members and trial.is_due(what.epoch):
                training.settle(member.row)
            return partial(_recorded, member.job, trial.record) if trial.look(what) else None
        except (Exception, SystemExit) as error:
            return partial(Failure.of, member.job.number, error)

    def _say_mode(self, trial: Trial) -> None:
        trial.mode = str(self.mode.padded(trial.job.latent_size, trial.configuration.latent_size))

    def _say_eager(self, member: _Member) -> None:
        """Where a user wants it compiled, the trial's record says why it was not."""
        assert member.trial is not None
        self._say_mode(member.trial)
        if member.job.compile == "on":
            member.trial.notes.append(f"compile: its step was not compiled, and trained eagerly ({self.mode.reason}).")

    def _broken(self, error: BaseException) -> list[Said]:
        """Leave the stack for good; what goes on alone does so from its newest checkpoint."""
        jobs = [member.job for member in self.members.values()]
        for member in self.members.values():
            if member.trial is not None:
                member.trial.place.close()
        self.members, self._training = {}, None
        if fault_of(error) is not None and len(jobs) == 1:
            return [Failure.of(jobs[0].number, error)]
        raise _Broken(jobs) from error


def _row_like(trial: Trial) -> Trainee:
    """What the rows of its stack are like: the trial's own, or one of the latent size to which it is padded."""
    row = row_of(trial.configuration, trial.job)
    return trial.trainee if row is trial.configuration else build_trainee(row, build_game(row), trial.device)


def _placed(job: Job, alive: Callable[[], None]) -> Workplace | Failure:
    try:
        return job.workplace(alive)
    except Exception as error:
        return Failure.of(job.number, error)


def _reached(trial: Trial) -> Said | None:
    try:
        return trial.begin()
    except (Exception, SystemExit) as error:
        return Failure.of(trial.job.number, error)


def _recorded(job: Job, record: Callable[[], Report]) -> Said:
    try:
        return record()
    except (Exception, SystemExit) as error:
        return Failure.of(job.number, error)


def _at_once(calls: list[Callable[[], T]]) -> list[T]:
    """What each gives. They wait for the disk, which makes many files durable in about the time of one."""
    if len(calls) < 2:
        return [call() for call in calls]
    with ThreadPoolExecutor(_THREADS) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


_stacks: dict[tuple[str, int, bool], PackTraining] = {}


def _kept(shape: str, mode: Mode) -> PackTraining | None:
    return _stacks.pop((shape, mode.rows, mode.is_compiled), None)


def _keep(shape: str, mode: Mode, training: PackTraining) -> None:
    _stacks[shape, mode.rows, mode.is_compiled] = training
    while len(_stacks) > _KEPT:
        del _stacks[next(iter(_stacks))]

"""How trials of a shape train here: how many in one stack, compiled or not. It is measured and remembered, never assumed.

alone, stacked, stacked and compiled: seconds for a round of one trial, and what compiling takes -> the quickest for
as many rounds as there are to play
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from gensweep.configuration import MOST_ROWS, TrialConfiguration
from gensweep.datasets import base as datasets
from gensweep.devices import name_of, wait_for
from gensweep.errors import Diverged
from gensweep.faults import Fault, fault_of
from gensweep.file_modes import unfinished
from gensweep.home import cache_folder
from gensweep.plugged import of_job
from gensweep.shape_key import is_worth_padding, shape_key, unstackable_part
from gensweep.trainers.compiling import Uncompilable
from gensweep.trainers.loop import Trainee, train
from gensweep.trainers.pack import PackTraining
from gensweep.trainers.stack import unstackable
from gensweep.trial import ALONE, Job, build_game, build_trainee, outline, row_of

ROWS = {"cpu": (8,), "cuda": (8, 32, 128, 512)}  # beyond 8 the rows leave a CPU's cache; a GPU takes what fills it
COMPILING = 40.0  # seconds to compile a round for the first time: 10 to 40 where that was timed
_ROUNDS = 8  # timed, after as many that are not
_WORTH_TIMING = 20_000  # rounds of all trials, half a minute of small networks: less is not worth other last digits
_COMPILED_AT_MOST = 3.0  # times as quick as eagerly, in all that was measured
_SAID = re.compile(r"pack of ([1-9]\d{0,8})(, compiled)?(?:, latent size ([1-9]\d{0,8}))?")
_BETTER = 1.1  # times as quick: less is noise


@dataclass(frozen=True)
class Mode:
    """How a trial trains; `reason` says why not otherwise, where a user must know.

    `latent_size` is that of the rows, where a trial's own was padded to it; else 0.
    """

    rows: int = 1
    is_compiled: bool = False
    reason: str = ""
    latent_size: int = 0

    @property
    def is_stacked(self) -> bool:
        """Whether it is a row of a stack, if only the one."""
        return self.rows > 1 or self.is_compiled

    @classmethod
    def said(cls, text: str) -> Mode:
        """The mode that a trial's record says; one that is not known is alone.

        >>> Mode.said("pack of 8, compiled")
        Mode(rows=8, is_compiled=True, reason='', latent_size=0)
        """
        if (found := _SAID.fullmatch(text)) is None:
            return cls()
        return cls(min(MOST_ROWS, int(found[1])), is_compiled=bool(found[2]), latent_size=int(found[3] or 0))

    def padded(self, latent_size: int, own: int) -> Mode:
        """For a trial of its `own` latent size among rows of another one."""
        return replace(self, latent_size=latent_size) if latent_size > own else self

    def __str__(self) -> str:
        if not self.is_stacked:
            return ALONE
        size = f", latent size {self.latent_size}" if self.latent_size else ""
        return f"pack of {self.rows}{', compiled' if self.is_compiled else ''}{size}"


@dataclass
class Costs:
    """What was measured of a shape on a device: seconds for a round of one trial.

    `eager`: rows -> seconds, of which 1 is a trial alone; `compiled`: likewise. `compiling`: seconds that took, the last
    time. `uncompilable`: why it could not be.
    """

    eager: dict[int, float] = field(default_factory=dict)
    compiled: dict[int, float] = field(default_factory=dict)
    compiling: float = COMPILING
    uncompilable: str = ""

    @property
    def quickest(self) -> int:
        """The number of rows that is quickest eagerly, the fewest of those that are about as quick."""
        best = min(self.eager.values())
        return min(rows for rows, seconds in self.eager.items() if seconds <= _BETTER * best)

    def mode(self, rounds: int, *, may_compile: bool = True) -> Mode:
        """The quickest way to play so many rounds, of all trials together."""
        eager = Mode(self.quickest)
        if not (self.compiled and may_compile):
            return eager
        rows = min(self.compiled, key=self.compiled.__getitem__)
        seconds = self.compiling + rounds * self.compiled[rows]
        return Mode(rows, is_compiled=True) if seconds < rounds * self.eager[eager.rows] else eager

    def gain(self, mode: Mode) -> float:
        """How many times as quick as alone a trial trains so, as far as that was measured."""
        timed = self.compiled if mode.is_compiled else self.eager
        return self.eager[1] / timed[mode.rows] if 1 in self.eager and mode.rows in timed else 1.0

    def is_worth_compiling(self, rounds: int) -> bool:
        """Whether compiling may pay for so many rounds, by what is known before it is tried."""
        eager = rounds * min(self.eager.values())
        return not self.uncompilable and eager * (1 - 1 / _COMPILED_AT_MOST) > self.compiling


def shape_of(configuration: TrialConfiguration, device: str, widest: int = 0) -> tuple[str, int]:
    """What trials must have in common to be rows of one stack, and the latent size of its rows.

    Empty where a trial can only train alone, as one that is deterministic does: how many rows a stack has, which is measured,
    is part of how its sums are rounded. `widest` is the largest latent size of trials like it: where the family's codes
    may be padded, and that costs little, all of them share a stack of that size.
    """
    alone = configuration.training.deterministic or unstackable_part(configuration)
    if alone or (game := outline(configuration)) is None:
        return "", configuration.latent_size
    if 0 < game.pads < widest:
        wide = configuration.model_copy(update={"latent_size": widest})
        found = outline(wide)
        if found is not None and is_worth_padding(game, found):
            configuration, game = wide, found
    return shape_key(configuration, game, torch.device(device)), configuration.latent_size


def mode_of(job: Job) -> Mode:
    """The mode of a job's pack: as it is asked for, and what is left open measured."""
    if job.rows == 1 and job.compile == "off":
        return Mode()
    if not job.shape:
        return Mode(reason="it trains alone")
    try:
        of_job(job.folder_of_plugins(), job.plugins)
        subject = _Subject(job)
    except (Exception, SystemExit) as error:  # what is wrong with it the trial says itself
        return Mode(reason=str(error))
    if subject.reason:
        return Mode(reason=subject.reason)
    if job.rows is not None and (job.compile != "auto" or job.rows == 1):
        return Mode(job.rows, job.compile == "on")
    return _measured(job, subject)


def remembered(job: Job) -> Costs:
    """What is known of a job's shape here."""
    return _read(_file(job, torch.device(job.device)))


class _Subject:
    """What is timed: trials of a job's shape on as many items as the rounds that are timed need."""

    def __init__(self, job: Job) -> None:
        self.configuration = c = TrialConfiguration.model_validate(job.configuration)
        self.row = row_of(c, job)
        self.device = torch.device(job.device)
        like = self.trainee(0)
        self.reason = unstackable(like)
        self.batch = c.training.batch_size
        self.data = datasets.load(c.dataset).train
        per_round = like.game.batches_per_round
        self.planned = job.alike * math.ceil(len(self.data) // self.batch / per_round) * c.training.epochs
        n = max(_ROUNDS * per_round * self.batch, like.game.warm_up.batch_size if like.game.warm_up else 0)
        self.some = self.data[:n].to(self.device)
        self.rounds = max(1, len(self.some) // self.batch // per_round)

    def trainee(self, seed: int) -> Trainee:
        """One that trains alone."""
        return self._built(self.configuration, seed)

    def _built(self, like: TrialConfiguration, seed: int) -> Trainee:
        c = like.model_copy(update={"seed": seed})
        return build_trainee(c, build_game(c), self.device)

    def alone(self) -> float:
        """Seconds a round of a trial alone."""
        progress = list(train(self.trainee(0), self.some, 2, self.batch, 0))
        return progress[-1].seconds / self.rounds

    def stacked(self, rows: int, *, compiled: bool = False) -> tuple[float, float]:
        """Seconds a round of one trial among so many, and of what came before the first."""
        training = PackTraining(self._built(self.row, 0), self.some, self.batch, rows, compiled=compiled)
        for seed in range(rows):
            training.enter(self._built(self.row, seed), 3, seed)
        seconds = [self._epoch(training) for _ in range(3)]
        best = min(seconds[1:])
        return best / rows / self.rounds, max(0.0, seconds[0] - best)

    def _epoch(self, training: PackTraining) -> float:
        """Seconds of an epoch of all members, who are at the same round; one that diverged counts all the same."""
        began = time.perf_counter()
        training.play()
        wait_for(self.device)
        return time.perf_counter() - began


def _measured(job: Job, subject: _Subject) -> Mode:
    rounds, may_compile = subject.planned, job.compile != "off"
    file = _file(job, subject.device)
    with _held(file):
        costs = _read(file)
        if rounds < _WORTH_TIMING:  # whatever is remembered: the same sweep trains in the same way
            return Mode(job.rows or 1, is_compiled=job.compile == "on")
        try:
            is_news = _time(costs, job, subject)
        except (Exception, SystemExit):  # its settings are far out, say: another trial of the shape may tell
            return Mode(job.rows or 1, is_compiled=job.compile == "on")
        if is_news:
            _write(file, costs)
    if job.compile == "on":  # where it could not be, its trials try once more, and note why
        timed = costs.compiled or costs.eager
        return Mode(min(timed, key=timed.__getitem__), is_compiled=True)
    if job.rows is not None:
        return Mode(job.rows, costs.mode(rounds, may_compile=may_compile).is_compiled)
    return costs.mode(rounds, may_compile=may_compile)


def _time(costs: Costs, job: Job, subject: _Subject) -> bool:
    """Measure what is not known and may pay; whether there was anything."""
    before = asdict(costs)
    if not costs.eager:
        costs.eager = {1: subject.alone()}
        for rows in _tried(job, subject.device):
            if not _time_rows(costs, rows, subject):
                break
    is_wanted = job.compile == "on" or (job.compile == "auto" and costs.is_worth_compiling(subject.planned))
    if is_wanted and not costs.compiled:
        _time_compiled(costs, job.rows or costs.quickest, subject)
    return asdict(costs) != before


def _time_rows(costs: Costs, rows: int, subject: _Subject) -> bool:
    """Time a stack of so many rows; whether more are worth a try."""
    try:
        costs.eager[rows], _ = subject.stacked(rows)
    except Diverged:
        raise
    except (Exception, SystemExit) as error:  # for want of memory, or its code cannot be stacked: alone it was well
        if fault_of(error) not in (None, Fault.MEMORY):
            raise
        return False
    return costs.eager[rows] < min(costs.eager.values()) * _BETTER


def _time_compiled(costs: Costs, rows: int, subject: _Subject) -> None:
    try:
        costs.compiled[rows], costs.compiling = subject.stacked(rows, compiled=True)
        costs.uncompilable = ""
    except Uncompilable as error:
        costs.uncompilable = str(error)


def _tried(job: Job, device: torch.device) -> list[int]:
    """The stacks that are timed, the smallest first: none of more rows than there are trials for."""
    wanted = [job.rows] if job.rows else ROWS.get(device.type, ROWS["cpu"])
    return sorted({min(rows, job.at_once) for rows in wanted} - {1})


def _file(job: Job, device: torch.device) -> Path:
    tried = _tried(job, device)
    share = [job.gpu] if 0 < job.gpu < 1 else []  # which holds fewer rows than a whole GPU
    on = [job.shape, job.plugins, name_of(device), device.type, job.threads, tried, torch.__version__, *share]
    return cache_folder() / "modes" / f"{hashlib.sha256(json.dumps(on).encode()).hexdigest()[:32]}.json"


@contextlib.contextmanager
def _held(file: Path) -> Iterator[None]:
    """Inside, no other process measures the same; where files cannot be locked, it may."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(file.with_suffix(".lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(file: Path) -> Costs:
    """What is remembered; nothing where that is damaged."""
    try:
        found: Mapping[str, Any] = json.loads(file.read_text())
        eager, compiled = ({int(n): float(s) for n, s in found[kind].items()} for kind in ("eager", "compiled"))
        costs = Costs(eager, compiled, float(found["compiling"]), str(found["uncompilable"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return Costs()
    return costs if _is_sound(costs) else Costs()


def _is_sound(costs: Costs) -> bool:
    timed = [*costs.eager.items(), *costs.compiled.items()]
    is_timed = all(1 <= rows <= MOST_ROWS and 0 < seconds < math.inf for rows, seconds in timed)
    return is_timed and 1 in costs.eager and 0 <= costs.compiling < math.inf


def _write(file: Path, costs: Costs) -> None:
    with contextlib.suppress(OSError):
        with unfinished(file) as new:
            new.write(json.dumps(asdict(costs)).encode())
        Path(new.name).replace(file)

"""What a training step costs: against a loop by hand, and among the rows of a stack.

Processor seconds of one thread. Whatever is compared takes turns, round by round of the measurement, and medians are
compared, so that what else the machine does meanwhile falls on all alike.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import torch

from gensweep.benchmarks import bare
from gensweep.benchmarks._telling import forget_the_peak, memory, say
from gensweep.benchmarks.workloads import BATCH, Workload
from gensweep.modes import Mode
from gensweep.optimizers.adam import Adam
from gensweep.trainers.compiling import Uncompilable
from gensweep.trainers.loop import Trainee, train
from gensweep.trainers.pack import PackTraining
from gensweep.trainers.streams import BatchOrder, NoiseChunks

Play = Callable[[], object]
Ready = Callable[[], Play]  # builds what is to be trained, and gives what trains it


@dataclass(frozen=True)
class Way:
    """One way to play rounds, by name: `ready` builds trainees anew and gives what trains them, of which this many."""

    name: str
    trainees: int
    ready: Ready


def by_hand(workload: Workload, epochs: int) -> Way:
    """The bare loop: the same weights, batches and noise as of gensweep's own, all drawn beforehand."""
    data, n = workload.data().flatten(1), workload.rounds(epochs)
    batches = BatchOrder(0, len(data), BATCH).batches(0, n)
    adam = workload.configuration().training.optimizer
    assert isinstance(adam, Adam)

    def ready() -> Play:
        trainee = workload.trainee()
        model, noise = model_by_hand(trainee), _draws(trainee, n)
        optimizer = torch.optim.Adam(model.parameters(), lr=adam.lr, betas=adam.betas, eps=adam.eps, fused=True)
        return lambda: bare.play(model, optimizer, data, batches, noise)

    return Way("by hand", 1, ready)


def model_by_hand(trainee: Trainee) -> bare.WAE | bare.VAE:
    """The same model by hand, with the same weights."""
    networks = trainee.game.networks
    matrices = [p for p in networks["encoder"].parameters() if p.ndim == 2]
    hidden, d = [len(p) for p in matrices[:-1]], matrices[0].shape[1]
    latent_size = next(networks["decoder"].parameters()).shape[1]
    model = (bare.VAE if "log_variance" in networks else bare.WAE)(d, hidden, latent_size)
    with torch.no_grad():
        for name, network in networks.items():
            own = getattr(model, name)
            parameters = [own] if isinstance(own, torch.nn.Parameter) else [*own.parameters()]
            for mine, theirs in zip(parameters, network.parameters(), strict=True):
                mine.copy_(theirs)
    return model


def _draws(trainee: Trainee, rounds: int) -> torch.Tensor:
    """What the one draw of its one player is in each round: [rounds, *shape]."""
    noise = NoiseChunks(0, trainee.game)
    numbers = range(-(-rounds // noise.rounds))
    drawn = [own for number in numbers for own in noise.chunk(number, trainee.device).values()]
    return torch.cat([values[:, 0] for own in drawn for values in own.values()])[:rounds]


def alone(workload: Workload, epochs: int) -> Way:
    """A trial as it trains alone."""
    data = workload.data()

    def ready() -> Play:
        trainee = workload.trainee()
        return lambda: [progress.parts for progress in train(trainee, data, epochs, BATCH, 0)][-1]

    return Way("alone", 1, ready)


def stacked(workload: Workload, epochs: int, rows: int, *, compiled: bool) -> Way:
    """Trials as the rows of one stack, all of them filled."""
    data = workload.data()

    @cache  # made when it is first played, so that its memory counts; and once, so that it is compiled once
    def made() -> PackTraining:
        return PackTraining(workload.trainee(), data, BATCH, rows, compiled=compiled)

    def ready() -> Play:
        training = made()
        for seed in range(rows):
            training.enter(workload.trainee(seed), epochs, seed)
        return lambda: [training.play() for _ in range(epochs)]

    return Way(str(Mode(rows, compiled)) if rows > 1 or compiled else "pack of 1", rows, ready)


@dataclass
class Timed:
    """Processor seconds of a round of one trial, each time it was measured; the peak of memory over what was there, in kB."""

    way: Way
    seconds: list[float]
    peak: int | None = None
    reason: str = ""

    @property
    def median(self) -> float:
        """The middle one; infinite where it cannot be played."""
        return statistics.median(self.seconds) if self.seconds else math.inf


def timed(ways: Sequence[Way], rounds: int, repeats: int) -> list[Timed]:
    """Each way once to warm up, then all of them in turn, `repeats` times."""
    found = [Timed(way, []) for way in ways]
    for one in found:
        say(f"  {one.way.name}")
        before = memory("VmRSS") if forget_the_peak() else None
        try:
            one.way.ready()()
        except Uncompilable as error:
            one.reason = str(error)
            continue
        if before is not None:
            one.peak = max(0, memory("VmHWM") - before)
    for _ in range(repeats):
        for one in found:
            if not one.reason:
                play = one.way.ready()
                began = time.process_time()
                play()
                one.seconds.append((time.process_time() - began) / rounds / one.way.trainees)
    return found


def step_rows(
    workloads: Sequence[Workload], epochs: int, repeats: int, rows: int = 8, *, compiled: bool = True
) -> Iterator[tuple[str, ...]]:
    """Rows (workload, way, CPU ms a round of one trial, speed of the loop by hand in the place of 1)."""
    for workload in workloads:
        say(f"step: {workload.name}")
        packs = [(n, is_compiled) for is_compiled in (False, True)[: 1 + compiled] for n in (1, rows)]
        ways = [by_hand(workload, epochs), alone(workload, epochs)]
        ways += [stacked(workload, epochs, n, compiled=is_compiled) for n, is_compiled in packs]
        first, *others = timed(ways, workload.rounds(epochs), repeats)
        for one in (first, *others):
            yield workload.name, one.way.name, *_figures(one, f"{1000 * one.median:.3f}", first.median / one.median)


def pack_rows(
    workloads: Sequence[Workload], epochs: int, repeats: int, sizes: Sequence[int], *, compiled: bool = True
) -> Iterator[tuple[str, ...]]:
    """Rows (workload, way, rounds of a trial in a CPU second, of which alone is 1, peak MB over what was there)."""
    for workload in workloads:
        say(f"packs: {workload.name}")
        ways = [alone(workload, epochs)]
        ways += [stacked(workload, epochs, n, compiled=False) for n in sizes if n > 1]
        ways += [stacked(workload, epochs, n, compiled=True) for n in sizes if compiled]
        first, *others = timed(ways, workload.rounds(epochs), repeats)
        for one in (first, *others):
            peak = "?" if one.peak is None else f"{one.peak / 1024:.0f}"
            yield workload.name, one.way.name, *_figures(one, f"{1 / one.median:.0f}", first.median / one.median), peak


def _figures(one: Timed, cost: str, ratio: float) -> tuple[str, str]:
    return (f"not run: {one.reason:.60}", "-") if one.reason else (cost, f"{ratio:.2f}")

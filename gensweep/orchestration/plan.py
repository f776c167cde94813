"""What a sweep would cost, from a timed probe: one short training and one evaluation for each family, on this machine."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from gensweep.axes.space import draw
from gensweep.configuration import TrialConfiguration
from gensweep.datasets import base as datasets
from gensweep.errors import Diverged
from gensweep.metrics.base import scorer
from gensweep.modes import Mode, mode_of, remembered, shape_of
from gensweep.orchestration.driver import side_by_side
from gensweep.orchestration.room import PICTURES
from gensweep.seeding import derive
from gensweep.spaces.drawn import configuration_of
from gensweep.spaces.sweep import Sweep
from gensweep.trainers.checkpoint import to_bytes
from gensweep.trainers.loop import train
from gensweep.trial import Job, TrainedModel, build_game, build_trainee, evaluate

_DRAWS = 3  # configurations timed for each family


@dataclass(frozen=True)
class Probe:
    """One arm's share of a sweep, with what confirms it.

    Times in seconds, on one core or device, of a trial that trains as `mode` says; in bytes what is kept.
    """

    family: str
    trials: int
    axes: dict[str, str]
    training_seconds: float
    evaluation_seconds: float
    disk: int
    mode: str

    @property
    def seconds(self) -> float:
        """For all its trials in one place, with no early stopping."""
        return self.trials * (self.training_seconds + self.evaluation_seconds)


def probe(sweep: Sweep, device: str = "cpu") -> Iterator[Probe]:
    """Time each family of the sweep: a second or two each, once the data are read."""
    for label, arm in sweep.arms.items():
        generator = random.Random(derive(sweep.search.seed, "plan", label))
        trials = sweep.counts[label] + sweep.confirmations[label]
        drawn = [arm.configuration(draw(arm.space, generator), seed=0) for _ in range(_DRAWS)]
        timed = _timed(drawn, device)
        training, evaluation, checkpoint = (sum(column) / len(timed) for column in zip(*timed, strict=True))
        mode, gain = _mode(sweep, label, configuration_of(drawn[0]), device)
        searched = {str(axis.path): str(axis.distribution) for axis in arm.axes}
        disk = trials * (int(checkpoint) + PICTURES)
        yield Probe(label, trials, searched, training / gain, evaluation, disk, str(mode))


def _mode(sweep: Sweep, label: str, configuration: TrialConfiguration, device: str) -> tuple[Mode, float]:
    """How trials of an arm like this one would train, and how many times as quick as alone."""
    resources, objective, at_once = sweep.resources, sweep.objective, side_by_side(sweep, label)
    shape, latent_size = shape_of(configuration, device, sweep.arms[label].largest("latent_size"))
    job = Job(
        0, "", configuration.dump(), "", "", 0, objective.metric, objective.mode, threads=resources.threads, device=device,
        shape=shape, latent_size=latent_size, rows=resources.rows and min(resources.rows, at_once),
        compile=resources.compile, alike=sweep.counts[label] + sweep.confirmations[label], at_once=at_once,
    )  # fmt: skip
    mode = mode_of(job)
    return mode, remembered(job).gain(mode)


def _timed(nodes: Sequence[object], device: str) -> list[tuple[float, float, float]]:
    """The times of those that do not diverge at once, as a far end of a range may; what stops them if all do."""
    times, diverged = [], list[Diverged]()
    for node in nodes:
        try:
            times.append(time_of(node, device))
        except Diverged as error:
            diverged.append(error)
    if not times:
        raise diverged[0]
    return times


def time_of(node: object, device: str) -> tuple[float, float, float]:
    """Seconds of training and of evaluation for a whole trial of this configuration, and the size of its checkpoint."""
    configuration = configuration_of(node)
    dataset = configuration.dataset
    data = datasets.load(dataset).train
    place = torch.device(device)
    game = build_game(configuration)
    trainee = build_trainee(configuration, game, place)
    batch = configuration.training.batch_size
    read = max(20 * batch, game.warm_up.batch_size if game.warm_up else 0)
    some = data[: max(batch * game.batches_per_round, min(len(data), read))].to(place)
    first = sum(
        p.seconds for p in train(trainee, some, 1, batch, configuration.seed)
    )  # caches are cold; plays a warm-up
    second = sum(p.seconds for p in train(trainee, some, 2, batch, configuration.seed))
    training = second * len(data) / len(some) * configuration.training.epochs
    if game.warm_up:
        training += max(0.0, first - second)
    scorers = {m.name: scorer(m, dataset, configuration.evaluation.split) for m in configuration.evaluation.metrics}
    evaluate(TrainedModel(trainee.averaged(), configuration, place), scorers)
    began = time.perf_counter()
    evaluate(TrainedModel(trainee.averaged(), configuration, place), scorers)
    n_evaluations = -(-configuration.training.epochs // configuration.evaluation.every)
    return training, (time.perf_counter() - began) * n_evaluations, float(len(to_bytes(trainee.state())))

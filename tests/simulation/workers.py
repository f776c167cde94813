"""Trials without training: the real order of what a trial reads, writes and says, around weights of one number.

The weights after an epoch follow from those before it, the trial's knobs and its seed, and its scores from its weights: what is
trained on from another place than the checkpoint gives other numbers.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import torch

from gensweep import trial
from gensweep.artifacts.workplace import Workplace
from gensweep.configuration import TrialConfiguration
from gensweep.errors import Diverged
from gensweep.orchestration import driver
from gensweep.trainers.loop import Progress
from gensweep.trial import Job

METRIC = "sliced_wasserstein"
ROUNDS = 10  # steps an epoch
_CPU = torch.device("cpu")


def number(*content: object) -> float:
    """A number in [0, 1) that follows from the content."""
    digest = hashlib.sha256(repr(content).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def is_mended() -> bool:
    """Whether the mistake that some trials fail of is no more."""
    return False


class Weights:
    """What a trial trains."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self.seed, self.step = configuration["seed"], 0
        self.knobs = json.dumps(
            [configuration["family"], configuration["training"]["optimizer"], self.seed], sort_keys=True
        )
        self.value = number("initial", self.seed)

    def state(self) -> dict[str, Any]:
        return {"step": self.step, "value": self.value}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.step, self.value = state["step"], state["value"]

    def adopt(self, state: Mapping[str, Any]) -> None:
        self.value = state["value"]

    def averaged(self) -> dict[str, float]:
        return {"value": self.value}

    def epoch(self, epoch: int) -> None:
        """Train for one epoch."""
        fate = number("fate", self.knobs)
        if fate < 0.1 and epoch == 2:
            raise Diverged("loss is nan", self.step + 3)
        if 0.1 <= fate < 0.2 and epoch == 2 and not is_mended():
            raise RuntimeError(f"a mistake of the user's, in a trial of seed {self.seed} and fate {fate:.6f}")
        self.value = number("epoch", epoch, self.value, self.knobs)
        self.step += ROUNDS


class SimulatedRun(trial.Trial):
    """The real run of a trial, with nothing to train."""

    def __init__(self, job: Job, place: Workplace | None = None) -> None:
        self.job, self.place, self.objective, self.device = job, place or job.workplace(), job.objective, _CPU
        self.folder = self.place.folder
        self.configuration: Any = _configuration(json.dumps(job.configuration))
        self.trainee: Any = Weights(job.configuration)
        self.game: Any = SimpleNamespace(
            players=("one",), notes={"above": "was above a half"}, items=lambda step, *_: 64 * step
        )
        self.data: Any = ()
        self.dataset: Any = None
        self.scorers: Any = {}
        self.protocol, self.test, self.scores, self.best = {}, {}, {}, {}
        self.best_epoch = None
        self.epoch, self.seconds, self.evaluation_seconds, self.copies = 0, 0.0, 0.0, 0
        self.rows, self.notes, self.mode, self._error = [], [], trial.ALONE, None

    def _evaluate(self) -> dict[str, float]:
        self.folder.write_file(f"samples/epoch-{self.epoch:05d}.png", repr(self.trainee.value).encode())
        return _scores(self.trainee.value)

    def _test(self) -> None:
        checkpoint = self.folder.best()
        assert checkpoint is not None, "the best checkpoint is gone"
        self.trainee.restore(json.loads(checkpoint.read(trial.STATE))["trainee"])
        self.test = _scores(number("test", self.trainee.value))


def _scores(value: float) -> dict[str, float]:
    return {METRIC: 0.1 + value, "second": math.nan if value < 0.1 else 1 - value}


def _train(trainee: Weights, _data: Any, epochs: int, _batch: int, _seed: int) -> Iterator[Progress]:
    for epoch in range(trainee.step // ROUNDS + 1, epochs + 1):
        trainee.epoch(epoch)
        above = 1.0 if trainee.value > 0.5 else 0.0
        yield Progress(epoch, trainee.step, {"loss": trainee.value / 2, "above": above}, 1.0)


@cache
def _configuration(text: str) -> SimpleNamespace:
    """What a run asks of a configuration, worked out once."""
    whole = TrialConfiguration.model_validate(json.loads(text))
    plain = whole.dump()
    return SimpleNamespace(training=whole.training, evaluation=whole.evaluation, seed=whole.seed, dump=lambda: plain)


def functions() -> dict[tuple[object, str], Callable[..., Any]]:
    """What takes the place of what a trial trains with."""
    return {
        (trial, "Trial"): SimulatedRun,
        (driver, "shape_of"): lambda configuration, *_: (configuration.family.name, 0),
        (trial, "train"): _train,
        (trial, "to_bytes"): lambda state: json.dumps(state).encode(),
        (trial, "from_bytes"): lambda data, _device: json.loads(data),
        (trial, "name_of"): lambda _device: "cpu",
    }

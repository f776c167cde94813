"""One trial, start to finish, as a generator of reports. The page to read first.

    seed -> dataset -> family -> game -> for each epoch: train; every few: evaluate, make durable, yield a report

It knows neither Ray nor MLflow: an executor iterates it and may stop at any report. What a trial needs to go on stands
in its folder, so running it again, anywhere, continues it or repeats its last report.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import torch

from gensweep import pictures
from gensweep.artifacts.workplace import Following, Workplace, plugins_of
from gensweep.configuration import MOST_ROWS, TrialConfiguration
from gensweep.credentials import redacted
from gensweep.datasets import base as datasets
from gensweep.datasets.base import Dataset
from gensweep.devices import host, name_of, room, software
from gensweep.errors import ConfigError, DamagedSweep, Diverged, GensweepError, Outcome
from gensweep.families.base import LATENT, Fitted, Game, Setting
from gensweep.faults import Fault, fault_of
from gensweep.layers import Undrawn
from gensweep.ledger.fields import mistake
from gensweep.ledger.lease import Fence
from gensweep.ledger.trial_folder import Row, TrialFolder
from gensweep.losses import Draw, Noise
from gensweep.metrics.base import Scorer, TrainedCritic, scorer
from gensweep.objective import Objective
from gensweep.plugged import of_job
from gensweep.seeding import derive
from gensweep.trainers.arithmetic import products
from gensweep.trainers.checkpoint import believed, from_bytes, to_bytes
from gensweep.trainers.loop import Progress, Trainee, train
from gensweep.trainers.streams import draw
from gensweep.trainers.technique import Technique

TRIAL_SCHEMA = 4  # raised when the same configuration would no longer give the same numbers
ALONE = "alone"  # the mode of a trial that is no row of a stack
STATE = "state.pt"  # the file of a checkpoint that holds all of a trial's state
_PICTURED = 64
_testing = threading.Lock()  # what scorers keep is made by one thread
_SAMPLED_AT_ONCE = 1000


@dataclass(frozen=True)
class Job:
    """A trial as an executor gets it: plain data. `metric` and `mode` say what "best" means.

    `folder` is the trial's, `sweep` the sweep's, of which driver `generation` handed it out. `copies` counts how often the
    trial has taken the weights of another one. A confirmation is scored on the test split, once it is over. `share` is how
    many times the resources of a trial it gets. `stall_timeout`: seconds without a report after which its process is ended;
    None: by its own pace. Trials of one `shape` can train as one stack, of `rows` at most; None: as many as is quickest.
    `alike` is how many there may be of its shape, itself among them, and `at_once` how many of them side by side.
    `plugins` is the SHA-256 of those in the sweep's folder, empty where it has none. `latent_size` is that of the rows of its
    stack, to which its own is padded; 0: its own. `gpu` is how many GPUs a trial process takes, or which part of one.
    With a `url` what it leaves is kept there, and its sweep's plug-ins at `sweep_url`: no process needs to see the folders;
    `reported` is the last epoch of which the driver has everything.
    """

    number: int
    key: str
    configuration: dict[str, Any]
    folder: str
    sweep: str
    generation: int
    metric: str
    mode: Literal["min", "max"]
    copies: int = 0
    threads: int = 1
    device: str = "cpu"
    is_confirmation: bool = False
    share: int = 1
    stall_timeout: float | None = None
    shape: str = ""
    rows: int | None = 1
    compile: Literal["auto", "on", "off"] = "auto"
    alike: int = 1
    at_once: int = MOST_ROWS
    plugins: str = ""
    latent_size: int = 0
    gpu: float = 0.0
    url: str = ""
    sweep_url: str = ""
    reported: int = -1

    @property
    def objective(self) -> Objective:
        """What "best" means."""
        return Objective(metric=self.metric, mode=self.mode)

    def trial_folder(self) -> TrialFolder:
        """Its folder, which refuses to be written once another driver took the sweep."""
        return TrialFolder(Path(self.folder), Fence(Path(self.sweep), self.generation))

    def folder_of_plugins(self) -> Path:
        """The folder that has its sweep's plug-ins, as the sweep's has."""
        return plugins_of(self.sweep_url) if self.url and self.plugins else Path(self.sweep)

    def workplace(self, alive: Callable[[], None] = lambda: None) -> Workplace:
        """Where this process trains it; `alive` is called while a store is waited for."""
        if not self.url:
            return Workplace(self.trial_folder())
        return Following(self.url, self.generation, self.reported, self.copies, alive)


@dataclass(frozen=True)
class Report:
    """What a driver needs to know at an evaluation; the folder has the rest. `outcome` is None until the trial ends.

    Seconds count from the trial's beginning, those of the last, unfinished epoch too; `items` are those of the training split
    that it was trained on, each as often as it was seen. `test` holds the scores on the test
    split of a confirmation that has ended, of the epoch that was best on validation. `notes` are sentences on what to know
    of the numbers, each said once in a trial. `device` is the name of what it is trained on, `software` has the versions below
    torch there, `mode` says how it is trained, and `host` is the name of the machine. `rows` and `files` are what its folder has
    got since the report before, where the driver does not see that folder.
    """

    number: int
    epoch: int
    step: int
    scores: dict[str, float]
    best: dict[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    seconds: float = 0.0
    evaluation_seconds: float = 0.0
    outcome: Outcome | None = None
    reason: str = ""
    protocol: dict[str, str] = field(default_factory=dict)
    test: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    device: str = ""
    items: int = 0
    mode: str = ALONE
    software: dict[str, str] = field(default_factory=dict)
    host: str = ""
    rows: list[Row] = field(default_factory=list, repr=False)
    files: dict[str, bytes] = field(default_factory=dict, repr=False)

    def facts(self) -> dict[str, Any]:
        """All of it but what is in the folder already, as outcome.json has it."""
        facts = {name: value for name, value in vars(self).items() if name not in ("rows", "files")}
        return {**facts, "outcome": self.outcome and self.outcome.name}

    def with_news(self, place: Workplace) -> Report:
        """The report, now that what it tells of is durable."""
        news = place.told()
        return self if news is None else replace(self, rows=news.rows, files=news.files)


@dataclass(frozen=True)
class Failure:
    """An error in a trial, as data. `fault` says which of the machine's it is; None: it is one of the trial's own code.

    `place` is the error's type and where it was raised: the same for the same mistake, whatever its text holds.
    """

    number: int
    reason: str
    details: str
    fault: Fault | None = None
    place: str = ""

    @classmethod
    def of(cls, number: int, error: BaseException) -> Failure:
        """The only place where an exception becomes a failure."""
        reason = str(error) if isinstance(error, GensweepError) else f"{type(error).__name__}: {error}"
        details = redacted("".join(traceback.format_exception(error)))
        return cls(number, redacted(reason), details, fault_of(error), _place(error))


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__name__


Said = Report | Failure


def trial_key(configuration: Mapping[str, Any], data_digest: str, plugins: Mapping[str, str] | None = None) -> str:
    """What a trial is, in 64 hexadecimal digits: equal keys give equal numbers.

    `plugins` are the members of the user's own that it is made of, each with its hash.
    """
    content = {"schema": TRIAL_SCHEMA, "data": data_digest, "configuration": configuration}
    if plugins:
        content["plugins"] = dict(plugins)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def run_trial(job: Job, alive: Callable[[], None] = lambda: None) -> Iterator[Report]:
    """Train and evaluate one configuration, continuing from its newest verified checkpoint.

    Yields a report at every evaluation, only after rows and checkpoint are durable; the last one has an outcome. A
    trial that continues first repeats the report of its checkpoint. `alive` is called while a store is waited for.
    """
    place = job.workplace(alive)
    try:
        if (last := ended(job, place)) is not None:
            yield last
            return
        trial = Trial(job, place)
        if (reached := trial.begin()) is not None:
            yield reached
        yield from trial.train()
    finally:
        place.close()


def ended(job: Job, place: Workplace) -> Report | None:
    """The last report of a trial that has ended; None of one that has not."""
    if (facts := place.folder.outcome()) is None:
        return None
    return Report(**{**facts, "number": job.number, "outcome": Outcome[facts["outcome"]]}).with_news(place)


class Trial:
    """One trial while it runs: what it is made of, how far it is, and what it says. Who trains it tells it of each epoch."""

    def __init__(self, job: Job, place: Workplace | None = None) -> None:
        self.job, self.objective, self.place = job, job.objective, place or job.workplace()
        self.folder = self.place.folder
        self.device = device = torch.device(job.device)
        of_job(job.folder_of_plugins(), job.plugins)
        self.configuration = c = TrialConfiguration.model_validate(job.configuration)
        self.dataset = c.dataset
        self.data = _on(self.dataset, device)
        if len(self.data) < c.training.batch_size:
            raise ConfigError(
                f"training.batch_size: {c.training.batch_size} is more than the {len(self.data)} items of "
                f"{c.dataset!r}. Use a smaller batch."
            )
        self.game = build_game(c)
        self.trainee = build_trainee(c, self.game, device)
        self.scorers = {m.name: scorer(m, self.dataset, c.evaluation.split) for m in c.evaluation.metrics}
        self.protocol: dict[str, str] = {}
        self.test: dict[str, float] = {}
        self.scores: dict[str, float] = {}
        self.best: dict[str, float] = {}
        self.best_epoch: int | None = None
        self.epoch, self.seconds, self.evaluation_seconds, self.copies = 0, 0.0, 0.0, 0
        self.rows: list[Row] = []
        self.notes: list[str] = []
        self.mode = ALONE
        self._error: Diverged | None = None

    def begin(self) -> Report | None:
        """Go back to where its newest checkpoint stands; what was said there, again, for a driver that died before it heard."""
        return self.reached() if self._resume() else None

    def train(self) -> Iterator[Report]:
        """Train it alone, from where it stands to its end."""
        training = self.configuration.training
        epochs = train(self.trainee, self.data, training.epochs, training.batch_size, self.configuration.seed)
        while True:
            began = time.perf_counter()
            try:
                progress = next(epochs, None)
            except Diverged as error:
                yield self.diverged(error, time.perf_counter() - began)
                return
            if progress is None:
                return
            report = self.take(progress)
            if report is not None:
                yield report
            if report is not None and report.outcome is not None:
                return

    def take(self, progress: Progress) -> Report | None:
        """Note an epoch that was trained, and what there is to say at its end; with an outcome, that was the last."""
        return self.record() if self.look(progress) else None

    def look(self, progress: Progress) -> bool:
        """Note an epoch that was trained, and evaluate it if that is due; whether there is something to `record`."""
        self.epoch = progress.epoch
        self.seconds += progress.seconds
        self.rows.append(_row(progress, progress.parts))
        self._note(self.game.notes, progress.parts)
        if not self.is_due(progress.epoch):
            return False
        try:
            self._look(progress)
        except Diverged as error:
            self._error = error
        return True

    def record(self) -> Report:
        """Make what was evaluated durable, and say it. A thread of its own may wait for the disk here."""
        if self._error is not None:
            return self.diverged(self._error)
        self.folder.append(self.rows)
        self.rows = []
        step = self.trainee.step
        self.folder.save(step, {STATE: to_bytes(self._state())}, best=self.best_epoch == self.epoch)
        return self.reached()

    def diverged(self, error: Diverged, seconds: float = 0.0) -> Report:
        """Its end, where its training or its samples have none; `seconds` of an epoch that came to nothing count."""
        self.seconds += seconds
        return self._end(Outcome.DIVERGED, str(error), error.step)

    def _resume(self) -> bool:
        """Describe the trial in its folder, and go back to where its newest checkpoint stands; whether there is one."""
        self.folder.write_configuration(self.configuration.dump())
        self._write_protocol(self.scorers)
        checkpoint = self.folder.newest()
        if checkpoint is not None:
            with believed(checkpoint.path):
                self._restore(from_bytes(checkpoint.read(STATE), self.device))
        if self.copies < self.job.copies:
            self._copy()
        return checkpoint is not None

    def _write_protocol(self, scorers: Mapping[str, Scorer]) -> None:
        self.protocol = {name: s.protocol.hash for name, s in scorers.items()}
        protocols = {name: {**s.protocol.content, "hash": s.protocol.hash} for name, s in scorers.items()}
        self.folder.write_file("protocol.json", json.dumps(protocols, indent=1, sort_keys=True).encode())

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Take the state that `_state` gave."""
        if wrong := mistake(state):
            raise ValueError(wrong)
        self.trainee.restore(state["trainee"])
        self.best, self.best_epoch, self.epoch = state["best"], state["best_epoch"], state["epoch"]
        self.seconds, self.evaluation_seconds = state["seconds"], state["evaluation_seconds"]
        self.scores, self.copies = state["scores"], state.get("copies", 0)
        self.notes = list(state.get("notes", []))

    def _copy(self) -> None:
        """Take the weights that the driver put here from another trial; everything else stays this trial's own."""
        checkpoint = self.folder.copied(self.job.copies)
        with believed(checkpoint.path):
            self.trainee.adopt(from_bytes(checkpoint.read(STATE), self.device)["trainee"])
        self.copies = self.job.copies

    def reached(self) -> Report:
        """The report of the checkpoint that the trial stands at."""
        if self.epoch == self.configuration.training.epochs:
            step = self.trainee.step
            if self.job.is_confirmation:
                self._test()
            return self._end(Outcome.COMPLETED, "", step, self.scores)
        return self._describe(self.scores, self.trainee.step).with_news(self.place)

    def _test(self) -> None:
        """Score on the test split, once, the model of the epoch that was best on validation."""
        began = time.perf_counter()
        checkpoint = self.folder.best()
        if checkpoint is None:
            raise DamagedSweep(f"{self.folder.path}: the checkpoint of the best epoch is gone. Restore it from a copy.")
        with believed(checkpoint.path):
            self.trainee.restore(from_bytes(checkpoint.read(STATE), self.device)["trainee"])
        with _testing:
            of_test = {m.name: scorer(m, self.dataset, "test") for m in self.configuration.evaluation.metrics}
            self.test = evaluate(TrainedModel(self.trainee.averaged(), self.configuration, self.device), of_test)
        self._write_protocol(self.scorers | {f"test.{name}": s for name, s in of_test.items()})
        self.evaluation_seconds += time.perf_counter() - began

    def is_due(self, epoch: int) -> bool:
        """Whether to evaluate at the end of this epoch: at the last one only, where nothing is trained."""
        regular = bool(self.game.players) and epoch % self.configuration.evaluation.every == 0
        return regular or epoch == self.configuration.training.epochs

    def _look(self, progress: Progress) -> None:
        """Evaluate.

        Raises:
            Diverged: the samples, or the objective of them, are not finite.
        """
        began = time.perf_counter()
        try:
            self.scores = scores = self._evaluate()
        finally:
            self.evaluation_seconds += time.perf_counter() - began
        for metric in self.configuration.evaluation.metrics:
            self._note({f"{metric.name}.{detail}": text for detail, text in metric.notes().items()}, scores)
        objective = self.objective.of(scores)
        if not math.isfinite(objective):
            raise Diverged(f"{self.objective.metric} of the samples became {objective}", progress.step)
        if not self.best or self.objective.better(objective, self.objective.of(self.best)):
            self.best, self.best_epoch = scores, progress.epoch
        self.rows[-1] = _row(progress, progress.parts | scores)

    def _end(self, outcome: Outcome, reason: str, step: int, scores: Mapping[str, float] | None = None) -> Report:
        """The last report, which the folder keeps."""
        self.folder.append(self.rows)
        report = self._describe(dict(scores or {}), step, outcome, reason)
        self.folder.write_outcome(report.facts())
        return report.with_news(self.place)

    def _note(self, meanings: Mapping[str, str], values: Mapping[str, float]) -> None:
        """Keep the meaning of each value that is above 0 for the first time."""
        for name, meaning in meanings.items():
            said = any(note.startswith(f"{name}: ") for note in self.notes)
            if values.get(name, 0.0) > 0 and not said:
                self.notes.append(f"{name}: {meaning} ({values[name]:.3g} in epoch {self.epoch}).")

    def _evaluate(self) -> dict[str, float]:
        """Every score of the model as it stands, by flat name; pictures on the side."""
        with products("float32", self.device):
            return self._evaluated()

    def _evaluated(self) -> dict[str, float]:
        model = TrainedModel(self.trainee.averaged(), self.configuration, self.device)
        if not torch.isfinite(model.samples(_PICTURED)).all():
            raise Diverged("samples became not finite", self.trainee.step)
        self._draw(model)
        return evaluate(model, self.scorers)

    def _draw(self, model: TrainedModel) -> None:
        name, bounds = f"epoch-{self.epoch:05d}.png", self.dataset.bounds
        n = _PICTURED if len(self.dataset.shape) == 3 else _SAMPLED_AT_ONCE
        if picture := pictures.png(model.samples(n), bounds):
            self.folder.write_file(f"samples/{name}", picture)
        originals = datasets.load(self.dataset).validation[: _PICTURED // 2]
        reconstructed = model.reconstructions(originals)
        if reconstructed is not None and originals.ndim == 4:
            picture = pictures.png(pictures.side_by_side(originals, reconstructed.cpu()), bounds)
            self.folder.write_file(f"reconstructions/{name}", picture or b"")

    def _state(self) -> dict[str, Any]:
        return {
            "trainee": self.trainee.state(),
            "scores": self.scores,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "epoch": self.epoch,
            "seconds": self.seconds,
            "evaluation_seconds": self.evaluation_seconds,
            "copies": self.copies,
            "notes": self.notes,
        }

    def _describe(
        self, scores: dict[str, float], step: int, outcome: Outcome | None = None, reason: str = ""
    ) -> Report:
        return Report(
            self.job.number,
            self.epoch,
            step,
            scores,
            self.best,
            self.best_epoch,
            self.seconds,
            self.evaluation_seconds,
            outcome,
            reason,
            self.protocol,
            self.test,
            list(self.notes),
            name_of(self.device),
            self.game.items(step, self.configuration.training.batch_size, len(self.data)),
            self.mode,
            dict(software(self.device)),
            host(),
        )


class TrainedModel:
    """A game's networks as metrics see them: a fixed sequence of samples, and what else the family can say of data."""

    def __init__(self, game: Game, configuration: TrialConfiguration, device: torch.device) -> None:
        self.game, self.seed, self.device = game, configuration.seed, device
        self.dataset = configuration.dataset
        self._chunks: list[torch.Tensor] = []

    @torch.no_grad()
    def samples(self, n: int) -> torch.Tensor:
        """The first n samples of the trial's evaluation stream, [n, *shape]."""
        while len(self._chunks) * _SAMPLED_AT_ONCE < n:
            noise = self.draws(self.game.sample_noise, "evaluation", len(self._chunks), _SAMPLED_AT_ONCE)
            self._chunks.append(self.drawn(noise))
        return torch.cat(self._chunks)[:n]

    @torch.no_grad()
    def drawn(self, noise: Noise) -> torch.Tensor:
        """The samples [n, *shape] that the game's sampler makes of these draws, each [n, *its shape]."""
        return self.fitted.sample(self.game.networks, noise)

    @cached_property
    @torch.no_grad()
    def fitted(self) -> Fitted:
        """How it is sampled, and its likelihood: the game's own, or what is computed from the training split."""
        if self.game.fit is None:
            return Fitted(self.game.sample, self.game.likelihood)
        return self.game.fit(self.game.networks, _on(self.dataset, self.device))

    @torch.no_grad()
    def reconstructions(self, x: torch.Tensor) -> torch.Tensor | None:
        """x [n, *shape] encoded and decoded, through the mean of q(z|x), or None where the family has no encoder."""
        if (reconstruct := self.game.reconstruct) is None:
            return None
        return torch.cat([reconstruct(self.game.networks, part) for _, part in self._parts(x)])

    @torch.no_grad()
    def decodings(self, z: torch.Tensor) -> torch.Tensor | None:
        """Codes z [n, k] as items [n, *shape], without noise of the observation; None where nothing is latent."""
        if (decode := self.game.decode) is None:
            return None
        return torch.cat([decode(self.game.networks, part) for _, part in self._parts(z)])

    @torch.no_grad()
    def prior(self, n: int) -> torch.Tensor | None:
        """n draws of the law that codes are held to, [n, latent_size]; None where that is N(0, I), or nothing is latent."""
        if (law := self.game.prior) is None:
            return None
        return law(self.draws(self.game.sample_noise, "prior", 0, n))

    @torch.no_grad()
    def codes(self, x: torch.Tensor, seed: int | None = None) -> torch.Tensor | None:
        """A draw from q(z|x) for each of x [n, *shape], [n, latent_size], or None where the family has no encoder.

        `seed` is of these draws; by default the trial's.
        """
        if (encode := self.game.encode) is None:
            return None
        values = []
        for number, part in self._parts(x):
            noise = self.draws(self.game.encode_noise, "codes", number, len(part), seed)
            values.append(encode(self.game.networks, part, noise))
        return torch.cat(values)

    @torch.no_grad()
    def log_likelihood(self, x: torch.Tensor, seed: int | None = None) -> tuple[torch.Tensor, bool] | None:
        """log p(x) in nats [n] for x [n, *shape], and whether it is exact; None where the family has no likelihood.

        Of data on a grid it is a lower bound of log P(cell of x) / volume for families whose p is a density at points:
        log p at one uniform draw from the cell around x (Theis, van den Oord, Bethge, "A note on the evaluation of
        generative models", 2016, arXiv:1511.01844, section 3.1). `seed` is of what is drawn; by default the trial's.
        """
        if (likelihood := self.fitted.likelihood) is None:
            return None
        cell = 0.0 if likelihood.over_cells else self.dataset.cell
        values = []
        for number, part in self._parts(x):
            noise = self.draws(likelihood.noise, "likelihood", number, len(part), seed)
            items = self._spread(number, part, seed) if cell else part
            values.append(likelihood.evaluate(self.game.networks, items, noise))
        return torch.cat(values), likelihood.is_exact and not cell

    @torch.no_grad()
    def judged(self, x: torch.Tensor) -> torch.Tensor | None:
        """What the critic says of items x [n, *shape], [n], high where it takes them for data; None where there is none."""
        if (judge := self.game.judge) is None:
            return None
        return torch.cat([judge.values(self.game.networks, part) for _, part in self._parts(x)])

    def critic(self) -> TrainedCritic | None:
        """The critic beside the best one; None where it has none, that is not known, or the model is no Gaussian on the line."""
        judge, law = self.game.judge, self._normal_law()
        if judge is None or judge.best is None or law is None:
            return None

        def values(x: torch.Tensor) -> torch.Tensor:
            found = self.judged(x.float().reshape(-1, 1))
            assert found is not None
            return found

        return TrainedCritic(values, judge.best, *law)

    @torch.no_grad()
    def _normal_law(self) -> tuple[float, float] | None:
        """The mean and deviation of the model's law, where it is on the line and an affine map of normal draws alone."""
        game = self.game
        latent = game.sample_noise.get(LATENT)
        if game.decode is None or game.fit is not None or self.dataset.shape != (1,) or latent is None:
            return None
        if game.prior is not None or len(game.sample_noise) > 1 or latent.law != "normal" or len(latent.shape) != 1:
            return None
        d, generator = latent.shape[0], torch.Generator().manual_seed(0)
        probes = torch.cat([torch.zeros(1, d), torch.eye(d), 4 * torch.randn(16, d, generator=generator)])
        items = torch.cat([game.decode(game.networks, part) for _, part in self._parts(probes)])
        found = items.flatten().cpu().double()
        centre, slopes = found[0], found[1 : d + 1] - found[0]
        deviation = slopes.norm()
        # float32 rounds to 1e-7 of the largest number; what is no line is off by a part of its own spread
        is_affine = (found - centre - probes.double() @ slopes).abs().max() <= 1e-4 * (deviation + 1e-2 * centre.abs())
        return (float(centre), float(deviation)) if bool(is_affine) and float(deviation) > 0 else None

    @torch.no_grad()
    def log_conditionals(self, x: torch.Tensor, block: int, n: int) -> torch.Tensor | None:
        """log p(x_i | z_j) in nats, [m, n], for x [m, *shape] and n draws z_j of the prior, those of number `block`.

        None where the family has no such density. Items of data on a grid are spread over their cells as for `log_likelihood`.
        """
        if (conditional := self.game.conditional) is None:
            return None
        noise = self.draws(self.game.sample_noise, "conditional", block, n)
        z = self.game.prior(noise) if self.game.prior else noise[LATENT]
        spread = (self._spread(number, part) if self.dataset.cell else part for number, part in self._parts(x))
        return torch.cat([conditional(self.game.networks, items, z) for items in spread])

    def _spread(self, number: int, part: torch.Tensor, seed: int | None = None) -> torch.Tensor:
        """Part `number` of the items, each moved to a uniform point of the cell around it."""
        wanted = {"spread": Draw(self.dataset.shape, "uniform")}
        noise = self.draws(wanted, "likelihood", number, len(part), seed)
        return part + self.dataset.cell * (noise["spread"] - 0.5)

    def _parts(self, x: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        return enumerate(torch.split(x.to(self.device), _SAMPLED_AT_ONCE))

    def draws(
        self, wanted: Mapping[str, Draw], stream: str, number: int, n: int, seed: int | None = None
    ) -> dict[str, torch.Tensor]:
        """Part `number` of a stream of random numbers by its name, each [n, *its shape]: of `seed`, by default the trial's."""
        seed = self.seed if seed is None else seed
        return {name: draw(one, derive(seed, stream, name, number), n).to(self.device) for name, one in wanted.items()}


def build_game(configuration: TrialConfiguration) -> Game:
    """The game of a configuration, its networks initialised from the trial's own stream."""
    setting = _setting(configuration)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(configuration.seed, "initialisation"))
        return configuration.family.game(setting)


def size_of_networks(configuration: TrialConfiguration) -> int:
    """How many bytes a checkpoint holds of the networks of a configuration at least, without taking them; 0 where untold."""
    game = outline(configuration)
    networks = game.networks.values() if game else ()
    tensors = {id(t): t for network in networks for t in network.state_dict(keep_vars=True).values()}
    return sum(t.nbytes for t in tensors.values())


def outline(configuration: TrialConfiguration) -> Game | None:
    """The game of a configuration, with networks that have shapes and no values; None where it cannot be without these."""
    setting = _setting(configuration)  # outside: what is read of the data is real
    try:
        with torch.device("meta"), Undrawn():
            return configuration.family.game(setting)
    except (NotImplementedError, RuntimeError, ValueError, TypeError):
        return None  # a family may compute with values, in whatever way; what else is wrong says the real game


def _setting(configuration: TrialConfiguration) -> Setting:
    """What the family of a configuration is fitted to."""
    dataset = configuration.dataset
    return Setting(
        dataset.shape,
        dataset.bounds,
        configuration.latent_size,
        configuration.training.batch_size,
        configuration.network,
        partial(dataset.classes, "train") if dataset.is_of_classes else None,
        dataset.levels,
    )


def row_of(configuration: TrialConfiguration, job: Job) -> TrialConfiguration:
    """The configuration that a row of a job's stack is built by: with its latent size."""
    wider = job.latent_size > configuration.latent_size
    return configuration.model_copy(update={"latent_size": job.latent_size}) if wider else configuration


def build_trainee(configuration: TrialConfiguration, game: Game, device: torch.device) -> Trainee:
    """The game with the configuration's optimiser, knobs and options of training."""
    training, family = configuration.training, configuration.family
    schedule = training.lr_schedule
    technique = Technique(schedule.factor, training.grad_clip, training.ema, training.precision)
    return Trainee(game, training.optimizer, family.knobs(), device, technique)


def evaluate(model: TrainedModel, scorers: Mapping[str, Scorer]) -> dict[str, float]:
    """Every score by name, its details under `name.detail`."""
    scores: dict[str, float] = {}
    for name, one in scorers.items():
        with products("float32", model.device):  # what is measured does not depend on how it was trained
            score = one.score(model)
        scores[name] = score.value
        scores |= {f"{name}.{detail}": value for detail, value in score.details.items()}
    return scores


def _row(progress: Progress, values: dict[str, float]) -> Row:
    return Row(progress.epoch, progress.step, int(time.time() * 1000), progress.seconds, values)


_device_copies: dict[tuple[Dataset, str], torch.Tensor] = {}


def _on(dataset: Dataset, device: torch.device) -> torch.Tensor:
    """The training split on `device`, copied once a process and shared by its trials.

    A split that would take more than half of what is free there stays on the CPU, and the loop moves batches.
    """
    if device.type == "cpu":
        return datasets.load(dataset).train
    place = (dataset, str(device))
    if place not in _device_copies:
        _device_copies.clear()  # one dataset at a time: memory there is scarce
        train = datasets.load(dataset).train
        if device.type == "cuda" and train.nbytes > room(device) / 2:
            return train
        _device_copies[place] = train.to(device)
    return _device_copies[place]

"""One trial trained again from its configuration, outside of its sweep, and whether its numbers come again.

What is compared are the scores of every report that the ledger holds, and of a confirmation those on the test split.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from gensweep.agreement import Compared, compared
from gensweep.configuration import Resources, TrialConfiguration
from gensweep.datasets.base import load
from gensweep.devices import n_usable, name_of
from gensweep.errors import CannotRun, ConfigError, Outcome
from gensweep.faults import Fault
from gensweep.ledger import environment
from gensweep.ledger.events import Event
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.modes import Mode
from gensweep.objective import Objective
from gensweep.packs import Pack
from gensweep.trial import TRIAL_SCHEMA, Failure, Job, Report, trial_key

_SAYS = {"gensweep": "gensweep", "python": "Python", "platform": "system", "cpu_count": "CPUs"}


@dataclass(frozen=True)
class Repetition:
    """What came of it. `missing` are sentences on what only one of the two has; `unlike` on what differs in where they ran."""

    scores: list[Compared]
    missing: list[str]
    unlike: list[str]

    @property
    def agrees(self) -> bool:
        """Whether all numbers agree, at least to rounding."""
        return not self.missing and all(one.agrees != "no" for one in self.scores)

    def sentence(self) -> str:
        """What was found."""
        worst = [one.score for one in self.scores if one.agrees == "no"]
        if self.missing or worst:
            names = f"{', '.join(worst)} differ{'s' if len(worst) == 1 else ''} by more than rounding" if worst else ""
            return f"Not repeated: {'; '.join([*self.missing, *([names] if names else [])])}."
        exact = all(one.agrees == "bit for bit" for one in self.scores)
        return f"Repeated: all {len(self.scores)} scores agree {'bit for bit' if exact else 'to rounding'}."


def repeat(
    folder: SweepFolder, number: int, device: str | None = None, told: Callable[[Report], None] = lambda _: None
) -> Repetition:
    """Train a trial again in a temporary folder, as far as it came, and compare. The sweep's folder is only read.

    Raises:
        ConfigError: there is no such trial, or it has nothing that could be repeated.
        CannotRun: the device is not here, the temporary folder is full, or the training failed.
    """
    state = folder.state()
    record = state.trials.get(number)
    if record is None:
        raise ConfigError(f"{folder.name} has no trial {number}. gensweep show {folder.argument} lists them.")
    _refuse(folder, record)
    configuration = _configuration(folder, record)
    resources = Resources.model_validate(folder.definition.get("resources", {}))
    place = _device(device or _place_of(record, resources))
    mode = Mode.said(record.mode)
    objective = Objective.model_validate(folder.definition.get("objective"))
    unlike = [*_other_surroundings(folder, record), *_other_data(configuration, record)]
    with tempfile.TemporaryDirectory(prefix="gensweep-rerun-") as temporary:
        path = Path(temporary)
        job = Job(
            number, record.key, record.configuration, str(path / "trial"), str(path), 0, objective.metric, objective.mode,
            threads=resources.threads, device=place, is_confirmation=record.parent is not None, shape="repetition",
            rows=mode.rows, compile="on" if mode.is_compiled else "off", latent_size=mode.latent_size,
        )  # fmt: skip
        reports = _trained(job, record, told)
    return Repetition(*compared(record, reports), unlike=[*unlike, *_other_device(record, reports)])


def _refuse(folder: SweepFolder, record: TrialRecord) -> None:
    """Raise where training it again cannot give the same numbers, or there are none."""
    what = f"{folder.name}/{record.number}"
    if record.copies:
        sources = ", ".join(str(copy.source) for copy in record.copies)
        raise ConfigError(
            f"{what}: took the weights of other trials while it trained (of trial {sources}), so that its configuration alone "
            "does not give its numbers. Name a trial that took none."
        )
    if record.outcome is Outcome.FAILED:
        raise ConfigError(
            f"{what}: failed ({record.reason:.200}), and has no result to repeat. To try it again in its sweep: gensweep resume "
            f"{folder.argument} --retry-failed {record.number}"
        )
    if not record.reports and record.outcome is not Outcome.DIVERGED:
        raise ConfigError(f"{what}: has no scores yet. Wait until it has been evaluated once.")


def _configuration(folder: SweepFolder, record: TrialRecord) -> TrialConfiguration:
    try:
        found = TrialConfiguration.model_validate(record.configuration)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{folder.name}/{record.number}: its configuration is none here ({reason:.300}).") from error
    problems = [found.dataset.problem(), *(metric.problem() for metric in found.evaluation.metrics)]
    if said := [problem for problem in problems if problem]:
        raise ConfigError("\n".join(said))
    return found


def _place_of(record: TrialRecord, resources: Resources) -> str:
    """Where it is trained again: as the sweep says; where that is left open, on a GPU unless it was trained on this CPU."""
    if resources.gpu != "auto":
        return resources.device
    return "cuda" if n_usable() and record.device != name_of(torch.device("cpu")) else "cpu"


def _device(name: str) -> str:
    """The device, if torch can use it here."""
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:  # AssertionError: a torch that was built without it
        reason = " ".join(str(error).split())
        raise CannotRun(
            f"--device {name}: cannot be used here ({reason:.200}). As on any machine: --device cpu"
        ) from error
    return name


def _trained(job: Job, record: TrialRecord, told: Callable[[Report], None]) -> list[Report]:
    """Its reports, up to the epoch at which the recorded one was stopped, or to its end."""
    ends_itself = record.outcome in (Outcome.COMPLETED, Outcome.DIVERGED)
    threads = torch.get_num_threads()
    torch.set_num_threads(job.threads)
    reports = list[Report]()
    try:
        pack = Pack(job)
        while pack:
            for said in pack.turn():
                if isinstance(said, Failure):
                    raise CannotRun(_why_failed(said))
                reports.append(said)
                told(said)
                if not ends_itself and said.epoch >= record.epoch:
                    pack.close()
    finally:
        torch.set_num_threads(threads)
    return reports


def _why_failed(said: Failure) -> str:
    if said.fault is Fault.STORAGE:
        return f"{tempfile.gettempdir()}: {said.reason}. Make room there, or name another folder with TMPDIR."
    return f"the trial fails here: {said.reason}"


def _other_surroundings(folder: SweepFolder, record: TrialRecord) -> Iterator[str]:
    """What differs between here and where the trial was trained, as far as the sweep's folder says it."""
    started = _drivers(folder, record)
    now = environment.versions()
    for event in started:
        yield from environment.changes(event.get("versions", {}), now)
        if event.get("trial_schema", TRIAL_SCHEMA) != TRIAL_SCHEMA:
            yield f"schema of trials {event['trial_schema']} -> {TRIAL_SCHEMA}, which gives other numbers"
    before, here = folder.environment, environment.describe()
    for key, name in _SAYS.items():
        if key in before and before[key] != here[key]:
            yield f"{name} {before[key]} -> {here[key]}"


def _drivers(folder: SweepFolder, record: TrialRecord) -> list[Event]:
    """The events of the drivers under which the trial reported."""
    found, newest = dict[int, Event](), Event()
    for event in folder.events.read():
        if event["event"] == "started":
            newest = event
        elif event.get("number") == record.number and newest:
            found[newest["seq"]] = newest
    return list(found.values())


def _other_data(configuration: TrialConfiguration, record: TrialRecord) -> Iterator[str]:
    if trial_key(record.configuration, load(configuration.dataset).digest, configuration.plugins()) != record.key:
        yield f"the data of {configuration.dataset.name}, or the schema of trials, are others than those that it was trained on"


def _other_device(record: TrialRecord, reports: list[Report]) -> Iterator[str]:
    device = reports[-1].device if reports else ""
    if record.device and device and record.device != device:
        yield f"{record.device} -> {device}"
    yield from environment.changes(record.software, reports[-1].software if reports else {})
    if reports and reports[-1].mode != record.mode:
        yield f"trained otherwise ({record.mode} -> {reports[-1].mode})"
    for name, digest in record.protocol.items():
        here = reports[-1].protocol.get(name, digest) if reports else digest
        if here != digest:
            yield f"{name} is measured otherwise (protocol {digest[:8]} -> {here[:8]})"

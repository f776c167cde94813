"""What came of a sweep, worked out once: the command line prints it, report/ is written from it, a program reads it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gensweep.comparison import collect, report
from gensweep.comparison.collect import Trials
from gensweep.comparison.compare import Comparison, compared
from gensweep.comparison.confirmation import Confirmation
from gensweep.configuration import TrialConfiguration
from gensweep.errors import ConfigError, DamagedSweep, GensweepError, Interrupted, NoUsableTrial, Outcome, Stopped
from gensweep.evaluation.sanity import ROWS, sanity
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.report import figures, page
from gensweep.report.content import content_of
from gensweep.spaces.due import due
from gensweep.studies.ground_truth import GroundTruth, ground_truth

_PATIENCE = 120.0  # seconds for what the scores mean, which no answer waits for


class SomeTrialsFailed(GensweepError):
    """The sweep is done, and some of its trials failed."""

    exit_code = 3


@dataclass(frozen=True)
class Stop:
    """Why a sweep was stopped before its end, and the exit code that goes with the reason."""

    reason: str
    code: int


@dataclass(frozen=True)
class Verdict:
    """The answer of a sweep, and what it rests on.

    `trials` is the table of its trials. `comparison` holds the verdict on what was confirmed, and what the search found; it is
    None where the trials cannot be compared. `sanity` says what the scores mean on these data, and is empty before
    `with_baselines`, as long as trials run, where trials differ in their data, and where the data or an extractor are not here.
    `failed` are the trials that failed, and `problem` is the error with the exit code that goes with what is wrong; None where
    nothing is.
    """

    folder: SweepFolder
    state: SweepState
    trials: Trials
    comparison: Comparison | None
    sanity: tuple[Mapping[str, float | str], ...]
    ground_truth: GroundTruth | None
    failed: tuple[TrialRecord, ...]
    stopped: Stop | None
    problem: GensweepError | None

    @property
    def confirmation(self) -> Confirmation | None:
        """The verdict on confirmed arms, None where nothing was confirmed."""
        return self.comparison.confirmation if self.comparison else None

    @property
    def against_baselines(self) -> str:
        """Which arms beat the strongest model that learns nothing; empty where that is not known."""
        return report.against_baselines(self.comparison, self.sanity) if self.comparison and self.sanity else ""

    @property
    def report(self) -> Path:
        """The page that `write` leaves."""
        return self.folder.path / "report" / page.NAME

    def write(self, *, pages: bool = True) -> None:
        """Write results.csv and costs.csv; report/ where there is something to compare, its page only with `pages`."""
        collect.write_csv(self.trials, self.folder.path)
        if self.ground_truth:
            self.ground_truth.write(self.report.parent)
        if self.comparison:
            content, destination = content_of(self.folder, self.state, self.comparison, self.sanity), self.report.parent
            of_models = pages and not self.stopped  # who said stop does not wait for pictures of models
            pictures = figures.write_pictures(self.folder, content, destination, of_models=of_models)
            report.write(self.comparison, destination, self.sanity, pictures)
            if of_models:
                page.write(self.folder, content)

    def with_baselines(
        self,
        progress: Callable[[str], None] = lambda _: None,
        patience: float = _PATIENCE,
        is_over: Callable[[], bool] = lambda: False,
    ) -> Verdict:
        """The verdict with what the scores mean: floors, and models that learn nothing, on the split that it is about.

        `progress` is told what is computed. After `patience` seconds, or once it `is_over`, the rows that are left are left out.
        """
        state = self.state
        if not self.comparison or self.stopped or state.stopped or state.live():
            return self
        began, rows = time.monotonic(), list[Mapping[str, float | str]]()
        found = _sanity(state, is_confirmed=self.confirmation is not None)
        for name in ROWS:
            if is_over():
                break
            if time.monotonic() - began > patience:
                progress(f"left out after {patience:g} s: {name} and what follows")
                break
            progress(f"scoring {name}")
            if (row := next(found, None)) is None:
                break
            rows.append(row)
        return replace(self, sanity=tuple(rows))


def judge(folder: SweepFolder, stopped: Stop | None = None) -> Verdict:
    """The verdict on a sweep as it stands. Nothing is written or computed anew.

    Raises:
        DamagedSweep: its ledger cannot be trusted.
    """
    state = folder.state()
    table = collect.trials(folder, state)
    if stopped:  # by the driver that holds it still
        table = replace(table, standing="stopped")
    comparison: Comparison | None = None
    problem: GensweepError | None = None
    try:
        comparison = compared([table], due=due({folder: state}))
    except (NoUsableTrial, ConfigError) as error:
        problem = error
    failed = tuple(record for record in state.trials.values() if record.outcome is Outcome.FAILED)
    if stopped:
        problem = _stopped(folder, state, stopped)
    elif isinstance(problem, NoUsableTrial):
        problem = NoUsableTrial(f"{folder.name}: no trial has a score: {_endings(state)}{_details(folder, failed)}")
    elif failed and problem is None:
        problem = _failed(folder, state, failed)
    return Verdict(
        folder=folder,
        state=state,
        trials=table,
        comparison=comparison,
        sanity=(),
        ground_truth=ground_truth(state),
        failed=failed,
        stopped=stopped,
        problem=problem,
    )


def _sanity(state: SweepState, *, is_confirmed: bool) -> Iterator[Mapping[str, float | str]]:
    """Floors, and the scores of models that learn nothing: on the test split, where that is what the verdict is about."""
    configurations = [record.configuration for record in state.trials.values()]
    settings = {json.dumps([c.get("dataset"), c.get("evaluation")], sort_keys=True) for c in configurations}
    if len(settings) != 1:
        return
    try:
        first = TrialConfiguration.model_validate(configurations[0])
    except ValueError:  # of another version, or of nobody
        return
    metrics = first.evaluation.metrics
    if first.dataset.problem() or any(metric.problem() for metric in metrics):
        return
    yield from sanity(first.dataset, metrics, "test" if is_confirmed else first.evaluation.split)


def _stopped(folder: SweepFolder, state: SweepState, stop: Stop) -> GensweepError:
    if stop.code == NoUsableTrial.exit_code:
        return NoUsableTrial(
            f"ended early: {stop.reason}. See error.txt in {folder.path / 'trials'}; after mending it, "
            f"run the sweep under another name."
        )
    if stop.code == DamagedSweep.exit_code:
        return DamagedSweep(f"stopped: {stop.reason}. When that is mended: gensweep resume {folder.argument}")
    kind: type[Stopped] = Interrupted if stop.code == Interrupted.exit_code else Stopped
    ended = len(state.trials) - len(state.live())
    return kind(
        f"stopped by {stop.reason} with {ended} trials ended; everything is saved. "
        f"Continue with: gensweep resume {folder.argument}"
    )


def _failed(folder: SweepFolder, state: SweepState, failed: tuple[TrialRecord, ...]) -> GensweepError:
    first = failed[0]
    return SomeTrialsFailed(
        f"{len(failed)} of {len(state.trials)} trials failed, the first: trial {first.number}: {first.reason}. "
        f"See {folder.path / 'trials' / first.folder_name / 'error.txt'}"
    )


def _details(folder: SweepFolder, failed: tuple[TrialRecord, ...]) -> str:
    """Where the first error is written down, if one is: a worker that was lost may have said nothing."""
    files = (folder.path / "trials" / record.folder_name / "error.txt" for record in failed)
    return next((f". See {file}" for file in files if file.is_file()), "")


def _endings(state: SweepState) -> str:
    reasons = {f"{r.outcome.name.lower()}: {r.reason}" for r in state.trials.values() if r.outcome}
    return "; ".join(sorted(reasons)[:3]) or "none has ended"

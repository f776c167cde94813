"""What a fault cost, for the table of faults: the same figures for every one, against the same sweep undisturbed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import mlflow

from tests.counting import steps
from tests.living_sweep import events

Record = Callable[[str, object], None]
METRIC = "sliced_wasserstein"


@dataclass(frozen=True)
class Figures:
    """Of a sweep that was disturbed: steps that were trained again, trials and points that are missing or there twice.

    Fewer steps than undisturbed are less than none again: then they were not counted.
    """

    steps: int
    steps_redone: int
    trials_missing: int
    trials_doubled: int
    points_lost: int
    points_doubled: int

    def record(self, record: Record, codes: Collection[object], left: Collection[object] | None = None) -> None:
        """Into the report of the tests, with the exit codes; the processes that outlived a command where somebody looked."""
        record("steps redone", f"{self.steps_redone} of {self.steps}")
        record("trials missing, doubled", f"{self.trials_missing}, {self.trials_doubled}")
        record("points lost, doubled", f"{self.points_lost}, {self.points_doubled}")
        if left is not None:
            record("processes left", len(left))
        record("exit codes", ", ".join(map(str, codes)))

    @property
    def holds(self) -> bool:
        """Whether nothing is lost, and nothing there twice."""
        return not (self.trials_missing or self.trials_doubled or self.points_lost or self.points_doubled)


def figures(disturbed: Path, undisturbed: Path, uri: str = "") -> Figures:
    """Of two folders of the same sweep. The MLflow of the disturbed one is at `uri`, by default in its folder."""
    found, wanted = _runs(disturbed, uri), _runs(undisturbed, "")
    points, expected = _points(found), _points(wanted)
    names, known = Counter(name for _, name in found), Counter(name for _, name in wanted)
    reports = Counter((event["number"], event["epoch"]) for event in events(disturbed, "reported"))
    asked = {(event["number"], event["epoch"]) for event in events(undisturbed, "reported")}
    return Figures(
        steps=steps(undisturbed),
        steps_redone=steps(disturbed) - steps(undisturbed),
        trials_missing=len(known.keys() - names.keys()),
        trials_doubled=sum(n - 1 for n in names.values()),
        points_lost=len(expected.keys() - points.keys()) + len(asked - reports.keys()),
        points_doubled=sum(n - 1 for n in points.values()) + sum(n - 1 for n in reports.values()),
    )


def _runs(folder: Path, uri: str) -> list[tuple[list[tuple[int, float]], str]]:
    """The metric's history of each run of MLflow, and the trial that it is of."""
    client = mlflow.MlflowClient(uri or f"sqlite:///{folder / 'mlflow.db'}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, max_results=1000)
    return [
        (
            [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, METRIC)],
            run.data.tags.get("gensweep.number", "parent"),
        )
        for run in runs
    ]


def _points(runs: list[tuple[list[tuple[int, float]], str]]) -> Counter[tuple[str, int]]:
    return Counter((name, step) for history, name in runs if name != "parent" for step, _ in history)

"""The numbers behind the charts, by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gensweep.comparison.collect import trials
from gensweep.comparison.confirmation import confirmation
from gensweep.report.series import Training, band, endings, front, incumbents, is_wide, outcomes, seeds, trainings
from tests.report.conftest import DEFINITION, issue
from tests.written_sweep import Writer

Write = Callable[..., Writer]


def test_an_incumbent_is_the_best_so_far_over_trials_and_over_what_they_took(write: Write) -> None:
    sweep = write()
    for fid, seconds in ((None, 4.0), (9.0, 1.0), (11.0, 2.0), (7.0, 3.0)):
        outcome = "DIVERGED" if fid is None else "COMPLETED"
        issue(sweep, "vae", fid, seconds=seconds, evaluation_seconds=0.5, outcome=outcome)
    issue(sweep, "vae", 1.0, outcome="")  # runs, and so has not ended
    issue(sweep, "vae", 0.5, parent=1, test=3.0)  # a confirmation is no trial of the search
    (found,) = incumbents(trials(sweep.folder))
    assert found.trials == [2, 3, 4]
    assert found.scores == [9.0, 9.0, 7.0]
    assert found.seconds == pytest.approx([6.0, 8.5, 12.0])


def test_where_more_is_better_the_incumbent_rises(write: Write) -> None:
    sweep = write(definition={**DEFINITION, "objective": {"metric": "fid", "mode": "max"}})
    for fid in (3.0, 2.0, 5.0):
        issue(sweep, "vae", fid)
    assert incumbents(trials(sweep.folder))[0].scores == [3.0, 3.0, 5.0]


def test_an_arm_without_a_score_has_no_incumbent(write: Write) -> None:
    sweep = write()
    issue(sweep, "vae", None, outcome="FAILED", reason="out of memory")
    assert incumbents(trials(sweep.folder)) == []


def test_on_the_front_are_the_trials_that_none_betters_at_their_cost(write: Write) -> None:
    sweep = write()
    for fid, seconds in ((5.0, 10.0), (8.0, 2.0), (9.0, 3.0), (5.0, 12.0), (4.0, 30.0)):
        issue(sweep, "vae", fid, seconds=seconds, evaluation_seconds=0.0)
    assert [row["number"] for row in front(trials(sweep.folder))] == [1, 0, 4]


def test_every_seed_is_there_and_those_that_diverged_are_told_apart_from_those_without_a_result(study: Writer) -> None:
    issue(study, "wae", 12.0, 2, parent=1, outcome="")
    issue(study, "wae", None, 2, parent=1, outcome="FAILED", reason="out of memory")
    table = trials(study.folder)
    found = confirmation(table)
    assert found is not None
    by_arm = {group.arm: group for group in seeds(table, found)}
    assert [score for _, score in by_arm["vae"].scores] == [21.0, 22.0, 23.0]
    assert (by_arm["vae"].diverged, by_arm["vae"].absent) == ([], [])
    wae = by_arm["wae"]
    assert [score for _, score in wae.scores] == [11.0, 12.0]
    assert (wae.diverged, wae.absent) == ([11], [12, 13])
    assert wae.centre == 12.0  # the median of 11, 12 and a seed worse than all
    assert [group.arm for group in seeds(table, found)] == ["wae", "vae"]  # the best first


def _line(number: int, *values: float) -> Training:
    return Training("vae", number, list(enumerate(values, start=1)), diverged=False)


def test_a_band_is_the_range_or_the_quartiles_where_two_or_more_reported() -> None:
    lines = [_line(0, 1.0, 10.0, 7.0), _line(1, 3.0, 20.0), _line(2, 5.0), _line(3, 9.0)]
    whole = band(lines, quartiles=False)
    assert (whole.epochs, whole.low, whole.middle, whole.high) == ([1, 2], [1.0, 10.0], [4.0, 15.0], [9.0, 20.0])
    inner = band(lines, quartiles=True)
    assert (inner.low[0], inner.high[0]) == (2.5, 6.0)


def test_a_training_is_its_reports_and_says_whether_it_diverged(study: Writer) -> None:
    table = trials(study.folder)
    found = trainings(table.rows, table.objective)
    assert found[0].points == [(5, 90.0), (10, 45.0), (15, 30.0)]
    assert [training.number for training in found if training.diverged] == []  # it reported nothing, and is left out
    issue(study, "vae", 4.0, outcome="DIVERGED")
    table = trials(study.folder)
    assert trainings(table.rows, table.objective)[-1].diverged


def test_failures_of_one_reason_are_one_group_whatever_step_they_name(study: Writer) -> None:
    issue(study, "vae", None, outcome="FAILED", reason="CUDA out of memory")
    found = endings(trials(study.folder))
    assert [(e.outcome, e.numbers, e.arms) for e in found] == [
        ("DIVERGED", [4, 11], {"vae": 1, "wae": 1}),
        ("FAILED", [12], {"vae": 1}),
    ]
    assert found[0].reason == "loss became not finite at step 31"


def test_outcomes_count_running_trials_too(study: Writer) -> None:
    issue(study, "vae", None, outcome="")
    assert dict(outcomes(trials(study.folder)))["vae"] == {"COMPLETED": 5, "DIVERGED": 1, "RUNNING": 1}


@pytest.mark.parametrize(("values", "expected"), [([1, 30], True), ([1, 3], False), ([0, 30], False), ([], False)])
def test_scores_are_read_on_a_logarithm_where_they_span_much(values: list[float], expected: bool) -> None:
    assert is_wide(values) is expected

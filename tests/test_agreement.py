"""Two trainings of one trial, score by score."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gensweep.agreement import compared
from gensweep.errors import Outcome
from gensweep.ledger.history import Reported, TrialRecord
from gensweep.trial import Report


def record(scores: list[dict[str, float]], outcome: Outcome | None = Outcome.COMPLETED, **more: Any) -> TrialRecord:
    reports = [Reported(i, 10 * i, each) for i, each in enumerate(scores, start=1)]
    return TrialRecord(
        0, "0" * 64, "vae", outcome=outcome, reports=reports, epoch=len(scores), step=10 * len(scores), **more
    )


def here(scores: list[dict[str, float]], outcome: Outcome | None = Outcome.COMPLETED, **more: Any) -> list[Report]:
    reports = [Report(0, i, 10 * i, each) for i, each in enumerate(scores, start=1)]
    last = Report(
        0, len(scores), more.pop("step", 10 * len(scores)), scores[-1] if scores else {}, outcome=outcome, **more
    )
    return [*reports[:-1], last] if scores else [last]


@pytest.mark.parametrize(
    ("new", "agrees"),
    [
        (2.0, "bit for bit"),
        (math.nextafter(2.0, 3.0), "to rounding"),
        (2.0 * (1 + 9e-5), "to rounding"),
        (2.0 * (1 - 2e-4), "no"),
        (2.1, "no"),
        (-2.0, "no"),
        (math.nan, "no"),
        (math.inf, "no"),
    ],
)
def test_a_score_agrees_to_the_last_bit_to_rounding_or_not(new: float, agrees: str) -> None:
    (found,), missing = compared(record([{"fid": 2.0}]), here([{"fid": new}]))
    assert (found.agrees, missing) == (agrees, [])
    assert (found.difference == 0) == (agrees == "bit for bit")


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_what_is_no_number_twice_is_the_same(value: float) -> None:
    (found,), _ = compared(record([{"fid": value}]), here([{"fid": value}]))
    assert (found.agrees, found.difference) == ("bit for bit", 0.0)


def test_the_report_where_they_differ_most_is_shown_and_one_that_differs_counts() -> None:
    before = [{"fid": 9.0, "kid": 1.0}, {"fid": 5.0, "kid": 1.0}, {"fid": 3.0, "kid": 1.0}]
    after = [{"fid": 9.0, "kid": 1.0}, {"fid": 5.5, "kid": 1.0}, {"fid": 3.1, "kid": 1.0}]
    found, missing = compared(record(before), here(after))
    assert [(one.score, one.epoch, one.recorded, one.here, one.agrees) for one in found] == [
        ("fid", 2, 5.0, 5.5, "no"),
        ("kid", 3, 1.0, 1.0, "bit for bit"),
    ]
    assert missing == []


def test_a_small_absolute_difference_hides_no_disagreement() -> None:
    before, after = [{"a": 1e6}, {"a": 1e-3}], [{"a": 1e6 + 50}, {"a": 2e-3}]
    (found,), _ = compared(record(before), here(after))
    assert (found.epoch, found.agrees) == (2, "no")


def test_scores_on_the_test_split_are_compared_or_missed() -> None:
    confirmation = record([{"fid": 2.0}], test={"fid": 2.5, "kid": 1.0}, best_epoch=1)
    found, missing = compared(confirmation, here([{"fid": 2.0}], test={"fid": 2.4}))
    assert [(one.score, one.agrees) for one in found] == [("fid", "bit for bit"), ("test.fid", "no")]
    assert missing == ["test.kid is missing here"]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (record([{"a": 1.0}, {"a": 1.0}]), here([{"a": 1.0}]), "only one of the two was evaluated at epoch 2"),
        (record([{"a": 1.0}]), here([{"a": 1.0}], Outcome.DIVERGED), "it completed in the sweep and diverged here"),
        (record([{"a": 1.0}], Outcome.DIVERGED), here([{"a": 1.0}]), "it diverged in the sweep and completed here"),
        (
            record([{"a": 1.0}], Outcome.PRUNED),
            here([{"a": 1.0}], Outcome.DIVERGED, reason="NaN"),
            "it diverged here (NaN)",
        ),
        (
            record([], Outcome.DIVERGED),
            here([], Outcome.DIVERGED, step=7),
            "it diverged at step 0 in the sweep and at 7 here",
        ),
    ],
)
def test_what_only_one_of_the_two_has_is_said(before: TrialRecord, after: list[Report], says: str) -> None:
    assert compared(before, after)[1] == [says]


@pytest.mark.parametrize("outcome", [Outcome.PRUNED, None])
def test_one_that_was_stopped_need_not_end_here(outcome: Outcome | None) -> None:
    assert compared(record([{"a": 1.0}], outcome), here([{"a": 1.0}], None))[1] == []
    assert compared(record([], Outcome.DIVERGED), here([], Outcome.DIVERGED))[1] == []

"""When trials ran, as the times of the events say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gensweep.ledger.clock import Clock, covered


def heard(*events: tuple[str, int, int | None]) -> Clock:
    """A clock that heard events: (kind, second, trial)."""
    clock = Clock()
    for kind, second, number in events:
        event: dict[str, Any] = {"event": kind, "at": datetime.fromtimestamp(second, UTC).isoformat()}
        clock.hear(event if number is None else {**event, "number": number})
    return clock


def test_a_trial_runs_from_when_it_is_issued_until_it_ends() -> None:
    clock = heard(("started", 0, None), ("issued", 1, 0), ("issued", 2, 1), ("reported", 3, 0), ("ended", 5, 0))
    assert clock.spans(0) == [(1000, 5000)]
    assert clock.spans(1) == [(2000, 5000)]  # until the last that is known
    assert clock.spans(7) == []


@pytest.mark.parametrize("kind", ["lost", "copied"])
def test_between_a_loss_and_the_going_on_it_does_not_run(kind: str) -> None:
    clock = heard(("issued", 1, 0), (kind, 3, 0), ("continued", 10, 0), ("ended", 12, 0), ("ended", 20, 0))
    assert clock.spans(0) == [(1000, 3000), (10000, 12000)]


def test_a_driver_that_was_killed_had_its_trials_until_its_last_event() -> None:
    clock = heard(
        ("issued", 1, 0), ("reported", 4, 0), ("started", 100, None), ("continued", 101, 0), ("ended", 103, 0)
    )
    assert clock.spans(0) == [(1000, 4000), (101000, 103000)]


@pytest.mark.parametrize("kind", ["stopped", "finished"])
def test_a_driver_that_stops_has_them_until_then(kind: str) -> None:
    clock = heard(("issued", 1, 0), ("reported", 4, 0), (kind, 6, None), ("started", 100, None))
    assert clock.spans(0) == [(1000, 6000)]


def test_a_clock_that_goes_back_stands_still_and_what_is_not_written_has_no_time() -> None:
    clock = heard(("issued", 10, 0), ("reported", 4, 0), ("issued", 5, 1), ("ended", 12, 0), ("ended", 13, 1))
    clock.hear({"event": "issued", "number": 2})
    assert (clock.spans(0), clock.spans(1), clock.spans(2)) == ([(10000, 12000)], [(10000, 13000)], [])


def test_what_is_covered_twice_counts_once() -> None:
    assert covered([]) == 0
    assert covered([(5000, 7000), (0, 2000), (1000, 3000), (1500, 1800)]) == 5.0

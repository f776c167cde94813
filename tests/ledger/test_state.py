"""The fold: the same state however the log is cut, and what each kind of event means."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gensweep.errors import DamagedSweep, Outcome
from gensweep.ledger.state import Reported, SweepState, fold


def issued(number: int = 1, attempt: int = 1, key: str = "abcdef0123") -> dict[str, Any]:
    return {
        "event": "issued", "number": number, "key": key, "family": "wae", "attempt": attempt,
        "parameters": {"latent_size": 8}, "configuration": {"seed": 0},
    }  # fmt: skip


def reported(number: int = 1, epoch: int = 5, fid: float = 1.0) -> dict[str, Any]:
    return {"event": "reported", "number": number, "epoch": epoch, "step": epoch * 10, "scores": {"fid": fid}}


def ended(number: int = 1, outcome: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    end = {"event": "ended", "number": number, "outcome": outcome, "reason": "", "epoch": 20, "step": 200}
    best = {"best": {"fid": 1.0}, "best_epoch": 5, "seconds": 4.5, "protocol": {"fid": "1a2b"}}
    return {**end, **best, **more}


def test_one_trial_from_issue_to_end() -> None:
    state = fold([{"event": "started"}, issued(), reported(epoch=5), reported(epoch=10, fid=0.5), ended()])
    trial = state.trials[1]
    assert trial.folder_name == "0001-wae-abcdef01"
    assert trial.parameters == {"latent_size": 8}
    assert trial.configuration == {"seed": 0}
    assert trial.reports == [Reported(5, 50, {"fid": 1.0}), Reported(10, 100, {"fid": 0.5})]
    assert (trial.outcome, trial.epoch, trial.step, trial.seconds) == (Outcome.COMPLETED, 20, 200, 4.5)
    assert (trial.best, trial.best_epoch, trial.protocol) == ({"fid": 1.0}, 5, {"fid": "1a2b"})
    assert state.live() == []


def test_live_are_those_without_an_end_and_the_interrupted() -> None:
    state = fold([issued(3), issued(1), issued(2), ended(2, "DIVERGED"), ended(3, "INTERRUPTED")])
    assert [trial.number for trial in state.live()] == [1, 3]


def test_the_first_report_of_an_epoch_counts_and_reports_are_in_order() -> None:
    trial = fold([issued(), reported(epoch=10), reported(epoch=5), reported(epoch=10, fid=9.0)]).trials[1]
    assert [(report.epoch, report.scores["fid"]) for report in trial.reports] == [(5, 1.0), (10, 1.0)]
    assert (trial.epoch, trial.step) == (10, 100)


def test_what_comes_before_its_issue_is_not_lost() -> None:
    assert fold([reported(), ended(), issued()]) == fold([issued(), reported(), ended()])


def test_a_retry_opens_the_trial_again_and_keeps_its_reports() -> None:
    failed = [issued(), reported(), ended(outcome="FAILED", reason="worker lost")]
    assert fold([*failed, issued()]).trials[1].outcome is Outcome.FAILED  # the same attempt is not a retry
    trial = fold([*failed, issued(attempt=2)]).trials[1]
    assert (trial.outcome, trial.reason, trial.attempt, trial.best) == (None, "", 2, {})
    assert len(trial.reports) == 1
    late = ended(outcome="FAILED", attempt=1)  # the first attempt's end, told twice
    assert fold([*failed, issued(attempt=2), late]).trials[1].outcome is None
    assert fold([*failed, issued(attempt=2), ended()]).trials[1].outcome is Outcome.COMPLETED


def test_an_interrupted_trial_goes_on_in_the_same_attempt() -> None:
    trial = fold([issued(), reported(), ended(outcome="INTERRUPTED"), issued()]).trials[1]
    assert (trial.outcome, trial.attempt, len(trial.reports)) == (None, 1, 1)


def test_another_key_under_the_same_number_is_another_trial() -> None:
    trial = fold([issued(), reported(), ended(), issued(key="ffff")]).trials[1]
    assert (trial.key, trial.reports, trial.outcome) == ("ffff", [], None)


def test_stopped_and_finished_follow_the_last_word() -> None:
    stopped = fold([{"event": "started"}, {"event": "stopped", "reason": "time budget"}])
    assert (stopped.stopped, stopped.finished) == ("time budget", False)
    done = fold([{"event": "started"}, {"event": "finished"}], stopped)
    assert (done.stopped, done.finished) == (None, True)
    assert fold([{"event": "started"}], done).finished
    assert not fold([issued()], done).finished  # more samples


def test_an_unknown_outcome_is_damage_and_an_unknown_event_is_not() -> None:
    assert fold([{"event": "from a plugin"}]) == SweepState()
    with pytest.raises(DamagedSweep, match="unknown outcome 'EXPLODED'"):
        fold([issued(), ended(outcome="EXPLODED")])


def test_reading_in_two_halves_gives_the_same_state() -> None:
    draw = random.Random(0)
    kinds = [
        lambda n: issued(n, attempt=draw.randint(1, 3)),
        lambda n: reported(n, epoch=draw.randint(1, 6), fid=draw.random()),
        lambda n: ended(n, draw.choice(list(Outcome)).name),
        lambda n: draw.choice([{"event": "started"}, {"event": "stopped", "reason": "r"}, {"event": "finished"}]),
    ]
    for _ in range(50):
        log = [draw.choices(kinds, [3, 6, 2, 1])[0](draw.randint(1, 3)) for _ in range(30)]
        whole = fold(log)
        for cut in range(len(log) + 1):
            assert fold(log[cut:], fold(log[:cut])) == whole

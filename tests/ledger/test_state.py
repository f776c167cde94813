"""The reducer: the same state however the log is cut, and what each kind of event means."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gensweep.errors import DamagedSweep, Outcome
from gensweep.ledger.history import Change, Copied, Reported
from gensweep.ledger.state import SweepState, fold

STARTED = {"event": "started"}


def issued(number: int = 1, position: int | None = None, arm: str = "wae") -> dict[str, Any]:
    return {
        "event": "issued", "number": number, "key": f"{number:x}bcdef0123", "arm": arm,
        "position": number if position is None else position,
        "parameters": {"latent_size": 8}, "configuration": {"seed": 0, "family": {"name": "wae"}},
    }  # fmt: skip


def reported(number: int = 1, epoch: int = 5, fid: float = 1.0, **more: Any) -> dict[str, Any]:
    reached = {"seconds": 1.0 * epoch, "evaluation_seconds": 0.1 * epoch, "best": {"fid": fid}, "best_epoch": epoch}
    return {"event": "reported", "number": number, "epoch": epoch, "step": epoch * 10, "scores": {"fid": fid},
            "protocol": {"fid": "1a2b"}, **reached, **more}  # fmt: skip


def ended(number: int = 1, outcome: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    return {"event": "ended", "number": number, "outcome": outcome, "reason": "", **more}


def of(number: int, event: str, **more: Any) -> dict[str, Any]:
    return {"event": event, "number": number, **more}


def test_one_trial_from_issue_to_end() -> None:
    state = fold([STARTED, issued(), reported(epoch=5), reported(epoch=10, fid=0.5), ended()])
    trial = state.trials[1]
    assert trial.folder_name == "0001-wae-1bcdef01"
    assert (trial.arm, trial.family, trial.position) == ("wae", "wae", 1)
    assert trial.parameters == {"latent_size": 8}
    assert trial.reports == [Reported(5, 50, {"fid": 1.0}), Reported(10, 100, {"fid": 0.5})]
    assert (trial.outcome, trial.epoch, trial.step) == (Outcome.COMPLETED, 10, 100)
    assert (trial.seconds, trial.evaluation_seconds) == (10.0, 1.0)
    assert (trial.best, trial.best_epoch, trial.protocol) == ({"fid": 0.5}, 10, {"fid": "1a2b"})
    assert (state.live(), state.running, state.waiting()) == ([], set(), None)


def test_what_was_only_issued_has_cost_nothing() -> None:
    trial = fold([STARTED, issued()]).trials[1]
    assert (trial.epoch, trial.step, trial.seconds, trial.evaluation_seconds, trial.items) == (0, 0, 0.0, 0.0, None)


def test_a_live_trial_shows_what_it_reached() -> None:
    trial = fold([STARTED, issued(), reported(epoch=5)]).trials[1]
    assert (trial.best, trial.best_epoch, trial.seconds, trial.protocol) == ({"fid": 1.0}, 5, 5.0, {"fid": "1a2b"})


def test_a_divergence_between_evaluations_counts_with_what_it_cost() -> None:
    end = ended(outcome="DIVERGED", reason="loss became nan", epoch=2, step=33, seconds=2.5, evaluation_seconds=0.0)
    trial = fold([STARTED, issued(), end]).trials[1]
    assert (trial.epoch, trial.step, trial.seconds, trial.reason) == (2, 33, 2.5, "loss became nan")
    late = fold([STARTED, issued(), reported(epoch=5), {**end, "epoch": 7, "step": 75, "seconds": 7.5}]).trials[1]
    assert (late.epoch, late.step, late.seconds, late.best) == (7, 75, 7.5, {"fid": 1.0})


def test_what_runs_and_what_waits() -> None:
    state = fold([STARTED, issued(1), issued(2), issued(3), ended(2, "DIVERGED")])
    assert (state.running, state.waiting()) == ({1, 3}, None)
    state.apply(STARTED)  # another driver: nobody trains them now
    assert state.running == set()
    assert state.waiting() is state.trials[1]
    state.apply(of(1, "continued"))
    assert (state.running, state.waiting()) == ({1}, state.trials[3])
    state.apply(of(1, "lost", reason="killed"))
    assert (state.running, state.waiting(), state.trials[1].losses) == (set(), state.trials[1], 1)
    assert [trial.number for trial in state.live()] == [1, 3]


def test_losses_are_counted_since_the_last_report() -> None:
    state = fold([STARTED, issued(), of(1, "lost"), of(1, "continued"), of(1, "lost"), of(1, "continued")])
    assert state.trials[1].losses == 2
    state.apply(reported(epoch=5))
    assert state.trials[1].losses == 0
    state.apply(of(1, "lost"))
    state.apply(reported(epoch=5))  # said again: no progress
    assert state.trials[1].losses == 1


def test_the_first_report_of_an_epoch_counts() -> None:
    trial = fold(
        [issued(), reported(epoch=5), reported(epoch=10), reported(epoch=10, fid=9.0), reported(epoch=5, fid=8)]
    )
    assert [(r.epoch, r.scores["fid"]) for r in trial.trials[1].reports] == [(5, 1.0), (10, 1.0)]
    assert trial.trials[1].best == {"fid": 1.0}


def test_what_failed_and_is_tried_again_is_live_with_nothing_of_its_end_left() -> None:
    failed = ended(outcome="FAILED", reason="a mistake", fault="CRASH")
    lost = of(1, "lost", reason="killed", fault="CRASH")
    trial = fold([STARTED, issued(), reported(), lost, failed]).trials[1]
    assert (trial.outcome, trial.reason, trial.faults) == (Outcome.FAILED, "a mistake", {"CRASH": 1})
    state = fold([STARTED, issued(), reported(), lost, failed, {"event": "finished"}, of(1, "retried")])
    trial = state.trials[1]
    assert (trial.outcome, trial.reason, trial.fault, trial.faults) == (None, "", "", {})
    assert (trial.epoch, trial.best) == (5, {"fid": 1.0})  # from its checkpoint
    assert not state.finished
    again = state.waiting()
    assert again is not None
    assert again.number == 1
    done = fold([STARTED, issued(), ended(), of(1, "retried")]).trials[1]
    assert done.outcome is Outcome.COMPLETED  # what did not fail is not tried again


def test_an_end_is_the_end() -> None:
    before = fold([issued(), reported(), ended(reason="whole")])
    after = fold([issued(), reported(), ended(reason="whole")])
    for event in (reported(epoch=9), ended(outcome="FAILED"), of(1, "lost"), of(1, "continued")):
        after.apply(event)
    assert after == before


def test_a_copy_of_weights_changes_the_parameters_and_is_lineage() -> None:
    copy = of(1, "copied", epoch=5, source=2, source_step=40, changed=["lr"],
              parameters={"latent_size": 8, "lr": 0.2}, configuration={"seed": 0, "lr": 0.2})  # fmt: skip
    state = fold([STARTED, issued(1), issued(2), reported(2), reported(1), copy])
    trial = state.trials[1]
    assert trial.copies == [Copied(5, 2, 40, {"latent_size": 8, "lr": 0.2}, ("lr",))]
    assert (trial.parameters["lr"], trial.configuration["lr"]) == (0.2, 0.2)
    assert (state.running, state.waiting()) == ({2}, trial)
    assert trial.folder_name == "0001-wae-1bcdef01"  # it is the same trial


def test_errors_in_a_row_end_with_a_result_and_with_a_new_driver() -> None:
    state = fold(
        [STARTED, *(issued(n) for n in range(6)), ended(0, "FAILED", error="E1"), ended(1, "FAILED", error="E2")]
    )
    assert state.errors == ["E1", "E2"]
    assert fold([ended(2, "DIVERGED")], state).errors == []
    state = fold([ended(3, "FAILED", reason="no error given")], state)
    assert state.errors == ["no error given"]
    assert fold([STARTED], state).errors == []


def test_stopped_and_finished_follow_the_last_word() -> None:
    stopped = fold([STARTED, {"event": "stopped", "reason": "time budget"}])
    assert (stopped.stopped, stopped.finished) == ("time budget", False)
    done = fold([STARTED, {"event": "finished"}], stopped)
    assert (done.stopped, done.finished) == (None, True)
    assert fold([STARTED], done).finished
    assert not fold([issued()], done).finished  # more samples


def test_damage_is_named_and_an_unknown_event_is_none() -> None:
    assert fold([{"event": "from a plugin"}]) == SweepState()
    with pytest.raises(DamagedSweep, match="unknown outcome 'EXPLODED'"):
        fold([issued(), ended(outcome="EXPLODED")])
    with pytest.raises(DamagedSweep, match="event 7 speaks of trial 1, which was never issued"):
        fold([{**reported(), "seq": 7}])
    with pytest.raises(DamagedSweep, match="issues trial 1 a second time"):
        fold([issued(), issued()])


def test_the_log_of_release_0_1_is_read() -> None:
    old = {"event": "issued", "number": 0, "key": "ab" * 32, "family": "wgan-2", "parameters": {}, "attempt": 1}
    trial = fold([old, ended(0, best={"fid": 2.0}, best_epoch=3, epoch=4)]).trials[0]
    assert (trial.arm, trial.position, trial.best, trial.epoch) == ("wgan-2", 0, {"fid": 2.0}, 4)


def test_an_arm_has_its_own_history_in_the_order_of_the_ledger() -> None:
    log = [issued(0, 0, "a"), issued(1, 0, "b"), reported(1), reported(0), issued(2, 1, "a"), ended(0)]
    state = fold(log)
    a = state.history("a")
    assert [record.number for record in a] == [0, 2]
    assert a[1] is state.trials[2]
    assert (0 in a, 5 in a, len(a)) == (True, False, 2)
    seen: list[Change] = a.fold("seen", list, list.append)
    assert [(c.kind, c.record.number) for c in seen] == [("issued", 0), ("reported", 0), ("issued", 2), ("ended", 0)]
    assert seen[1].report == Reported(5, 50, {"fid": 1.0})
    assert [r.number for r in state.history("b")] == [1]


def test_a_fold_of_a_history_meets_each_change_once_and_goes_on() -> None:
    state, met = fold([issued(0, 0)]), []

    def step(total: list[int], change: Change) -> None:
        met.append(change.kind)
        total[0] += 1

    history = state.history("wae")
    assert history.fold("n", lambda: [0], step) == [1]
    assert history.fold("n", lambda: [0], step) == [1]
    state.apply(reported(0))
    assert history.fold("n", lambda: [0], step) == [2]
    assert met == ["issued", "reported"]
    assert history.fold("other", lambda: [0], step) == [2]  # another reader has its own
    assert fold([issued(0, 0), reported(0)]) == state  # what readers keep is no part of the state


def test_reading_in_two_halves_gives_the_same_state() -> None:
    draw = random.Random(0)
    kinds = [
        lambda n: reported(n, epoch=draw.randint(1, 6), fid=draw.random()),
        lambda n: ended(n, draw.choice(list(Outcome)).name),
        lambda n: of(n, draw.choice(["lost", "continued"])),
        lambda n: draw.choice([STARTED, {"event": "stopped", "reason": "r"}, {"event": "finished"}]),
    ]
    for _ in range(30):
        log = [issued(n, arm=draw.choice("ab")) for n in range(4)]
        log += [draw.choices(kinds, [6, 1, 3, 1])[0](draw.randint(0, 3)) for _ in range(30)]
        whole = fold(log)
        for cut in range(len(log) + 1):
            assert fold(log[cut:], fold(log[:cut])) == whole


@pytest.mark.parametrize(
    "name",
    [
        "x/../../../outside", "/outside", "..", "../x", "a/b", "a\\b", "nul\0", "\x1b[31mred", "line\nbreak", "a" * 300,
        "é" * 150,
        "\u202egpj.exe",
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused_where_the_log_is_folded(name):
    """A stranger's log names folders that are made; `..` alone stands between a number and a key."""
    for field in ("arm", "family", "key"):
        event = {"event": "issued", "number": 0, "key": "abcdef0123", "arm": "wae"}
        if field == "family":
            del event["arm"]
        event[field] = name
        if name == ".." or (field == "key" and len(name) > 100):
            state = fold([event])  # 0000-..-abcdef01 is a folder like others; of a key the beginning counts
            assert "/" not in state.trials[0].folder_name
            continue
        with pytest.raises(DamagedSweep, match="name no folder"):
            fold([event])


@pytest.mark.parametrize(
    "change",
    [
        {"number": -1}, {"number": True}, {"number": 1.0}, {"number": "0"}, {"number": None}, {"number": 10**30}, {"number": []},
        {"key": 3}, {"key": None}, {"arm": None}, {"arm": ["wae"]}, {"position": "0"}, {"parameters": []}, {"parameters": None},
        {"configuration": "x"}, {"event": None}, {"event": ["issued"]},
    ],
)  # fmt: skip
def test_an_issue_that_says_nonsense_is_damage(change):
    with pytest.raises(DamagedSweep, match="event"):
        fold([{"event": "issued", "number": 0, "key": "abcdef0123", "arm": "wae"} | change])


@pytest.mark.parametrize(
    "event",
    [
        {"event": "reported", "number": 0, "epoch": "1", "step": 1},
        {"event": "reported", "number": 0, "epoch": 1},
        {"event": "reported", "number": 0, "epoch": 1, "step": 1, "scores": {"fid": "low"}},
        {"event": "reported", "number": 0, "epoch": 1, "step": 1, "scores": [1]},
        {"event": "reported", "number": 0, "epoch": 1, "step": 1, "best": {"fid": None}},
        {"event": "reported", "number": 0, "epoch": 1, "step": 1, "best": {"fid": True}},
        {"event": "reported", "number": 0, "epoch": 1, "step": 1, "seconds": float("nan")},
        {"event": "ended", "number": 0, "outcome": "COMPLETED", "protocol": {"fid": 3}},
        {"event": "ended", "number": 0, "outcome": ["COMPLETED"]},
        {"event": "ended", "number": 0, "outcome": "COMPLETED", "reason": 4},
        {"event": "ended", "outcome": "COMPLETED"},
        {"event": "copied", "number": 0, "epoch": 1, "source": 0},
        {"event": "stopped", "reason": {}},
    ],
)  # fmt: skip
def test_an_event_that_says_nonsense_is_damage(event):
    state = fold([{"event": "issued", "number": 0, "key": "abcdef0123", "arm": "wae"}])
    with pytest.raises(DamagedSweep, match="Nothing was changed"):
        state.apply(event)


def test_what_to_know_of_a_trials_numbers_stays_until_it_is_said_anew() -> None:
    log = [STARTED, issued(), reported(epoch=5, notes=["a: b."]), reported(epoch=10), ended()]
    assert fold(log).trials[1].notes == ["a: b."]
    assert fold([*log[:-1], ended(notes=["a: b.", "c: d."])]).trials[1].notes == ["a: b.", "c: d."]
    assert fold([STARTED, issued(), ended()]).trials[1].notes == []


@pytest.mark.parametrize("notes", ["a", [1], {"a": "b"}])
def test_notes_that_are_no_texts_are_damage(notes: Any) -> None:
    with pytest.raises(DamagedSweep, match="notes"):
        fold([STARTED, issued(), reported(notes=notes)])

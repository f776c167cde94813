"""What goes to a store, by name."""

from __future__ import annotations

import json
import math

import pytest
from tracked_sweep import CONFIGURATION, START, row

from gensweep.errors import Outcome
from gensweep.ledger.history import Copied, TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.ledger.trial_folder import Row
from gensweep.objective import Objective
from gensweep.tracking import describe
from gensweep.tracking.run_store import Point


def record(**fields: object) -> TrialRecord:
    made = TrialRecord(0, "0" * 64, "wae.mmd", configuration=CONFIGURATION)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_a_configuration_is_flat_and_its_lists_are_json() -> None:
    found = describe.parameters(CONFIGURATION)
    assert found["family.divergence.kernel"] == "imq"
    assert found["network.hidden"] == "[16, 16]"
    assert found["family.lambda"] == "10.0"
    assert describe.parameters({"a(b)": {"c": None}}) == {"a_b_.c": "null"}


def test_a_trial_is_found_by_arm_family_and_code() -> None:
    tags = describe.trial_tags(record(), {"git": {"commit": "abc", "dirty": True}})
    assert (tags["gensweep.arm"], tags["gensweep.family"], tags["gensweep.divergence"]) == ("wae.mmd", "wae", "mmd")
    assert (tags["mlflow.source.git.commit"], tags["gensweep.git_dirty"]) == ("abc", "true")
    assert "mlflow.source.git.commit" not in describe.source_tags({"git": {"commit": None}})


@pytest.mark.parametrize(
    ("named", "name"), [("digits", "digits"), ({"name": "digits", "size": 8}, "digits"), ({"size": 8}, None), (8, None)]
)
def test_a_component_has_its_name_however_it_is_written(named: object, name: str | None) -> None:
    configuration = {"family": {"name": "wae", "divergence": named}, "dataset": named}
    tags = describe.trial_tags(record(configuration=configuration), {})
    assert (tags.get("gensweep.divergence"), tags.get("gensweep.dataset")) == (name, name)


def test_a_row_is_points_at_its_epoch_and_time_without_infinite_values() -> None:
    points = list(describe.row_points(row(0, 3, up=math.inf, down=-math.inf, nan=math.nan)))
    assert {point.name for point in points} == {"train/loss.model", "fid", "nan", "train/epoch.seconds"}
    assert {(point.time, point.step) for point in points} == {(START + 30, 3)}
    assert Point("train/epoch.seconds", 1.0, START + 30, 3) in points


def test_an_ending_has_its_best_and_what_it_cost() -> None:
    ended = record(best={"fid": 3.0, "kid": math.inf}, best_epoch=2, epoch=4, seconds=9.0, evaluation_seconds=2.0)
    assert set(describe.best_points(ended, START)) == {
        Point("best.fid", 3.0, START, 4),
        Point("best.epoch", 2.0, START, 4),
        Point("duration.seconds", 9.0, START, 4),
        Point("duration.evaluation_seconds", 2.0, START, 4),
    }
    assert "best.epoch" not in {point.name for point in describe.best_points(record(epoch=1), START)}


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(None, "RUNNING"), (Outcome.FAILED, "FAILED"), (Outcome.DIVERGED, "FINISHED"), (Outcome.PRUNED, "FINISHED")],
)
def test_only_what_failed_is_failed(outcome: Outcome | None, status: str) -> None:
    assert describe.status(outcome) == status
    assert describe.ending_tags(record(outcome=outcome))["gensweep.outcome"] == (outcome.name if outcome else "RUNNING")


def test_knobs_that_are_no_finite_numbers_are_not_drawn() -> None:
    changed = ("lr", "flag", "kernel", "up", "n")
    values = {"lr": 0.5, "flag": True, "kernel": "rbf", "up": math.inf, "n": 3, "same": 1.0}
    points = describe.knob_points(
        record(copies=[Copied(1, 5, 10, values, changed)]), {"lr": 0.1}, [row(0, 1), row(0, 2)]
    )
    assert [(point.name, point.value, point.step) for point in points] == [
        ("knob.lr", 0.1, 1), ("knob.lr", 0.5, 2), ("knob.n", 3.0, 2),
    ]  # fmt: skip


def test_a_long_lineage_keeps_its_newest_part_and_says_so() -> None:
    copies = [Copied(epoch, 1, 10, {"training.optimizer.lr": 0.1}, ("training.optimizer.lr",)) for epoch in range(200)]
    text = describe.lineage(record(copies=copies))
    assert 4000 < len(text) <= 4500
    first, *kept = json.loads(text)
    assert first == {"left_out": 200 - len(kept)}
    assert [entry["epoch"] for entry in kept] == list(range(200 - len(kept), 200))


@pytest.mark.parametrize("git", [[1], "x", 5, None, {"commit": [1]}, {"commit": ""}])
def test_an_environment_that_says_no_commit_has_no_tag_of_one(git: object) -> None:
    assert "mlflow.source.git.commit" not in describe.source_tags({"git": git})


def test_what_to_know_of_a_trials_numbers_is_a_tag_no_longer_than_stores_take() -> None:
    assert describe.ending_tags(record(notes=["a: b.", "c: d."]))["gensweep.notes"] == "a: b.\nc: d."
    assert len(describe.ending_tags(record(notes=["x" * 10_000]))["gensweep.notes"]) == 4500
    assert "gensweep.notes" not in describe.ending_tags(record())


def test_the_machine_is_a_tag_where_the_trial_said_it() -> None:
    assert describe.ending_tags(record(host="gpu-1"))["gensweep.host"] == "gpu-1"
    assert "gensweep.host" not in describe.ending_tags(record())


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"number": 13, "arm": "sinkhorn"}, "13 wae/sinkhorn"),
        ({"number": 7, "arm": "wae"}, "7 wae/mmd"),
        ({"number": 7, "arm": "wae.mmd"}, "7 wae/mmd"),
        ({"number": 0, "arm": "vae", "configuration": {"family": {"name": "vae"}}}, "0 vae"),
        ({"number": 0, "arm": "16", "configuration": {"family": "vae"}}, "0 vae/16"),
        ({"number": 14, "arm": "wae", "parent": 7, "repeat": 0}, "14 wae/mmd confirms 7, seed 1"),
        ({"number": 14, "arm": "wae", "parent": 7, "repeat": 0, "items": 0, "best": {"fid": 1.0}},
         "14 wae/mmd confirms 7, seed 1"),
        ({"arm": "class_means", "configuration": {"family": {"name": "class_means"}}, "items": 0, "best": {"fid": 5.0}},
         "0 class_means (baseline)"),
        ({"arm": "vae", "configuration": {"family": {"name": "vae"}}, "items": 0}, "0 vae"),  # it has not begun
        ({"arm": "vae", "configuration": {"family": {"name": "vae"}}, "best": {"fid": 5.0}}, "0 vae"),  # of an earlier gensweep
    ],
)  # fmt: skip
def test_a_run_is_called_by_number_family_and_what_sets_it_apart(fields: dict[str, object], name: str) -> None:
    assert describe.run_name(record(**fields)) == name


def test_a_name_is_no_longer_than_stores_take() -> None:
    assert len(describe.run_name(record(arm="x" * 300))) == 250


def test_a_component_stands_at_its_place_by_its_name_alone_too() -> None:
    found = describe.trial_parameters(CONFIGURATION)
    assert found.items() >= describe.parameters(CONFIGURATION).items()
    assert (found["family"], found["family.divergence"], found["dataset"]) == ("wae", "mmd", "digits")
    assert describe.trial_parameters({"family": "vae", "other": {"size": 8}}) == {"family": "vae", "other.size": "8"}


def test_what_the_training_says_of_itself_is_a_group_of_its_own_and_floors_are_left_out() -> None:
    values = {"loss.critic": 1.0, "critic.penalty": 2.0, "critical": 3.0, "fid.floor": 0.5, "fid.bias": 0.1}
    one = Row(1, 10, START, 2.0, values)
    assert {point.name for point in describe.row_points(one)} == {
        "train/loss.critic", "train/critic.penalty", "critical", "fid.bias", "train/epoch.seconds",
    }  # fmt: skip
    assert {point.name for point in describe.row_points(one, grouped=False)} == {*values, "epoch.seconds"}
    ended = record(best={"fid": 3.0, "fid.floor": 0.5}, test={"fid": 4.0, "fid.floor": 0.4}, epoch=1)
    assert {p.name for p in describe.best_points(ended, START)} == {
        "best.fid", "test.fid", "duration.seconds", "duration.evaluation_seconds",
    }  # fmt: skip


def test_the_sweep_says_the_floors_that_all_trials_share() -> None:
    bests = [{"fid": 3.0, "fid.floor": 0.5, "kid.floor": 1.0}, {"fid": 2.0, "fid.floor": 0.5, "kid.floor": 2.0}, {}]
    state = SweepState({i: record(number=i, best=best) for i, best in enumerate(bests)})
    points = {point.name: point.value for point in describe.summary(state, None, START)}
    assert points["floor.fid"] == 0.5
    assert "floor.kid" not in points


@pytest.mark.parametrize(("mode", "number"), [("min", 1), ("max", 0)])
def test_the_best_of_an_arm_is_a_scored_trial_of_its_search(mode: str, number: int) -> None:
    ends = [
        (30.0, Outcome.COMPLETED, None), (20.0, Outcome.PRUNED, None), (math.nan, Outcome.COMPLETED, None),
        (1.0, Outcome.DIVERGED, None), (99.0, Outcome.FAILED, None), (2.0, Outcome.COMPLETED, 0), (98.0, Outcome.COMPLETED, 0),
    ]  # fmt: skip
    trials = {
        i: record(number=i, best={"fid": fid}, outcome=outcome, parent=parent)
        for i, (fid, outcome, parent) in enumerate(ends)
    }
    objective = Objective.model_validate({"metric": "fid", "mode": mode})
    assert {a: r.number for a, r in describe.best_of_arms(SweepState(trials), objective).items()} == {"wae.mmd": number}
    assert describe.best_of_arms(SweepState(trials), None) == {}

"""What goes to a store, by name."""

from __future__ import annotations

import json
import math

import pytest
from tracked_sweep import CONFIGURATION, START, row

from gensweep.errors import Outcome
from gensweep.ledger.history import Copied, TrialRecord
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

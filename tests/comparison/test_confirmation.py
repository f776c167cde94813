"""The verdict on a sweep's confirmations: whose seeds count, what is missing, and what is said of it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gensweep.comparison.collect import trials
from gensweep.comparison.compare import compare
from gensweep.comparison.confirmation import Confirmation, confirmation
from gensweep.comparison.judge import judge
from tests.written_sweep import DEFINITION, Writer

Write = Callable[..., Writer]
SEEDS = {"vae": (2.0, 2.1, 2.2, 2.1), "wae": (1.0, 1.1, 1.05, 0.95)}


def confirmed(sweep: Writer, family: str, tests: Sequence[float | None], *, found: float = 1.5, **more: Any) -> int:
    """A trial of the search, and its confirmations; its number."""
    parent = sweep.trial(family, found)
    for test in tests:
        sweep.trial(family, found + 0.1, parent=parent, test=test, **more)
    return parent


def of(sweep: Writer) -> Confirmation:
    found = confirmation(trials(sweep.folder))
    assert found is not None
    return found


def test_the_verdict_is_that_of_the_judge_on_the_scores_of_the_test_split(write: Write) -> None:
    sweep = write()
    for family, tests in SEEDS.items():
        confirmed(sweep, family, tests)
    found = of(sweep)
    assert found.verdict == judge(SEEDS, "min", scale="log")  # an FID is compared by ratios
    assert (found.verdict.word, found.verdict.arm) == ("best", "wae")
    assert found.sentence() == f"By fid on the test split: {found.verdict.sentence}"
    assert found.selected == {"vae": 1.5, "wae": 1.5}
    assert found.optimism == {"vae": pytest.approx(0.6), "wae": pytest.approx(1.025 - 1.5)}
    assert [row["arm"] for row in found.table()] == ["wae", "vae"]


def test_a_sweep_without_confirmations_has_no_verdict(write: Write) -> None:
    sweep = write()
    sweep.trial("vae", 1.0)
    assert confirmation(trials(sweep.folder)) is None


def test_a_seed_that_diverged_is_the_worst_and_one_that_failed_is_none(write: Write) -> None:
    sweep = write()
    confirmed(sweep, "vae", SEEDS["vae"])
    parent = confirmed(sweep, "wae", SEEDS["wae"][:3])
    sweep.trial("wae", None, parent=parent, outcome="DIVERGED")
    assert of(sweep).verdict == judge({**SEEDS, "wae": (*SEEDS["wae"][:3], math.inf)}, "min", scale="log")
    sweep.trial("wae", None, parent=parent, outcome="FAILED")
    found = of(sweep)
    assert found.verdict == judge({**SEEDS, "wae": (*SEEDS["wae"][:3], math.inf)}, "min", scale="log")
    assert found.missing == {"vae": 0, "wae": 1}
    assert found.failed["wae"].as_dict() == {"n": 1, "of": 5, "reasons": ["no reason was recorded"]}
    assert "1 of 5 seeds of wae failed and left out (no reason was recorded). The verdict " in found.sentence()


def test_whether_a_failed_seed_could_change_the_verdict_is_said(write: Write) -> None:
    sweep = write()
    confirmed(sweep, "vae", SEEDS["vae"])
    parent = confirmed(sweep, "wae", SEEDS["wae"])
    for _ in range(3):
        sweep.trial("wae", None, parent=parent, outcome="FAILED")
    found = of(sweep)
    assert found.bounds.hold is False
    assert "3 of 7 seeds of wae failed and left out" in found.sentence()
    assert "The verdict could be another with their scores." in found.sentence()


def test_one_that_still_runs_is_said_to(write: Write) -> None:
    sweep = write()
    parent = confirmed(sweep, "vae", SEEDS["vae"])
    confirmed(sweep, "wae", SEEDS["wae"])
    sweep.trial("vae", 1.0, parent=parent, outcome="")
    found = of(sweep)
    assert found.running == 1
    assert found.sentence().startswith("So far, and no verdict before 1 more seed of it: by fid on the test split: ")


def test_an_arm_whose_search_left_nothing_is_named(write: Write) -> None:
    sweep = write()
    for family, tests in SEEDS.items():
        confirmed(sweep, family, tests)
    sweep.trial("gan", None, outcome="DIVERGED")
    found = of(sweep)
    assert "Nothing to confirm, for no trial has a score: gan." in found.sentence()
    assert [arm.name for arm in found.verdict.arms] == ["wae", "vae"]


def test_an_arm_that_has_a_score_and_no_confirmation_yet_is_no_arm_without_a_score(write: Write) -> None:
    sweep = write()
    confirmed(sweep, "vae", SEEDS["vae"])
    sweep.trial("wae", 1.0)
    sweep.trial("gan", 1.0, outcome="")
    sweep.trial("flow", None, outcome="FAILED")
    said = of(sweep).sentence()
    assert "Not confirmed so far: wae." in said
    assert "Nothing to confirm, for no trial has a score: flow." in said


def test_of_several_configurations_the_best_on_validation_stands_for_the_arm(write: Write) -> None:
    sweep = write()
    confirmed(sweep, "vae", (0.5, 0.6), found=3.0)  # better on the test split, which chooses nothing
    better = confirmed(sweep, "vae", SEEDS["vae"], found=2.0)
    confirmed(sweep, "wae", SEEDS["wae"])
    found = of(sweep)
    assert found.chosen["vae"] == str(better)
    assert found.verdict == judge(SEEDS, "min", scale="log")


def test_scores_of_zero_and_less_are_compared_by_differences(write: Write) -> None:
    sweep = write()
    seeds = {"vae": (0.0, 0.1, 0.2), "wae": (1.0, 1.1, 1.2)}
    for family, tests in seeds.items():
        confirmed(sweep, family, tests)
    assert of(sweep).verdict == judge(seeds, "min", scale="linear")


def test_it_is_plain_data_for_json(write: Write) -> None:
    sweep = write()
    for family, tests in SEEDS.items():
        confirmed(sweep, family, tests)
    found = json.loads(json.dumps(of(sweep).as_dict(), allow_nan=False))
    assert found["verdict"]["word"] == "best"
    assert found["arms"][0] | {"confirmed": {}} == {
        "arm": "wae", "ranked": True, "confirmed": {}, "trial": "5", "selected": 1.5, "optimism": pytest.approx(-0.475),
        "missing": 0, "seconds": 10.0, "validation": pytest.approx(1.6), "failed": None,
    }  # fmt: skip


def test_the_fresh_seeds_on_the_validation_split_stand_beside_the_optimism(write: Write) -> None:
    """When chosen 1, fresh seeds there 3 in the mean, on the test split 4: two of optimism are the choice's, one the split's."""
    sweep = write()
    parent = sweep.trial("vae", 1.0)
    for validation, test in ((2.0, 3.0), (4.0, 5.0)):
        sweep.trial("vae", validation, parent=parent, test=test)
    (row,) = of(sweep).table()
    assert [row[name] for name in ("when chosen", "fresh, validation", "optimism")] == ["1", "3", "3"]
    comparison = compare([sweep.folder])
    assert comparison.as_dict()["arms"][0]["validation"] == 3.0
    assert next(csv.DictReader(io.StringIO(comparison.csv().decode())))["validation"] == "3.0"
    sweep.trial("vae", None, parent=parent, outcome="DIVERGED")
    assert of(sweep).table()[0]["fresh, validation"] == "–"


def test_the_validation_of_fresh_seeds_is_in_the_direction_of_the_score(write: Write) -> None:
    sweep = write(definition={**DEFINITION, "objective": {"metric": "fid", "mode": "max"}})
    parent = sweep.trial("vae", 1.0)
    for validation in (0.5, 0.7):
        sweep.trial("vae", validation, parent=parent, test=0.4)
    assert of(sweep).validation == {"vae": pytest.approx(0.6)}


def test_confirmations_are_no_draws_of_the_search(write: Write) -> None:
    sweep = write()
    for family, tests in SEEDS.items():
        confirmed(sweep, family, tests)
    assert [group.n for group in compare([sweep.folder]).search.groups] == [1, 1]


def test_scores_beyond_what_can_be_added_are_scores(write: Write) -> None:
    sweep = write()
    confirmed(sweep, "vae", (1e308, 1.1e308, 1.2e308))
    confirmed(sweep, "wae", SEEDS["wae"])
    assert of(sweep).verdict.arm == "wae"


def test_a_seed_that_failed_says_nothing_against_its_configuration(write: Write) -> None:
    sweep = write()
    better = confirmed(sweep, "vae", SEEDS["vae"], found=2.0)
    sweep.trial("vae", None, parent=better, outcome="FAILED")
    confirmed(sweep, "vae", (0.5, 0.6), found=3.0)
    assert of(sweep).chosen == {"vae": str(better)}


def test_a_score_that_an_arm_lacks_is_not_its_worst(write: Write) -> None:
    sweep = write()
    for family, tests in SEEDS.items():
        confirmed(sweep, family, tests)
    parent = sweep.trial("flow", 1.0, scores={"wasserstein": 1.0})
    for _ in range(3):
        sweep.trial("flow", 1.0, parent=parent, test=2.0, metric="wasserstein")
    found = of(sweep)
    assert found.lacking == ["flow"]
    assert found.verdict == judge(SEEDS, "min", scale="log")
    assert "Not ranked, for their seeds have no fid on the test split: flow." in found.sentence()
    by_other = compare([sweep.folder], metric="wasserstein").sentence()
    assert "Not ranked, for their seeds have no wasserstein on the test split: vae, wae." in by_other
    assert by_other.count("Not ranked") == 1


def test_a_metric_that_no_seed_has_confirms_nothing(write: Write) -> None:
    sweep = write()
    parent = sweep.trial("vae", 1.0, scores={"wasserstein": 3.0})
    for _ in range(2):
        sweep.trial("vae", 1.0, parent=parent, test=2.0)
    said = compare([sweep.folder], metric="wasserstein").sentence()
    assert said.startswith("Not confirmed by wasserstein: no seed has that score on the test split.")
    assert "two seeds" not in said


def test_arms_are_equal_only_within_a_margin_that_is_given(write: Write) -> None:
    sweep = write()
    confirmed(sweep, "vae", (2.0, 2.01, 1.99, 2.0))
    confirmed(sweep, "wae", (2.005, 1.995, 2.0, 2.01))
    assert compare([sweep.folder]).as_dict()["verdict"]["word"] == "not distinguished"
    found = compare([sweep.folder], margin=0.1)
    assert found.as_dict()["verdict"]["word"] == "equal"
    assert "within 10 %" in found.sentence()
    assert found.confirmation is not None
    assert [row["verdict"] for row in found.confirmation.pairs()] == ["equal"]


def test_a_tie_on_the_log_scale_is_said_as_one(write: Write) -> None:
    sweep = write()
    confirmed(sweep, "vae", (1.0, 1.0, 1.0))
    confirmed(sweep, "wae", (1.0, 1.0, 1.0))
    assert "its median is that of wae" in of(sweep).sentence()

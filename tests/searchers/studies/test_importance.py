"""How much each axis explains: all of it where only one matters."""

from __future__ import annotations

import random

import pytest

from gensweep.errors import Outcome
from gensweep.ledger.history import TrialRecord
from gensweep.searchers.studies.importance import importances
from gensweep.spaces.sweep import from_definition

ARM = from_definition(
    {
        "name": "study",
        "objective": {"metric": "fid"},
        "trial": {
            "latent_size": "choice(2, 8, 16)",
            "family": {"name": "wae", "lambda": "loguniform(0.1, 100)", "divergence": {"one_of": ["mmd", "sinkhorn"]}},
            "training": {"optimizer": {"name": "adam", "lr": "loguniform(1e-4, 1e-2)"}},
        },
    }
).arms["mmd"]


def records(n: int) -> list[TrialRecord]:
    rng = random.Random(0)
    found = []
    for number in range(n):
        values = {axis.path: axis.distribution.sample(rng) for axis in ARM.axes}
        found.append(
            TrialRecord(number, f"{number:064x}", "mmd", number, parameters=values, outcome=Outcome.COMPLETED,
                        best={"fid": float(values["latent_size"])})
        )  # fmt: skip
    return found


def test_the_axis_that_alone_matters_explains_nearly_all() -> None:
    shares, n = importances(ARM, records(40))
    assert n == 40
    assert shares.keys() == {"latent_size", "family.lambda", "training.optimizer.lr"}
    assert shares["latent_size"] > 0.9
    assert sum(shares.values()) == pytest.approx(1)


def test_the_same_trials_give_the_same_shares() -> None:
    assert importances(ARM, records(12)) == importances(ARM, records(12))


def test_only_whole_trials_of_the_arms_search_count() -> None:
    ten = records(10)
    assert importances(ARM, ten)[0]
    for field, value in (("outcome", Outcome.DIVERGED), ("outcome", Outcome.PRUNED), ("outcome", None), ("parent", 3),
                         ("arm", "sinkhorn"), ("best", {}), ("parameters", {"latent_size": 3})):  # fmt: skip
        last = records(10)
        setattr(last[-1], field, value)
        assert importances(ARM, last) == ({}, 9), (field, value)


def test_scores_that_are_all_the_same_have_nothing_to_explain() -> None:
    same = records(12)
    for record in same:
        record.best = {"fid": 1.0}
    assert importances(ARM, same) == ({}, 12)

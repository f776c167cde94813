"""What the groups cost: which trials count where, and that none is lost."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from gensweep.comparison import costs
from gensweep.comparison.collect import csv_of, facts, trials
from gensweep.comparison.compare import compare
from gensweep.comparison.costs import NOTE
from gensweep.comparison.formats import formatted
from gensweep.comparison.report import markdown
from gensweep.report.content import content_of
from tests.written_sweep import Writer

Write = Callable[..., Writer]


def test_seconds_on_unlike_devices_are_not_added_up(write: Write) -> None:
    sweep = write()
    for family, device in (("vae", "GPU A"), ("vae", "GPU B"), ("wae", "GPU A")):
        sweep.trial(family, 1.0, device=device)
    found = compare([sweep.folder])
    assert {row["arm"]: row["compute in all"] for row in found.table()} == {
        "vae": "2.5 s on GPU A, 2.5 s on GPU B", "wae": "2.5 s on GPU A"
    }  # fmt: skip
    costs = {arm["arm"]: arm["cost"]["seconds_by_device"] for arm in found.as_dict()["arms"]}
    assert costs == {"vae": {"GPU A": 2.5, "GPU B": 2.5}, "wae": {"GPU A": 2.5}}


def test_machines_are_named_where_there_are_several(write: Write) -> None:
    sweep = write()
    for family, host in (("vae", "gpu-1"), ("vae", ""), ("wae", "gpu-1")):  # an older gensweep did not say
        sweep.trial(family, 1.0, host=host)
    assert costs.notes(compare([sweep.folder])) == [NOTE]
    assert "host" not in trials(sweep.folder).shown
    number = sweep.trial("wae", 1.0, host="gpu-2")
    said = "Trained on 2 machines, each trial where it last was: gpu-1, 2 trials; gpu-2, 1 trial."
    found = compare([sweep.folder])
    assert costs.notes(found) == [NOTE, said]
    assert said in markdown(found)
    assert said in str(content_of(sweep.folder).tables)
    shown = trials(sweep.folder)
    assert (shown.shown[-1], [row["host"] for row in shown.rows]) == ("host", ["gpu-1", "", "gpu-1", "gpu-2"])
    assert facts(sweep.folder, number)["host"] == "gpu-2"
    assert "host" not in facts(sweep.folder, 1)
    assert "host" not in csv_of(shown)["results.csv"].decode()


def test_the_cost_of_a_group_is_that_of_all_its_trials(write: Write) -> None:
    sweep = write()
    sweep.trial("vae", 3.0, seconds=10.0, evaluation_seconds=1.0)
    sweep.trial("vae", None, outcome="DIVERGED", seconds=20.0, evaluation_seconds=2.0)
    found = compare([sweep.folder])
    assert found.table()[0]["compute in all"] == "33 s"
    row = next(csv.DictReader(io.StringIO(found.csv().decode())))
    assert (row["training_seconds"], row["evaluation_seconds"]) == ("30.0", "3.0")


def test_the_search_and_what_confirms_it_are_told_apart_and_add_up(write: Write) -> None:
    sweep = write()
    parent = sweep.trial("vae", 3.0, seconds=10.0, evaluation_seconds=1.0, items=1000, ran=(0, 20))
    sweep.trial("vae", None, outcome="FAILED", seconds=4.0, evaluation_seconds=0.0, items=500, ran=(10, 30))
    for test in (2.0, 2.1):
        sweep.trial("vae", 3.0, parent=parent, test=test, seconds=5.0, evaluation_seconds=2.0, items=700, ran=(40, 50))
    found = compare([sweep.folder])
    assert found.cost_table() == [
        {
            "arm": "vae", "search": "2 trials, 15 s", "confirmation": "2 seeds, 14 s", "of it evaluation": "5 s",
            "items seen": "2,900", "wall time": "40 s",
        }
    ]  # fmt: skip
    assert (found.table()[0]["search trials"], found.table()[0]["compute in all"]) == ("2, 1 failed", "29 s")
    assert found.as_dict()["arms"][0]["cost"] == {
        "search_trials": 2, "confirmations": 2, "training_seconds": 14.0, "evaluation_seconds": 1.0,
        "confirmation_seconds": 14.0, "seconds_by_device": {"": 29.0}, "items_seen": 2900, "wall_seconds": 40.0,
    }  # fmt: skip
    row = next(csv.DictReader(io.StringIO(found.csv().decode())))
    assert [row[name] for name in ("n_search", "confirmations", "items_seen", "wall_seconds")] == [
        "2",
        "2",
        "2900",
        "40.0",
    ]
    assert "| vae | 2 trials, 15 s | 2 seeds, 14 s | 5 s | 2,900 | 40 s |" in markdown(found)
    assert "| 2,900 | 40 s |" in formatted(found, "markdown")
    tables = content_of(sweep.folder).tables
    assert [table.rows for table in tables if table.title == "What it cost"] == [found.cost_table()]
    notes = [note for table in tables for note in table.notes]
    assert (notes.count(NOTE), markdown(found).count(NOTE)) == (1, 1)


def test_a_trial_that_diverged_or_runs_costs_too(write: Write) -> None:
    sweep = write()
    for outcome in ("COMPLETED", "DIVERGED", "DIVERGED", "PRUNED", ""):
        sweep.trial("vae", 3.0, outcome=outcome, seconds=2.0, evaluation_seconds=0.5, items=100)
    cost = compare([sweep.folder]).costs()["vae"]
    assert (cost.trials, cost.training_seconds, cost.evaluation_seconds) == (5, 10.0, 2.5)


def test_where_an_older_gensweep_said_nothing_of_items_they_are_not_known(write: Write) -> None:
    sweep = write()
    sweep.trial("vae", 3.0, items=1000)
    sweep.trial("wae", 3.0, items=1000)
    sweep.trial("wae", 3.0)
    assert {row["arm"]: row["items seen"] for row in compare([sweep.folder]).cost_table()} == {
        "vae": "1,000",
        "wae": "–",
    }


def seeded(sweep: Writer, family: str, fid: float, seed: int, **more: Any) -> int:
    return sweep.trial(family, fid, configuration={"seed": seed, "latent_size": 8, "family": {"name": family}}, **more)


@pytest.mark.parametrize("by", ["seed", "arm"])
def test_a_confirmation_counts_with_the_trial_that_it_confirms(write: Write, by: str) -> None:
    """Also by a column that it has another value of, as its seed is."""
    sweep = write()
    parents = [seeded(sweep, family, 3.0, seed) for seed, family in enumerate(("vae", "wae"))]
    for number, (parent, family) in enumerate(zip(parents, ("vae", "wae"), strict=True)):
        for repeat in range(2):
            seeded(sweep, family, 3.0, 100 + 10 * number + repeat, parent=parent, test=2.0)
    found = compare([sweep.folder], by=by)
    told = {row[by]: (row["search"], row["confirmation"]) for row in found.cost_table()}
    names = {"seed": ("0", "1"), "arm": ("vae", "wae")}[by]
    assert told == dict.fromkeys(names, ("1 trial, 2.5 s", "2 seeds, 5 s"))
    counts = [
        arm["cost"]["search_trials"] + arm["cost"]["confirmations"]
        for arm in json.loads(formatted(found, "json"))["arms"]
    ]
    assert sum(counts) == len(found.rows) == 6


def test_what_is_left_out_is_told_with_its_confirmations(write: Write) -> None:
    sweep = write()
    for family, axes in (("vae", {"latent_size": 4}), ("vae", {"latent_size": 8}), ("flow", {})):
        parent = sweep.trial(family, 3.0, configuration={"latent_size": 8, **axes}, parameters=axes)
        sweep.trial(family, 3.0, parent=parent, parameters=axes, test=2.0)
    found = compare([sweep.folder], by="latent_size")
    assert "Left out, for they have no latent_size: 2 trials of flow." in found.sentence()
    assert len(found.rows) + 2 == 6


def test_a_pause_is_no_wall_time(write: Write) -> None:
    sweep = write()
    for family, ran in (("vae", (0, 10)), ("wae", (10, 15)), ("vae", (20, 30))):
        sweep.trial(family, 3.0, ran=ran)
    found = compare([sweep.folder])
    assert {name: cost.wall_seconds for name, cost in found.costs().items()} == {"vae": 20.0, "wae": 5.0}
    assert {name: cost.wall_seconds for name, cost in compare([sweep.folder], by="sweep").costs().items()} == {
        "study": 25.0
    }

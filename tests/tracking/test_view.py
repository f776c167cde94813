"""A view is a tag of an experiment in the form of MLflow 3.17's pages, and a link opens on it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gensweep.tracking import view
from gensweep.tracking.view import DURATION, TAG, View, key_of, newest, opening, shown, tag_of

PARENT = "0123456789abcdef" * 2
BEST = view.metric("best.fid")
COLUMNS = (view.tag("gensweep.arm"), BEST, view.parameter("latent_size"), DURATION, view.DATASET)
TABLE = View(key_of("abc" * 10), "wae", PARENT, 1_700_000_000_000, BEST, True, COLUMNS)
PAGE = "#/experiments/7/runs?workflowType=machine_learning"


def test_a_view_is_what_the_pages_of_mlflow_read() -> None:
    name, value = tag_of(TABLE)
    assert name == "mlflow.sharedViewState.gensweep-abcabcabcabc"
    envelope = json.loads(value)
    assert (envelope["name"], envelope["createdAt"], envelope["updatedAt"]) == ("wae", TABLE.created, TABLE.created)
    state = json.loads(envelope["state"])  # a text in a text
    assert state["searchFilter"] == f"tags.mlflow.parentRunId = '{PARENT}'"
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`best.fid`", True)
    assert state["columnOrder"] == list(COLUMNS)
    assert state["selectedColumns"] == [c for c in COLUMNS if c != "duration"]  # which is always shown
    assert state["columnWidths"] == {COLUMNS[0]: 145, BEST: 105, COLUMNS[2]: 125}
    assert (state["startTime"], state["lifecycleFilter"], state["modelVersionFilter"]) == ("ALL", "Active", "All Runs")
    assert json.loads(json.loads(tag_of(replace(TABLE, ascending=False))[1])["state"])["orderByAsc"] is False


def test_a_page_opens_on_the_view_that_was_asked_for_else_on_the_newest() -> None:
    later = replace(TABLE, key=key_of("d" * 32), created=TABLE.created + 1)
    tags = dict([tag_of(later), tag_of(TABLE)])
    assert opening("7", tags) == f"{PAGE}&viewStateShareKey={later.key}"
    assert opening("7", tags, TABLE.key) == f"{PAGE}&viewStateShareKey={TABLE.key}"
    assert opening("7", tags, "unknown&x=<y>") == PAGE  # nothing of what was asked is said back
    assert opening("7", {}) == PAGE
    assert opening("7/../x?", {}).startswith("#/experiments/7%2F..%2Fx%3F/runs?")


@pytest.mark.parametrize("value", ["", "{", "[]", "7", '{"createdAt": "x"}', '{"createdAt": null, "state": 5}'])
def test_what_somebody_else_wrote_into_a_tag_of_ours_is_older_than_any(value: str) -> None:
    other = f"{TAG}gensweep-other"
    assert newest({other: value, **dict([tag_of(TABLE)])}) == TABLE.key
    assert newest({other: value}) == "gensweep-other"
    assert shown({other: value}, "gensweep-other") is None


def test_views_that_users_saved_are_not_ours() -> None:
    own = {f"{TAG}4711": json.dumps({"name": "mine", "createdAt": 9e15, "updatedAt": 9e15, "state": "{}"})}
    assert newest(own) is None
    assert newest({**own, **dict([tag_of(TABLE)])}) == TABLE.key


def test_a_view_says_whose_trials_it_shows() -> None:
    assert shown(dict([tag_of(TABLE)]), TABLE.key) == ("wae", PARENT)
    assert shown({}, TABLE.key) is None

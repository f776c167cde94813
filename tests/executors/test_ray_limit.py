"""How many packs run side by side: dealt fairly, and kept to by Tune."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.execution import tune_controller

from gensweep.executors._ray_changes import Changes
from gensweep.executors._ray_limit import Limit, dealt, kept_within


@pytest.mark.parametrize(
    ("places", "wants", "each"),
    [
        (4, {"a": 4}, {"a": 4}),
        (4, {"a": 4, "b": 4}, {"a": 2, "b": 2}),
        (5, {"a": 9, "b": 9}, {"a": 3, "b": 2}),
        (8, {"a": 8, "b": 1, "c": 8}, {"a": 4, "b": 1, "c": 3}),
        (2, {"a": 2, "b": 2, "c": 2}, {"a": 1, "b": 1, "c": 0}),
        (0, {"a": 0, "b": 3}, {"a": 0, "b": 0}),
        (9, {"a": 2, "b": 3}, {"a": 2, "b": 3}),
    ],
)
def test_places_are_dealt_in_turn(places: int, wants: dict[str, int], each: dict[str, int]) -> None:
    assert {name: dealt(places, wants, name) for name in wants} == each


def test_tune_asks_for_all_at_once_inside_and_is_as_before_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", "7")
    before = tune_controller.RayActorManager, tune_controller._ObjectCache
    with kept_within(Limit.of(2)):
        assert tune_controller._get_max_pending_trials(SimpleNamespace()) >= 1000
    assert os.environ["TUNE_MAX_PENDING_TRIALS_PG"] == "7"
    assert (tune_controller.RayActorManager, tune_controller._ObjectCache) == before


def test_processes_are_counted_where_tune_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_controller, "RayActorManager", lambda **_: SimpleNamespace(num_live_actors=3))
    limit = Limit.of(4)
    with kept_within(limit):
        tune_controller.RayActorManager(resource_manager=None)
    assert limit.n_processes() == 3


@pytest.mark.parametrize(("n_packs", "now", "stays"), [(0, 1, True), (1, 2, True), (1, 1, False), (2, 1, False)])
def test_a_warm_process_stays_while_there_is_room_for_a_pack(n_packs: int, now: int, *, stays: bool) -> None:
    limit = Limit(2, now, lambda: n_packs)
    with kept_within(limit):
        cache: Any = tune_controller._ObjectCache(may_keep_one=True)
    assert cache.cache_object("a place", "a process")
    assert list(cache.flush_cached_objects()) == ([] if stays else ["a process"])


def test_after_a_loss_nothing_begins_before_the_next_look_nor_on_that_node() -> None:
    changes = Changes(Limit(4, 4, lambda: 2))
    changes.lost("aa")
    assert (changes.limit.now, changes.is_suspect("aa")) == (4, False), "here nobody would look again"
    changes.is_followed = True
    changes.lost("aa")
    assert (changes.limit.is_reached, changes.is_suspect("aa"), changes.is_suspect("bb")) == (True, True, False)
    changes.reported("aa")
    assert not changes.is_suspect("aa")

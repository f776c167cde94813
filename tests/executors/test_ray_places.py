"""Which nodes are left out, and that nothing is placed there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gensweep.configuration import Resources
from gensweep.executors import _ray_places
from gensweep.executors._ray_places import Losing, node_of, place
from gensweep.faults import Fault

NAMES = {"aa": "a (10.0.0.1)", "bb": "b (10.0.0.2)"}


@pytest.fixture
def losing() -> Iterator[Losing]:
    yield Losing(NAMES)
    _ray_places._left_out.clear()


def selectors() -> object:
    return place(Resources(cpu=1, gpu=0), 4.0, {"job": {"share": 1}})._kwargs.get("bundle_label_selector")


def test_the_third_loss_in_a_row_is_the_last(losing: Losing) -> None:
    assert [losing.lost("aa", [number], Fault.LOST) for number in (1, 2)] == [None, None]
    assert selectors() is None
    assert losing.lost("aa", [3], Fault.LOST) == "a (10.0.0.1)"
    assert selectors() == [{"ray.io/node-id": "!in(aa)"}]
    assert losing.lost("aa", [4], Fault.LOST) is None, "said once"
    Losing(NAMES)
    assert selectors() is None, "another run tries it again"


def test_a_report_between_begins_anew(losing: Losing) -> None:
    for number in (1, 2):
        losing.lost("aa", [number], Fault.LOST)
    losing.reported("aa")
    assert [losing.lost("aa", [number], Fault.LOST) for number in (3, 4)] == [None, None]
    losing.reported("bb")
    assert losing.lost("aa", [5], Fault.LOST) is not None


def test_one_trial_that_is_lost_again_and_again_is_no_fault_of_the_node(losing: Losing) -> None:
    assert [losing.lost("aa", [7], Fault.LOST) for _ in range(6)] == [None] * 6


def test_a_pack_is_one_loss(losing: Losing) -> None:
    assert losing.lost("aa", range(16), Fault.LOST) is None


def test_the_last_node_is_never_left_out(losing: Losing) -> None:
    for number in range(3):
        losing.lost("aa", [number], Fault.LOST)
    assert [losing.lost("bb", [number], Fault.LOST) for number in range(10, 16)] == [None] * 6
    assert [Losing({"aa": "a"}).lost("aa", [number], Fault.LOST) for number in range(6)] == [None] * 6


def test_what_may_be_the_trials_own_doing_counts_once_others_report_elsewhere(losing: Losing) -> None:
    assert [losing.lost("aa", [number], Fault.CRASH) for number in range(5)] == [None] * 5
    losing.reported("bb")
    assert losing.lost("aa", [5], Fault.CRASH) == "a (10.0.0.1)"


def test_a_node_that_is_not_known_is_not_left_out(losing: Losing) -> None:
    assert node_of("no actor is named") == ""
    assert [losing.lost("", [number], Fault.LOST) for number in range(4)] == [None] * 4

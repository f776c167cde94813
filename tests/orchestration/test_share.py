"""The part of a GPU that a trial process gets: by numbers, and measured with a stand-in for the card."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from gensweep import devices
from gensweep.devices import CONTEXT, Seen
from gensweep.errors import Diverged
from gensweep.orchestration import share
from gensweep.orchestration.share import MARGIN, Chosen, chosen, foreseen, peak_of, processes, share_for
from tests.scripted_executor import small

GB = 2**30
CARD = Seen(1, "a card", 80 * GB)


@pytest.mark.parametrize(
    ("needed", "total", "n", "part"),
    [
        (1 * GB, 80 * GB, 64, 1 / 8),
        (1 * GB, 80 * GB, 8, 1 / 8),
        (1 * GB, 80 * GB, 7.9, 1 / 4),  # seven cores have no room for eight processes
        (1 * GB, 80 * GB, 2, 1 / 2),
        (1 * GB, 80 * GB, 1, 1),
        (7.2 * GB, 80 * GB, 64, 1 / 8),  # 1.25 x 7.2 + 1 is all of an eighth
        (7.21 * GB, 80 * GB, 64, 1 / 4),
        (31.2 * GB, 80 * GB, 64, 1 / 2),
        (31.3 * GB, 80 * GB, 64, 1),
        (0, 4 * GB, 64, 1 / 4),  # a context alone is more than an eighth
        (math.inf, 80 * GB, 64, 1),
    ],
)
def test_a_share_is_the_smallest_that_holds_a_trial_and_that_cores_have_room_for(
    needed: float, total: float, n: float, part: float
) -> None:
    assert share_for(needed, total, n) == part


def test_what_is_chosen_lies_under_the_cap() -> None:
    """What a process may fill with tensors, by its cap, holds the peak with its margin; all contexts and tensors fit."""
    for needed in (0.1 * GB, 3 * GB, 9 * GB, 20 * GB):
        part = share_for(needed, CARD.total, 64)
        tensors = devices.share_of_tensors(part, CARD.total) * CARD.total
        assert tensors >= MARGIN * needed
        assert (tensors + CONTEXT) / part <= CARD.total * (1 + 1e-9)


@pytest.mark.parametrize(
    ("nodes", "resources", "n"),
    [
        ([{"CPU": 16, "GPU": 2}], {}, 2),  # four trials on two cards
        ([{"CPU": 16, "GPU": 1}], {}, 4),
        ([{"CPU": 2, "GPU": 1}, {"CPU": 64}], {}, 2),
        ([{"CPU": 16, "GPU": 1}], {"cpu": 8}, 2),
        ([{"CPU": 16, "GPU": 1}], {"max_concurrent": 3}, 3),
        ([{"CPU": 16}], {}, 0),
    ],
)
def test_as_many_share_a_card_as_there_are_cores_and_trials_for(
    nodes: list[dict[str, float]], resources: dict[str, Any], n: float
) -> None:
    assert processes(small(resources=resources), nodes) == n


def test_only_trials_that_cannot_be_packed_share_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> float:
        raise AssertionError("was measured")

    assert chosen(small(), CARD, 8, never) == Chosen(1.0, CARD)
    alone = small(resources={"pack": "off"})
    assert chosen(alone, CARD, 1, never) == Chosen(1.0, CARD)
    assert chosen(alone, Seen(0), 8, never) == Chosen(1.0, Seen(0))
    found = chosen(alone, CARD, 8, lambda: 12.0 * GB)
    assert found == Chosen(0.25, CARD, 12.0 * GB)
    assert str(found) == "each trial process gets 1/4 of a GPU (a card): a trial takes 12 GiB of its 80 GiB"
    monkeypatch.setattr(share, "shape_of", lambda configuration, device: ("", 2))
    assert chosen(small(), CARD, 8, lambda: 1.0 * GB).share == 1 / 8, "no family of it can be stacked"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The CPU in a card's place, with a peak of 3 GB and room for 8 KiB; what was asked of it, in order."""
    asked = list[str]()
    monkeypatch.setattr(share, "forget_the_peak", lambda device: asked.append(f"forget {device}"))
    monkeypatch.setattr(share, "peak", lambda device: asked.append(f"peak {device}") or 3 * GB)
    monkeypatch.setattr(share, "room", lambda device: 2**13)
    return asked


def test_the_peak_of_a_trial_is_measured_for_each_arm(counted: list[str]) -> None:
    sweep = small(trial={"dataset": {"name": "ring", "n_train": 400}})
    assert peak_of(sweep, "cpu") == 3 * GB + 400 * 2 * 4, "the training split stays on the card too"
    assert counted == ["forget cpu", "peak cpu"] * 2
    large = small(trial={"dataset": {"name": "ring", "n_train": 640}})
    assert peak_of(large, "cpu") == 3 * GB, "a split that has no room there does not"


def test_what_cannot_be_measured_gets_a_whole_card(counted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(error: Exception) -> None:
        def time_of(*_: object) -> None:
            raise error

        monkeypatch.setattr(share, "time_of", time_of)

    fails(torch.OutOfMemoryError("CUDA out of memory"))
    assert peak_of(small(), "cpu") == math.inf
    fails(Diverged("a loss became nan", 3))
    assert peak_of(small(), "cpu") >= 3 * GB, "it was trained as any other"


def test_a_plan_says_what_was_chosen_or_that_it_will_be(counted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert foreseen(small(resources={"gpu": 0})) == ""
    monkeypatch.setattr(share, "seen", lambda: Seen(0, why="torch is built without CUDA"))
    monkeypatch.setattr(share, "n_there", lambda: 0)
    assert foreseen(small()).startswith(
        "Here trials train on the CPU, as this machine has no GPU; on a cluster with GPUs"
    )
    monkeypatch.setattr(share, "n_there", lambda: 1)
    assert "cannot use the GPU of this machine (torch is built without CUDA)" in foreseen(small())
    monkeypatch.setattr(share, "seen", lambda: CARD)
    monkeypatch.setattr(share.os, "cpu_count", lambda: 16)
    monkeypatch.setattr(share, "peak_of", lambda sweep: 1.0 * GB)
    text = foreseen(small(resources={"pack": "off"}))
    assert text.startswith(
        "Here each trial process gets 1/4 of a GPU (a card): a trial takes 1 GiB of its 80 GiB; on a cluster"
    )

"""What is settled of GPUs once the executor is open, what is said of it, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from gensweep import placement
from gensweep.configuration import Resources
from gensweep.devices import Seen
from gensweep.errors import CannotRun
from gensweep.executors.base import Executor, T, Work
from gensweep.placement import settled
from tests.scripted_executor import small

GB = 2**30
USABLE, BARE = Seen(1, "a card", 80 * GB), Seen(0, why="torch 2 is built without CUDA. Install another")
NODE = {"CPU": 16.0, "GPU": 1.0}


class Machines(Executor):
    """Nodes whose workers answer with what a test wants."""

    def __init__(self, nodes: Sequence[Mapping[str, float]], cards: dict[str, Seen], peak: float = GB) -> None:
        self._nodes, self._cards, self._peak = nodes, cards, peak
        self.resources: Resources | None = None

    @property
    def n_at_once(self) -> int:
        return 1

    @property
    def nodes(self) -> Sequence[Mapping[str, float]]:
        return self._nodes

    def beside_gpus(self, question: Callable[[], T]) -> dict[str, Any]:
        return dict(self._cards) if question is placement.seen else dict.fromkeys(self._cards, self._peak)

    def settle(self, resources: Resources) -> None:
        self.resources = resources

    def run(self, work: Work) -> None:
        raise NotImplementedError


def placed(machines: Machines, **resources: Any) -> tuple[float, list[str]]:
    """The GPUs of a trial process, which the executor got too, and what was said; the sweep's own word stays."""
    told = list[str]()
    sweep = small(resources=resources)
    found = settled(sweep, machines, told.append)
    assert found.definition() == {**sweep.definition(), "resources": found.resources.dump()}
    assert sweep.resources.gpu == resources.get("gpu", "auto")
    assert machines.resources == found.resources
    assert isinstance(found.resources.gpu, float)
    return found.resources.gpu, told


def test_a_gpu_that_is_there_is_used() -> None:
    assert placed(Machines([{"CPU": 4.0}], {})) == (0.0, [])
    assert placed(Machines([NODE], {"one": USABLE})) == (1.0, ["each trial process gets a GPU (a card)"])
    share, told = placed(Machines([NODE], {"one": USABLE}, peak=12 * GB), pack="off")
    assert share == 0.25
    assert told == ["each trial process gets 1/4 of a GPU (a card): a trial takes 12 GiB of its 80 GiB"]


def test_of_unlike_cards_the_smallest_decides() -> None:
    other = Seen(1, "a small card", 20 * GB)
    machines = Machines([{"CPU": 16.0, "GPU": 1.0}] * 2, {"one": USABLE, "two": other}, peak=4 * GB)
    assert placed(machines, pack="off")[0] == 0.5  # of 20 GB, 1.25 x 4 + 1 is more than a quarter


def test_a_number_is_taken_as_it_is() -> None:
    assert placed(Machines([NODE], {"one": USABLE}), gpu=0.5) == (0.5, [])
    assert placed(Machines([{"CPU": 4.0}], {}), gpu=0) == (0.0, [])


def test_the_cpu_beside_an_idle_gpu_is_never_silent() -> None:
    gpu, told = placed(Machines([NODE], {"one": USABLE}), gpu=0)
    assert gpu == 0
    (line,) = told
    assert "1 GPU is idle" in line
    assert "resources.gpu=auto" in line
    gpu, told = placed(Machines([NODE, NODE], {"one": BARE, "two": BARE}))
    assert gpu == 0
    (line,) = told
    assert "2 GPUs are idle" in line
    assert "one: torch 2 is built without CUDA. Install another" in line


@pytest.mark.parametrize(
    ("gpu", "cards"), [(1.0, {"one": BARE}), ("auto", {"one": BARE, "two": USABLE})], ids=["written", "on one of two"]
)
def test_trials_are_not_sent_where_torch_cannot_use_their_gpu(gpu: float | str, cards: dict[str, Seen]) -> None:
    machines = Machines([NODE] * len(cards), cards)
    with pytest.raises(CannotRun, match=r"one: torch 2 is built without CUDA.*resources\.gpu=0"):
        settled(small(resources={"gpu": gpu}), machines, lambda _: None)
    assert machines.resources is None


def test_where_no_worker_answers_a_trial_gets_a_gpu() -> None:
    """Its GPUs are others' now, say: trials wait for one, and nothing can be measured."""
    assert placed(Machines([NODE], {}), pack="off") == (1.0, ["each trial process gets a GPU"])

"""What stands around every searcher: nothing is proposed twice, and arms share their draws."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pytest

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm, identity
from gensweep.axes.axis import Axis, AxisPath
from gensweep.axes.distributions import Uniform
from gensweep.component import build
from gensweep.errors import CannotRun
from gensweep.ledger.history import History
from gensweep.searchers.base import Parameters, Searcher, proposal, share
from tests.searchers.searches import Sweep, arm_of, search


class Stubborn(Searcher):
    """Proposes the same for ever, whatever the seed."""

    is_adaptive: ClassVar[bool] = True
    name: Literal["stubborn"] = "stubborn"
    share: float = 0.5

    def propose(self, arm: Arm, history: History, position: int, seed: int) -> Parameters:
        return spaces.drawn(arm.space, lambda axis: axis.distribution.at(self.share))


@pytest.mark.parametrize(
    "tree",
    [
        {"a": "logint(1, 90)"},
        {"a": "int(-3, 16)", "b": "choice([1], null)"},
        {"a": "quniform(0.1, 0.9, 0.2)", "b": "loguniform(2, 2)", "c": "uniform(3, 3)"},
        {"k": {"one_of": [{"name": "p", "a": "int(1, 4)", "b": "choice(x, y)"}, {"name": "q"}, {"name": "r", "c": "int(1, 3)"}]},
         "z": "choice(1, 2)"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("at", [0.0, 0.5, 0.999])
def test_a_finite_space_is_walked_to_its_end(tree: dict[str, Any], at: float) -> None:
    arm = arm_of(tree)
    size = arm.n_configurations
    assert size is not None
    sweep = search(Stubborn(share=at), arm, lambda parameters: 0.0, size + 2)
    tried = [identity(record.parameters) for record in sweep.history]
    assert len(set(tried[:size])) == size
    assert tried[size] == tried[size + 1] == tried[0]  # there is no other


def test_the_walk_begins_beside_the_proposal() -> None:
    arm = arm_of({"a": "int(1, 9)", "b": "int(1, 9)"})
    sweep = search(Stubborn(), arm, lambda parameters: 0.0, 3)
    assert [record.parameters for record in sweep.history] == [{"a": 5, "b": 5}, {"a": 5, "b": 6}, {"a": 5, "b": 7}]


def test_an_endless_space_always_has_another() -> None:
    tree = {"family": {"one_of": [{"name": "a"}, {"name": "b", "x": "uniform(0, 1)"}]}}
    sweep = search(Stubborn(share=0.0), arm_of(tree), lambda parameters: 0.0, 12)
    assert len({identity(record.parameters) for record in sweep.history}) == 12


def test_another_seed_walks_to_another_place_where_the_proposal_says_nothing() -> None:
    """Of an axis that the proposal does not have, every value is as likely to come first."""
    tree = {"family": {"one_of": [{"name": "a"}, {"name": "b", "x": "int(1, 50)"}]}}
    found = set()
    for seed in range(8):
        sweep = Sweep(arm_of(tree))
        for position in range(2):
            sweep.issue(proposal(Stubborn(share=0.0), sweep.arm, sweep.history, position, seed))
        found.add(sweep.history[1].parameters["family[b].x"])
    assert len(found) > 4


def test_what_a_copy_moved_to_does_not_count_as_proposed() -> None:
    """The trial still stands for the configuration that it was issued with, before and after a restart."""
    sweep = Sweep(arm_of({"a": "int(1, 3)"}))
    sweep.issue({"a": 2})
    sweep.copy(0, {"a": 3})
    for history in (sweep.history, sweep.rebuilt().history):
        assert proposal(Stubborn(), sweep.arm, history, 1, 0) == {"a": 3}


def test_how_often_a_repetition_is_asked_again() -> None:
    """A model gets few questions, because each takes its time; a draw costs nothing."""
    asked: list[int] = []

    class Asked(Stubborn):
        name: Literal["asked"] = "asked"  # type: ignore[assignment]

        def propose(self, arm: Arm, history: History, position: int, seed: int) -> Parameters:
            asked.append(seed)
            return super().propose(arm, history, position, seed)

    class Drawn(Asked):
        is_adaptive: ClassVar[bool] = False

    sweep = search(Stubborn(), arm_of({"a": "int(1, 2)"}), lambda parameters: 0.0, 2)
    asked.clear()
    proposal(Asked(), sweep.arm, sweep.history, 2, 0)
    assert len(asked) == 1  # nothing is left, so there is nothing to ask for
    for searcher, most in ((Asked(), 4), (Drawn(), 32)):
        asked.clear()
        search(searcher, arm_of({"a": "int(1, 9)"}), lambda parameters: 0.0, 2)
        assert len(asked) - 1 == most
        assert len(set(asked)) == most  # each under a seed of its own; the first and the second trial share theirs


def test_a_share_is_uniform_and_depends_on_seed_place_and_position_alone() -> None:
    def of(path: str, seed: int = 0, position: int = 0) -> float:
        return share(Axis(AxisPath(path), Uniform(0, 1)), seed, position)

    assert (
        of("family.divergence[mmd].scale") == of("family.divergence[sinkhorn].scale") == of("family.divergence.scale")
    )
    assert len({of("a"), of("b"), of("a", seed=1), of("a", position=1)}) == 4
    many = [of("a", position=position) for position in range(1000)]
    assert all(0 <= x < 1 for x in many)
    for k in range(10):  # a tenth in each tenth; 5 standard deviations of a binomial count
        assert abs(sum(k <= 10 * x < k + 1 for x in many) - 100) < 5 * 90**0.5


def test_random_asks_again_before_it_walks() -> None:
    """Its repetitions are drawn anew, so what it proposes next is as random as the first: not the neighbour."""
    tree, moved = {"a": "int(1, 4)", "b": "int(1, 1000)"}, 0
    searcher = build("searchers", "random")
    for seed in range(20):
        sweep = Sweep(arm_of(tree))
        first = dict(searcher.propose(sweep.arm, sweep.history, 0, seed))  # type: ignore[attr-defined]
        sweep.issue(first)
        again = proposal(searcher, sweep.arm, sweep.history, 0, seed)  # type: ignore[arg-type]
        moved += again["a"] != first["a"]
    assert moved >= 8  # 15 expected; P(fewer than 8 of 20 at 3/4) < 0.1 %


@pytest.mark.parametrize(
    ("proposes", "says"),
    [
        ({"a": 3}, "3 of 'a' is not in choice"),
        ({}, "no value for 'a'"),
        (None, "TypeError"),
    ],
)
def test_what_is_no_configuration_names_the_searcher_that_proposed_it(proposes: Any, says: str) -> None:
    class Faulty(Stubborn):
        def propose(self, arm: Arm, history: History, position: int, seed: int) -> Parameters:
            return proposes  # type: ignore[no-any-return]

    arm = arm_of({"a": "choice(1, 2)"})
    with pytest.raises(CannotRun, match=f"searcher stubborn proposes nothing .*{says}.*Mend .*Faulty"):
        proposal(Faulty(), arm, History(), 0, 0)

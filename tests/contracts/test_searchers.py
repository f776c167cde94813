"""What every searcher must keep, those of third parties too."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gensweep import registry
from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm, identity
from gensweep.axes.distributions import Choice, Distribution, Int, LogInt, QUniform
from gensweep.component import build
from gensweep.ledger.history import Change, History
from gensweep.searchers.base import Searcher, proposal
from gensweep.spaces.check import load_and_check
from tests.searchers.searches import EVERY_KIND, Sweep, arm_of, search

STARTUP, N = 6, 13
FINITE = {
    "latent_size": "choice(4, 8)",
    "family": {"one_of": [{"name": "vae", "beta": "logint(1, 9)"}, {"name": "wae", "n": "quniform(0, 1, 0.5)"}]},
}  # 2 * (9 + 3) configurations


def made(name: str) -> Searcher:
    """The member; one with a model asks it early, so that the tests see more of the model than of its first draws."""
    fields = registry.load("searchers", name).model_fields  # type: ignore[attr-defined]
    return build("searchers", {"name": name, **({"n_startup_trials": STARTUP} if "n_startup_trials" in fields else {})})  # type: ignore[return-value]


@pytest.fixture(scope="module", params=registry.names("searchers"))
def searcher(request: pytest.FixtureRequest) -> Searcher:
    return made(request.param)


def score(parameters: dict[str, Any]) -> float:
    """Lower is better; uses what every trial of EVERY_KIND has."""
    return abs(math.log(parameters["training.lr"]) + 5) + parameters["training.dropout"] + parameters["training.batch"]


def eventful(searcher: Searcher, mode: str = "min", seed: int = 0) -> Sweep:
    """A search with trials that ended in every way, in another order than they began, two running, one changed on its way."""
    sign, sweep = (1 if mode == "min" else -1), Sweep(arm_of(EVERY_KIND, mode))
    running: list[int] = []
    for position in range(N):
        parameters = proposal(searcher, sweep.arm, sweep.history, position, seed)
        running.append(sweep.issue(parameters))
        if position == 2:
            sweep.copy(2, {**parameters, "training.lr": 1e-4})
        if len(running) > 2:
            number = running.pop(position % 3)
            value = sign * score(sweep.state.trials[number].parameters)
            match number:
                case 1:
                    sweep.end(number, "DIVERGED", value)
                case 3:
                    sweep.end(number, "FAILED", value)
                case 4:
                    sweep.end(number, "PRUNED", value, value + 1)
                case 7:
                    sweep.end(number, "PRUNED")
                case 8:
                    sweep.complete(number, math.nan, math.nan)
                case _:
                    sweep.complete(number, value + sign, value, value + 5 * sign)
    return sweep


@pytest.fixture(scope="module")
def grown(searcher: Searcher) -> Sweep:
    return eventful(searcher)


def test_a_description_builds_the_same_again(searcher: Searcher) -> None:
    assert build("searchers", searcher.dump()) == searcher
    assert type(searcher).summary
    assert hash(searcher) == hash(build("searchers", searcher.dump()))  # a fold is kept under it


def test_the_same_arguments_give_the_same_values_and_change_nothing(searcher: Searcher, grown: Sweep) -> None:
    before = repr(list(grown.history))
    first = searcher.propose(grown.arm, grown.history, N, 0)
    assert identity(searcher.propose(grown.arm, grown.history, N, 0)) == identity(first)
    assert repr(list(grown.history)) == before


def test_a_restart_changes_nothing(searcher: Searcher, grown: Sweep) -> None:
    """Folded in one go from the file, or step by step with a proposal between the steps."""
    again = grown.rebuilt()
    assert identity(proposal(searcher, again.arm, again.history, N, 0)) == identity(
        proposal(searcher, grown.arm, grown.history, N, 0)
    )


def test_every_value_is_one_of_its_axis_and_exactly_the_active_axes_have_one(searcher: Searcher, grown: Sweep) -> None:
    axes = {axis.path: axis for axis in grown.arm.axes}
    for record in grown.history:
        active = spaces.drawn(grown.arm.space, spaces.answers(record.proposed))
        assert set(active) == set(record.proposed)
        for path, value in record.proposed.items():
            assert belongs(axes[path].distribution, value), (path, value)  # type: ignore[index]
        assert json.loads(json.dumps(record.proposed)) == record.proposed


def belongs(distribution: Distribution, value: Any) -> bool:
    if isinstance(distribution, Choice):
        return any(type(option) is type(value) and option == value for option in distribution.options)
    if isinstance(distribution, QUniform):
        return value in [distribution.after(k) for k in range(distribution.steps + 1)]
    is_right = isinstance(value, int if isinstance(distribution, Int | LogInt) else int | float)
    return is_right and distribution.low <= value <= distribution.high  # type: ignore[attr-defined]


def test_up_is_down_mirrored(searcher: Searcher, grown: Sweep) -> None:
    """`mode: max` with every score negated is the same search; the whole of it, up to the last proposal."""
    mirrored = eventful(searcher, mode="max")
    assert [record.proposed for record in mirrored.history] == [record.proposed for record in grown.history]


def test_another_seed_is_another_search(searcher: Searcher) -> None:
    arm = arm_of(EVERY_KIND)
    drawn = [identity(searcher.propose(arm, History(), position, seed)) for seed in (0, 1) for position in range(3)]
    if searcher.limit(arm) is None:
        assert len(set(drawn)) == 6
    else:
        assert drawn[:3] == drawn[3:]


def test_positions_may_be_asked_in_any_order(searcher: Searcher) -> None:
    sweep = Sweep(arm_of(EVERY_KIND))
    for position in range(STARTUP + 1):
        sweep.complete(sweep.issue(searcher.propose(sweep.arm, History(), position, 0)), float(position))
    fresh = sweep.rebuilt()
    later = [identity(searcher.propose(sweep.arm, sweep.history, position, 0)) for position in (9, 7)]
    assert later == [identity(searcher.propose(fresh.arm, fresh.history, position, 0)) for position in (7, 9)][::-1]
    assert later[0] != later[1]


@pytest.mark.parametrize("tree", [{"size": "choice(4, 8)"}, {"size": "int(3, 3)"}, FINITE], ids=["two", "one", "many"])
def test_no_configuration_twice_until_there_is_no_other(searcher: Searcher, tree: dict[str, Any]) -> None:
    arm = arm_of(tree)
    size = arm.n_configurations
    assert size is not None
    n_extra = 2 if searcher.limit(arm) is None else 0
    if registry.load("searchers", "gp") is type(searcher):  # a second for each
        size, n_extra = min(size, STARTUP + 4), min(n_extra, 1)
    sweep = search(searcher, arm, lambda parameters: float(len(identity(parameters))), size + n_extra)
    tried = [identity(record.parameters) for record in sweep.history]
    assert len(set(tried[:size])) == size
    for parameters in (record.parameters for record in sweep.history):
        spaces.resolve(arm.space, spaces.answers(parameters))


def test_a_failed_trial_is_as_if_it_had_never_been(searcher: Searcher) -> None:
    """Our fault says nothing about the configuration; a divergence does."""
    arm = arm_of({"x": "uniform(0, 1)", "y": "loguniform(1, 10)", "kind": {"one_of": ["a", "b"]}})
    proposed = []
    for fails in (False, True):
        sweep = search(searcher, arm, lambda parameters: parameters["x"], STARTUP + 2)
        if fails:
            sweep.end(sweep.issue({"x": 0.01, "y": 2.0, "kind": "a"}), "FAILED", 0.001)
        proposed.append(identity(searcher.propose(arm, sweep.history, STARTUP + 5, 0)))
    assert proposed[0] == proposed[1]


def test_each_change_is_met_once_however_often_it_is_asked(searcher: Searcher) -> None:
    met: Counter[Any] = Counter()

    class Counted(History):
        def fold(self, key: Any, start: Callable[[], Any], step: Callable[[Any, Change], None]) -> Any:
            def counted(value: Any, change: Change) -> None:
                met[key] += 1
                step(value, change)

            return super().fold(key, start, counted)

    sweep = Sweep(arm_of({"size": "choice(4, 8)", "x": "int(1, 3)"}))
    sweep.state.arms["only"] = Counted()
    for position in range(STARTUP + 2):  # past the end of the space: every proposal is asked again
        parameters = proposal(searcher, sweep.arm, sweep.history, position, position)
        sweep.complete(sweep.issue(parameters), float(position))
    proposal(searcher, sweep.arm, sweep.history, STARTUP + 3, 0)
    assert set(met.values()) == {3 * (STARTUP + 2)}  # issued, reported, ended
    assert len(met) <= 2  # what was tried, and the model


def test_an_unknown_field_is_an_error_with_its_line_and_its_owner(tmp_path: Path) -> None:
    """Over all members: a field of one is no field of another, and the message says whose it is."""
    owners: dict[str, set[str]] = {}
    for name in registry.names("searchers"):
        for field in registry.load("searchers", name).model_fields.keys() - {"name"}:  # type: ignore[attr-defined]
            owners.setdefault(field, set()).add(name)
    assert owners["points"] == {"grid"}
    for field, name in itertools.product(owners, registry.names("searchers")):
        if name not in owners[field]:
            assert f"It is a field of {', '.join(sorted(owners[field]))}." in problem(tmp_path, name, field)


def problem(folder: Path, sampler: str, field: str) -> str:
    from gensweep.errors import ConfigError

    (folder / "space.yaml").write_text(
        "defaults: [base, {dataset: digits}, _self_]\n"
        "name: tiny\n"
        "objective: {metric: fid}\n"
        f"search:\n  sampler: {sampler}\n  samples: 3\n  {field}: 9\n"
        "trial: {family: {name: vae}, network: {name: mlp}, latent_size: choice(2, 4), evaluation: {metrics: [fid]}, seed: 0}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_and_check(folder / "space.yaml")
    found, *others = caught.value.problems
    assert not others
    assert found.where.endswith("space.yaml:7")
    assert found.path.startswith("search")
    assert f"unknown field '{field}' of {sampler}." in found.message
    return found.message


def configurations(arm: Arm) -> Iterator[str]:
    points = 64
    yield from (identity(spaces.grid_point(arm.space, points, i)) for i in range(spaces.grid_size(arm.space, points)))


def test_the_finite_space_above_is_of_the_size_it_says() -> None:
    arm = arm_of(FINITE)
    assert arm.n_configurations == len(set(configurations(arm))) == 24

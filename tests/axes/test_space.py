"""The tree: axes and their conditional names, resolving, grids, splitting by a choice."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gensweep.axes.axis import Axis, AxisPath
from gensweep.axes.distributions import Choice, LogUniform
from gensweep.axes.space import (
    answers,
    axes,
    draw,
    flatten,
    grid_point,
    grid_size,
    locate,
    n_configurations,
    read,
    resolve,
    write,
)
from gensweep.errors import ConfigError

TREE: dict[str, Any] = {
    "latent_size": "choice(2, 8)",
    "family": {
        "name": "wae",
        "lambda": "loguniform(0.1, 100)",
        "divergence": {
            "one_of": [
                {"name": "mmd", "kernel": "choice(imq, rbf)"},
                "jensen_shannon",
                {"name": "mmd", "kernel": "imq", "scale": "uniform(1, 2)"},
            ]
        },
    },
    "metrics": ["fid", {"name": "wasserstein", "n": "choice(10, 20)"}],
}


@pytest.fixture
def space() -> Any:
    made, problems, _ = read(TREE)
    assert problems == []
    return made


def test_axes_have_conditional_names_and_say_when_they_exist(space: Any) -> None:
    assert [(axis.path, dict(axis.given)) for axis in axes(space)] == [
        ("latent_size", {}),
        ("family.lambda", {}),
        ("family.divergence", {}),
        ("family.divergence[mmd.1].kernel", {"family.divergence": "mmd.1"}),
        ("family.divergence[mmd.2].scale", {"family.divergence": "mmd.2"}),
        ("metrics.1.n", {}),
    ]
    assert axes(space)[2].distribution == Choice(("mmd.1", "jensen_shannon", "mmd.2"))


def test_only_active_axes_are_asked_for_in_order(space: Any) -> None:
    asked = []

    def ask(axis: Axis) -> Any:
        asked.append(axis.path)
        return "jensen_shannon" if axis.chooses_branch else axis.distribution.ends()[-1]

    assert resolve(space, ask) == {
        "latent_size": 8,
        "family": {"name": "wae", "lambda": 100, "divergence": {"name": "jensen_shannon"}},
        "metrics": ["fid", {"name": "wasserstein", "n": 20}],
    }
    assert asked == ["latent_size", "family.lambda", "family.divergence", "metrics.1.n"]


def test_stored_answers_give_the_same_configuration(space: Any) -> None:
    for seed in range(20):
        parameters = draw(space, random.Random(seed))
        made = resolve(space, answers(parameters))
        assert made["latent_size"] == parameters["latent_size"]
        assert resolve(space, answers(dict(reversed(parameters.items())))) == made
    with pytest.raises(ConfigError, match="no value for 'latent_size'"):
        resolve(space, answers({"latent": 2}))
    with pytest.raises(ConfigError, match=r"not in choice\(2, 8\)"):
        resolve(space, answers({"latent_size": 3}))


def test_the_grid_has_every_combination_once(space: Any) -> None:
    # latent_size 2 x lambda 3 x (mmd: 2 kernels, jensen_shannon: 1, the other mmd: 3 scales) x n 2
    assert grid_size(space, 3) == 2 * 3 * (2 + 1 + 3) * 2
    combinations = [grid_point(space, 3, index) for index in range(grid_size(space, 3))]
    assert len({tuple(sorted(map(str, c.items()))) for c in combinations}) == len(combinations)
    for parameters in combinations:
        resolve(space, answers(parameters))
        active = {"latent_size", "family.lambda", "family.divergence", "metrics.1.n"}
        assert {name for name in parameters if "[" not in name} == active


def test_the_last_axis_of_a_grid_moves_fastest(space: Any) -> None:
    assert [grid_point(space, 3, i)["metrics.1.n"] for i in range(4)] == [10, 20, 10, 20]
    assert [grid_point(space, 3, i)["latent_size"] for i in (0, 35, 36, 71)] == [2, 2, 8, 8]
    with pytest.raises(IndexError):
        grid_point(space["family"]["divergence"], 3, 6)


def test_how_many_configurations_there_are(space: Any) -> None:
    assert n_configurations(space) is None  # lambda is continuous
    finite, _, _ = read({
        "a": "int(1, 3)", "b": "quniform(0, 1, 0.5)", "c": "logint(1, 4)", "d": "uniform(2, 2)", "e": 7,
        "f": {"one_of": [{"name": "x", "g": "choice(1, 2)"}, {"name": "y"}]},
    })  # fmt: skip
    assert n_configurations(finite) == 3 * 3 * 4 * 1 * (2 + 1)


def test_places_have_the_names_of_their_axes(space: Any) -> None:
    ask = answers({"family.divergence": "mmd.2"})
    assert locate(space, ask, ("family", "divergence", "scale")) == "family.divergence[mmd.2].scale"
    assert locate(space, ask, ("family", "divergence")) == "family.divergence[mmd.2]"
    assert locate(space, ask, ("family", "lambda", "deeper")) == "family.lambda.deeper"


def test_written_and_read_again(space: Any) -> None:
    assert read(write(space))[0] == space


def test_flat_names() -> None:
    config = {"a": {"b": 1, "c": [1, 2]}, "d": [{"name": "fid"}, "x"], "e": {}, "f": []}
    assert flatten(config) == {"a.b": 1, "a.c": [1, 2], "d.0.name": "fid", "d.1": "x", "e": {}, "f": []}


def test_what_is_wrong_is_noted_and_all_of_it() -> None:
    _, problems, _ = read({"a": "loguniform(0, 1)", "b": {"one_of": []}, "c": {"one_of": [{"x": 1}], "d": 2}})
    assert [(p.path, p.message.split(".")[0]) for p in problems] == [
        ("trial.a", "loguniform(0, 1): a logarithmic range begins above 0, not at 0"),
        ("trial.b", "one_of takes a list of nodes, each with a name, and is empty"),
        ("trial.c", "'d' beside one_of"),
        ("trial.c", "a branch of one_of is a mapping with one name of its own, as in {name: mmd}"),
    ]


def test_a_mapping_of_weights_and_biases_is_a_leaf() -> None:
    space, _, _ = read({"lr": {"min": 0.1, "max": 1.0, "distribution": "log_uniform_values"}})
    assert space == {"lr": LogUniform(0.1, 1.0)}


def test_a_path_knows_its_place_and_its_short_name() -> None:
    path = AxisPath("family").into("divergence").branch("mmd").into("kernel").branch("imq").into(3)
    assert path == "family.divergence[mmd].kernel[imq].3"
    assert (path.place, path.name) == ("family.divergence.kernel.3", "3")
    assert AxisPath("family.divergence[wgan.clip].bound").place == "family.divergence.bound"
    assert AxisPath().into("seed") == "seed"

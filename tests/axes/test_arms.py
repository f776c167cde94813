"""Arms: which choice is compared, what each branch is called, and what is not searched there."""

from __future__ import annotations

from typing import Any

import pytest

from gensweep.axes.arms import arms, default_compare, identity
from gensweep.axes.space import read
from gensweep.errors import ConfigError
from gensweep.families.flow import Flow
from gensweep.objective import Objective

FID = Objective(metric="fid")
WAE = {"name": "wae", "divergence": {"one_of": [{"name": "mmd", "kernel": "choice(imq, rbf)"}, "sinkhorn"]}}
FAMILIES = {"one_of": [WAE, {"name": "wgan", "constraint": "clip"}, {"name": "wgan", "constraint": "gradient_penalty"}]}


def space(family: Any, **more: Any) -> dict[str, Any]:
    made, problems, _ = read({"latent_size": "choice(2, 8)", "family": family, "seed": None, **more})
    assert problems == []
    return made  # type: ignore[no-any-return]


def labels(of: dict[str, Any], compare: str | None) -> list[str]:
    return [arm.label for arm in arms(of, compare, FID)]


@pytest.mark.parametrize(
    ("family", "compare", "expected"),
    [
        (FAMILIES, None, ["wae", "wgan.clip", "wgan.gradient_penalty"]),
        (FAMILIES, "family", ["wae", "wgan.clip", "wgan.gradient_penalty"]),
        (FAMILIES, "family.divergence", ["wae.mmd", "wae.sinkhorn", "wgan.clip", "wgan.gradient_penalty"]),
        (WAE, None, ["mmd", "sinkhorn"]),
        (WAE, "family.divergence", ["mmd", "sinkhorn"]),
        ({"name": "vae", "beta": "uniform(0, 1)"}, None, ["vae"]),
        ("vae", None, ["vae"]),
        (WAE, "latent_size", ["2", "8"]),
        (FAMILIES, "latent_size", ["2", "8"]),
    ],
)
def test_the_compared_choice_makes_the_arms(family: Any, compare: str | None, expected: list[str]) -> None:
    assert labels(space(family), compare) == expected


def test_an_arm_has_its_own_axes_and_names_them_without_the_decided_choice() -> None:
    wae, clip, _ = arms(space(FAMILIES), None, FID)
    assert [str(axis.path) for axis in wae.axes] == [
        "latent_size",
        "family.divergence",
        "family.divergence[mmd].kernel",
    ]
    assert [str(axis.path) for axis in clip.axes] == ["latent_size"]
    assert (wae.n_configurations, clip.n_configurations) == (2 * 3, 2)
    mmd, sinkhorn = arms(space(WAE), None, FID)
    assert [str(axis.path) for axis in mmd.axes] == ["latent_size", "family.divergence.kernel"]
    assert mmd.configuration({"latent_size": 2, "family.divergence.kernel": "rbf"}, seed=5) == {
        "latent_size": 2, "family": {"name": "wae", "divergence": {"name": "mmd", "kernel": "rbf"}}, "seed": 5,
    }  # fmt: skip
    assert not sinkhorn.repeats_itself


def test_a_seed_of_the_file_stands() -> None:
    (arm,) = arms(space("vae", seed=3), None, FID)
    assert arm.repeats_itself
    assert arm.configuration({"latent_size": 2}, seed=5)["seed"] == 3


def test_a_compared_path_without_a_choice_is_an_error_with_the_choices() -> None:
    with pytest.raises(
        ConfigError, match=r"no choice at 'family.divergenc' to compare. Did you mean 'family.divergence'"
    ):
        arms(space(WAE), "family.divergenc", FID)
    with pytest.raises(ConfigError, match="no choice at 'seed'"):
        arms(space(WAE), "seed", FID)


def test_what_is_compared_by_default() -> None:
    assert default_compare(space(FAMILIES)) == "family"
    assert default_compare(space(WAE)) == "family.divergence"
    assert default_compare(space("vae", network={"one_of": ["mlp", "conv"]})) is None


def test_an_axis_that_the_family_does_not_use_is_not_searched_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flow, "ignores", frozenset({"latent_size", "training"}))
    training = {"epochs": 2, "optimizer": {"lr": "loguniform(0.1, 1)", "one": {"one_of": ["a", "b"]}}}
    flow, vae = arms(space({"one_of": ["flow", "vae"]}, training=training), None, FID)
    assert [str(axis.path) for axis in flow.axes] == []
    assert [str(path) for path in flow.unsearched] == ["latent_size", "training.optimizer.lr", "training.optimizer.one"]
    assert flow.configuration({}, 1)["training"] == {"epochs": 2, "optimizer": {"lr": 0.1, "one": {"name": "a"}}}
    assert len(vae.axes) == 3
    assert vae.unsearched == ()


def test_below_what_a_family_does_not_use_alone_nothing_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flow, "ignores", frozenset({"training.optimizer"}))
    (flow,) = arms(space("flow", training={"epochs": "int(1, 4)", "optimizer": {"lr": "uniform(0, 1)"}}), None, FID)
    assert [str(axis.path) for axis in flow.axes] == ["latent_size", "training.epochs"]
    assert [str(path) for path in flow.unsearched] == ["training.optimizer.lr"]


@pytest.mark.parametrize(
    ("parameters", "strange"),
    [
        ({"latent_size": 8, "n": 4, "q": 0.5, "lr": 0.1}, None),
        ({"n": 1, "q": 0.0, "lr": 10.0}, None),
        ({"n": 5}, "parameter 'n' = 5"),
        ({"latent_size": 2, "n": 0}, "parameter 'n' = 0"),
        ({"q": 0.75}, "parameter 'q' = 0.75"),
        ({"q": -0.25}, "parameter 'q' = -0.25"),
        ({"lr": -1.0}, "parameter 'lr' = -1.0"),
        ({"lr": 20.0}, "parameter 'lr' = 20.0"),
        ({"lr": 0.05}, "parameter 'lr' = 0.05"),
        ({"latent_size": 3}, "parameter 'latent_size' = 3"),
        ({"n": "many"}, "parameter 'n' = 'many'"),
        ({"m": 1}, "parameter 'm' = 1"),
    ],
)
def test_parameters_that_cannot_have_been_drawn_are_known(parameters: dict[str, Any], strange: str | None) -> None:
    (arm,) = arms(space("vae", n="int(1, 4)", q="quniform(0, 0.5, 0.25)", lr="loguniform(0.1, 10)"), None, FID)
    assert arm.unknown(parameters) == strange


def test_parameters_are_the_same_whatever_their_order() -> None:
    assert identity({"a": 1, "b": [1, 2]}) == identity({"b": [1, 2], "a": 1}) != identity({"a": 1, "b": [2, 1]})


def test_a_choice_that_a_family_cannot_use_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flow, "ignores", frozenset({"latent_size", "network"}))
    both = space({"one_of": ["flow", "vae"]}, network={"one_of": [{"name": "mlp"}, {"name": "affine"}]})
    with pytest.raises(
        ConfigError, match="flow cannot use 'latent_size', so trials of it would be the same in every arm"
    ):
        arms(both, "latent_size", FID)
    with pytest.raises(ConfigError, match="flow cannot use 'network'"):
        arms(both, "network", FID)
    assert labels(both, None) == ["flow", "vae"]
    assert labels(space("vae"), "latent_size") == ["2", "8"]


def test_what_a_family_ignores_need_not_be_written() -> None:
    made, problems, _ = read({"family": "flow", "seed": None})
    assert problems == []
    (flow,) = arms(made, None, FID)
    assert "latent_size" not in flow.configuration({}, seed=0)


def test_the_largest_number_that_is_drawn_at_a_place() -> None:
    (arm,) = arms(space("vae", training={"epochs": "int(2, 30)"}), None, FID)
    assert [arm.largest(place) for place in ("latent_size", "training.epochs", "seed")] == [8, 30, 0]

"""Combinations of a family and a constraint that have no meaning are refused with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import Any, ClassVar, Literal, cast

import pytest

from gensweep import registry
from gensweep.component import build
from gensweep.constraints.base import Bounds, Constraint
from gensweep.divergences.base import Divergence
from gensweep.families.base import Family
from gensweep.families.wgan import WGAN
from gensweep.losses import PopulationObjective
from gensweep.networks.base import Network


def misfit(family: dict[str, Any]) -> str | None:
    return cast(Family, build("families", family)).misfit((2,), None)


def test_a_gap_without_a_constraint_has_no_supremum() -> None:
    assert "no upper bound" in str(misfit({"name": "wgan", "constraint": "none"}))
    assert "no upper bound" in str(misfit({"name": "cramer_gan", "constraint": "none"}))
    assert "no upper bound" in str(misfit({"name": "mmd_gan", "constraint": "none"}))
    assert misfit({"name": "mmd_gan", "constraint": "none", "kernel": "rbf"}) is None
    assert misfit({"name": "mmd_gan", "constraint": "none", "space": "data"}) is None
    assert misfit({"name": "gan", "constraint": "none"}) is None


@pytest.mark.parametrize(
    ("constraint", "says"),
    [
        ({"name": "gradient_penalty", "weight": 0}, "Give a weight above 0"),
        ({"name": "lipschitz_penalty", "weight": 0}, "Give a weight above 0"),
        ({"name": "gradient_penalty", "at": "data"}, "Write at: interpolates"),
        ({"name": "gradient_penalty", "at": "data", "target": 0}, "Write at: interpolates"),
    ],
)
def test_a_penalty_that_leaves_the_critic_free_bounds_no_gap(constraint: dict[str, Any], says: str) -> None:
    for family in ("wgan", "cramer_gan", "mmd_gan"):
        assert says in str(misfit({"name": family, "constraint": constraint}))
        assert misfit({"name": family, "constraint": {**constraint, "at": "interpolates", "weight": 1e-3}
                       if constraint["name"] == "gradient_penalty" else "lipschitz_penalty"}) is None  # fmt: skip
    assert misfit({"name": "gan", "constraint": constraint}) is None
    with pytest.raises(ValueError, match=says):
        build("divergences", {"name": "wasserstein_dual", "constraint": constraint})


@pytest.mark.parametrize("family", ["gan", "f_gan", "wgan", "cramer_gan", "mmd_gan"])
def test_a_bound_on_weight_matrices_needs_a_network_that_does_not_normalise(family: str) -> None:
    conv, plain = (cast(Network, build("networks", node)) for node in ("conv", {"name": "conv", "norm": "none"}))
    held = cast(Family, build("families", {"name": family, "constraint": "spectral_norm"}))
    assert "network.norm: none" in str(held.critic_misfit(conv))
    assert held.critic_misfit(plain) is None
    assert (
        cast(Family, build("families", {"name": family, "constraint": "gradient_penalty"})).critic_misfit(conv) is None
    )
    assert cast(Family, build("families", "vae")).critic_misfit(conv) is None


@pytest.mark.parametrize(
    ("options", "objective"),
    [({}, "wasserstein_1"), ({"weight": 3}, "wasserstein_1"), ({"target": 0}, None), ({"target": 2}, None)],
)
def test_a_slope_other_than_1_is_not_the_distance_of_wasserstein(
    options: dict[str, Any], objective: str | None
) -> None:
    constraint = {"name": "gradient_penalty", **options}
    family = cast(Family, build("families", {"name": "wgan", "constraint": constraint}))
    dual = cast(Divergence, build("divergences", {"name": "wasserstein_dual", "constraint": constraint}))
    for found in (family.population_objective(), dual.population_objective()):
        assert (found and found.name) == objective


@pytest.mark.parametrize("constraint", ["sobolev", "fisher"])
def test_a_discriminator_cannot_be_held_at_a_norm(constraint: str) -> None:
    for family in ("gan", "f_gan", "mmd_gan", "cramer_gan"):
        assert f"constraint {constraint} holds" in str(misfit({"name": family, "constraint": constraint}))
    assert misfit({"name": "wgan", "constraint": constraint}) is None


@pytest.mark.parametrize(("alpha", "name"), [(0, "reverse_kl"), (1, "kl")])
def test_the_limits_of_alpha_have_their_own_names(alpha: float, name: str) -> None:
    with pytest.raises(ValueError, match=f"Write f: {name}"):
        build("families", {"name": "f_gan", "f": "alpha", "alpha": alpha})


@pytest.mark.parametrize("constraint", registry.names("constraints"))
def test_every_constraint_is_of_use_to_some_family(constraint: str) -> None:
    takers = [name for name in ("gan", "wgan") if misfit({"name": name, "constraint": constraint}) is None]
    assert takers


class Idle(Constraint):
    """A third party's constraint that does nothing and declares nothing."""

    name: Literal["idle"] = "idle"


class Tight(Idle):
    """One that says what it implies."""

    name: Literal["tight"] = "tight"  # type: ignore[assignment]
    default_optimizer: ClassVar[Mapping[str, Any] | None] = {"name": "sgd", "lr": 0.5}

    @property
    def bounds(self) -> Bounds:
        return Bounds.SLOPE

    def population_objective(self) -> PopulationObjective:
        return PopulationObjective("wasserstein_1", bias="by 3 %")


class Moment(Idle):
    """One of a norm that has no divergence of its own."""

    name: Literal["moment"] = "moment"  # type: ignore[assignment]

    @property
    def bounds(self) -> Bounds:
        return Bounds.NORM


@pytest.fixture
def _plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {cls.__name__.lower(): EntryPoint(cls.__name__.lower(), f"{__name__}:{cls.__name__}", "gensweep.constraints")
               for cls in (Idle, Tight, Moment)}  # fmt: skip
    monkeypatch.setattr(registry, "_plugins", lambda kind: entries if kind == "constraints" else {})


@pytest.mark.usefixtures("_plugins")
def test_a_constraint_that_declares_nothing_is_taken_to_bound_nothing_that_is_known() -> None:
    for family in ("wgan", "cramer_gan", "mmd_gan"):
        said = str(misfit({"name": family, "constraint": "idle"}))
        assert "idle does not say what it bounds" in said
        assert "Bounds.SLOPE" in said
    with pytest.raises(ValueError, match="idle does not say what it bounds"):
        build("divergences", {"name": "wasserstein_dual", "constraint": "idle"})
    nodes = ("families", {"name": "wgan"}), ("families", {"name": "gan"}), ("families", {"name": "f_gan"}), \
        ("divergences", {"name": "kl"}), ("divergences", {"name": "f_divergence"})  # fmt: skip
    for kind, node in nodes:
        component = cast(Family | Divergence, build(kind, {**node, "constraint": "idle"}))
        assert component.population_objective() is None
    assert misfit({"name": "gan", "constraint": "idle"}) is None
    assert WGAN.optimizer_for({"name": "wgan", "constraint": "idle"}) == WGAN.default_optimizer


@pytest.mark.usefixtures("_plugins")
def test_a_constraint_of_a_third_party_brings_what_it_declares() -> None:
    node = {"name": "wgan", "constraint": "tight"}
    assert misfit(node) is None
    assert cast(Family, build("families", node)).population_objective() == Tight().population_objective()
    assert WGAN.optimizer_for(node) == Tight.default_optimizer
    dual = cast(Divergence, build("divergences", {"name": "wasserstein_dual", "constraint": "tight"}))
    assert dual.population_objective() == Tight().population_objective()


@pytest.mark.parametrize("weight", [0, 1.0])
def test_only_a_free_critic_reaches_the_ratio(weight: float) -> None:
    """A penalty of weight 0 is none; R1 is one, though it bounds no gap."""
    for node in ({"name": "gan", "loss": "minimax"}, {"name": "f_gan"}):
        held = {**node, "constraint": {"name": "gradient_penalty", "at": "data", "weight": weight}}
        free = cast(Family, build("families", {**node, "constraint": "none"})).population_objective()
        assert cast(Family, build("families", held)).population_objective() == (None if weight else free)


@pytest.mark.usefixtures("_plugins")
@pytest.mark.parametrize(("divergence", "cure"), [("wasserstein_dual", "lipschitz_penalty"), ("kl", "none")])
def test_a_norm_without_a_divergence_of_its_own_is_refused_without_naming_one(divergence: str, cure: str) -> None:
    with pytest.raises(ValueError, match=f"constraint moment .*Give constraint: {cure} \\["):
        build("divergences", {"name": divergence, "constraint": "moment"})
    with pytest.raises(ValueError, match=f"Give constraint: {cure}, or divergence: fisher_ipm \\["):
        build("divergences", {"name": divergence, "constraint": "fisher"})

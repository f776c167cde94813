"""Combinations of a family and a constraint that have no meaning are refused with the reason."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gensweep import registry
from gensweep.component import build
from gensweep.divergences.base import Divergence
from gensweep.families.base import Family
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

"""Combinations of a family and a constraint that have no meaning are refused with the reason."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gensweep import registry
from gensweep.component import build
from gensweep.families.base import Family


def misfit(family: dict[str, Any]) -> str | None:
    return cast(Family, build("families", family)).misfit((2,), None)


def test_a_gap_without_a_constraint_has_no_supremum() -> None:
    assert "no upper bound" in str(misfit({"name": "wgan", "constraint": "none"}))
    assert "no upper bound" in str(misfit({"name": "cramer_gan", "constraint": "none"}))
    assert "no upper bound" in str(misfit({"name": "mmd_gan", "constraint": "none"}))
    assert misfit({"name": "mmd_gan", "constraint": "none", "kernel": "rbf"}) is None
    assert misfit({"name": "mmd_gan", "constraint": "none", "space": "data"}) is None
    assert misfit({"name": "gan", "constraint": "none"}) is None


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

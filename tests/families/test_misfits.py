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
    assert misfit({"name": "gan", "constraint": "none"}) is None


@pytest.mark.parametrize("constraint", ["sobolev", "fisher"])
def test_a_discriminator_cannot_be_held_at_a_norm(constraint: str) -> None:
    assert f"constraint {constraint} holds" in str(misfit({"name": "gan", "constraint": constraint}))
    assert misfit({"name": "wgan", "constraint": constraint}) is None


@pytest.mark.parametrize("constraint", registry.names("constraints"))
def test_every_constraint_is_of_use_to_some_family(constraint: str) -> None:
    takers = [name for name in ("gan", "wgan") if misfit({"name": name, "constraint": constraint}) is None]
    assert takers

"""The alpha of an alpha-divergence: which numbers have one, and which of them have a name of their own."""

from __future__ import annotations

from gensweep.divergences.base import PopulationObjective

_NAMED = {-1.0: "neyman", 0.5: "squared_hellinger", 2.0: "pearson"}  # up to factors


def refuse_limits(alpha: float) -> None:
    """Nothing, for an alpha that has a divergence.

    Raises:
        ValueError: alpha is 0 or 1, where the formula is 0 / 0; with the name of its limit.
    """
    if alpha in (0.0, 1.0):
        cure = "reverse_kl" if alpha == 0 else "kl"
        raise ValueError(f"alpha {alpha:g} is the limit that has a name of its own. Write f: {cure}")


def objective_of(alpha: float) -> PopulationObjective:
    """What the divergence of alpha is called."""
    name = _NAMED.get(alpha, "alpha")
    return PopulationObjective(name, alpha if name == "alpha" else 1.0)

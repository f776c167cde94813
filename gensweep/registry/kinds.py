"""The kinds of components: the folders of gensweep whose files are members."""

from __future__ import annotations

KINDS = (
    "families",
    "divergences",
    "constraints",
    "metrics",
    "datasets",
    "networks",
    "optimizers",
    "lr_schedules",
    "searchers",
    "early_stopping",
)
NOT_MEMBERS = {"base", "__init__"}
_SINGULAR = {"families": "family", "early_stopping": "early-stopping rule"}


def singular(kind: str) -> str:
    """What one member of a kind is called."""
    return _SINGULAR.get(kind, kind.removesuffix("s"))

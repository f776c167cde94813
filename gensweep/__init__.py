"""gensweep: sweeps over families of generative models, and an honest answer to which one is best."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gensweep.api import load, open, run  # noqa: A004 -- gensweep.open
    from gensweep.comparison.frame import results

__version__ = "0.1.0"
__all__ = ["load", "open", "results", "run"]
_WHERE = {"load": "gensweep.api", "run": "gensweep.api", "open": "gensweep.api", "results": "gensweep.comparison.frame"}


def __getattr__(name: str) -> Any:
    """What the library offers is imported when it is first asked for: `import gensweep` loads nothing."""
    if name not in _WHERE:
        raise AttributeError(f"module 'gensweep' has no attribute '{name}'")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

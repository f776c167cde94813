"""gensweep: sweeps over families of generative models, and an honest answer to which one is best."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gensweep.api import check, load, run
    from gensweep.models.generative import GenerativeModel
    from gensweep.results import SweepResults

__version__ = "0.1.0"
__all__ = ["GenerativeModel", "SweepResults", "check", "load", "run"]
_ELSEWHERE = {"GenerativeModel": "gensweep.models.generative", "SweepResults": "gensweep.results"}


def __getattr__(name: str) -> Any:
    """What the library offers is imported when it is first asked for: `import gensweep` loads nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'gensweep' has no attribute '{name}'")
    return getattr(importlib.import_module(_ELSEWHERE.get(name, "gensweep.api")), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

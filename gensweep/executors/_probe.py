"""What a node of a cluster says for itself. This file travels as code, for the node may have another gensweep, or none.

So it imports nothing but the standard library before it runs.
"""

from __future__ import annotations

import pickle
import platform
from typing import Any


def versions() -> tuple[dict[str, str], dict[str, str]]:
    """The version of each thing that trials are made with, and of what cannot be imported the reason."""
    found, missing = {"Python": ".".join(platform.python_version_tuple()[:2])}, dict[str, str]()
    try:
        import torch

        found["torch"] = str(torch.__version__).partition("+")[0]  # what follows says for which device it was built
    except Exception as error:  # a library may break in any way
        missing["torch"] = f"{type(error).__name__}: {error}"
    try:
        import gensweep

        found["gensweep"] = str(gensweep.__version__)
    except Exception as error:
        missing["gensweep"] = f"{type(error).__name__}: {error}"
    return found, missing


def reply(question: bytes) -> dict[str, Any]:
    """The versions here, and what the question, which was pickled, answers; or the error in its place."""
    found, missing = versions()
    said: dict[str, Any] = {"versions": found, "missing": missing}
    if not missing:
        try:
            said["answer"] = pickle.loads(question)()
        except Exception as error:
            said["error"] = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    return said

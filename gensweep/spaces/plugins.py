"""Which folder of the user's own components a sweep uses, and so takes with it."""

from __future__ import annotations

import json
import re

from gensweep import registry
from gensweep.errors import Problem
from gensweep.spaces.sweep import Sweep

_WORD = re.compile(r"[a-z][a-z0-9_]*")


def used_by(sweep: Sweep) -> tuple[dict[str, str], list[Problem]]:
    """The files of the folder, each with its SHA-256; none where the sweep names no member of one. And what is wrong with it.

    A word that is a member's name counts, wherever it stands: to take a folder along that is not needed harms nobody.
    """
    definition = {**sweep.definition(), "name": ""}
    words = set(_WORD.findall(json.dumps(definition, default=str)))
    named = {(kind, name) for folder in registry.in_use() for kind, name in folder.members if name in words}
    folders = {folder.digest: folder for member in sorted(named) if (folder := registry.origin(*member))}
    if len(folders) > 1:
        paths = " and of ".join(str(folder.path) for folder in folders.values())
        return {}, [
            Problem("", "", f"the sweep uses plug-ins of {paths}. A sweep takes one folder along: put them into one")
        ]
    return next((dict(folder.digests) for folder in folders.values()), {}), []

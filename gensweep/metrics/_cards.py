"""Which feature extractors ship, and what is known of each: read by checks that must not load torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "extractors"
IDENTITY = "identity"
FOREIGN = ("inception", "file")  # networks that do not ship: see _foreign.py


def names() -> list[str]:
    """Every extractor that ships: a folder listing, nothing is loaded."""
    return sorted(card.stem for card in FOLDER.glob("*.json"))


def card(name: str) -> dict[str, Any]:
    """What is known of extractor `name`: its input's shape, its features, its accuracy and how it was trained."""
    return json.loads((FOLDER / f"{name}.json").read_text())  # type: ignore[no-any-return]

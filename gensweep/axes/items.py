"""The values inside `choice(…)`: how one is written, and what a word of text says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
PLAIN = re.compile(r"[A-Za-z_][\w.-]*")
WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}


def write_item(value: Any) -> str:
    """One option as it is written inside choice(…)."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(write_item, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {write_item(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def said(word: str) -> Any:
    """The number, true, false or null that a word is, else the word without quotes."""
    if re.fullmatch(NUMBER, word):
        return int(word) if re.fullmatch(r"[-+]?\d+", word) else float(word)
    return WORDS.get(word, word.strip("'\""))

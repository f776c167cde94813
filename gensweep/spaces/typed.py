"""Overrides as people type them at a shell: what is wrong with a word that is none, and what to type instead."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from gensweep import registry
from gensweep.errors import Problem

_CLOSING = {"[": "]", "{": "}", "(": ")"}
_PATH = re.compile(r"[+~]{0,2}[\w.-]+")
_ANY = "Write key=value, +key=value or ~key"


def parted(words: Sequence[str]) -> tuple[list[str], list[Problem]]:
    """The words that are overrides by themselves, and a problem for each that a space or the shell has torn apart."""
    whole, problems = [], []
    left = list(words)
    while left:
        key = left[0]
        path = bool(_PATH.fullmatch(key)) and "." in key and not _is_file(key)
        n = 3 if path and left[1:2] == ["="] and len(left) > 2 else 2
        if n == 2 and not (len(left) > 1 and "=" not in left[1] and (path or key.endswith("="))):
            whole.append(left.pop(0))
            continue
        torn, left = left[:n], left[n:]
        joined = "=".join([key.rstrip("="), torn[-1]])
        problems.append(Problem(" ".join(torn), "", f"is no override: a space is too much. Write {typed(joined)}"))
    return whole, problems


def why_none(text: str) -> str:
    """What is wrong with a word that Hydra's grammar does not know, and the word that was probably meant."""
    if not text.strip():
        return "is an empty word, as the shell makes of a variable that is not set. Leave it out"
    if "=" not in text:
        return f"is no override{_without_equals(text)}"
    key, _, value = text.partition("=")
    return f"is no override{_wrong_key(key, value) or f': {_wrong_value(key, value)}'}"


def _wrong_key(key: str, value: str) -> str:
    """What is wrong with all but the value; empty where nothing is."""
    if not (parts := re.findall(r"[\w-]+", key)):
        return f": it has no key. {_ANY}"
    if key.endswith("+"):
        return f": nothing can be added to a list. Write all of it: {key.rstrip('+ ')}=[a,b]"
    if re.search(r"\s\+{0,2}[\w.]+=", f" {value}"):
        return ", but several in one word. Leave out the quotes around them"
    sign = (re.match(r"[+~]{0,2}", key) or [""])[0] if not key.startswith("+++") else ""
    better = f"{sign}{'.'.join(parts)}={value.strip().lstrip('=')}"
    strange = re.sub(r"[\w.+~-]", "", key) or ".." in key or key.startswith((".", "+++")) or value.startswith("=")
    return f". Write {typed(better)}" if strange else ""


def own_data(given: str) -> str:
    """How data of one's own are named, where a dataset's file is not there; else nothing."""
    kinds = ("image_folder", "array", "huggingface")
    if given in kinds and given in registry.names("datasets"):
        return f" Write {typed(f'trial.dataset={{name: {given}, path: PATH}}')}."
    if not re.search(r"[/\\.~]", given):
        return ""
    kind = "array" if given.endswith((".npy", ".npz")) else "image_folder"
    return f" Data of your own: {typed(f'trial.dataset={{name: {kind}, path: {given}}}')}."


def typed(word: str) -> str:
    """A word as it is typed at a shell."""
    return f'"{word}"' if "'" in word and not re.search(r'["$`\\!]', word) else shlex.quote(word)


def _without_equals(text: str) -> str:
    if _is_file(text):
        return ": it is a second file, and one file is one sweep. Run it by itself"
    if match := re.fullmatch(r"(\+{0,2}[\w.-]+)\s*:\s*(\S.*)", text):
        return f": a value follows a '='. Write {typed(f'{match[1]}={match[2].strip()}')}"
    return f": it has no value. Write {text}=VALUE" if _PATH.fullmatch(text) and "." in text else f". {_ANY}"


def _wrong_value(key: str, value: str) -> str:
    opened, quote = "", ""
    for character in value:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in _CLOSING:
            opened += _CLOSING[character]
        elif character in _CLOSING.values() and not opened.endswith(character):
            return f"a '{character}' that nothing opens"
        else:
            opened = opened.removesuffix(character)
    if quote:
        other = '"' if quote == "'" else "'"
        return f"the {quote} is never closed. Write {typed(f'{key}={other}{value}{other}')}"
    if opened:
        return f"a bracket is never closed. Write {typed(f'{key}={value}{opened[::-1]}')}"
    if value.endswith(","):
        bare = value.rstrip(",")
        return f"it ends with a comma. Write {typed(f'{key}={bare}')}"
    return f"the value needs quotes of its own. Write {typed(f'{key}={_quoted(value)}')}"


def _quoted(value: str) -> str:
    """A value in quotes as Hydra reads them."""
    quote = '"' if "'" in value else "'"
    return f"{quote}{value.replace(quote, chr(92) + quote)}{quote}"


def _is_file(word: str) -> bool:
    return word.endswith((".yaml", ".yml", ".json")) or Path(word).is_file()

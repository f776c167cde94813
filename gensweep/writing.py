"""A tree of plain values -> YAML text that `reading` reads back as it was."""

from __future__ import annotations

from typing import Any

import yaml

from gensweep.reading import YamlError, plain, read_text


def yaml_of(tree: Any) -> str:
    """The tree as a block of YAML. PyYAML leaves `1e5` without quotes, which is a number in YAML 1.2."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, None if _is_read_back(text) else "'")


def _is_read_back(text: str) -> bool:
    try:
        return bool(plain(read_text(f"- {text}", "text")) == [text])
    except YamlError:
        return False


_Dumper.add_representer(str, _text)

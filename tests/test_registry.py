"""Members whose files are faulty: each is named, and the others are there."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gensweep.divergences
from gensweep import registry
from gensweep.component import importable
from gensweep.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files are divergences of gensweep's own."""
    own = registry._own

    def _own(kind: str) -> tuple[str, ...]:
        return (*own(kind), *(f.stem for f in tmp_path.glob("*.py"))) if kind == "divergences" else own(kind)

    monkeypatch.setattr(registry, "_own", _own)
    monkeypatch.setattr(gensweep.divergences, "__path__", [*gensweep.divergences.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    yield tmp_path
    for name in [f.stem for f in tmp_path.glob("*.py")]:
        sys.modules.pop(f"gensweep.divergences.{name}", None)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("syntax", "x = 1\ndef f(:\n", r"divergence 'syntax' cannot be imported: .*syntax.py:2: SyntaxError: "),
        ("raising", "\n\n1 / 0\n", r"cannot be imported: .*raising.py:3: ZeroDivisionError: division by zero"),
        ("typo", "class Typo(Nothing): pass\n", r"typo.py:1: NameError: name 'Nothing' is not defined"),
        ("lacking", "import not_here_at_all\n", r"No module named 'not_here_at_all'. Install"),
        ("called", "import json\n\njson.loads('{')\n", r"called.py:3: JSONDecodeError: "),
        (
            "stranger",
            "class Stranger: pass\n",
            r"stranger.py defines Stranger, which is no class of gensweep.divergences",
        ),
        ("badname", "class Wrong: pass\n", r"gensweep/divergences/badname.py defines Wrong; name it Badname"),
        ("two_words", "", r"two_words.py defines no class; name it TwoWords"),
        ("twice", "class Twice: pass\nclass TWICE: pass\n", r"twice.py defines Twice, TWICE; define only one of them"),
    ],
)
def test_a_faulty_file_is_named_with_its_line_and_hides_no_other(folder: Path, name: str, text: str, says: str) -> None:
    (folder / f"{name}.py").write_text(text)
    with pytest.raises(ConfigError, match=says):
        registry.load("divergences", name)
    assert "mmd" in importable("divergences")
    assert name not in importable("divergences")

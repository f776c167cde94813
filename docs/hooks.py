"""mkdocs' hook: what is made from the code joins the pages that are written by hand."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # mkdocs runs this file from its path, and what it imports lies beside gensweep

from docs.generate import api, commands, components, ends, environment, ledger, search_space  # noqa: E402

MADE: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands.page,
    "reference/search-space.md": search_space.page,
    "reference/studies.md": search_space.studies,
    "reference/events.md": ledger.page,
    "reference/exit-codes.md": ends.page,
    "reference/environment.md": environment.page,
    "reference/python.md": api.page,
}
TAKEN = {  # pages that stand elsewhere in the repository, and what in them is another page here
    "security.md": ROOT / "SECURITY.md",
    "cluster-files.md": ROOT / "deploy" / "README.md",
    "changelog.md": ROOT / "CHANGELOG.md",
    "contributing.md": ROOT / "CONTRIBUTING.md",
}
FAULTS = ROOT / "tests" / "faults" / "FAULTS.md"
_LINKS = {
    "(deploy/README.md)": "(cluster-files.md)", "(SECURITY.md)": "(security.md)", "(CHANGELOG.md)": "(changelog.md)",
    "(CONTRIBUTING.md)": "(contributing.md)", "[requirements/](requirements)": "`requirements/`",
    "(../docs/how-to/slurm.md)": "(how-to/slurm.md)",
}  # fmt: skip


def on_files(files: Files, *, config: MkDocsConfig, **_: Any) -> Files:
    """Add what is made from the code, and what stands elsewhere."""
    for path, text in {**made(), **taken()}.items():
        files.append(File.generated(config, path, content=text))
    return files


def made() -> dict[str, str]:
    """Path -> page, of all that is made from the code."""
    kinds = {f"reference/components/{name}": text for name, text in components.pages().items()}
    return {**{path: page() for path, page in MADE.items()}, **kinds}


def taken() -> dict[str, str]:
    """Path -> page, of what the repository has outside of docs/."""
    found = {path: _relinked(file.read_text()) for path, file in TAKEN.items()}
    return {**found, "faults.md": _faults()}


def _relinked(text: str) -> str:
    for link, here in _LINKS.items():
        text = text.replace(link, here)
    text = re.sub(r"\[[^\]]+\]\((gensweep/[\w/.]+)\)", r"`\1`", text)  # code is no page
    return text.replace("](docs/", "](")


def _faults() -> str:
    head = (ROOT / "docs" / "faults.md.in").read_text()
    if not FAULTS.exists():
        return f"{head}\nThe table of this release was not written yet: the command writes it.\n"
    _, _, table = FAULTS.read_text().partition("\n\n")  # behind its title
    return f"{head}\n{table}"

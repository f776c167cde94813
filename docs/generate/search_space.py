"""The page of the search-space file, from the models that read it."""

from __future__ import annotations

import inspect
import itertools
from pathlib import Path

from docs.generate.text import inline
from gensweep.axes.distributions import Choice, Distribution, Int, LogInt, LogUniform, QUniform, Uniform
from gensweep.component import Node
from gensweep.configuration import Confirm, Evaluation, Resources, Search, Training, TrialConfiguration
from gensweep.described.schemas import range_of, required, type_of, yaml_of
from gensweep.objective import Objective

ROOT = Path(__file__).parents[2]
_DEFAULTS = ROOT / "gensweep" / "spaces" / "defaults"
_LEAVES: dict[str, type[Distribution]] = {
    "choice(a, b, …)": Choice, "uniform(a, b)": Uniform, "loguniform(a, b)": LogUniform, "int(a, b)": Int,
    "logint(a, b)": LogInt, "quniform(a, b, q)": QUniform,
}  # fmt: skip
_SECTIONS: dict[str, type[Node]] = {
    "objective": Objective, "search": Search, "confirm": Confirm, "resources": Resources, "trial": TrialConfiguration,
    "trial.training": Training, "trial.evaluation": Evaluation,
}  # fmt: skip
_ELSEWHERE = {
    "search": "The fields of the [searcher](components/searchers.md) that `sampler` names, `tpe` by default, stand here too.",
    "objective": "`objective: fid` is short for this; the direction is then the metric's own.",
    "confirm": "`confirm: none` leaves it out.",
}


def page() -> str:
    """The page, as Markdown: what cannot be had from the code stands in docs/reference/search-space.md."""
    text = (ROOT / "docs" / "reference" / "search-space.md.in").read_text()
    parts = {"leaves": _leaves(), "sections": _sections(), "base": _base(), "groups": _groups()}
    for name, part in parts.items():
        text = text.replace(f"{{{{ {name} }}}}", part)
    return text


def _leaves() -> str:
    rows = [f"| `{written}` | {inline(inspect.getdoc(kind) or '')} |" for written, kind in _LEAVES.items()]
    return "| leaf | what is drawn |\n|---|---|\n" + "\n".join(rows)


def _sections() -> str:
    return "\n\n".join(_section(place, model) for place, model in _SECTIONS.items())


def _section(place: str, model: type[Node]) -> str:
    schema = model.model_json_schema(by_alias=True)
    definitions, rows = schema.get("$defs", {}), []
    for label, node in schema["properties"].items():
        if f"{place}.{label}" in _SECTIONS:
            kind, default = f"[see below](#{place.replace('.', '')}{label})", ""
        else:
            kind = type_of(node, definitions, link="components/{}.md").replace("|", "\\|")
            default = "*must be given*" if label in required(schema) else f"`{yaml_of(node.get('default'))}`"
        rows.append(
            f"| `{label}` | {kind} | {range_of(node, definitions)} | {default} | {inline(node.get('description', ''))} |"
        )
    told = " ".join(filter(None, [inline(inspect.getdoc(model) or ""), _ELSEWHERE.get(place, "")]))
    table = "| field | type | range | default | |\n|---|---|---|---|---|\n" + "\n".join(rows)
    return f"### `{place}` {{ #{place.replace('.', '')} }}\n\n{told}\n\n{table}"


def _base() -> str:
    return f'```yaml title="base"\n{(_DEFAULTS / "base.yaml").read_text().strip()}\n```'


def _groups() -> str:
    rows = [
        f"| `{folder.name}` | {', '.join(f'`{file.stem}`' for file in sorted(folder.glob('*.yaml')))} |"
        for folder in sorted(_DEFAULTS.iterdir())
        if folder.is_dir()
    ]
    return "| group | files |\n|---|---|\n" + "\n".join(rows)


def studies() -> str:
    """The search spaces that ship, each with the question that it begins with."""
    rows = []
    for file in sorted((ROOT / "search_spaces").glob("*.yaml")):
        comments = itertools.takewhile(lambda line: line.startswith("#"), file.read_text().splitlines())
        said = itertools.takewhile(
            lambda line: "gensweep run" not in line, (line.lstrip("# ").strip() for line in comments)
        )
        rows.append(f"| [`{file.stem}`](#{file.stem}) | {inline(' '.join(filter(None, said)))} |")
    sections = [
        f'## `{file.stem}` {{ #{file.stem} }}\n\n```yaml title="search_spaces/{file.name}"\n{file.read_text().strip()}\n```'
        for file in sorted((ROOT / "search_spaces").glob("*.yaml"))
    ]
    return (
        "# Studies that ship\n\nEach file begins with its question and the command that runs it. What came of some of them is in "
        "[the numbers](../numbers.md).\n\n| file | question |\n|---|---|\n"
        + "\n".join(rows)
        + "\n\n"
        + "\n\n".join(sections)
        + "\n"
    )

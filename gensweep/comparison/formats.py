"""A comparison as text: Markdown, CSV, JSON, or a LaTeX table with booktabs' rules for a paper."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from gensweep.text import markdown as escaped
from gensweep.text import markdown_table

if TYPE_CHECKING:
    from gensweep.comparison.compare import Comparison

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "∞": r"$\infty$", "±": r"$\pm$", "<": r"$<$", ">": r"$>$",
}  # fmt: skip


def formatted(comparison: Comparison, form: str) -> str:
    """The comparison in one of `FORMS`."""
    return FORMS[form](comparison)


def _markdown(comparison: Comparison) -> str:
    pairs = comparison.confirmation.pairs() if comparison.confirmation else comparison.pairs()
    tables = (comparison.table(), pairs, comparison.cost_table())
    parts = [escaped(comparison.sentence()), *map(markdown_table, tables)]
    return "\n\n".join(part for part in parts if part)


def _json(comparison: Comparison) -> str:
    return json.dumps(comparison.as_dict(), indent=1, allow_nan=False)


def _csv(comparison: Comparison) -> str:
    return comparison.csv().decode().rstrip("\n")


def _latex(comparison: Comparison) -> str:
    rows = comparison.table()
    return "\n".join([f"% {' '.join(comparison.sentence().split())}", latex_table(rows)])


def latex_table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of text as a tabular with booktabs' rules; the first column is left-aligned, the others right."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [
        " & ".join(map(latex, columns)),
        *(" & ".join(latex(row.get(column, "")) for column in columns) for row in rows),
    ]
    head, *body = [f"  {line} \\\\" for line in lines]
    return "\n".join(
        [
            f"\\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}} % \\usepackage{{booktabs}}",
            "  \\toprule", head, "  \\midrule", *body, "  \\bottomrule",
            "\\end{tabular}",
        ]
    )  # fmt: skip


def latex(text: str) -> str:
    r"""The text as LaTeX that shows it.

    >>> print(latex("max_sliced & 5 %"))
    max\_sliced \& 5 \%
    """
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))


FORMS: dict[str, Callable[[Comparison], str]] = {
    "markdown": _markdown, "csv": _csv, "json": _json, "latex": _latex,
}  # fmt: skip

"""How arms are told apart: by Okabe and Ito's colours, which colour-blind readers tell apart, by marker and by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Colours that follow the page, light or dark: the page's script puts its own in the place of these.
INK, MUTED, GRID, PAPER = "#010101", "#020202", "#030303", "#040404"
# Okabe and Ito, "Color universal design", 2008; yellow, which white swallows, is darker, and black follows the page
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", INK, "#A08C00")
SYMBOLS = ("circle", "square", "diamond", "triangle-down", "cross", "x", "star", "hexagon")
GLYPHS = ("●", "■", "◆", "▼", "✚", "✖", "★", "⬢")  # as text
MARKERS = ("o", "s", "D", "v", "P", "X", "*", "h")  # the same shapes, as matplotlib calls them
DASHES = ("solid", "dash", "dashdot", "dot")
LINES = ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Style:
    """One arm's look. `index` is its place, by which the page shows and hides it."""

    index: int
    colour: str
    symbol: str
    glyph: str
    marker: str
    dash: str
    line: str


def style(index: int) -> Style:
    """The look of the arm, or the class, at this place."""
    turn, place = divmod(index, len(COLOURS))
    shape = (index + turn) % len(SYMBOLS)
    return Style(
        index,
        COLOURS[place],
        SYMBOLS[shape],
        GLYPHS[shape],
        MARKERS[shape],
        DASHES[turn % len(DASHES)],
        LINES[turn % len(LINES)],
    )


def styles(arms: Sequence[str]) -> dict[str, Style]:
    """The look of each arm, by the order of their names: a later sweep of the same arms keeps it."""
    return {arm: style(i) for i, arm in enumerate(sorted(arms))}

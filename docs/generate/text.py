"""Docstrings, which are plain text with formulas, as HTML inside of a Markdown page.

>>> inline("W_2^2(x, y) = E ||x - y||^2, `a_b` of arXiv:1701.07875")[:41]
'W<sub>2</sub><sup>2</sup>(x, y) = E ‖x - '
"""

from __future__ import annotations

import html
import re

_WRAPPED = 92  # a line that is shorter was ended on purpose, as a formula is
_CODE = re.compile(r"`([^`]+)`")
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
_DOI = re.compile(r"doi:(10\.\d{4,}/[\w.()/-]*\w)")
# a letter of a formula, or a few that stand for one thing, and its index: x_1, W_2, S_eps, x_(i-1); names have longer parts
_LETTER = r"(?<![\w<>/])((?:[A-Za-zα-ωΑ-Ω]|[A-Z]{2,3}|max|sum|int|beta)[')]?)"
_INDEX = re.compile(_LETTER + r"_(\w{1,2}|eps|mu|mix|\([^()]+\)|\{[^{}]+\})(?!\w)")
_POWER = re.compile(r"\^(-?\w+|\([^()]*\)|\{[^{}]*\})")
_QUIET = {ord(sign): f"&#{ord(sign)};" for sign in "*_[|`"}
_ENTRY = re.compile(r"\s*\w[\w, ]{1,30}:\s")


def inline(text: str) -> str:
    """Plain text as HTML: code stays code, indices and powers are set as such, papers are linked."""
    return "".join(_piece(piece, is_code=bool(at % 2)) for at, piece in enumerate(_CODE.split(" ".join(text.split()))))


def _piece(text: str, *, is_code: bool) -> str:
    if is_code:
        return f"<code>{_quiet(html.escape(text))}</code>"
    text = text.replace("||", "‖").replace("<-", "←").replace(">=", "≥").replace("<=", "≤")
    text = html.escape(text, quote=False)
    text = _POWER.sub(lambda found: f"<sup>{found[1].strip('(){}')}</sup>", text)
    text = _INDEX.sub(lambda found: f"{found[1]}<sub>{found[2].strip('(){}')}</sub>", text)
    text = _ARXIV.sub(r'<a href="https://arxiv.org/abs/\1">arXiv:\1</a>', text)
    return _quiet(_DOI.sub(r'<a href="https://doi.org/\1">doi:\1</a>', text))


def _quiet(text: str) -> str:
    """HTML in which Markdown finds nothing of its own."""
    return text.translate(_QUIET)


def paragraph(text: str) -> str:
    """A paragraph as HTML that keeps the line ends and the lists which its author set."""
    return f'<p class="{"formula" if _begins_with_formula(text) else "said"}">{lines(text)}</p>'


def lines(text: str) -> str:
    """Text as HTML that keeps the line ends which its author set: of formulas, and of entries `name: text` of a list."""
    parts, before = list[str](), ""
    for line in text.split("\n"):
        if not parts or _begins(line, before):
            parts.append(line)
        else:
            parts[-1] += f" {line.strip()}"
        before = line
    return "<br>".join(("&emsp;" if part.startswith("  ") else "") + inline(part) for part in parts)


def _begins(line: str, before: str) -> bool:
    """Whether a line goes on with nothing: its author ended the one before, or it is an entry of a list, or behind one."""
    is_entry = bool(_ENTRY.match(line))
    if (line.startswith("  ") and is_entry) or (before.startswith("  ") and not line.startswith("  ")):
        return True
    return before.rstrip().endswith((".", ",", ";", ":")) and (len(before) < _WRAPPED or is_entry)


def _begins_with_formula(text: str) -> bool:
    return bool(re.match(r"[^\s.]+(\([^)]*\))?( \S+){0,3} (=|←|<-) ", text))


def cell(text: str) -> str:
    """Text for a cell of a table."""
    return lines(text).replace("\n", " ")

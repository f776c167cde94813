"""The page of exit codes, from the errors that carry them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from docs.generate.text import inline
from gensweep.errors import Diverged, GensweepError
from gensweep.verdict import SomeTrialsFailed

_WHAT_TO_DO = {  # for whoever reads the code: a script, a scheduler
    0: "Read the verdict.",
    1: "Read `error.txt` of a trial; the model, the data or the code is at fault. A traceback with it is a bug of gensweep.",
    2: "Mend what the message names; nothing was started.",
    3: "The verdict stands on the others. `gensweep resume NAME --retry-failed all` once what they failed of is mended.",
    4: "Mend what the message names; nothing was started, or nothing more can be written to the output.",
    5: "`gensweep doctor NAME`, then `--repair`. Nothing was changed.",
    75: "Start the same command again, as a scheduler may by itself: SIGTERM, SIGHUP, SIGUSR1, `gensweep stop`, the time budget, "
    "a full disk, a Ray or a driver that died.",
    130: "Ctrl-C: the message names the command that goes on.",
}


def page() -> str:
    """The page, as Markdown."""
    found = defaultdict[int, list[str]](list)
    assert SomeTrialsFailed.exit_code in _WHAT_TO_DO  # it is imported so that it is among the subclasses
    for kind in _kinds(GensweepError):
        if kind not in (GensweepError, Diverged) and kind.__module__.startswith("gensweep."):
            found[kind.exit_code].append(inline((kind.__doc__ or "").strip().split("\n\n")[0]))
    rows = [
        f"| **{code}** | {'<br>'.join(found[code]) or 'Done. Trials that diverged are results.'} | {_WHAT_TO_DO[code]} |"
        for code in sorted({0, *found})
    ]
    return _PAGE.format(rows="\n".join(rows))


def _kinds(kind: type[GensweepError]) -> Iterator[type[GensweepError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


_PAGE = """# Exit codes

| code | what it says | what to do |
|---|---|---|
{rows}

It is never 0 after an interruption. [`gensweep ui`](commands.md#ui) is ended by Ctrl-C, which is 0 there; SIGTERM is 143 and
SIGHUP 129. [`gensweep doctor`](commands.md#doctor) is 0 where all is whole, and 5 where not.
"""

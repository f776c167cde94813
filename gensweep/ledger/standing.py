"""How the driver of a sweep is, as its folder says it to any machine that sees it: it runs, waits, has stopped, or has died."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gensweep.errors import Outcome
from gensweep.ledger.lease import Owner, owner
from gensweep.ledger.state import SweepState
from gensweep.ledger.stop_note import missing_end, noted
from gensweep.ledger.stop_request import asked
from gensweep.ledger.sweep_folder import SweepFolder

Word = Literal["starting", "waiting", "running", "finishing", "done", "stopped", "died", "not begun"]
_SILENT = "it ended without a word: its machine went down, or it was killed together with its parent process"


@dataclass(frozen=True)
class Standing:
    """`driver` is the newest one, `is_held` whether it lives; `code` its exit code where it does not, and is known.

    `reason` is why it stopped or died, or, of one that lives, what it was told to stop by.
    """

    word: Word
    driver: Owner | None = None
    is_held: bool = False
    reason: str = ""
    code: int | None = None
    rest: str = ""  # what is left to do though every trial has ended


def standing(folder: SweepFolder, state: SweepState) -> Standing:
    """How the driver of a sweep in this state is.

    Raises:
        DamagedSweep: its lease cannot be read.
    """
    if (holder := folder.holder()) is not None:
        return Standing(_living(folder, state, holder), holder, is_held=True, reason=_told(folder, holder))
    last, newest = folder.events.last(besides=("identified", "defined")), owner(folder.path)
    if last is not None and last["event"] == "stopped":
        return Standing("stopped", newest, reason=str(last.get("reason", "")), code=_code(last.get("code")))
    if state.finished:
        rest = "" if state.closed else "its report and its copy in the tracking store may lack the last of it"
        return Standing("done", newest, code=_code_of(state), rest=rest)
    if (cut := missing_end(folder.path, folder.events)) is not None:
        return Standing("stopped", newest, reason=cut["reason"], code=cut["code"])
    if not folder.events.of_kind("started"):
        return Standing("not begun", newest)
    return Standing("died", newest, reason=_SILENT)


def _living(folder: SweepFolder, state: SweepState, holder: Owner) -> Word:
    starts = folder.events.of_kind("started")
    if not starts or starts[-1]["generation"] != holder.generation:
        return "starting"
    if state.finished:
        return "finishing"
    return "running" if state.running else "waiting"


def _told(folder: SweepFolder, holder: Owner) -> str:
    if (request := asked(folder.path, holder.generation)) is not None:
        return f"gensweep stop on {request.by}"
    note = noted(folder.path, holder.generation)
    return note.reason if note is not None else ""


def _code(said: object) -> int | None:
    return said if type(said) is int else None


def _code_of(state: SweepState) -> int:
    """What a driver ends with that has nothing left to do."""
    outcomes = {record.outcome for record in state.trials.values()}
    if not outcomes & {Outcome.COMPLETED, Outcome.PRUNED}:
        return 1
    return 3 if Outcome.FAILED in outcomes else 0

"""What the run of a sweep says at its top: the verdict with its table, or how far it is, and the commands that go on. Markdown.

The verdict is what report/comparison.json holds, as long as that is of the trials that there are: it may be a stranger's,
so that every text is made harmless, and what is of another kind is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from gensweep.errors import DamagedSweep, Outcome
from gensweep.ledger.foreign import document, json_of
from gensweep.ledger.state import SweepState
from gensweep.objective import Objective
from gensweep.text import counted, listed, markdown, markdown_table, number
from gensweep.tracking.describe import best_of_arms

Standing = Literal["running", "stopped", "done"]
Row = dict[str, str]
_LONGEST = 4900  # characters: stores take 5000


def note(argument: str, state: SweepState, objective: Objective | None, standing: Standing, report: Path) -> str:
    """The whole text of a sweep, whose report lies in a folder; `argument` is how a command is told of the sweep."""
    found = {} if standing == "running" else _comparison(report, state)
    parts = _verdict(found) if found else [_so_far(state, standing), markdown_table(_best_of_arms(state, objective))]
    commands = "\n".join(f"    {line}" for line in _commands(argument, standing, is_confirmed="confirmation" in found))
    while sum(map(len, parts)) + len(commands) > _LONGEST and len(parts) > 1:
        parts.pop()  # the last is the least needed
    return "\n\n".join([*filter(None, parts), commands])[:_LONGEST]


def _comparison(report: Path, state: SweepState) -> Mapping[str, Any]:
    """What was compared, if it was all trials that have ended."""
    try:
        found = json_of(document(report / "comparison.json"))
    except (OSError, ValueError, DamagedSweep):
        return {}
    ended = sum(not record.is_live for record in state.trials.values())
    is_of_them = isinstance(found, dict) and _part(found, "progress").get("ended") == ended
    return found if is_of_them and isinstance(_part(found, "verdict").get("sentence"), str) else {}


def _verdict(found: Mapping[str, Any]) -> list[str]:
    arms, confirmed = _rows(found.get("arms")), _part(found, "confirmation")
    table = [_confirmed(arm, found, confirmed) if confirmed else _searched(arm, found) for arm in arms]
    pairs = [_pair(pair) for pair in _rows(found.get("pairs"))] if confirmed else []
    return [f"**{markdown(found['verdict']['sentence'])}**", markdown_table(table), markdown_table(pairs)]


def _confirmed(arm: Mapping[str, Any], found: Mapping[str, Any], how: Mapping[str, Any]) -> Row:
    own, search = _part(arm, "confirmed"), _part(arm, "search")
    centre = own.get("median" if how.get("statistic") == "median" else "mean")
    return {
        "arm": _text(arm.get("arm")),
        "trial": _text(arm.get("trial")),
        f"{_text(found.get('metric'))} on the test split": _text(centre),
        "95 % CI": f"[{_text(own.get('low'))}, {_text(own.get('high'))}]",
        "seeds": _text(own.get("seeds")),
        "when chosen": _text(arm.get("selected")),
        "search trials": _text(arm.get("n_search")),
        "best": _text(search.get("best")),
    }


def _searched(arm: Mapping[str, Any], found: Mapping[str, Any]) -> Row:
    search = _part(arm, "search")
    return {
        "arm": _text(arm.get("arm")),
        f"best {_text(found.get('metric'))}": _text(search.get("best")),
        "trial": _text(search.get("best_trial")),
        **{
            name.replace("_", " "): _text(search.get(name))
            for name in ("completed", "stopped_early", "diverged", "failed")
        },
    }


def _pair(pair: Mapping[str, Any]) -> Row:
    is_told_apart = pair.get("distinguished") is True
    return {
        "pair": f"{_text(pair.get('a'))} and {_text(pair.get('b'))}",
        "effect": f"{_text(pair.get('effect'))} [{_text(pair.get('low'))}, {_text(pair.get('high'))}]",
        "adjusted p": _text(pair.get("p_adjusted")),
        "verdict": "distinguished" if is_told_apart else "not distinguished",
    }


def _so_far(state: SweepState, standing: Standing) -> str:
    records = list(state.trials.values())
    ended = [record for record in records if record.outcome]
    outcomes = [record.outcome for record in ended]
    counts = listed([f"{outcomes.count(o)} {o.name.lower()}" for o in Outcome if o in outcomes] or ["none"])
    how = {"running": "It is running", "stopped": "It was stopped, and can go on", "done": "It is done"}[standing]
    n = len(records) - len(ended)
    live = f", {n} {'is' if n == 1 else 'are'} not over" if n else ""
    return f"**{how}: {counted(len(ended), 'trial')} ended ({counts}){live}. There is no verdict yet.**"


def _best_of_arms(state: SweepState, objective: Objective | None) -> list[Row]:
    """Each arm's best trial of the search so far."""
    ended, best = (
        Counter(record.arm for record in state.trials.values() if record.outcome),
        best_of_arms(state, objective),
    )
    rows = []
    for arm in dict.fromkeys(record.arm for record in state.trials.values()):
        row = {"arm": arm, "ended": str(ended[arm])}
        if objective:
            score = number(objective.of(best[arm].best)) if arm in best else "-"
            row |= {f"best {objective.metric}": score, "trial": str(best[arm].number) if arm in best else "-"}
        rows.append(row)
    return rows


def _commands(argument: str, standing: Standing, *, is_confirmed: bool) -> Sequence[str]:
    """What a reader may want next; indented, it is code in Markdown."""
    if standing == "running":
        return [f"gensweep show {argument}", f"gensweep stop {argument}"]
    if standing == "stopped":
        return [f"gensweep resume {argument}", f"gensweep compare {argument}"]
    more = [f"gensweep resume {argument} --samples +8"]
    return [
        f"gensweep compare {argument}",
        f"gensweep report {argument}",
        *(more if is_confirmed else [f"gensweep confirm {argument} --top 1 --seeds 5", *more]),
    ]


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = found.get(name)
    return part if isinstance(part, dict) else {}


def _rows(found: Any) -> list[Mapping[str, Any]]:
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _text(value: Any) -> str:
    return number(value, 3) if value is None or isinstance(value, float | int | str) else "-"

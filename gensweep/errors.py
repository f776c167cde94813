"""What can go wrong, each with the exit code that a script or a scheduler may act on; and how a trial can end."""

from __future__ import annotations

import difflib
import enum
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any


class GensweepError(Exception):
    """An error whose message is for the user: where, what was given, what is accepted, and the cure."""

    exit_code = 1


class NoUsableTrial(GensweepError):
    """The sweep ended without one score to compare."""


@dataclass(frozen=True)
class Problem:
    """One mistake in the input. `where` is `file:line`, or the override as it was typed."""

    where: str
    path: str
    message: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.where, f"{self.path}:" if self.path else "", self.message) if part)


class ConfigError(GensweepError):
    """Bad usage or configuration. It carries every mistake that was found, not the first."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        self.problems = [Problem("", "", problems)] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(map(str, self.problems)))


def gathered(*attempts: Callable[[], Any]) -> list[Any]:
    """What each attempt returns.

    Raises:
        ConfigError: one or more of them did, with the mistakes of all.
    """
    results, problems = [], list[Problem]()
    for attempt in attempts:
        try:
            results.append(attempt())
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return results


class CannotRun(GensweepError):
    """Nothing was started: resources, storage or tracking are not usable, or another driver holds the sweep."""

    exit_code = 4


class DamagedSweep(GensweepError):
    """The sweep's own state is damaged, and guessing could lose or repeat work."""

    exit_code = 5


class Stopped(GensweepError):
    """Stopped on request before the end, with everything saved; the message names the command that continues."""

    exit_code = 75


class StoreAway(Stopped):
    """The store of the trials' folders did not answer for longer than anybody waits."""


class Interrupted(Stopped):
    """Stopped by Ctrl-C."""

    exit_code = 130


class Diverged(GensweepError):
    """Training left the finite numbers. A result of the trial, not a failure of the program."""

    def __init__(self, reason: str, step: int) -> None:
        self.reason, self.step = reason, step
        super().__init__(f"{reason} at step {step}")


class Outcome(enum.Enum):
    """How a trial ended. The name is what files and MLflow hold; the value says it to a person."""

    COMPLETED = "trained for all its epochs"
    PRUNED = "stopped early: worse than its own family at the same epoch"
    DIVERGED = "training left the finite numbers"
    FAILED = "an error of the code or of the machine"


def suggest(given: str, known: Iterable[str]) -> str:
    """The sentence that follows an unknown name: the nearest known one, if any is near, and all that are known."""
    names = sorted(known)
    near = nearest(given, names)
    hint = f"Did you mean '{near}'? " if near else ""
    if near and near == near.lower() and _letters(near) == _letters(given) and given.strip() != near:
        joined = ", with '_' between words" if "_" in near else ""
        hint = f"Write '{near}': names are in lower case{joined}. "
    return f"{hint}Known: {', '.join(names) or 'none'}."


def nearest(given: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant: the same but for case and hyphens, one a few letters away, or its beginning.

    >>> [nearest(given, ["batch_size", "lr", "max", "wae"]) for given in ("WAE", "batchSize", "maximise", "learning rate", "x")]
    ['wae', 'batch_size', 'max', 'lr', None]
    """
    by_letters = {_letters(name): name for name in known}
    letters = _letters(given)
    letters = _ELSEWHERE.get(letters, letters)
    near = [letters] if letters in by_letters else difflib.get_close_matches(letters, by_letters, n=1, cutoff=0.6)
    begun = [name for name in by_letters if len(name) > 2 and letters.startswith(name)]
    found = near or sorted(begun, key=len)[-1:]
    return by_letters[found[0]] if found else None


def same_name(one: str, other: str) -> bool:
    """Whether two names differ in case, hyphens and spaces only, or one is what other libraries call the other."""
    letters = [_letters(name) for name in (one, other)]
    return len({_ELSEWHERE.get(name, name) for name in letters}) == 1


def _letters(name: str) -> str:
    """A name without what people vary: case, hyphens, underscores, spaces."""
    return re.sub(r"[-_\s]", "", name).casefold()


# what other libraries call it, by letters
_ELSEWHERE = {
    "learningrate": "lr",
    "zdim": "latentsize",
    "latentdim": "latentsize",
    "direction": "mode",
    "goal": "mode",
}

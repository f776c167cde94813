"""What can go wrong, each with the exit code that a script or a scheduler may act on; and how a trial can end."""

from __future__ import annotations

import difflib
import enum
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
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.6)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return f"{hint}Known: {', '.join(names) or 'none'}."

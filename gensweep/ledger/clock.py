"""When trials ran, by the clocks of the machines that wrote the events. It is for costs: nothing is ordered by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gensweep.ledger.fields import milliseconds

Span = tuple[int, int]  # from when to when, in Unix milliseconds
_BEGIN, _END, _ALL_END = ("issued", "continued"), ("ended", "lost", "copied"), ("stopped", "finished")
_OF_THE_FOLDER = ("identified", "defined")  # which are no part of a run


class Clock:
    """From when to when each trial was in hand. What a driver that was killed had in hand ends with its last event.

    A clock that goes back stands still here until it is where it was.
    """

    def __init__(self) -> None:
        self._began: dict[int, int] = {}
        self._spans: dict[int, list[Span]] = {}
        self._now = 0

    def hear(self, event: Mapping[str, Any]) -> None:
        """Enter an event of the log; one that is not written yet has no time."""
        kind, before = event["event"], self._now
        if "at" not in event or kind in _OF_THE_FOLDER:
            return
        at = milliseconds(event["at"])
        self._now = at if kind == "started" else max(before, at)  # another driver may have another clock
        if kind in _BEGIN:
            self._began.setdefault(event["number"], self._now)
        elif kind in _END:
            self._end(event["number"], self._now)
        elif kind == "started" or kind in _ALL_END:
            for number in list(self._began):
                self._end(number, before if kind == "started" else self._now)

    def spans(self, number: int) -> list[Span]:
        """When a trial ran; one that still runs, until the last event."""
        known = self._spans.get(number, [])
        return [*known, (self._began[number], self._now)] if number in self._began else list(known)

    def _end(self, number: int, at: int) -> None:
        if number in self._began:
            self._spans.setdefault(number, []).append((self._began.pop(number), at))


def covered(spans: Iterable[Span]) -> float:
    """The seconds in which at least one of the spans was."""
    total, end = 0, 0
    for began, ended in sorted(spans):
        total += max(0, ended - max(began, end))
        end = max(end, ended)
    return total / 1000

"""A run store behind a bad line: it is away, loses the answer to what it did, refuses once, and does things late."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gensweep.tracking.run_store import Away, Refused
from tests.tracking.memory_store import MemoryStore

_LATE = 5  # calls after which what seemed to fail happens after all


class BadLine(MemoryStore):
    """`next_calls` says what becomes of the next calls; `before(call)` is told each, and once more when it took effect."""

    def __init__(self, before: Callable[[str], None]) -> None:
        super().__init__()
        self.next_calls: list[str] = []
        self._before = before
        self._late: list[tuple[int, str, Mapping[str, str], int]] = []
        self.__dict__.update(_losing(self))

    def create(self, name: str, tags: Mapping[str, str], start: int) -> str:
        if self.next_calls and self.next_calls[0] == "late":
            self.next_calls.pop(0)
            self._late.append((len(self.calls) + _LATE, name, dict(tags), start))
            raise Away("no answer in time")
        return super().create(name, tags, start)

    def come_down(self, *, at_once: bool = True) -> None:
        """Do what is late; `at_once` all of it."""
        due = [one for one in self._late if at_once or one[0] <= len(self.calls)]
        self._late = [one for one in self._late if one not in due]
        for _, name, tags, start in due:
            super().create(name, tags, start)

    def _called(self, call: str, name: str = "") -> None:
        if any(at <= len(self.calls) for at, *_ in self._late):
            self.come_down(at_once=False)
        self._before(call)
        super()._called(call, name)
        what = self.next_calls.pop(0) if self.next_calls else ""
        if what in ("away", "late"):
            raise Away("nobody answers")
        if what == "refused":
            raise Refused("not today")


def _losing(store: BadLine) -> dict[str, Callable[..., Any]]:
    """The calls of a store, each of which may lose its answer after it took effect."""

    def wrapped(name: str) -> Callable[..., Any]:
        whole = getattr(store, name)

        def call(*given: Any, **more: Any) -> Any:
            is_lost = bool(store.next_calls) and store.next_calls[0] == "lost"
            if is_lost:
                store.next_calls.pop(0)
            answer = whole(*given, **more)
            store._before(f"{name} done")
            if is_lost:
                raise Away("the answer is lost")
            return answer

        return call

    names = ("find", "create", "exists", "log", "set_status", "add_file", "add_text", "rename", "add_data", "show",
             "delete")  # fmt: skip
    return {name: wrapped(name) for name in names}

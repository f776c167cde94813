"""A simulation that fails, made simpler as long as it fails in the same way."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.choices import Streams

_KINDS = 40  # letters of a failure that say which it is


class _Search:
    """The simplest choices so far that fail in the wanted way."""

    def __init__(self, choices: Streams, failure_of: Callable[[Streams], str | None], tries: int) -> None:
        self.best, self.left = _trimmed(choices), tries
        self._failure_of, self._wanted = failure_of, self._kind(choices, failure_of)

    def tries(self, stream: str, numbers: list[int]) -> bool:
        """Whether these numbers are simpler in the place of that stream, and fail too; then they are taken."""
        candidate = _trimmed({**self.best, stream: numbers})
        if self.left == 0 or _size(candidate) >= _size(self.best):
            return False
        self.left -= 1
        if self._kind(candidate, self._failure_of) != self._wanted:
            return False
        self.best = candidate
        return True

    @staticmethod
    def _kind(choices: Streams, failure_of: Callable[[Streams], str | None]) -> str:
        return (failure_of(choices) or "")[:_KINDS]


def shrunk(choices: Streams, failure_of: Callable[[Streams], str | None], tries: int = 500) -> Streams:
    """The simplest choices that were found: shorter streams, and smaller numbers."""
    search, before = _Search(choices, failure_of, tries), None
    while before != search.best and search.left:
        before = search.best
        longest = max(map(len, before.values()), default=0)
        for length in (longest, *(longest >> n for n in range(1, longest.bit_length()))):
            for stream in list(before):
                _without_parts(search, stream, max(1, length))
        for stream in list(before):
            _with_less(search, stream)
    return search.best


def _without_parts(search: _Search, stream: str, length: int) -> None:
    """Leave out parts of this length, from the end on, or make them the simplest."""
    for start in range((len(search.best.get(stream, ())) - 1) // length * length, -1, -length):
        numbers = search.best.get(stream, [])
        rest = numbers[start + length :]
        if not search.tries(stream, numbers[:start] + rest) and any(numbers[start : start + length]):
            search.tries(stream, numbers[:start] + [0] * (len(numbers) - start - len(rest)) + rest)


def _with_less(search: _Search, stream: str) -> None:
    for at in range(len(search.best.get(stream, ()))):
        numbers = search.best.get(stream, [])
        for smaller in (numbers[at] // 2, numbers[at] - 1) if at < len(numbers) else ():
            if smaller > 0 and search.tries(stream, [*numbers[:at], smaller, *numbers[at + 1 :]]):
                break


def _trimmed(choices: Streams) -> Streams:
    """Without zeros at the ends, which a stream gives by itself."""
    trimmed = {}
    for stream, numbers in choices.items():
        kept = list(numbers)
        while kept and kept[-1] == 0:
            kept.pop()
        if kept:
            trimmed[stream] = kept
    return trimmed


def _size(choices: Streams) -> tuple[int, int]:
    trimmed = _trimmed(choices).values()
    return sum(map(len, trimmed)), sum(map(sum, trimmed))

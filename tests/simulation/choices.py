"""Every choice of a simulated sweep, in streams of numbers: drawn by a seed, or given, so that they can be made simpler."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

Streams = dict[str, list[int]]


class Choices:
    """Numbers below what is asked for. 0 is always the simplest answer, and what is given for a stream that has ended."""

    def __init__(self, seed: int | None = None, given: Mapping[str, Sequence[int]] | None = None) -> None:
        self.made: Streams = {}
        self._given = given
        self._seed = seed
        self._random: dict[str, random.Random] = {}

    def below(self, n: int, stream: str) -> int:
        """A number from 0 to n - 1."""
        made = self.made.setdefault(stream, [])
        made.append(self._next(n, stream, len(made)))
        return made[-1]

    def one_in(self, n: int, stream: str) -> bool:
        """True once in n times; False is simpler."""
        return self.below(n, stream) == n - 1

    def _next(self, n: int, stream: str, at: int) -> int:
        if self._given is not None:
            given = self._given.get(stream, ())
            return given[at] % n if at < len(given) else 0
        if stream not in self._random:
            self._random[stream] = random.Random(f"{self._seed} {stream}")
        return self._random[stream].randrange(n)

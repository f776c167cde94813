"""What changes while Tune runs, found in other threads and told to the driver in Tune's, which alone speaks to it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from gensweep.executors._ray_limit import Limit
from gensweep.executors.base import Work

_NOTICED = 30.0  # seconds in which Ray has noticed that a node is dead; its processes' ends come before that


class Changes:
    """The limit of packs side by side, and what is to be told. `left` is how many trials the driver last had to go.

    `is_followed`: somebody looks at the cluster, and lets the limit follow.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit, self.left, self.is_followed = limit, 0, False
        self.lock = threading.Lock()  # of what the limit follows from
        self._suspects: dict[str, float] = {}
        self._news = deque[Callable[[Work], None]]()

    def add(self, news: Callable[[Work], None]) -> None:
        """Tell the driver this as soon as Tune asks for anything; any thread may add."""
        self._news.append(news)

    def lost(self, node: str) -> None:
        """A process ended there, perhaps with its node: nothing begins before the next look, nor there for a while."""
        if self.is_followed:
            with self.lock:
                self._suspects[node] = time.monotonic()
                self.limit.now = min(self.limit.now, self.limit.n_packs())

    def reported(self, node: str) -> None:
        """The node lives: a trial reported there, or its daemon answers."""
        self._suspects.pop(node, None)

    def is_suspect(self, node: str) -> bool:
        """Whether a node may be dead, and Ray does not know it yet."""
        return time.monotonic() - self._suspects.get(node, -_NOTICED) < _NOTICED

    def tell(self, work: Work) -> None:
        """Tell all that is new, in its order."""
        self.left = work.left
        while self._news:
            self._news.popleft()(work)

"""What changes while Tune runs, found in other threads and told to the driver in Tune's, which alone speaks to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from gensweep.executors._ray_limit import Limit
from gensweep.executors.base import Work


class Changes:
    """The limit of packs side by side, and what is to be told. `left` is how many trials the driver last had to go."""

    def __init__(self, limit: Limit) -> None:
        self.limit, self.left = limit, 0
        self._news = deque[Callable[[Work], None]]()

    def add(self, news: Callable[[Work], None]) -> None:
        """Tell the driver this as soon as Tune asks for anything; any thread may add."""
        self._news.append(news)

    def tell(self, work: Work) -> None:
        """Tell all that is new, in its order."""
        self.left = work.left
        while self._news:
            self._news.popleft()(work)

"""Whether Ray lives: without its head a driver waits for a minute and is aborted, without its node's daemon for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

import ray
from ray._private import worker

_EVERY = 5.0  # seconds
_LIMIT = 60.0  # seconds in which the head answers, if it lives
_GRACE = 10.0  # seconds in which the run ends by itself, once it was asked to


class RayWatch:
    """Looks every few seconds, in a thread of its own, while the context is open.

    `died` is told once, in one line, what of Ray died; if the context is not left then, `hung` is told the same.
    """

    def __init__(self, died: Callable[[str], None], hung: Callable[[str], None]) -> None:
        self.found: str | None = None
        self._died, self._hung = died, hung
        self._left = threading.Event()
        self._node = ray.get_runtime_context().get_node_id()
        self._thread = threading.Thread(target=self._watch, name="gensweep-ray-watch", daemon=True)

    def __enter__(self) -> RayWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()

    def _watch(self) -> None:
        while not self._left.wait(_EVERY):
            if (dead := _dead_here() or self._dead_there()) and not self._left.is_set():
                self.found = dead
                self._died(dead)
                if not self._left.wait(_GRACE):
                    self._hung(dead)
                return

    def _dead_there(self) -> str | None:
        """What the head says of this node; asked in another thread, because a head that is gone never answers."""
        said: list[bool] = []
        asking = threading.Thread(target=lambda: said.append(self._is_alive()), name="gensweep-ray-asks", daemon=True)
        asking.start()
        asking.join(_LIMIT)
        if not said:
            return f"Ray's head does not answer for {_LIMIT:g} s"
        return None if said[0] else "Ray's daemon on this node (raylet) does not answer any more"

    def _is_alive(self) -> bool:
        try:
            nodes = ray.nodes()
        except Exception:  # Ray raises bare ones too
            return False
        return any(node["NodeID"] == self._node and node["Alive"] for node in nodes)


def _dead_here() -> str | None:
    """Which of the processes of a Ray that was started here is dead."""
    node = worker._global_node
    dead = node.dead_processes() if node is not None else []
    return f"{dead[0][0]} of Ray died" if dead else None

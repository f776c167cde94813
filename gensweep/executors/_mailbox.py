"""How a driver answers a running pack: Tune itself can only stop one.

Tune calls the stopper with a pack's result before it schedules the pack's next step, so an answer that is posted there lies ready
when the step begins. The mailbox is an actor without a CPU, on the driver's node.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

_PATIENCE = 60.0  # seconds; an answer is there at once, or was lost with a mailbox that died
_PAUSE = 0.005


class _Answers:
    """The newest answer to each pack, with the turn that it answers."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[int, Any]] = {}

    def post(self, pack: str, turn: int, answer: Any) -> None:
        self._answers[pack] = (turn, answer)

    def forget(self, pack: str) -> None:
        self._answers.pop(pack, None)

    def read(self, pack: str, turn: int) -> Any:
        """The answer to this turn; None where there is none."""
        answered, answer = self._answers.get(pack, (0, None))
        return answer if answered == turn else None


class Mailbox:
    """The driver's end, which can post; `name` is what a worker opens it by. Its process begins with the first post."""

    def __init__(self) -> None:
        self.name = f"gensweep-{uuid.uuid4().hex}"
        self._box: Any = None

    def post(self, pack: str, turn: int, answer: Any) -> None:
        """Lay the answer to a turn of a pack ready."""
        if self._box is None:
            self._box = _begun(self.name)
        ray.get(self._box.post.remote(pack, turn, answer))

    def forget(self, pack: str) -> None:
        """A pack is over."""
        if self._box is not None:
            self._box.forget.remote(pack)

    def close(self) -> None:
        """End its process, if there is one."""
        if self._box is not None:
            ray.kill(self._box)


def _begun(name: str) -> Any:
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    actor = ray.remote(_Answers).options(
        name=name, num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here
    )
    return actor.remote()


class Unanswered(Exception):
    """The mailbox lost an answer: its process or its node died, or the driver did."""


def answer(mailbox: str, pack: str, turn: int) -> Any:
    """What the driver said to a turn of a pack.

    Raises:
        Unanswered: nothing, in a minute.
    """
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            if (found := ray.get(ray.get_actor(mailbox).read.remote(pack, turn))) is not None:
                return found
        except (RayError, ValueError):  # it restarts, or is gone
            pass
        time.sleep(_PAUSE)
    raise Unanswered(f"no answer to turn {turn} of {pack} from {mailbox} in {_PATIENCE:g} s")

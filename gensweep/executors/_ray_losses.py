"""What Ray says of a lost worker, in the one way that Tune understands.

Tune knows a dead actor and an error of the code. Whatever else Ray raises ends its whole run: a worker that Ray's memory
monitor killed (on a cluster its switch stands where `ray start` ran), a node that went, an object that no longer is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.air.execution._internal import RayActorManager
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.tune.execution import tune_controller


class Losses(RayActorManager):
    """Tune's own, for which every error of Ray's that is none of the code is the loss of its actor."""

    def _actor_task_failed(self, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, RayError) and not isinstance(exception, RayActorError | RayTaskError):
            exception = RayActorError(error_msg=f"{type(exception).__name__}: {exception}")
        super()._actor_task_failed(tracked_actor_task, exception)


@contextmanager
def told_as_losses() -> Iterator[None]:
    """Inside, a Tuner loses trials and not its run."""
    before = tune_controller.RayActorManager
    tune_controller.RayActorManager = Losses
    try:
        yield
    finally:
        tune_controller.RayActorManager = before

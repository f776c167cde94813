"""To Tune, every error of Ray's that is none of the code is the loss of one actor, and not the end of its run."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import (
    ActorDiedError,
    NodeDiedError,
    OutOfDiskError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    TaskCancelledError,
    WorkerCrashedError,
)  # fmt: skip
from ray.tune.execution import tune_controller

from gensweep.executors import worker_loss
from gensweep.executors._ray_losses import Losses, told_as_losses
from gensweep.faults import Fault


class Told(Losses):
    """With one actor, which is already gone."""

    def __init__(self) -> None:
        self.of_actor: list[Exception] = []
        self.of_task: list[Exception] = []
        self.cleaned: list[Any] = []
        self._failed_actor_ids = set()
        self.actor = SimpleNamespace(actor_id=1, _on_error=lambda _, error: self.of_actor.append(error))

    def _cleanup_actor(self, tracked_actor: Any) -> None:
        self.cleaned.append(tracked_actor)

    def fails(self, error: Exception) -> None:
        task = SimpleNamespace(_tracked_actor=self.actor, _on_error=lambda _, error: self.of_task.append(error))
        self._actor_task_failed(task, error)


RAYS = [
    (OutOfMemoryError("killed due to the node running low on memory"), Fault.MEMORY),
    (NodeDiedError("the node is gone"), Fault.LOST),
    (WorkerCrashedError(), Fault.LOST),
    (TaskCancelledError(), Fault.LOST),
    (OutOfDiskError("the object store is full"), Fault.STORAGE),
]


@pytest.mark.parametrize(("error", "fault"), RAYS, ids=lambda one: type(one).__name__)
def test_an_error_of_rays_is_the_loss_of_its_actor_and_typed(error: RayError, fault: Fault) -> None:
    told = Told()
    told.fails(error)
    assert told.of_actor == told.of_task
    (lost,) = told.of_task
    assert isinstance(lost, RayActorError)
    assert str(lost).startswith(f"{type(error).__name__}: ")
    assert told.cleaned == [told.actor]  # nothing waits for it any more
    assert worker_loss.fault(str(lost), None) is fault


def test_what_tune_knows_stays_as_it_is() -> None:
    for error, of_actor in ((ActorDiedError(), 1), (RayTaskError("step", "Traceback", ValueError("no")), 0)):
        told = Told()
        told.fails(error)
        assert (told.of_task, len(told.of_actor)) == ([error], of_actor)


def test_an_error_of_ours_is_not_taken_for_one_of_rays() -> None:
    with pytest.raises(RuntimeError, match="Caught unexpected exception: a bug"):
        Told().fails(ZeroDivisionError("a bug"))


def test_tune_asks_it_inside_and_its_own_outside() -> None:
    before = tune_controller.RayActorManager
    inside = []
    with contextlib.suppress(ZeroDivisionError), told_as_losses():
        inside.append(tune_controller.RayActorManager)
        raise ZeroDivisionError
    assert inside == [Losses]
    assert tune_controller.RayActorManager is before

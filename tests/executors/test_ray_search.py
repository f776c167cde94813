"""What Ray Tune asks for its next trial, without a Ray: a driver that fails between two questions ends the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest
from ray.tune.search import Searcher

from gensweep.errors import CannotRun
from gensweep.executors._ray_changes import Changes
from gensweep.executors._ray_limit import Limit
from gensweep.executors._ray_search import Guarded, WorkSearcher
from gensweep.executors.base import Work
from gensweep.trial import Job


@dataclass
class Idle:
    """A driver that has no job now, and fails when it is asked for one, or whether it is done."""

    fails: str = ""
    is_stopping: bool = False
    is_over: bool = False
    left: int = 3

    def next(self, like: Job | None = None) -> Job | None:
        if self.fails == "next":
            raise CannotRun("the disk is full")
        return None

    @property
    def is_done(self) -> bool:
        if self.fails == "is_done":
            raise CannotRun("the disk is full")
        return self.is_over


def asked(idle: Idle) -> tuple[Guarded, WorkSearcher]:
    guarded = Guarded(cast(Work, idle))
    return guarded, WorkSearcher(guarded, Changes(Limit.of(2)))


@pytest.mark.parametrize("fails", ["next", "is_done"])
def test_a_driver_that_fails_ends_the_search_at_once(fails: str) -> None:
    guarded, searcher = asked(Idle(fails))
    assert searcher.suggest("a") == Searcher.FINISHED
    assert str(guarded.error) == "the disk is full"
    assert guarded.is_stopping
    assert searcher.suggest("b") == Searcher.FINISHED


def test_without_a_job_it_is_asked_again_until_the_driver_is_done() -> None:
    _, searcher = asked(idle := Idle())
    assert searcher.suggest("a") is None
    idle.is_over = True
    assert searcher.suggest("a") == Searcher.FINISHED

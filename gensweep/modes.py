"""How trials of a shape train here: how many in one stack, compiled or not. It is measured and remembered, never assumed."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gensweep.configuration import TrialConfiguration
from gensweep.trainers.stack import unstackable
from gensweep.trial import ALONE, Job, build_game, build_trainee


@dataclass(frozen=True)
class Mode:
    """How a trial trains; `reason` says why not otherwise, where a user must know."""

    rows: int = 1
    is_compiled: bool = False
    reason: str = ""

    @property
    def is_stacked(self) -> bool:
        """Whether it is a row of a stack, if only the one."""
        return self.rows > 1 or self.is_compiled

    def __str__(self) -> str:
        if not self.is_stacked:
            return ALONE
        return f"pack of {self.rows}{', compiled' if self.is_compiled else ''}"


def mode_of(job: Job) -> Mode:
    """The mode of a job's pack."""
    wanted = Mode(job.rows or 1, job.compile == "on")
    if not wanted.is_stacked:
        return wanted
    if reason := _unstackable(job):
        return Mode(reason=reason)
    return wanted


def _unstackable(job: Job) -> str:
    """Why a job's trial cannot be a row of a stack; empty where it can, or where it cannot be built and will say so itself."""
    try:
        configuration = TrialConfiguration.model_validate(job.configuration)
        return unstackable(build_trainee(configuration, build_game(configuration), torch.device(job.device)))
    except (Exception, SystemExit) as error:
        return f"it cannot be built: {error}"

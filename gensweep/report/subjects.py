"""The model that stands for each arm in the gallery: its best trial's best checkpoint, as `gensweep evaluate` loads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import torch

from gensweep.comparison.collect import Trials
from gensweep.comparison.confirmation import Confirmation
from gensweep.datasets.base import Dataset, Splits, load
from gensweep.errors import GensweepError
from gensweep.evaluation.subjects import subject
from gensweep.families.base import LATENT, Game
from gensweep.losses import Draw, Noise
from gensweep.report.series import arms_of, best_of
from gensweep.seeding import derive
from gensweep.trainers.streams import draw
from gensweep.trial import TrainedModel

_LONGEST = 200  # characters of an error
_Shown = TypeVar("_Shown")


@dataclass(frozen=True, eq=False)
class Best:
    """An arm's best trial, loaded; `model` is None where that cannot be, and `problem` says why."""

    arm: str
    number: int
    model: TrainedModel | None = None
    problem: str = ""

    @property
    def game(self) -> Game:
        """Of the model that is there."""
        assert self.model is not None
        return self.model.game

    @property
    def dataset(self) -> Dataset:
        """What it was trained on."""
        assert self.model is not None
        return self.model.dataset

    @cached_property
    def unread(self) -> str:
        """Why the data are not read for a page: they are not here, or would take long; empty where they are."""
        try:
            return self.dataset.problem() or self.dataset.left_unread() or ""
        except GensweepError as error:
            return str(error)

    @property
    def splits(self) -> Splits:
        """The data, read once a process."""
        return load(self.dataset)

    @property
    def latent(self) -> Draw | None:
        """What a sample is made of, where that is one Gaussian vector, else None."""
        found = self.game.sample_noise.get(LATENT)
        return found if found and len(found.shape) == 1 and found.law == "normal" else None

    @torch.no_grad()
    def sample(self, noise: Noise) -> torch.Tensor:
        """Samples [n, *shape] of these draws."""
        game = self.game
        if game.fit is None:
            return game.sample(game.networks, noise)
        return game.fit(game.networks, self.splits.train).sample(game.networks, noise)


def bests(table: Trials, found: Confirmation | None) -> list[Best]:
    """The model of each arm: of the trial that was confirmed, else of the best of its search."""
    loaded = []
    folders = {int(row["number"]): row["folder"] for row in table.rows}
    for arm in arms_of(table):
        row = best_of(table, arm)
        is_confirmed = found is not None and arm in found.chosen
        number = found.number(arm) if found and is_confirmed else int(row["number"]) if row is not None else None
        if number is None:
            loaded.append(Best(arm, -1, problem="no trial of this arm has a score."))
        else:
            loaded.append(_loaded(arm, number, folders[number]))
    return loaded


def shown_of(model: Best, show: Callable[[Best], _Shown | str]) -> _Shown | str:
    """What `show` makes of a model, or why there is none: of a stranger's checkpoint, or data that are no longer what it saw."""
    try:
        return "its model is not here" if model.model is None else show(model)
    except (GensweepError, RuntimeError, ValueError, ArithmeticError, LookupError, TypeError, OSError) as error:
        return " ".join(str(error).split())[:_LONGEST]


def same_noise(wanted: Mapping[str, Draw], n: int) -> dict[str, torch.Tensor]:
    """n draws for a sampler, the same for every model that asks for the same: latents of one size are one and the same."""
    return {name: draw(one, derive(0, "report", name), n) for name, one in wanted.items()}


def _loaded(arm: str, number: int, folder: Path) -> Best:
    if not (folder / "configuration.json").is_file():
        return Best(arm, number, problem=f"{folder.name} left no checkpoint here.")
    try:
        found = subject(str(folder), folder.parent, None).model
    except GensweepError as error:
        return Best(arm, number, problem=str(error))
    assert isinstance(found, TrainedModel)
    return Best(arm, number, found)

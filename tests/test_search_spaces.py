"""Every search space that ships: it says what it studies and how to run it, it is sound, and its trials can begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep.spaces import check
from gensweep.spaces import space as spaces
from gensweep.spaces.configuration import TrialConfiguration
from gensweep.trainers.loop import Trainee, train
from gensweep.trial import build_game

FOLDER = Path(__file__).parents[1] / "search_spaces"
FILES = sorted(FOLDER.glob("*.yaml"))
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


@every_file
def test_it_begins_with_what_it_studies_and_the_command_that_runs_it(file: Path) -> None:
    first, *lines = file.read_text().splitlines()
    assert first.startswith("# ")
    comments = [line for line in lines[:6] if line.startswith("#")]
    assert any(f"gensweep run search_spaces/{file.name}" in line for line in comments)


@every_file
def test_it_is_sound_and_each_way_of_it_trains_two_steps(file: Path) -> None:
    """Each branch and each end of each range is built; one trial of each family and constraint plays two rounds."""
    sweep = check.load_and_check(file)
    begun: set[tuple[Any, ...]] = set()
    for ask in check._asks(sweep.space):
        configuration = TrialConfiguration.model_validate(spaces.resolve(sweep.space, ask))
        family: Any = configuration.family
        parts = (getattr(family, part, None) for part in ("constraint", "divergence"))
        way = (family.name, *(getattr(part, "name", None) for part in parts))
        if way in begun:
            continue
        begun.add(way)
        game, batch_size = build_game(configuration), configuration.training.batch_size
        shape: tuple[int, ...] = configuration.dataset.shape  # type: ignore[attr-defined]
        n_items = 2 * game.batches_per_round * batch_size
        data = torch.rand(n_items, *shape, generator=torch.Generator().manual_seed(0))
        optimizer: Any = configuration.training.optimizer
        trainee = Trainee(game, optimizer, family.knobs(), torch.device("cpu"))
        if game.players:
            (progress,) = train(trainee, data, epochs=1, batch_size=batch_size, seed=0)
            assert progress.step == 2

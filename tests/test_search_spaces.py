"""Every shipped search space: it is sound, it says what it studies and how to run it, and each branch trains."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep.axes import space as spaces
from gensweep.axes.axis import Axis
from gensweep.axes.space import OneOf
from gensweep.configuration import TrialConfiguration
from gensweep.datasets import base as datasets
from gensweep.datasets.base import Dataset
from gensweep.spaces.check import load_and_check
from gensweep.trainers.loop import train
from gensweep.trainers.streams import draw
from gensweep.trial import build_game, build_trainee

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "search_spaces").glob("*.yaml"))


def branches(node: Any, name: str = "") -> Iterator[dict[str, str]]:
    """Answers that reach every branch of every one_of: axis -> label."""
    if isinstance(node, OneOf):
        for label, branch in node.branches.items():
            for inner in branches(branch, f"{name}[{label}]"):
                yield {name: label, **inner}
    elif isinstance(node, dict):
        children = [list(branches(child, f"{name}.{key}".strip("."))) for key, child in node.items()]
        for combination in itertools.product(*children):
            yield {axis: label for part in combination for axis, label in part.items()}
    else:
        yield {}


def cases() -> Iterator[Any]:
    for file in FILES:
        for labels in branches(load_and_check(file).space):
            yield pytest.param(file, labels, id="-".join([file.stem, *labels.values()]))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_file_is_sound_and_begins_with_what_it_studies_and_the_command_that_runs_it(file: Path) -> None:
    sweep = load_and_check(file)
    assert sweep.name == file.stem
    comments = list(itertools.takewhile(lambda line: line.startswith("#"), file.read_text().splitlines()))
    assert f"#   gensweep run search_spaces/{file.name}" in comments
    assert len(comments[0]) > 40


@pytest.mark.parametrize(("file", "labels"), cases())
def test_every_branch_trains_two_rounds_and_samples(file: Path, labels: dict[str, str]) -> None:
    def ask(axis: Axis) -> Any:
        return labels.get(axis.path, axis.distribution.ends()[0])

    configuration = TrialConfiguration.model_validate({**spaces.resolve(load_and_check(file).space, ask), "seed": 0})
    dataset = configuration.dataset
    game = build_game(configuration)
    trainee = build_trainee(configuration, game, torch.device("cpu"))
    data, batch = training_data(dataset), configuration.training.batch_size
    for progress in train(trainee, data[: 2 * batch], game.batches_per_round, batch, configuration.seed):
        assert all(torch.isfinite(torch.tensor(value)) for value in progress.parts.values())
    assert trainee.step == 2
    assert all(parameter.isfinite().all() for net in game.networks.values() for parameter in net.parameters())
    with torch.no_grad():
        model = trainee.averaged()
        sample = model.sample if model.fit is None else model.fit(model.networks, data).sample
        samples = sample(model.networks, {name: draw(wanted, 1, 3) for name, wanted in model.sample_noise.items()})
    assert samples.shape == (3, *dataset.shape)
    assert samples.isfinite().all()


def training_data(dataset: Dataset) -> torch.Tensor:
    """The training split, or noise of its shape where the files are not on this machine."""
    if dataset.problem() is None:
        return datasets.load(dataset).train
    low, high = dataset.bounds or (-1.0, 1.0)
    return low + (high - low) * torch.rand(1000, *dataset.shape, generator=torch.Generator().manual_seed(0))

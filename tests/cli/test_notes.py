"""What a sound file still leaves to say."""

from __future__ import annotations

from typing import Any

import pytest

from gensweep.cli.notes import notes
from gensweep.early_stopping.pbt import PBT
from gensweep.searchers.random import Random
from gensweep.spaces.sweep import Sweep
from tests.scripted_executor import small


def asked(samples: int | None, **trial: Any) -> Sweep:
    return small(
        trial={"family": {"name": "vae"}, **trial}, search={"sampler": "random", "samples": samples, "seed": 0}
    )


def test_a_space_that_is_large_enough_leaves_nothing_to_say() -> None:
    assert notes(asked(3, latent_size="choice(2, 4, 8)")) == []
    assert notes(asked(3, latent_size="choice(2, 4, 8)", seed=None)) == []
    assert notes(asked(99, family={"name": "vae", "beta": "uniform(1, 2)"}, seed=None)) == []


def test_a_space_smaller_than_the_budget_gives_fewer_trials() -> None:
    assert notes(asked(16, latent_size="choice(2, 4, 8)")) == ["vae has only 3 configurations: 3 trials instead of 16."]
    assert notes(asked(2)) == ["vae has only 1 configuration: 1 trial instead of 2."]


def test_without_a_fixed_seed_a_small_space_is_repeated() -> None:
    assert notes(asked(4, latent_size="choice(2, 4, 8)", seed=None)) == [
        "vae has only 3 configurations: its 4 trials repeat them with other seeds."
    ]


def test_a_searcher_that_comes_to_its_end_first_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Random, "limit", lambda self, arm: 2)
    assert notes(asked(4, latent_size="choice(2, 4, 8)")) == [
        "random has only 2 points for vae: 2 trials instead of 4."
    ]


WHOLE = "gp learns from whole trainings only: a trial that asha stops early teaches it nothing. " \
    "Take search: {sampler: tpe}, or early_stopping: none."  # fmt: skip


@pytest.mark.parametrize(
    ("sampler", "rule", "said"),
    [("gp", "asha", [WHOLE]), ("gp", "none", []), ("tpe", "asha", []), ("cma_es", "asha", []),
     ("gp", "pbt", [WHOLE.replace("asha", "pbt")] if PBT.ends_trials else [])],
)  # fmt: skip
def test_a_searcher_that_learns_nothing_from_stopped_trials_says_so(sampler: str, rule: str, said: list[str]) -> None:
    sweep = small(
        trial={"family": {"name": "vae", "beta": "uniform(1, 2)"}, "training": {"epochs": 9}},
        search={"sampler": sampler, "samples": 3}, early_stopping={"name": rule},
    )  # fmt: skip
    assert notes(sweep) == said


@pytest.mark.parametrize(
    "dataset", [{"name": "ring", "n_modes": "choice(4, 8)"}, {"one_of": [{"name": "ring"}, {"name": "grid"}]}]
)
def test_data_that_are_searched_give_scores_that_are_not_ranked(dataset: dict[str, Any]) -> None:
    (said,) = notes(asked(2, dataset=dataset, seed=None))
    assert said.startswith("trial.dataset is searched: scores against unlike data are never ranked together")


def test_what_was_not_tried_is_said() -> None:
    (said,) = notes(asked(2, latent_size=f"choice({', '.join(map(str, range(1, 5000)))})"))
    assert said.startswith("check tried 2,000 of 4,999 options, a fixed sample of those of latent_size: ")


def test_each_arm_is_told_of_what_its_family_does_not_use() -> None:
    families = {"one_of": [{"name": "vae"}, {"name": "flow"}, {"name": "autoregressive"}]}
    assert notes(asked(2, family=families, latent_size="choice(2, 4)")) == [
        "flow has no latent_size: not searched there.",
        "flow has only 1 configuration: 1 trial instead of 2.",
        "autoregressive has no latent_size: not searched there.",
        "autoregressive has only 1 configuration: 1 trial instead of 2.",
    ]


def test_branches_whose_labels_only_count_them_are_told_apart() -> None:
    twice = {"one_of": [{"name": "vae", "beta": "uniform(0.1, 1)"}, {"name": "vae", "beta": "uniform(1, 2)"}]}
    assert notes(asked(2, family=twice, seed=None)) == ["vae.1: beta uniform(0.1, 1).", "vae.2: beta uniform(1, 2)."]
    layers = {
        "one_of": [{"name": "mlp", "hidden": "choice([8], [16])"}, {"name": "mlp", "hidden": "choice([32], [64])"}]
    }
    assert notes(asked(1, network=layers, seed=None)) == [
        "mlp.1: hidden choice([8], [16]).", "mlp.2: hidden choice([32], [64])."
    ]  # fmt: skip

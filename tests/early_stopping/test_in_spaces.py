"""Rules as a search space names them: those that can do nothing there, and the groups of the defaults list."""

from __future__ import annotations

from pathlib import Path

import pytest

from gensweep.component import build
from gensweep.errors import ConfigError
from gensweep.spaces.check import load_and_check

SPACE = """
defaults: [base, {dataset: ring}, _self_]
name: plug
objective: {metric: sliced_wasserstein}
search: {sampler: random, samples: 2, seed: 0}
early_stopping: {name: none}
trial:
  dataset: {n_train: 512, n_validation: 128, n_test: 128}
  network: {name: mlp, hidden: [8]}
  latent_size: 2
  family: {name: vae, beta: loguniform(0.1, 1)}
  training: {epochs: 4}
  evaluation: {metrics: [sliced_wasserstein], every: 1}
  seed: 0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the space."""
    (tmp_path / "space.yaml").write_text(SPACE)
    return tmp_path


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("early_stopping={name: pbt, interval: 1}", "vae: pbt changes continuous hyperparameters"),
        (
            "early_stopping={name: hyperband, grace_period: 2}",
            "hyperband needs two brackets to stop anything, and 4 epochs",
        ),
    ],
)
def test_a_rule_that_can_do_nothing_here_is_refused_with_the_cure(folder: Path, override: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_and_check(folder / "space.yaml", [override, "trial.family.beta=1"])
    (problem,) = refused.value.problems
    assert says in problem.message
    assert "space.yaml" in problem.where or "early_stopping" in problem.where


@pytest.mark.parametrize("name", ["asha", "hyperband", "median", "none", "pbt"])
def test_every_rule_of_our_own_is_a_group_of_the_defaults_list(folder: Path, name: str) -> None:
    grouped = SPACE.replace("early_stopping: {name: none}\n", "").replace("epochs: 4", "epochs: 20")
    grouped = grouped.replace("_self_]", f"{{override early_stopping: {name}}}, _self_]")
    (folder / "grouped.yaml").write_text(grouped)
    assert load_and_check(folder / "grouped.yaml").early_stopping == build("early_stopping", name)

"""A mistake is told once, where the user made it, in a message that is new to nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep.errors import ConfigError
from gensweep.spaces.check import load_and_check

Write = Callable[..., Path]
SPACE = """\
defaults: [base, {dataset: ring}, _self_]
name: study
objective: {metric: sliced_wasserstein}
search: {sampler: random, samples: 2}
trial:
  latent_size: 8
  family: {one_of: [{name: vae}, {name: wae, lambda: 10}, {name: gan}, {name: wgan}]}
  training:
    epochs: 1
    optimizer: {lr: 0.001}
  evaluation: {metrics: [sliced_wasserstein]}
"""
WHERE = "study.yaml:"


@pytest.fixture
def told(write: Write) -> Callable[..., list[str]]:
    def _told(old: str = "", new: str = "", *overrides: str) -> list[str]:
        assert old in SPACE
        try:
            load_and_check(write(SPACE.replace(old, new, 1) if old else SPACE), overrides)
        except ConfigError as error:
            return str(error).splitlines()
        return []

    return _told


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        # what the user's file caused is told in the user's file
        ("trial:", "trails:", "study.yaml:5 unknown key 'trails'. Did you mean 'trial'?"),
        ("trial:", "Trial:", "study.yaml:5 unknown key 'Trial'. Write 'trial': names are in lower case."),
        ("search:", "serach:", "study.yaml:4 unknown key 'serach'. Did you mean 'search'?"),
        ("objective:", "objektive:", "study.yaml:3 unknown key 'objektive'. Did you mean 'objective'?"),
        ("objective: {metric: sliced_wasserstein}", "metric: sliced_wasserstein", "study.yaml:3 'metric' belongs below "
         "objective: write objective.metric"),
        ("objective: {metric: sliced_wasserstein}\n", "", "study.yaml objective.metric: 'fid' is not among "
         "trial.evaluation.metrics. Write metrics: [sliced_wasserstein, fid] there, or one of these here: sliced_wasserstein "
         "(from base.yaml)"),
        ("  latent_size: 8\n", "  dataset: {n_train: 30}\n", "study.yaml:8 trial.training.batch_size: 64 is not allowed: the "
         "training split has 30 items. Write batch_size: 7 or so (from base.yaml)"),
        ("[base, {dataset: ring}, _self_]", "[base]\ndataset: ring", "study.yaml:2 'dataset' belongs below trial: write "
         "trial.dataset"),
        ("name: study\n", "name: study\nlatent_size: 4\n", "study.yaml:3 'latent_size' belongs below trial: write "
         "trial.latent_size"),
        # one mistake in several arms or options is one line
        ("lr: 0.001", "lr: loguniform(100, 0.1)", "study.yaml:10 trial.training.optimizer.lr: loguniform(100, 0.1): the first "
         "end is above the second. Write loguniform(0.1, 100)"),
        ("lambda: 10", "lambda: loguniform(100, 0.1)", "study.yaml:7 trial.family.lambda: loguniform(100, 0.1): the first end"),
        ("lr: 0.001", "lr: uniform(-2, -1)", "study.yaml:10 trial.training.optimizer.lr: -2 and -1 are not allowed: must be "
         "above 0"),
        ("lr: 0.001", "l: 1", "study.yaml:10 trial.training.optimizer: unknown field 'l' of adam and rmsprop. Did you mean "
         "'lr'?"),
        ("latent_size: 8", "latent_size: [choice(2, 8)]", "study.yaml:6 trial.latent_size: [2] and [8] are not allowed: must "
         "be a whole number"),
        ("latent_size: 8", "latent_size: {one_of: [2, 8]}", "study.yaml:6 trial.latent_size: one_of chooses between nodes with "
         "a name. Between values, write choice(2, 8)"),
        ("latent_size: 8", "latent_size: choice([2, 8])", "study.yaml:6 trial.latent_size: [2, 8] is not allowed: must be a "
         "whole number. To search, write choice(2, 8)"),
        ("latent_size: 8", "latent_size: true", "study.yaml:6 trial.latent_size: true is not allowed: must be a whole number"),
        # the objective
        ("metric: sliced_wasserstein}", "metric: kid}", "study.yaml:3 objective.metric: 'kid' is not among "
         "trial.evaluation.metrics. Write metrics: [sliced_wasserstein, kid] there, or one of these here: sliced_wasserstein"),
        ("metric: sliced_wasserstein}", "metric: FID}", "Write metrics: [sliced_wasserstein, fid] there"),
        ("metric: sliced_wasserstein}", "metric: Sliced-Wasserstein}", "Write 'sliced_wasserstein': names are in lower case"),
        ("metric: sliced_wasserstein}", "metric: fidd}", "Did you mean 'fid'? Known: sliced_wasserstein."),
        ("metric: sliced_wasserstein}", "metric: loss}", "'loss' is not among trial.evaluation.metrics. Known: sliced_wass"),
        ("metric: sliced_wasserstein}", "metric: modes}", "modes is a part of mode_coverage, and an objective is a whole score: "
         "measure mode_coverage there, and rank by the part with `gensweep compare NAME --metric mode_coverage.modes`"),
        ("metric: sliced_wasserstein}", "metric: precision_recall.recall}", "recall is a part of precision_recall"),
        ("{metric: sliced_wasserstein}", "fid", "study.yaml:3 objective.metric: 'fid' is not among"),
        ("{metric: sliced_wasserstein}", "", "study.yaml objective: is missing. Write objective: {metric: fid}"),
        ("metric: sliced_wasserstein}", "metric: sliced_wasserstein, mode: maximize}", "study.yaml:3 objective.mode: "
         "'maximize' is not allowed. Did you mean 'max'? Known: max, min."),
        ("metric: sliced_wasserstein}", "metric: sliced_wasserstein, mode: minimise}", "Did you mean 'min'?"),
        ("metric: sliced_wasserstein}", "metric: sliced_wasserstein, goal: min}", "unknown field 'goal' of objective. Did you "
         "mean 'mode'?"),
        # only trials are searched
        ("samples: 2", "samples: choice(1, 2)", "study.yaml:4 search.samples: 'choice(1, 2)' is not allowed: must be a whole "
         "number. Only what stands below trial is searched"),
        ("samples: 2", "samples: [1, 2]", "Only what stands below trial is searched"),
        # names
        ("name: study", "name:", "study.yaml:2 name: is empty."),
        ("name: study", "name: 3", "study.yaml:2 name: 3 is no text. Put it in quotes: '3'"),
        ("name: study", "name: true", "study.yaml:2 name: true is no text. Put it in quotes: 'true'"),
        ("name: study", "compare: [family]", "study.yaml:2 compare: ['family'] is not allowed: must be the path of one choice."),
        ("metrics: [sliced_wasserstein]", "metrics: sliced_wasserstein", "must be a list. Write [sliced_wasserstein]"),
        # a choice of components
        ("{one_of: [{name: vae}, {name: wae, lambda: 10}, {name: gan}, {name: wgan}]}", "[vae, {name: wae, lambda: 3}]",
         "To compare several, write {one_of: [vae, {name: wae, lambda: 3}]}."),
        ("{one_of: [{name: vae}, {name: wae, lambda: 10}, {name: gan}, {name: wgan}]}", "{choice: [vae, wae]}",
         "To compare several, write choice(vae, wae)."),
        ("name: wae, lambda: 10", "name: WAE", "study.yaml:7 trial.family.name: unknown family 'WAE'. Write 'wae': names are"),
        ("latent_size: 8", "latent-size: 8", "unknown field 'latent-size' of a trial. Write 'latent_size': names are in lower"),
        # places
        ("epochs: 1", "lr: 1", "study.yaml:9 trial.training: unknown field 'lr' of training. Known: batch_size, "
         "deterministic, ema, epochs, grad_clip, lr_schedule, optimizer, precision. Write trial.training.optimizer.lr."),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_one_line_of_it(told: Callable[..., list[str]], old: str, new: str, says: str) -> None:
    (line,) = told(old, new)
    assert says in line
    assert line.startswith("study.yaml")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("latent_size=4", "'latent_size' belongs below trial: write trial.latent_size=4"),
        ("training.lr=0.1", "there is no 'training' at the top: write trial.training.optimizer.lr=0.1"),
        ("lr=loguniform(1e-4,1e-2)", "write trial.training.optimizer.lr=loguniform(1e-4,1e-2)"),
        ("trial.lr=0.1", "Write trial.training.optimizer.lr=0.1."),
        ("trial.training.learning_rate=0.1", "Write trial.training.optimizer.lr=0.1."),
        ("trial.family.kernel=imq", "unknown field 'kernel' of vae, wae, gan and wgan. "),
        ("seed=3", "write search.seed=3 or trial.seed=3"),
        ("trial.family.lamda=1", "Did you mean 'lambda'?"),
        ("name=${NAME}", "there is no value at 'NAME'"),
        ("objective.mode=maximize", "'maximize' is not allowed. Did you mean 'max'?"),
        ("early_stopping=ASHA", "there is no file 'ASHA'. Write 'asha': names are in lower case."),
    ],
)
def test_a_mistake_in_an_override_is_one_line_with_what_to_type(
    told: Callable[..., list[str]], override: str, says: str
) -> None:
    (line,) = told("", "", override)
    assert line.startswith(f"{override} ")
    assert says in line


def test_the_values_of_a_misspelt_section_are_checked_too(told: Callable[..., list[str]]) -> None:
    lines = told("trial:\n  latent_size: 8", "trails:\n  latent_size: 0")
    assert [line.partition(" ")[0] for line in lines] == ["study.yaml:5", "study.yaml:6"]
    assert told("search: {sampler: random, samples: 2}", "serach: {samples: 0}")[1:] == [
        "study.yaml:4 search.samples: 0 is not allowed: must be 1 or more"
    ]


def test_the_objective_may_be_the_name_of_a_metric(write: Write) -> None:
    text = SPACE.replace("{metric: sliced_wasserstein}", "sliced_wasserstein")
    assert load_and_check(write(text)).objective.dump() == {"metric": "sliced_wasserstein", "mode": "min"}
    covered = load_and_check(write(SPACE), ["objective=mode_coverage", "trial.evaluation.metrics=[mode_coverage]"])
    assert covered.objective.dump() == {"metric": "mode_coverage", "mode": "max"}, "the direction is the metric's"

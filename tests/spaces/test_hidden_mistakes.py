"""One mistake hides no other: each of two in a file is told, and none that only follows from another."""

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
objective: sliced_wasserstein
trial:
  family: {one_of: [vae, gan]}
  training: {epochs: 2}
  evaluation: {metrics: [sliced_wasserstein]}
"""


@pytest.fixture
def told(write: Write) -> Callable[..., list[str]]:
    def _told(*changes: tuple[str, str], overrides: tuple[str, ...] = ()) -> list[str]:
        text = SPACE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        try:
            load_and_check(write(text), overrides)
        except ConfigError as error:
            return str(error).splitlines()
        return []

    return _told


OBJECTIVE = ("objective: sliced_wasserstein", "objective: slicd_wasserstein")
GANN = ("{one_of: [vae, gan]}", "gann")
SEARCH = ("trial:", "search: {sampels: 3}\ntrial:")
BAD_OBJECTIVE = "study.yaml:3 objective.metric: 'slicd_wasserstein' is not among trial.evaluation.metrics. Did you mean"
SAMPELS = "study.yaml:4 search: unknown field 'sampels' of tpe. Did you mean 'samples'?"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        # a trial that cannot be built hides nothing of the sweep
        ([OBJECTIVE, GANN], [BAD_OBJECTIVE, "study.yaml:5 trial.family.name: unknown family 'gann'. Did you mean 'gan'?"]),
        ([OBJECTIVE, ("epochs: 2", "epochs: two")], [BAD_OBJECTIVE, "study.yaml:6 trial.training.epochs: 'two' is not"]),
        ([OBJECTIVE, ("epochs: 2", "epochs: 0, batch_size: 99999")],
         [BAD_OBJECTIVE, "study.yaml:6 trial.training.batch_size: 99999 is not allowed: the training split has",
          "study.yaml:6 trial.training.epochs: 0 is not"]),
        ([GANN, ("trial:", "trial:\n  network: conv")],
         ["study.yaml:5 trial.network: conv needs images", "study.yaml:6 trial.family.name: unknown family 'gann'"]),
        ([GANN, ("trial:", "trial:\n  dataset: {name: array, path: no.npy}")],
         ["study.yaml:5 trial.dataset: dataset array:", "study.yaml:6 trial.family.name: unknown family 'gann'"]),
        # what is not measured cannot be told where a metric is misspelt
        ([("{metrics: [sliced_wasserstein]}", "{metrics: [slicd_wasserstein]}")],
         ["study.yaml:7 trial.evaluation.metrics.0.name: unknown metric 'slicd_wasserstein'. Did you mean"]),
        ([("{metrics: [sliced_wasserstein]}", "{metrics: []}")], ["study.yaml:7 trial.evaluation.metrics: [] is not allowed"]),
        # an unknown name does not hide unknown fields
        ([("trial:", "search: {sampels: 3, sampler: tpee}\ntrial:")],
         [SAMPELS, "study.yaml:4 search.sampler: unknown searcher 'tpee'. Did you mean 'tpe'?"]),
        ([("trial:", "search: {sampels: 3, sampler: zzz}\ntrial:")], ["study.yaml:4 search.sampler: unknown searcher 'zzz'"]),
        ([("trial:", "early_stopping: {name: ashaa, grace_perod: 3}\ntrial:")],
         ["study.yaml:4 early_stopping: unknown field 'grace_perod' of asha. Did you mean 'grace_period'?",
          "study.yaml:4 early_stopping.name: unknown early-stopping rule 'ashaa'."]),
        ([("{one_of: [vae, gan]}", "{name: wea, lambda: -1, lambada: 2}")],
         ["study.yaml:5 trial.family: unknown field 'lambada' of wae.", "study.yaml:5 trial.family.lambda: -1 is not allowed",
          "study.yaml:5 trial.family.name: unknown family 'wea'."]),
        ([("{one_of: [vae, gan]}", "{name: gann, beta: 2}")], ["study.yaml:5 trial.family.name: unknown family 'gann'."]),
        # a file that is not there
        ([SEARCH, ("{dataset: ring}", "{dataset: rign}")],
         ["study.yaml:1 defaults: there is no file dataset/rign.yaml. Did you mean 'ring'?", SAMPELS]),
        ([SEARCH, ("{dataset: ring}", "{dataset: zzz}")],
         ["study.yaml:1 defaults: there is no file dataset/zzz.yaml. Known:", SAMPELS]),
        ([SEARCH, ("base,", "basse,")], ["study.yaml:1 defaults: there is no file basse.yaml. Did you mean 'base'?", SAMPELS]),
        ([SEARCH, ("base,", "qqq,")], ["study.yaml:1 defaults: there is no file qqq.yaml.", SAMPELS]),
        ([SEARCH, ("defaults:", "default:")], ["study.yaml:1 unknown key 'default'. Write 'defaults'", SAMPELS]),
        # what is YAML and refused here
        ([SEARCH, ("trial:", "search: {samples: 2}\ntrial:")],
         [SAMPELS, "study.yaml:5 the key 'search' is given twice, first on line 4. Keep one of them"]),
        ([SEARCH, ("epochs: 2", "epochs: 010")], [SAMPELS, "study.yaml:7 010 begins with a 0"]),
        ([SEARCH, ("epochs: 2", "epochs: !!python/name:os 2")],
         [SAMPELS, "study.yaml:7 the tag '!!python/name:os' is not allowed"]),
        ([SEARCH, ("epochs: 2", "epochs: choice(2, 4")],
         [SAMPELS, "study.yaml:7 choice( is never closed with a ')'. Write choice(2, 4)"]),
        ([("name: study", "name: study\nname: other"), ("epochs: 2", "epochs: int(1, 2")],
         ["study.yaml:3 the key 'name' is given twice", "study.yaml:7 int( is never"]),
    ],
)  # fmt: skip
def test_both_are_told(told: Callable[..., list[str]], changes: list[tuple[str, str]], says: list[str]) -> None:
    lines = told(*changes)
    assert [line for line in says if not any(found.startswith(line) for found in lines)] == [], lines
    assert len(lines) == len(says), lines


def test_a_wrong_override_and_a_wrong_file(told: Callable[..., list[str]]) -> None:
    lines = told(("{dataset: ring}", "{dataset: zzz}"), OBJECTIVE, overrides=("trial.latent_sise=3",))
    assert len(lines) == 3
    assert lines[0].startswith("trial.latent_sise=3 trial: unknown field 'latent_sise' of a trial.")


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["search.samples=2", "search.samples=3"], ["search.samples=2 search.samples is given again, as search.samples=3."]),
        (["dataset=ring", "dataset=grid"], ["dataset=ring dataset is given again, as dataset=grid. Leave one of them out"]),
        (["search.samples=2", "search.samples=2"], ["search.samples=2 search.samples is given again"]),
        (["a=1", "trial.seed=1", "trial.seed=2", "trial.seed=3"], ["trial.seed=1", "trial.seed=2", "a=1 unknown key"]),
        (["trial.latent_size=choice(2,3)", "trial.latent_size=4"], ["trial.latent_size=choice(2,3) trial.latent_size is given"]),
        (["early_stopping=asha", "early_stopping.grace_period=3"], []),
        (["~early_stopping", "early_stopping=asha"], None),
    ],
)  # fmt: skip
def test_an_override_that_would_not_be_used(
    told: Callable[..., list[str]], overrides: list[str], says: list[str] | None
) -> None:
    lines = told(overrides=tuple(overrides))
    if says is None:
        assert not any("given again" in line for line in lines)
        return
    assert len(lines) == len(says), lines
    assert all(found.startswith(line) for line, found in zip(says, lines, strict=True)), lines

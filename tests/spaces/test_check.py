"""Everything wrong with a file is said at once: where, what was given, what is accepted, and the cure."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gensweep.errors import ConfigError
from gensweep.orchestration.driver import issue
from gensweep.spaces.check import check, load_and_check
from gensweep.spaces.drawn import configuration_of
from gensweep.spaces.load import load
from gensweep.spaces.sources import data_problems

Write = Callable[..., Path]

MISTAKES = """\
defaults: [base, dataset: drawn, _self_]
name: my study
objectives: {metric: gap}
objective: {metric: gab}
search: {sampler: tpee, samples: 0}
schedule: {name: asha, grace_period: 30}
latent_size: 8
early_stopping: {name: asha, grace: 3}
compare: family.kind
trial:
  latent_size: int(0, 8)
  network: {name: layer}
  family:
    name: coder
    lambda: loguniform(0, 100)
    divergence:
      one_of:
        - {name: near, bandwith: 3, kernel: choice(imq, rbff)}
        - {name: far, projections: int(-1, 5)}
        - {kernel: imq}
  training: {epochs: 20.5, batch_size: many}
  evaluation: {metrics: [], evry: 5}
"""
FINDINGS = """\
study.yaml:2 name: 'my study' cannot name a folder. Begin with a letter or digit, and go on with letters, digits, \
'.', '_' or '-'
study.yaml:3 unknown key 'objectives'. Did you mean 'objective'? Known: compare, confirm, early_stopping, name, \
objective, resources, search, tracking, trial.
study.yaml:5 search.samples: 0 is not allowed: must be 1 or more
study.yaml:5 search.sampler: unknown searcher 'tpee'. Did you mean 'tpe'? Known: cma_es, gp, grid, qmc, random, tpe.
study.yaml:6 schedule: is now early_stopping, so that lr_schedule is the only schedule. Write early_stopping: {name: asha, ...}
study.yaml:7 'latent_size' belongs below trial: write trial.latent_size
study.yaml:8 early_stopping: unknown field 'grace' of asha. Did you mean 'grace_period'? \
Known: grace_period, name, reduction_factor.
study.yaml:9 compare: there is no choice at 'family.kind' to compare. Known: \
family.divergence, family.divergence.kernel.
study.yaml:11 trial.latent_size: 0 is not allowed: must be 1 or more
study.yaml:15 trial.family.lambda: loguniform(0, 100): a logarithmic range begins above 0, not at 0. \
Write loguniform(0.01, 100) or uniform(0, 100)
study.yaml:18 trial.family.divergence: unknown field 'bandwith' of near. Did you mean 'bandwidth'? Known: bandwidth, \
kernel, name.
study.yaml:18 trial.family.divergence.kernel: 'rbff' is not allowed. Did you mean 'rbf'? Known: imq, rbf.
study.yaml:19 trial.family.divergence.projections: -1 is not allowed: must be 1 or more
study.yaml:20 trial.family.divergence: a branch of one_of is a mapping with one name of its own, as in {name: mmd}
study.yaml:21 trial.training.epochs: 20.5 is not allowed: must be a whole number
study.yaml:21 trial.training.batch_size: 'many' is not allowed: must be a whole number
study.yaml:22 trial.evaluation: unknown field 'evry' of evaluation. Did you mean 'every'? Known: every, metrics, split.
study.yaml:22 trial.evaluation.metrics: [] is not allowed: must have a length of 1 or more
"""


def found(file: Path, *overrides: str) -> list[str]:
    try:
        load_and_check(file, overrides)
    except ConfigError as error:
        return str(error).splitlines()
    return []


def test_every_mistake_of_a_file_is_said_with_its_line_and_its_cure(study: Path, write: Write) -> None:
    lines = found(write(MISTAKES))
    network = [line for line in lines if "network" in line]
    assert len(network) == 1
    assert network[0].startswith("study.yaml:12 trial.network.name: unknown network 'layer'. Did you mean 'layers'?")
    assert [line for line in lines if line not in network] == FINDINGS.splitlines()


def test_a_sound_file_has_no_problems(study: Path) -> None:
    assert found(study) == []
    assert load_and_check(study) == load(study)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("trial.latent_size=0", "trial.latent_size: 0 is not allowed: must be 1 or more"),
        ("trial.latent_size=choice(2,4,x)", "trial.latent_size: 'x' is not allowed: must be a whole number"),
        ("trial.latent_size=interval(1,2.5)", "must be a whole number, and it draws others. Write int(1, 2)"),
        (
            "trial.latent_size=uniform(2, 4)",
            "uniform(2, 4) is not allowed: must be a whole number, and it draws others. Write int(2, 4)",
        ),
        ("trial.training.batch_size=loguniform(32, 64)", "Write logint(32, 64)"),
        ("trial.training.epochs=quniform(1, 3, 0.5)", "Write choice(1, 2, 3)"),
        ("trial.training.epochs=quniform(1, 30, 0.5)", "Write int(1, 30)"),
        ("trial.training.epochs=quniform(1, 3.5, 1.5)", "Write choice(1)"),
        ("trial.training.epochs=uniform(1.2, 1.8)", "No whole number lies in it; int(a, b) is a range of them"),
        ("trial.latent_size={min: 2.0, max: 4.0}", "Write int(2, 4)"),
        (
            "trial.network.hidden=['uniform(4, 8)']",
            "trial.network.hidden.0: uniform(4, 8) is not allowed: must be a whole",
        ),
        ("trial.seed=uniform(0, 5)", "Write int(0, 5)"),
        (
            "trial.training.optimizer={name: sgd, momentum: 0.5, nesterov: 'uniform(0, 1)'}",
            "uniform(0, 1) is not allowed: must be true or false. Write choice(true, false)",
        ),
        (
            "trial.family={name: f_gan, f: alpha, alpha: 'int(-1, 2)'}",
            "alpha 0 is the limit that has a name of its own",
        ),
        ("trial.training.ema=int(0, 2)", "trial.training.ema: 2 is not allowed: must be below 1"),
        (
            "trial.evaluation.split=choice(validation, test)",
            "trial.evaluation.split: is searched, and so trials would be scored in unlike ways",
        ),
        ("trial.family.lambda=uniform(-1, 1)", "trial.family.lambda: -1 is not allowed: must be above 0"),
        ("trial.family.moves=choice(1, 0)", "trial.family.moves: 0 is not allowed: must be 1 or more"),
        ("trial.family.divergence.kernel=rbg", "'rbg' is not allowed. Did you mean 'rbf'? Known: imq, rbf."),
        ("trial.family=codr", "trial.family.name: unknown family 'codr'. Did you mean 'coder'?"),
        ("trial.network.hidden=[8,a]", "trial.network.hidden.1: 'a' is not allowed: must be a whole number"),
        ("trial.network=stride,layer", "trial.network.name: unknown network 'layer'. Did you mean 'layers'?"),
        ("trial.training.optimizer.lr=0", "trial.training.optimizer.lr: 0 is not allowed: must be above 0"),
        (
            "trial.training.optimizer.learning_rate=1",
            "trial.training.optimizer: unknown field 'learning_rate' of walk.",
        ),
        ("trial.lr=1", "trial: unknown field 'lr' of a trial."),
        ("objective.metric=gab", "objective.metric: 'gab' is not among trial.evaluation.metrics. Did you mean 'gap'?"),
        ("objective.mode=max", "objective.mode: 'max' would search for the worst gap. Write mode: min"),
        ("search.samples=null", "search.samples: null lets random go on for ever."),
        ("trial.evaluation.metrics=[gap,{name: gap}]", "trial.evaluation.metrics.1: gap is measured twice"),
        ("resources.cpu=-1", "resources.cpu: -1 is not allowed: must be above 0"),
        ("resources.gpus=1", "resources: unknown field 'gpus' of resources. Did you mean 'gpu'?"),
    ],
)
def test_an_override_that_is_wrong_is_named_as_typed(study: Path, override: str, says: str) -> None:
    lines = found(study, override)
    assert len(lines) == 1
    assert lines[0].startswith(override)
    assert says in lines[0]


def test_a_metric_that_only_watches_is_no_objective(study: Path, write: Write) -> None:
    watching = study.read_text().replace("objective: {metric: gap}", "objective: {metric: watch, mode: max}")
    file = write(watching.replace("metrics: [gap]", "metrics: [watch, gap, recall]"), "watching.yaml")
    reason = (
        "watching.yaml:3 objective.metric: 'watch' only watches for something, and a worse model need not score worse"
    )
    assert found(file, "trial.family=coder") == [f"{reason}. Choose gap or recall"]
    assert found(file, "trial.family=coder", "trial.evaluation.metrics=[watch]") == [
        f"{reason}. Add one that measures quality to trial.evaluation.metrics"
    ]


def test_parts_that_do_not_go_together(study: Path) -> None:
    lines = found(study, "dataset=plane", "trial.network=stride", "trial.evaluation.metrics=[gap,recall]")
    assert lines == [
        "trial.network=stride trial.network: stride takes pictures only",
        "trial.evaluation.metrics=[gap,recall] trial.evaluation.metrics.1: recall needs pictures",
        "study.yaml:17 trial.family: rival needs pictures. Take another family",
    ]


HELD = """\
defaults: [base, dataset: digits, _self_]
name: held
objective: {metric: fid}
trial:
  network: {name: conv, norm: choice(none, layer)}
  family:
    one_of:
      - name: wgan
        constraint:
          one_of:
            - {name: clip}
            - {name: spectral_norm}
      - {name: mmd_gan, constraint: spectral_norm}
      - {name: mmd_gan, constraint: spectral_norm, space: data}
      - {name: gan, constraint: {name: gradient_penalty, at: data, weight: choice(0, 1)}}
      - {name: wgan, constraint: {name: gradient_penalty, weight: uniform(0, 10)}}
      - {name: cramer_gan, constraint: {name: gradient_penalty, at: choice(interpolates, data)}}
      - {name: mmd_gan, kernel: energy, constraint: {name: lipschitz_penalty, weight: 0}}
      - {name: wae, divergence: {name: wasserstein_dual, constraint: {name: lipschitz_penalty, weight: choice(0, 1)}}}
      - {name: vae, constraint: clip}
  evaluation: {metrics: [fid]}
"""
PLAIN = (
    "trial.family.constraint: spectral_norm bounds a critic by its weight matrices, and layers that normalise undo that. "
    "Write network.norm: none, or give another constraint"
)
AT_DATA = (
    "gradient_penalty at the data leaves the critic free at the samples, so its gap has no upper bound. "
    "Write at: interpolates"
)
WEIGHTLESS = "of weight 0 holds nothing, and the critic's gap has no upper bound. Give a weight above 0"


def test_a_constraint_that_does_not_hold_the_critic_is_refused_with_the_cure(write: Write) -> None:
    """One end of a range, one option, or two of two choices are enough: a search would come to them."""
    assert found(write(HELD, "held.yaml")) == [
        f"held.yaml:12 {PLAIN}",
        f"held.yaml:13 {PLAIN}",
        f"held.yaml:16 trial.family: gradient_penalty {WEIGHTLESS}",
        f"held.yaml:17 trial.family: {AT_DATA}",
        f"held.yaml:18 trial.family: lipschitz_penalty {WEIGHTLESS}",
        f"held.yaml:19 trial.family.divergence: lipschitz_penalty {WEIGHTLESS}",
        "held.yaml:20 trial.family: unknown field 'constraint' of vae. Known: beta, likelihood, name, samples, smoothing, "
        "variance. It is a field of cramer_gan, f_gan, gan, mmd_gan, wgan.",
    ]
    sound = HELD.replace("choice(none, layer)", "none").replace("choice(0, 1)", "1").replace("uniform(0, 10)", "3")
    sound = sound.replace("at: choice(interpolates, data)", "weight: 1").replace("weight: 0", "weight: 1")
    assert found(write(sound.replace("vae, constraint: clip", "vae"), "held.yaml")) == []


def test_a_batch_larger_than_the_training_split(study: Path) -> None:
    plane = (
        "trial.dataset={name: gaussian_mixture, n_train: 50}",
        "trial.family=coder",
        "trial.training.batch_size=8,51",
    )
    assert found(study, *plane) == [
        f"{plane[2]} trial.training.batch_size: 51 is not allowed: the training split has 50 items. Write batch_size: 12 or so"
    ]


def test_a_field_that_no_branch_knows_is_one_mistake(study: Path) -> None:
    (line,) = found(study, "trial.family.lamda=1")
    assert "unknown field 'lamda' of coder and rival. Did you mean 'lambda'? Known: divergence, lambda, name." in line


def test_what_is_missing(study: Path, write: Write) -> None:
    lines = found(write("defaults: [base]\ntrial: {seed: 1}\n", "bare.yaml"))
    assert len(lines) == 2
    assert "trial.dataset: is missing, and has no default. Write dataset: {name: …}. Known:" in lines[0]
    assert "trial.family: is missing" in lines[1]
    assert any(
        line.endswith("trial: needs a mapping that says what a trial is, as in `trial: {family: {name: vae}}`")
        for line in found(write("defaults: [base]\nobjective: {metric: gap}\ntrial: 3\n", "empty.yaml"))
    )


def test_missing_data_are_a_question_of_their_own(study: Path) -> None:
    sweep = load(study, ["dataset=plane", "trial.dataset.dimensions=choice(2,3)", "trial.family=coder"])
    assert check(sweep) == []
    assert [str(problem) for problem in data_problems(sweep)] == [
        "dataset/plane.yaml:2 trial.dataset: plane.bin is missing. Run `make plane`"
    ]


def test_every_axis_is_tried_once_for_each_family(study: Path) -> None:
    """The learning rate is wrong for one family only through that family's optimiser, which is its default."""
    lines = found(study, "trial.training.optimizer={momentum: 0.9}")
    assert lines == [
        "trial.training.optimizer={momentum: 0.9} trial.training.optimizer: unknown field 'momentum' of "
        "walk. Known: lr, name. It is a field of sgd."
    ]


@pytest.mark.parametrize("seed", ["null", "3"])
def test_trials_may_have_seeds_of_their_own_or_one(study: Path, seed: str) -> None:
    assert found(study, f"trial.seed={seed}") == []
    assert data_problems(load(study, [f"trial.seed={seed}"])) == []


def test_one_mistake_is_one_line(study: Path) -> None:
    """A searcher that cannot be read has no limit to speak of, and a list of wrong items is not too short."""
    assert found(study, "search=grid", "search.points=0") == [
        "search.points=0 search.points: 0 is not allowed: must be 2 or more"
    ]
    assert len(found(study, "trial.evaluation.metrics=[gapp]", "objective.metric=gap")) <= 2
    assert not [line for line in found(study, "trial.evaluation.metrics=[gapp]") if "length" in line]


def test_a_misspelt_field_of_the_search_section_is_told_with_all_that_it_takes(study: Path) -> None:
    (line,) = found(study, "+search.seeed=0")
    assert line == (
        "+search.seeed=0 search: unknown field 'seeed' of random. Did you mean 'seed'? Known: sampler, samples, seed."
    )


REAL = """\
objective: {metric: sliced_wasserstein}
trial:
  dataset: {name: ring, n_train: 200, n_validation: 40}
  network: {name: mlp, hidden: [8]}
  family: vae
  training: {batch_size: 16}
  evaluation: {metrics: [sliced_wasserstein]}
"""


def real(write: Write, **lines: str) -> Path:
    """A sound file of members that ship, with these lines below trial."""
    text = REAL
    for key, value in lines.items():
        text = re.sub(rf"^  {key}: .*$", f"  {key}: {value}", text, flags=re.MULTILINE)
    return write(text, "real.yaml")


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("{name: sliced_wasserstein, n: 41}", "n = 41 is more than the 40 items of the validation split. Lower n."),
        ("{name: kid, extractor: identity, n: 41}", "metric kid: n = 41 is more than the 40 items"),
        ("{name: reconstruction, n: 41}", "metric reconstruction: n = 41 is more than the 40 items"),
        ("{name: wasserstein, n: 30, replicates: 2}", "2 disjoint groups of 30 do not fit in the 40 items"),
        (
            "{name: wasserstein, p: 2, statistic: debiased_squared, replicates: 20}",
            "40 disjoint groups of 1 do not fit",
        ),
        ("{name: sliced_wasserstein, n: 'choice(20, 41)'}", "n = 41 is more than the 40 items"),
    ],
)
def test_a_metric_that_takes_more_items_than_the_split_has(write: Write, metric: str, says: str) -> None:
    found_lines = found(real(write, evaluation=f"{{metrics: [{metric}, mmd]}}"), "objective.metric=mmd")
    assert len(found_lines) == 1
    assert found_lines[0].startswith("real.yaml:7 trial.evaluation.metrics.0: ")
    assert says in found_lines[0]
    assert found(real(write, evaluation=f"{{metrics: [{metric}, mmd]}}"), "objective.metric=mmd",
                 "trial.dataset.n_validation=99") == []  # fmt: skip


def test_a_metric_may_take_every_item_of_the_split(write: Write) -> None:
    assert found(real(write, evaluation="{metrics: [{name: sliced_wasserstein, n: 40}]}")) == []
    every = "{metrics: [sliced_wasserstein, {name: wasserstein, n: 20, replicates: 2}, {name: reconstruction, n: 40}]}"
    assert found(real(write, evaluation=every)) == []


def test_what_decides_how_trials_are_scored_has_one_value(write: Write) -> None:
    """But for the data: choices of files may hold the same."""
    searched = real(write, evaluation="{metrics: [{name: sliced_wasserstein, n: 'choice(20, 30)'}]}")
    assert found(searched) == [
        "real.yaml:7 trial.evaluation.metrics.0.n: is searched, and so trials would be scored in unlike ways, which are "
        "never ranked together. Give it one value; for another one, run another sweep"
    ]
    other = real(write, evaluation="{metrics: [sliced_wasserstein, {name: mmd, n: 'choice(20, 30)'}]}")
    assert found(other) == [], "no objective"
    assert found(real(write, evaluation="{metrics: [sliced_wasserstein], every: 'choice(1, 2)'}")) == []


def test_sizes_of_the_users_own_files_are_known_before_they_are_read(write: Write) -> None:
    file = real(write, dataset="{name: array, path: u8.npy}")
    np.save("u8.npy", np.zeros((60, 4), np.float32))
    assert found(file, "trial.training.batch_size=48") == []
    assert found(file, "trial.training.batch_size=49") == [
        "trial.training.batch_size=49 trial.training.batch_size: 49 is not allowed: the training split has 48 items. "
        "Write batch_size: 12 or so"
    ]
    np.save("u8.npy", np.zeros((5, 4), np.float32))
    (line,) = found(file)
    assert line.startswith("real.yaml:3 trial.dataset: ")
    assert "Each split needs two or more" in line
    Path("u8.npy").write_bytes(b"damaged")
    (line,) = found(file)
    assert line.startswith("real.yaml:3 trial.dataset: ")
    assert "no array can be read from it" in line


def test_what_is_not_here_is_asked_without_reading(write: Write) -> None:
    file = real(write, dataset="{name: array, path: 'choice(a.npy, b.npy)'}")
    np.save("a.npy", np.zeros((60, 4), np.float32))
    assert found(file) == []
    assert [str(problem) for problem in data_problems(load(file))] == [
        f"real.yaml:3 trial.dataset: dataset array: {Path.cwd()}/b.npy: no such file."
    ]
    nets = real(write, evaluation="{metrics: [sliced_wasserstein, {name: fid, extractor: 'file:n.pt'}]}")
    assert [str(problem) for problem in data_problems(load(nets))] == [
        f"real.yaml:7 trial.evaluation.metrics.1: metric fid: extractor file: {Path.cwd()}/n.pt: no such file. "
        "Check the path, or choose another extractor."
    ]


@pytest.mark.parametrize("family", ["choice(vae, wae)", "{name: 'choice(vae, wae)'}", "'choice({name: vae}, wae)'"])
def test_a_choice_of_families_is_an_arm_each_however_it_is_written(write: Write, family: str) -> None:
    assert list(load_and_check(real(write, family=family)).arms) == ["vae", "wae"]


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan"])
def test_a_number_that_is_not_finite_is_refused(write: Write, value: str) -> None:
    """A plain configuration, as JSON, has no such number."""
    (line,) = found(real(write, family=f"{{name: vae, beta: {value}}}"))
    assert line.startswith("real.yaml:5 trial.family.beta: ")
    assert "must be a finite number" in line


def test_what_was_not_tried_and_is_wrong_is_still_no_traceback() -> None:
    drawn = {"dataset": "ring", "network": "mlp", "family": "vae", "latent_size": 2.5, "training": {"epochs": 0},
             "evaluation": {"metrics": ["mmd"]}}  # fmt: skip
    with pytest.raises(ConfigError) as refused:
        configuration_of(drawn)
    assert str(refused.value).splitlines() == [
        "trial.latent_size: was drawn: 2.5 is not allowed: must be a whole number",
        "trial.training.epochs: was drawn: 0 is not allowed: must be 1 or more",
    ]
    with pytest.raises(ConfigError, match="was drawn"):
        issue(drawn)

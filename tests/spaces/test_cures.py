"""What people write where something else is meant: the message says what to write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep.errors import ConfigError
from gensweep.spaces.check import load_and_check
from gensweep.spaces.foreign_words import FOREIGN
from gensweep.spaces.sweep import Sweep

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
BRANCHES = "{one_of: [vae, gan]}"
DURATION = "is not allowed: must be seconds, or a duration as in 90s, 5m, 1h30m or 2d"


def read(write: Write, old: str = "", new: str = "", *overrides: str) -> Sweep:
    assert old in SPACE
    return load_and_check(write(SPACE.replace(old, new, 1) if old else SPACE), overrides)


def told(write: Write, old: str = "", new: str = "", *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(write, old, new, *overrides)
    return str(error.value).splitlines()


@pytest.mark.parametrize(
    ("family", "says"),
    [
        ("{one_off: [vae, gan]}", "trial.family: unknown field 'one_off'. Did you mean 'one_of'? Write {one_of: [...]}"),
        ("{oneOf: [vae, gan]}", "Write {one_of: [...]}"),
        ("{any_of: [vae, gan]}", "Write {one_of: [...]}"),
        ("{nam: gan}", "trial.family: has no name: unknown field 'nam'. Did you mean 'name'? Write {name: gan}"),
        ("{type: gan, lambda: 3}", "Did you mean 'name'? Write {name: gan}"),
        ("{one_of: [{nam: gan}, vae]}", "has no name: unknown field 'nam'. Did you mean 'name'? Write {name: gan}"),
        ("{one_of: [{wae: {lambda: 3}}, vae]}", "trial.family: wae is a name: write {name: wae, ...}"),
        ("{wae: {lambda: 3}}", "trial.family: wae is a name: write {name: wae, ...}"),
        ("{name: wgan, constraint: {gradient_penalty: {weight: 3}}}",
         "trial.family.constraint: gradient_penalty is a name: write {name: gradient_penalty, ...}"),
        ("{name: wae, divergence: {mmd: }}", "trial.family.divergence: mmd is a name: write {name: mmd, ...}"),
        ("{lambda: 3}", "trial.family: needs a name, as in {name: autoencoder}."),
    ],
)  # fmt: skip
def test_nodes(write: Write, family: str, says: str) -> None:
    (line,) = told(write, BRANCHES, family)
    assert line.startswith("study.yaml:5 ")
    assert says in line


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("early_stopping: {asha: {grace_period: 3}}", "early_stopping: unknown field 'asha' of none. asha is a name: write "
         "{name: asha, ...}"),
        ("early_stopping: {nmae: asha}", "unknown field 'nmae' of none. Did you mean 'name'?"),
        ("early_stopping: {one_of: [asha, median]}", "only what stands below trial is searched. Write asha or median"),
        ("search: {sampler: 'choice(tpe, random)'}", "search.sampler: 'choice(tpe, random)' is not allowed: only what stands "
         "below trial is searched. Write tpe or random"),
        ("compare: family.beta", "there is no choice at 'family.beta' to compare. Did you mean 'family'? Known: family."),
        ("resources: {time_budget: 5minutes}", f"resources.time_budget: '5minutes' {DURATION}. Write 5m"),
        ("resources: {time_budget: '01:30:00'}", f"{DURATION}. Write 1h30m"),
        ("resources: {time_budget: 2 hours 5 min}", f"{DURATION}. Write 2h5m"),
        ("resources: {time_budget: soon}", f"'soon' {DURATION}"),
        ("resources: {time_budget: -5m}", f"'-5m' {DURATION}"),
        ("resources: {time_budget: 0s}", "0.0 is not allowed: must be above 0"),
        ("resources: {time_budget: true}", "true is not allowed: must be a number"),
        ("resources: {max_concurrent: true}", "true is not allowed: must be a whole number"),
        ("search: {samples: true}", "search.samples: true is not allowed: must be a whole number"),
        ("search: {samples: 1000000000}", "1000000000 is not allowed: must be 100000 or less. At a second a trial they would "
         "take 11,574 days for each arm, and each has a folder"),
        ("search: {samples: 1e9}", "1000000000 is not allowed: must be 100000 or less."),
        ("search: {samples: 1e30}", "must be a whole number that is not so large"),
        ("search: {samples: 1.5}", "1.5 is not allowed: must be a whole number"),
        ("search: {seed: 1e30}", "is not allowed: must be"),
    ],
)  # fmt: skip
def test_settings(write: Write, line: str, says: str) -> None:
    (found,) = told(write, "trial:", f"{line}\ntrial:")
    assert found.startswith("study.yaml:4 ")
    assert says in found


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("objective=-sliced_wasserstein", "'-sliced_wasserstein' is not allowed: which direction is better the metric knows. "
         "Write objective: sliced_wasserstein"),
        ("objective=-wasserstien", "Write objective: wasserstein"),
        ("objective.mode=max", "objective.mode: 'max' would search for the worst sliced_wasserstein. Write mode: min"),
        ("objective.metric=mmd", "'mmd' is not among trial.evaluation.metrics. Write metrics: [sliced_wasserstein, mmd]"),
        ("objective.metrc=mmd", "objective: unknown field 'metrc' of objective. Did you mean 'metric'?"),
        ("objective=fid,kid", "'choice(fid, kid)' is not allowed: a sweep has one objective. Write fid or kid"),
        ("search.sampler=tpe,random", "'choice(tpe, random)' is not allowed: only what stands below trial is searched. Write "
         "tpe or random"),
        ("trial.training.optimizer.betas=choice((0.5,0.9),(0.9,0.99))", "choice((0.5,0.9),(0.9,0.99)): a list has square "
         "brackets. Write choice([0.5, 0.9], [0.9, 0.99])"),
        ("trial.network.hidden=choice((8),(8,8))", "a list has square brackets. Write choice("),
        ("trial.training.optimizer={name: adam, betas: [0.9]}", "betas: [0.9] is not allowed: must be a list of 2, as in "
         "[0.9, 0.999]"),
        ("trial.training.optimizer={name: adam, betas: 0.9}", "must be a list of 2, as in [0.9, 0.999]"),
        ("trial.training.optimizer={name: adam, betas: [true, 0.9]}", "betas.0: true is not allowed: must be a number"),
        ("trial.network.hidden=[true]", "hidden.0: true is not allowed: must be a whole number"),
        ("trial.network.hidden=[8,1000000]", "hidden.1: 1000000 is not allowed: must be 65536 or less"),
        ("trial.seed=100000000000000000000", "must be "),
        ("trial.evaluation.metrics=[{name: sliced_wasserstein, p: true}]", "p: true is not allowed"),
        ("scheduler=asha", "unknown key 'scheduler'. Here it is early_stopping: write early_stopping=asha"),
        ("num_samples=4", "unknown key 'num_samples'. Here it is search.samples: write search.samples=4"),
    ],
)  # fmt: skip
def test_overrides(write: Write, given: str, says: str) -> None:
    (line,) = told(write, "", "", given)
    assert line.startswith(given)
    assert says in line


@pytest.mark.parametrize("word", FOREIGN)
def test_a_word_of_another_library_has_ours_beside_it(write: Write, word: str) -> None:
    (line,) = told(write, "trial:", f"{word}: 3\ntrial:")
    ours, example = FOREIGN[word]
    assert line == f"study.yaml:4 unknown key '{word}'. Here it is {ours}: write {example}"


@pytest.mark.parametrize("ours", sorted({example for _, example in FOREIGN.values()}))
def test_what_a_foreign_word_is_replaced_by_is_sound_here(write: Write, ours: str) -> None:
    key = ours.partition(":")[0]
    other = write(f"{ours}\n", "other.yaml")
    text = SPACE.replace("_self_", f"_self_, {other.stem}")
    problems: list[str] = []
    try:
        load_and_check(write(text))
    except ConfigError as error:
        problems = str(error).splitlines()
    assert [line for line in problems if key not in line or "unknown" in line] == []


@pytest.mark.parametrize("what", ["family", "family.divergence"])
def test_nothing_to_compare(write: Write, what: str) -> None:
    (line,) = told(write, BRANCHES, "vae", f"compare={what}")
    assert line == (
        f"compare={what} compare: there is nothing to compare at '{what}': the sweep has no choice. Make one, as in "
        "trial: {family: {one_of: [vae, wae]}}, or leave compare out"
    )


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("90s", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("1.5h", 5400), ("300", 300), ("2 h", 7200)],
)
def test_a_time_budget_is_seconds_or_a_duration(write: Write, given: str, seconds: float) -> None:
    assert read(write, "trial:", f"resources: {{time_budget: {given}}}\ntrial:").resources.time_budget == seconds


def test_whole_floats_are_whole_numbers(write: Write) -> None:
    sweep = read(write, "", "", "search.samples=1e1", "trial.training.epochs=1e1")
    assert (sweep.search.samples, type(sweep.search.samples)) == (10, int)


def test_the_short_objective_takes_a_mode_and_a_metric(write: Write) -> None:
    assert read(write, "", "", "objective.mode=min").objective.mode == "min"
    measured = "trial.evaluation.metrics=[mode_coverage]"
    assert read(write, "", "", "objective.metric=mode_coverage", measured).objective.mode == "max"


@pytest.mark.parametrize(
    ("rule", "epochs", "says"),
    [
        ("{name: pbt, interval: 30}", 20, "interval: 30 is not allowed: trials train for 20 epochs, and pbt copies before the "
         "last. Write interval: 5"),
        ("pbt", 2, "interval: 5 is not allowed: trials train for 2 epochs, and pbt copies before the last. Write interval: 1"),
        ("{name: hyperband, grace_period: 30}", 20, "grace_period: 30 is not allowed: hyperband needs two brackets to stop "
         "anything, and 20 epochs are fewer than grace_period * reduction_factor = 90. Write grace_period: 6 or trial: "
         "{training: {epochs: 90}}"),
        ("{name: hyperband, reduction_factor: 9}", 4, "reduction_factor: 9 is not allowed: hyperband needs two brackets"),
    ],
)  # fmt: skip
def test_a_rule_of_early_stopping_names_its_field_and_a_value_that_fits(
    write: Write, rule: str, epochs: int, says: str
) -> None:
    """Once for all arms, at the line of the rule; and what it says to write is sound."""
    training = f"{{epochs: {epochs}, optimizer: {{lr: loguniform(1e-4, 1e-2)}}}}"
    text = SPACE.replace("{epochs: 2}", training).replace("trial:", f"early_stopping: {rule}\ntrial:")
    with pytest.raises(ConfigError) as error:
        load_and_check(write(text))
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"study.yaml:4 early_stopping.{says}")
    cure = line.partition("Write ")[2].split(" or ")[0]
    name = rule.strip("{}").removeprefix("name: ").split(",")[0]
    fixed = cure.strip("{}") if cure.startswith("{") else cure
    assert load_and_check(write(text.replace(rule, f"{{name: {name}, {fixed}}}", 1))).early_stopping.name == name


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("trial=null", "trial: needs a mapping that says what a trial is"),
        (
            "trial.training=null",
            "trial.training: null is not allowed: must be a mapping of names to values. Leave it out",
        ),
        ("trial.evaluation=null", "trial.evaluation: null is not allowed: must be a mapping"),
        ("trial.training.optimizer=null", "null is not allowed: it needs a name, as in {name: adam}"),
        ("trial.training.lr_schedule=null", "null is not allowed: it needs a name, as in {name: constant}"),
        ("objective=[sliced_wasserstein]", "is not allowed: it is one metric. Write objective: sliced_wasserstein"),
        ("objective=[fid,kid]", "[fid, kid] is not allowed: it is one metric. Write objective: fid or objective: kid"),
        ("objective=[]", "[] is not allowed: it is one metric. Write objective: fid"),
        ("trial.family={one_of: []}", "one_of takes a list of nodes, each with a name, and is empty"),
        ("trial.family={one_of: {}}", "one_of takes a list of nodes, each with a name, and is empty"),
        ("trial.family={one_of: {vae: {}, gan: {}}}", "each with a name. Write [vae, gan]"),
        ("trial.family={one_of: {vae: {beta: 2}, gan: {}}}", "each with a name. Write [{name: vae, beta: 2}, gan]"),
        ("trial.network.hidden=8", "8 is not allowed: must be a list. Write [8]"),
        ("trial.evaluation.metrics=8", "8 is not allowed: must be a list. Write [8]"),
    ],
)
def test_null_and_lists_where_they_mean_nothing(write: Write, given: str, says: str) -> None:
    assert any(says in line for line in told(write, "", "", given))


def test_null_in_the_file_is_refused_too(write: Write) -> None:
    assert "null is not allowed" in told(write, "training: {epochs: 2}", "training: null")[0]
    assert "null is not allowed" in told(write, "{epochs: 2}", "{epochs: 2, optimizer: null}")[0]

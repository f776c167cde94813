"""File and overrides: groups, the grammar of overrides, paths through one_of, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gensweep.errors import ConfigError
from gensweep.spaces.load import load
from gensweep.spaces.sweep import Sweep

Write = Callable[..., Path]


def trial(file: Path, *overrides: str) -> Any:
    return load(file, overrides).definition()["trial"]


def wrong(file: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as error:
        load(file, overrides)
    return str(error.value)


def test_a_file_lies_over_its_defaults(study: Path) -> None:
    sweep = load(study)
    assert (sweep.name, sweep.search.samples, sweep.early_stopping.dump()["grace_period"], sweep.resources.gpu) == (
        "study",
        5,
        3,
        "auto",
    )
    assert sweep.space["training"]["batch_size"] == 64, "from base"
    assert sweep.space["training"]["epochs"] == 10, "from the file"
    assert sweep.space["network"]["name"] == "layers", "another network replaces the one of base"
    assert sweep.space["dataset"] == {"name": "picture", "pixels": 16}, "from a group beside the file"


def test_the_name_is_the_files_unless_it_says_one(write: Write) -> None:
    file = write("defaults: [base]\ntrial: {family: vae}\n", "deep/er/my-study.yaml")
    assert load(file).name == "my-study"
    assert load(file.resolve()).name == "my-study"


def test_sources_name_the_file_and_line_or_the_override(study: Path) -> None:
    sources = load(study, ["trial.latent_size=3", "dataset=plane"]).sources
    assert sources["trial.latent_size"] == "trial.latent_size=3"
    assert sources["trial.family[coder].lambda"] == "study.yaml:12"
    assert sources["trial.family[coder].divergence[far].projections"] == "study.yaml:16"
    assert sources["trial.dataset.name"] == "dataset/plane.yaml:2"
    assert sources["trial.seed"].endswith("gensweep/spaces/defaults/base.yaml:16")


@pytest.mark.parametrize("order", [1, -1])
def test_a_chosen_group_replaces_the_node_and_dotted_values_lie_over_it(study: Path, order: int) -> None:
    sweep = load(study, ["early_stopping=none", "search=grid", "dataset=plane", "search.seed=7"][::order])
    assert sweep.early_stopping.dump() == {"name": "none"}
    assert (sweep.searcher.name, sweep.search.samples, sweep.search.seed) == ("grid", None, 7)
    assert sweep.space["dataset"] == {"name": "plane"}


def test_a_group_that_the_file_does_not_name_can_be_chosen(write: Write) -> None:
    file = write("trial: {family: vae}\nobjective: {metric: fid}\n")
    assert trial(file, "dataset=digits", "+early_stopping=asha")["dataset"] == {"name": "digits"}
    assert load(write("defaults: [base, {dataset: '???'}]\nobjective: {metric: fid}\n"), ["dataset=digits"]).space[
        "dataset"
    ] == {"name": "digits"}


def test_groups_from_another_folder(study: Path, tmp_path: Path) -> None:
    (tmp_path / "ours" / "network").mkdir(parents=True)
    (tmp_path / "ours" / "network" / "wide.yaml").write_text("# @package trial.network\nname: layers\nhidden: [99]\n")
    sweep = load(study, ["network=wide"], groups=[tmp_path / "ours"])
    assert sweep.space["network"] == {"name": "layers", "hidden": [99]}


def test_a_group_of_the_whole_tree_is_laid_over_the_file(study: Path, write: Write) -> None:
    write("# @package _global_\nsearch: {samples: 1}\ntrial: {training: {epochs: 1}}\n", "budget/tiny.yaml")
    sweep = load(study, ["budget=tiny"])
    assert (sweep.search.samples, sweep.searcher.name, sweep.space["training"]["epochs"]) == (1, "random", 1)
    assert next(iter(sweep.arms)) == "coder"


@pytest.mark.parametrize(
    ("override", "leaf"),
    [
        ("trial.latent_size=16", 16),
        ("trial.latent_size=1e-4", 1e-4),
        ("trial.latent_size=null", None),
        ("trial.latent_size='16'", "16"),
        ("trial.latent_size=2,4", "choice(2, 4)"),
        ("trial.latent_size=choice(2,4)", "choice(2, 4)"),
        ("trial.latent_size=choice([2,4],[5])", "choice([2, 4], [5])"),
        ("trial.latent_size=range(1,5)", "int(1, 4)"),
        ("trial.latent_size=range(1,8,3)", "choice(1, 4, 7)"),
        ("trial.latent_size=interval(0,1)", "uniform(0.0, 1.0)"),
        ("trial.latent_size=tag(log, interval(0.1,10))", "loguniform(0.1, 10.0)"),
        ("trial.latent_size=tag(int, interval(1,10))", "int(1, 10)"),
        ("trial.latent_size=tag(int, log, interval(1,10))", "logint(1, 10)"),
        ("trial.latent_size=loguniform(0.1, 10)", "loguniform(0.1, 10)"),
        ("++trial.latent_size=quniform(0, 1, 0.5)", "quniform(0, 1, 0.5)"),
        ("trial.latent_size=int(3.7)", 3),
    ],
)
def test_the_values_of_overrides(study: Path, override: str, leaf: object) -> None:
    assert trial(study, override)["latent_size"] == leaf


def test_adding_and_deleting(study: Path) -> None:
    assert "seed" not in trial(study, "~trial.seed")
    assert trial(study, "+trial.evaluation.split=test")["evaluation"]["split"] == "test"
    assert trial(study, "trial.evaluation.metrics.0=recall")["evaluation"]["metrics"] == ["recall"]
    assert "is set already" in wrong(study, "+trial.seed=1")
    assert "no such value" in wrong(study, "~trial.nothing.at.all")
    assert "no such value" in wrong(study, "~trial.seed=5")
    assert "is not a position in a list of 1" in wrong(study, "trial.evaluation.metrics.3=recall")
    assert "has no fields" in wrong(study, "trial.latent_size.deep=1")


def branches(file: Path, *overrides: str) -> dict[str, Any]:
    family = trial(file, *overrides)["family"]
    return {branch["name"]: branch for branch in family.get("one_of", [family])}


def test_a_field_is_set_in_every_branch_that_knows_it(study: Path) -> None:
    found = branches(study, "trial.family.lambda=10", "trial.family.divergence.bandwidth=2")
    assert found["coder"]["lambda"] == 10
    assert found["rival"] == {"name": "rival", "moves": "choice(1, 5)"}
    near, far = found["coder"]["divergence"]["one_of"]
    assert near == {"name": "near", "kernel": "choice(imq, rbf)", "bandwidth": 2}
    assert far == {"name": "far", "projections": "int(10, 50)"}


def test_a_field_that_no_branch_knows_is_set_in_all_so_that_the_check_sees_it(study: Path) -> None:
    assert all(branch["lamda"] == 1 for branch in branches(study, "trial.family.lamda=1").values())


def test_a_name_keeps_its_branch_with_what_it_searches(study: Path) -> None:
    for override in ("trial.family=coder", "trial.family.name=coder"):
        assert branches(study, override)["coder"]["lambda"] == "loguniform(0.1, 10)"
        assert list(branches(study, override)) == ["coder"]
    assert list(branches(study, "trial.family=rival,coder")) == ["coder", "rival"]
    near = branches(study, "trial.family=coder", "trial.family.divergence.name=near")["coder"]["divergence"]
    assert near == {"name": "near", "kernel": "choice(imq, rbf)"}
    message = wrong(study, "trial.family.name=codr")
    assert "no branch is named 'codr'. Did you mean 'coder'? Known: coder, rival." in message


@pytest.mark.parametrize("order", [1, -1])
def test_naming_a_component_comes_before_setting_its_fields(study: Path, order: int) -> None:
    overrides = ["trial.network.channels=4", "trial.network.name=stride", "trial.family=coder", "trial.family.lambda=3"]
    made = trial(study, *overrides[::order])
    assert made["network"] == {"name": "stride", "channels": 4}, "hidden was written for the other network"
    assert made["family"]["lambda"] == 3


def test_a_registered_name_replaces_what_stands_there(study: Path, write: Write) -> None:
    assert trial(study, "trial.network=stride")["network"] == {"name": "stride"}
    assert trial(study, "trial.network=layers")["network"]["hidden"] == "choice([8], [8, 8])", "it is that already"
    only = write("defaults: [base]\ntrial: {family: {one_of: [{name: coder}]}}\n", "only.yaml")
    assert trial(only, "trial.family=rival")["family"] == {"name": "rival"}
    assert trial(only, "trial.family={name: rival, moves: 3}")["family"] == {"name": "rival", "moves": 3}
    both = trial(only, "trial.family={name: rival, moves: 3},{name: coder}")["family"]
    assert both == {"one_of": [{"name": "rival", "moves": 3}, {"name": "coder"}]}


def test_a_field_of_a_component_that_is_a_bare_name_or_a_default(write: Write, third_party: Path) -> None:
    named = write("trial: {family: {name: coder, divergence: far}}\nobjective: {metric: gap}\n")
    assert trial(named, "trial.family.divergence.projections=7")["family"]["divergence"] == {
        "name": "far",
        "projections": 7,
    }
    silent = write("trial: {family: coder}\nobjective: {metric: gap}\n")
    assert trial(silent, "trial.family.divergence.bandwidth=7")["family"] == {
        "name": "coder",
        "divergence": {"name": "near", "bandwidth": 7},
    }


def test_references_to_fixed_values(write: Write) -> None:
    text = (
        "name: s\nobjective: {metric: fid}\ntrial: {latent_size: 4, seed: '${trial.latent_size}', family: '${name}x'}\n"
    )
    assert trial(write(text), "trial.latent_size=6") == {"latent_size": 6, "seed": 6, "family": "sx"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("seed: '${oc.env:HOME}'", "only plain references"),
        ("seed: '${${name}:HOME}'", "only plain references"),
        ("seed: '${trial.nothing}'", "no value at 'trial.nothing'"),
        ("seed: '${trial.size}'\n  size: choice(1, 2)", "is searched"),
        ("seed: '${trial.size}'\n  size: '${trial.seed}'", "refers to itself"),
        ("_target_: os.system", "cannot call Python"),
        ("network: {_partial_: true}", "cannot call Python"),
    ],
)
def test_nothing_in_a_file_runs_code_or_reads_the_environment(write: Write, line: str, says: str) -> None:
    file = write(f"objective: {{metric: fid}}\ntrial:\n  {line}\n")
    message = wrong(file)
    assert says in message
    assert message.startswith("study.yaml:3 ")


def test_the_defaults_list_resolves_nothing(write: Write) -> None:
    assert "not allowed in the defaults list" in wrong(write("defaults: [base, dataset: '${oc.env:HOME}']\n"))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("early_stopping=ash", "early_stopping=ash early_stopping: there is no file 'ash'. Did you mean 'asha'?"),
        ("dataset=digits,fashion_mnist", "a group takes one file"),
        ("search.samples", "is no override"),
        ("trial.latent_size=choice(", "is no override"),
        ("trial.latent_size=loguniform(0, 1)", "begins above 0"),
        ("trial.latent_size=uniform(1)", "takes 2 numbers"),
        ("network@trial=x", "no such group"),
        ("latent_size=3", "write trial.latent_size"),
        ("serch.samples=3", "Did you mean 'search'?"),
        ("hydra.run.dir=x", "unknown key 'hydra'"),
        ("search={name: tpe}", "unknown field 'name' of search"),
        ("early_stopping=[1,2]", "early_stopping: needs a name, as in {name: "),
        ("trial=3", "trial: needs a mapping that says what a trial is"),
        ("trial={one_of: [{name: a}]}", "trial: needs a mapping that says what a trial is"),
    ],
)
def test_wrong_overrides_are_named_as_typed(study: Path, override: str, says: str) -> None:
    message = wrong(study, override)
    assert says in message
    assert message.startswith(override)


@pytest.mark.parametrize(
    ("defaults", "says"),
    [("[base, dataset: digit]", "no file dataset/digit.yaml. Did you mean 'digits'?"), ("[bass]", "no file bass.yaml")],
)
def test_a_default_that_is_not_there(write: Write, defaults: str, says: str) -> None:
    message = wrong(write(f"name: a\ndefaults: {defaults}\n"))
    assert message.startswith("study.yaml:2 defaults: ")
    assert says in message


def test_a_broken_file_of_a_group_is_named(study: Path, write: Write) -> None:
    write("# @package trial.dataset\nname: plane\nname: picture\n", "dataset/plane.yaml")
    assert wrong(study, "dataset=plane").startswith("dataset/plane.yaml:3 the key 'name' is given twice")


def test_all_mistakes_of_reading_come_together(study: Path) -> None:
    message = wrong(study, "early_stopping=ash", "foo", "search.samples=0", "trial.latent_size=int(3, 1)", "nme=3")
    assert len(message.splitlines()) == 5


def test_the_same_file_gives_the_same_sweep(study: Path) -> None:
    first: Sweep = load(study, ["trial.seed=3"])
    assert first == load(study, ["trial.seed=3"])
    assert first != load(study, ["trial.seed=4"])

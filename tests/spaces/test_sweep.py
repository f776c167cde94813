"""What a sweep is: its definition, what a resume may change, its families and their budgets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gensweep.errors import ConfigError
from gensweep.spaces.check import load_and_check
from gensweep.spaces.load import load
from gensweep.spaces.sweep import difference, from_definition, refused_changes


def test_its_definition_is_plain_and_means_the_same(study: Path) -> None:
    sweep = load(study)
    text = yaml.safe_dump(sweep.definition(), sort_keys=False)
    again = from_definition(yaml.safe_load(text))
    assert again == sweep
    assert {label: arm.axes for label, arm in again.arms.items()} == {
        label: arm.axes for label, arm in sweep.arms.items()
    }
    assert again.definition() == sweep.definition()


def test_a_definition_that_cannot_be_read_says_all_that_is_wrong(study: Path) -> None:
    definition = load(study).definition()
    definition["search"]["samples"] = -1
    definition["trial"]["latent_size"] = "int(2, 1)"
    definition["nmae"] = "x"
    with pytest.raises(ConfigError) as error:
        from_definition(definition)
    assert {problem.path for problem in error.value.problems} == {"search.samples", "trial.latent_size", ""}


def test_whether_models_are_kept_stands_in_the_definition_where_it_is_unusual_and_may_change(study: Path) -> None:
    usual, none = load(study), load(study, ["tracking.models=none"])
    assert usual.tracking.models == "best"
    assert "tracking" not in usual.definition()
    assert none.definition()["tracking"] == {"models": "none"}
    assert from_definition(none.definition()) == none != usual
    assert refused_changes(usual, none) == refused_changes(none, usual) == []
    with pytest.raises(ConfigError, match=r"tracking\.models: 'all' is not allowed. Known: best, none"):
        load_and_check(study, ["tracking.models=all"])
    with pytest.raises(ConfigError, match="Did you mean 'tracking'"):
        load_and_check(study, ["trackin.models=none"])


def test_differences_are_lines(study: Path) -> None:
    before = load(study).definition()
    after = load(study, ["search.seed=2", "trial.family.lambda=3", "~trial.seed", "trial.training.batch_size=8"])
    assert difference(before, after.definition()) == [
        "search.seed: 1 -> 2",
        "trial.training.batch_size: 64 -> 8",
        "trial.seed: None -> not set",
        "trial.family.[coder].lambda: loguniform(0.1, 10) -> 3",
    ]
    assert difference(before, before) == []


def test_a_resume_may_change_resources_and_ask_for_more(study: Path) -> None:
    before = load(study)
    assert refused_changes(before, load(study, ["resources.cpu=4", "search.samples=50"])) == []
    assert refused_changes(before, load(study, ["search.samples=2"])) == [
        "search.samples: 5 -> 2 (only more can be asked for)"
    ]
    assert refused_changes(before, load(study, ["trial.seed=1"])) == ["trial.seed: None -> 1"]


def test_each_arm_has_its_own_space_and_the_same_budget(study: Path) -> None:
    sweep = load(study)
    assert list(sweep.arms) == ["coder", "rival"]
    places = [str(axis.path) for axis in sweep.arms["rival"].axes]
    assert places == ["network.hidden", "latent_size", "training.optimizer.lr", "family.moves"]
    assert sweep.counts == {"coder": 5, "rival": 5}
    assert list(load(study, ["trial.family=coder"]).arms) == ["near", "far"]
    assert list(load(study, ["+compare=family.divergence"]).arms) == ["coder.near", "coder.far", "rival"]


def test_a_grid_is_counted(study: Path) -> None:
    # hidden 2 x latent_size 2 x lr 3, and coder: lambda 3 x (kernel 2 + projections 3), rival: moves 2
    assert load(study, ["search=grid"]).counts == {"coder": 12 * 3 * 5, "rival": 12 * 2}
    assert load(study, ["search=grid", "search.samples=30"]).counts == {"coder": 30, "rival": 24}


def test_a_fixed_seed_gives_no_more_trials_than_there_are_configurations(study: Path) -> None:
    finite = ["trial.training.optimizer.lr=0.1", "search.samples=50"]  # rival: hidden 2 x latent_size 2 x moves 2
    assert load(study, [*finite, "trial.seed=0"]).counts == {"coder": 50, "rival": 8}
    assert load(study, [*finite, "trial.seed=null"]).counts == {"coder": 50, "rival": 50}


def test_a_searcher_has_its_own_fields_beside_samples_and_seed(study: Path, write: Callable[..., Path]) -> None:
    sweep = load(study, ["search=grid", "search.points=2"])
    assert sweep.searcher.dump() == {"name": "grid", "points": 2}
    assert sweep.definition()["search"] == {"sampler": "grid", "points": 2, "samples": None, "seed": 0}
    nested = load(write("objective: {metric: fid}\nsearch: {sampler: {name: grid, points: 4}}\ntrial: {family: vae}\n"))
    assert nested.searcher.dump() == {"name": "grid", "points": 4}
    assert from_definition(nested.definition()) == nested
    file = write(
        "objective: {metric: fid}\nsearch:\n  sampler: random\n  points: 9\ntrial: {family: vae}\n", "points.yaml"
    )
    with pytest.raises(
        ConfigError, match=r"^points.yaml:4 search: unknown field 'points' of random.*It is a field of grid"
    ):
        load(file)


def test_an_old_file_is_told_what_schedule_is_now(write: Callable[..., Path]) -> None:
    file = write("objective: {metric: fid}\nschedule: {name: asha}\ntrial: {family: vae}\n")
    with pytest.raises(
        ConfigError, match=r"^study.yaml:2 schedule: is now early_stopping, so that lr_schedule is the only"
    ):
        load(file)


def test_a_compared_path_without_a_choice_is_refused_where_it_is_written(study: Path) -> None:
    with pytest.raises(ConfigError, match=r"compare=family.kind compare: there is no choice at 'family.kind'"):
        load_and_check(study, ["+compare=family.kind"])


def test_a_choice_of_families_is_a_sweep_over_families(write: Callable[..., Path]) -> None:
    sweep = load(write("objective: {metric: fid}\ntrial: {family: 'choice(vae, gan)'}\n"))
    assert {label: arm.space for label, arm in sweep.arms.items()} == {
        "vae": {"family": {"name": "vae"}}, "gan": {"family": {"name": "gan"}},
    }  # fmt: skip
    assert from_definition(sweep.definition()) == sweep


def test_two_branches_of_one_family_are_two_arms_with_readable_labels(study: Path) -> None:
    sweep = load(study, ["trial.family={name: rival, moves: 1},{name: rival, moves: 5}"])
    assert list(sweep.arms) == ["rival.moves=1", "rival.moves=5"]


@pytest.mark.parametrize("name", ["a b", "../up", "", "-x", "a/b"])
def test_names_that_are_no_folder(write: Callable[..., Path], name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a folder"):
        load(write(f"name: '{name}'\nobjective: {{metric: fid}}\ntrial: {{family: vae}}\n"))

"""A defaults list that is forgotten, or names what is not there: one mistake, and everything else is still checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep.errors import ConfigError
from gensweep.spaces.check import load_and_check

Write = Callable[..., Path]
BEGIN = "Begin the file with defaults: [base, {dataset: digits}, _self_]"


def told(file: Path, *overrides: str) -> list[str]:
    try:
        load_and_check(file, overrides)
    except ConfigError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: x\ntrial: {family: vae}\n", f"study.yaml:1 defaults: is missing, and with it objective, trial.network, "
         f"trial.evaluation, trial.dataset. {BEGIN}"),
        ("defaults: [{dataset: ring}]\ntrial: {family: vae}\n", "study.yaml:1 defaults: does not name base, which has "
         "objective, trial.network, trial.evaluation. Write [base, {dataset: ring}]"),
        ("name: x\ndefaults:\ntrial: {family: vae}\n", f"study.yaml:2 defaults: is missing, and with it objective, "
         f"trial.network, trial.evaluation, trial.dataset. {BEGIN}"),
        ("", "study.yaml holds no search space. It begins with `defaults: [base, {dataset: digits}, _self_]`"),
        ("# a\n\n", "study.yaml holds no search space."),
        ("default: [base]\ntrial: {family: vae}\n", "study.yaml:1 unknown key 'default'. Write 'defaults'"),
        ("Defaults: [base]\ntrial: {family: vae}\n", "study.yaml:1 unknown key 'Defaults'. Write 'defaults'"),
        ("defaults: base\n", "study.yaml:1 defaults: takes a list, as in [base, dataset: digits, _self_]. Write [base, _self_]"),
        ("defaults: {base: , dataset: ring}\n", "Write [base, {dataset: ring}, _self_]"),
        ("defaults: [base, dataset ring]\n", "defaults: 'dataset ring' is no file. Write {dataset: ring}"),
        ("defaults: [base, dataset:ring]\n", "defaults: 'dataset:ring' is no file. Write {dataset: ring}"),
        ("defaults: [base, dataset=ring]\n", "defaults: 'dataset=ring' is no file. Write {dataset: ring}"),
        ("defaults: [base, datasets: ring]\n", "there is no file datasets/ring.yaml. Did you mean 'dataset'? Known: dataset, "
         "early_stopping, search."),
        ("defaults: [base, dataset: MNIST]\n", "there is no file dataset/MNIST.yaml. Write 'mnist': names are in lower case."),
        ("defaults: [base, dataset: array]\n", "Below trial, write dataset: {name: array, path: …}"),
        ("defaults: [base, family: vae]\n", "there are no files of family. Below trial, write family: vae"),
        ("defaults: [base.yaml]\n", "'base.yaml' is written without its ending: base"),
        ("defaults: [Base]\n", "there is no file Base.yaml. Write 'base': names are in lower case."),
    ],
)  # fmt: skip
def test_it_is_one_line(write: Write, text: str, says: str) -> None:
    (line,) = told(write(text))
    assert says in line


def test_what_stands_in_the_file_is_checked_as_if_base_were_named(write: Write) -> None:
    lines = told(write("trial: {family: vae, latent_size: 0, training: {epochs: x}}\n"))
    assert [line.partition(":")[2].partition(":")[0].partition(" ")[2] for line in lines] == [
        "defaults", "trial.latent_size", "trial.training.epochs"
    ]  # fmt: skip


def test_a_file_that_says_everything_itself_needs_no_base(write: Write) -> None:
    whole = (
        "objective: sliced_wasserstein\n"
        "trial: {dataset: ring, network: mlp, family: vae, evaluation: {metrics: [sliced_wasserstein]}}\n"
    )
    assert told(write(whole)) == []
    assert told(write(whole), "trial.latent_size=0") == [
        "trial.latent_size=0 trial.latent_size: 0 is not allowed: must be 1 or more"
    ]


def test_an_override_in_the_place_of_the_file(write: Write) -> None:
    write("trial: {family: vae}\n")
    assert told(Path("trial.latent_size=4"), "study.yaml") == [
        "trial.latent_size=4 is an override, and the search-space file comes before those"
    ]

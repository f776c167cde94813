"""Words of a command line that are no overrides: each is told with the word that was meant."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep.errors import ConfigError
from gensweep.spaces.load import load
from gensweep.spaces.typed import own_data, parted, typed, why_none

Write = Callable[..., Path]


def wrong(file: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as error:
        load(file, overrides)
    return str(error.value)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("trial.latent_size =4", "trial.latent_size=4"),
        ("trial.latent_size = 4", "trial.latent_size=4"),
        ("trial.latent_size:4", "trial.latent_size=4"),
        ("trial.latent_size: 4", "trial.latent_size=4"),
        ("trial.latent_size==4", "trial.latent_size=4"),
        ("trial.latent_size=4,", "trial.latent_size=4"),
        ("trial..latent_size=4", "trial.latent_size=4"),
        (".trial.latent_size=4", "trial.latent_size=4"),
        ("+++trial.latent_size=4", "trial.latent_size=4"),
        ("trial[latent_size]=4", "trial.latent_size=4"),
        ("trial.network={name: stride", "trial.network={name: stride}"),
        ("trial.network.hidden=[8", "trial.network.hidden=[8]"),
        ("trial.latent_size=(4)", "trial.latent_size='(4)'"),
    ],
)
def test_the_word_to_type_is_said_and_is_an_override(study: Path, word: str, meant: str) -> None:
    message = wrong(study, word)
    assert message.startswith(f"{word} is no override")
    said = message.partition("Write ")[2]
    assert shlex.split(said) == [meant], "pasted into a shell it is that word"
    load(study, [meant])


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("", "'' is an empty word, as the shell makes of a variable that is not set. Leave it out"),
        (" ", "' ' is an empty word"),
        ("=4", "=4 is no override: it has no key."),
        ("study.yaml", "it is a second file, and one file is one sweep"),
        ("other.yml", "it is a second file"),
        ("search.samples", "search.samples is no override: it has no value. Write search.samples=VALUE"),
        ("help", "help is no override. Write key=value, +key=value or ~key"),
        ("trial.latent_size=4 search.samples=3", "is no override, but several in one word. Leave out the quotes around them"),
        ("trial.evaluation.metrics+=gap", "nothing can be added to a list. Write all of it: trial.evaluation.metrics=[a,b]"),
        ("trial.network={name: stride}}", "a '}' that nothing opens"),
        ("name='a", "the ' is never closed."),
        ("trial/latent_size=4", "no such group of files. Write trial.latent_size=4"),
        ("dataset=./photos", "Data of your own: 'trial.dataset={name: image_folder, path: ./photos}'."),
        ("dataset=a/b.npy", "Data of your own: 'trial.dataset={name: array, path: a/b.npy}'."),
        ("dataset=array", "Write 'trial.dataset={name: array, path: PATH}'."),
        ("trial.latent_size=Choice(2,4)", "trial.latent_size: Choice(2,4) is not how it is written here. Write choice(2, 4)"),
        ("trial.latent_size=tune.choice([2,4])", "Write choice(2, 4)"),
        ("trial.latent_size=tune.randint(2,4)", "Write int(2, 3), whose ends both belong to it"),
        ("trial.family.lambda=loguniform(100,0.1)", "trial.family.lambda: loguniform(100, 0.1): the first end is above the "
         "second. Write loguniform(0.1, 100)"),
    ],
)  # fmt: skip
def test_what_is_no_override_is_told_once(study: Path, word: str, says: str) -> None:
    (line,) = wrong(study, word).splitlines()
    assert says in line


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        (["trial.latent_size", "4"], "trial.latent_size=4"),
        (["trial.latent_size", "=", "4"], "trial.latent_size=4"),
        (["trial.latent_size=", "4"], "trial.latent_size=4"),
    ],
)
def test_a_word_that_a_space_tore_apart_is_one_mistake(study: Path, words: list[str], whole: str) -> None:
    (line,) = wrong(study, *words).splitlines()
    assert line == f"{' '.join(words)} is no override: a space is too much. Write {whole}"


def test_words_that_stand_by_themselves_are_left() -> None:
    words = ["search=grid", "~trial.seed", "trial.latent_size=4", "study.yaml", "a", "name="]
    assert parted(words) == (words, [])


@pytest.mark.parametrize(
    "value", ["~/x", "größe", "a#b", "run=1", "$HOME/x", "a b", "/data/größe 2", "C:\\data", "photos(1)", "50%!"]
)
def test_a_value_without_brackets_and_quotes_is_a_text_as_it_is(study: Path, value: str) -> None:
    assert load(study, [f"trial.network.title={value}"]).definition()["trial"]["network"]["title"] == value


def test_a_number_can_name_a_sweep(study: Path) -> None:
    assert load(study, ["name=3"]).name == "3"
    assert load(study, ["name=1e3"]).name == "1e3"


def test_hydras_own_functions_are_hydras(study: Path) -> None:
    made = load(study, ["trial.latent_size=range(2,5)", "trial.network.hidden=[8]"]).definition()["trial"]
    assert made["latent_size"] == "int(2, 4)"


def test_words_for_a_shell() -> None:
    assert typed("a=1") == "a=1"
    assert typed("a='b c'") == "\"a='b c'\""
    assert shlex.split(typed("a='$x'")) == ["a='$x'"]
    assert own_data("rings") == ""
    assert why_none("a.b={c: 'd") == "is no override: the ' is never closed. Write " + typed('a.b="{c: \'d"')

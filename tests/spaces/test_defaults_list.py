"""The defaults list: the same files in the same order at the same packages as Hydra's own compose, and its errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf

from gensweep.errors import ConfigError
from gensweep.reading import plain
from gensweep.spaces.load import compose

Write = Callable[..., Path]
pytestmark = pytest.mark.filterwarnings("ignore:In 'study'.*\n?.*_self_:UserWarning")
FILES = {
    "under": "a: under\nb: under\nonly: under\n",
    "db/small": "size: 1\nkind: small\n",
    "db/large": "size: 100\nkind: large\n",
    "db/tuned": "defaults: [large, /log: loud, _self_]\nsize: 200\n",
    "db/before": "defaults: [_self_, large]\nsize: 300\nextra: 1\n",
    "db/engine/fast": "speed: 9\n",
    "db/engine/slow": "speed: 1\n",
    "db/driven": "defaults: [engine: slow]\nsize: 7\n",
    "log/loud": "# @package logging\nlevel: debug\n",
    "log/quiet": "# @package logging\nlevel: error\n",
    "log/all": "# @package _global_\na: all\nlogging: {level: all}\n",
    "deep/in/here": "x: 1\n",
    "deep/in/there": "# @package _global_.deep.other\nx: 2\n",
    "experiment/one": "# @package _global_\ndefaults: [override /db: large, override /log: quiet]\na: one\n",
    "experiment/two": "# @package _global_\ndefaults: [/deep/in: here, _self_]\ndeep: {in: {x: 5}}\n",
    "experiment/own": "# @package _global_\ndefaults: [/db@second: small, override /db: large]\n",
    "experiment/last": "# @package _global_\ndefaults: [override /db: small]\n",
    "pair/both": "defaults: [/db@first: small, /db@_global_.second: large, /db@_here_: small]\n",
    "pair/grouped": "defaults: [/db@_group_: small, part@_group_: p]\n",
    "pair/part/p": "q: 2\n",
    "inner/placed": "# @package trial.node\ndefaults: [part: p, /db@part2: small]\nz: 1\n",
    "inner/part/p": "q: 1\n",
}
LISTS = {
    "a file over what it asks for": "[under, db: small]",
    "the file first": "[_self_, under, db: small]",
    "the file between": "[under, _self_, db: small]",
    "later over earlier": "[db: small, under]",
    "a plain path": "[under, db/small]",
    "a plain path at a package": "[db/small@x.y]",
    "a plain path at the top": "[db/small@_global_]",
    "a group at a package": "[db@x.y: small, db: large]",
    "a group at the top": "[db@_global_: small]",
    "one group at two packages": "[db@one: small, db@two: large]",
    "several files of a group": "[db: [small, large]]",
    "a leading slash": "[/db: small]",
    "null": "[under, db: null]",
    "an optional file that is there": "[optional db: small]",
    "an optional file that is not": "[optional db: none_such, under]",
    "an optional group that is not": "[optional nothing: at_all]",
    "the package of a header": "[log: loud]",
    "an absolute package of a header": "[deep/in: there]",
    "a header of the whole tree": "[log: all, under]",
    "a package over a header": "[log@x: loud]",
    "no header": "[deep/in: here]",
    "a nested list": "[db: tuned]",
    "a nested list after its file": "[db: before]",
    "a nested list at a package": "[db@x: tuned]",
    "a nested group": "[db: driven]",
    "a nested group at a package": "[db@x: driven]",
    "a nested group that is overridden": "[db: driven, override db/engine: fast]",
    "packages relative to the file that asks": "[pair: both]",
    "packages relative to one at a package": "[pair@p: both]",
    "the package of the group from the top": "[pair@p: grouped]",
    "packages relative to a header": "[inner: placed]",
    "an override": "[db: small, override db: large]",
    "an override at a package": "[db@x: small, db: small, override db@x: large]",
    "an override with null": "[db: small, under, override db: null]",
    "overrides of an earlier group by a later file": "[db: small, log: loud, experiment: one]",
    "the outer override holds": "[db: small, log: loud, experiment: one, override db: tuned]",
    "an overridden group with several files": "[db: [small, large], override db: tuned]",
    "a nested file of the whole tree": "[experiment: two]",
    "a nested group and an override": "[db: small, experiment: own]",
    "the later override holds": "[db: tuned, log@l: loud, experiment: last]",
    "the words in either order": "[db: small, override optional db: large]",
}


@pytest.fixture
def tree(write: Write) -> Callable[[str], Path]:
    """Writes the files, and a search-space file with the given defaults list."""
    for name, text in FILES.items():
        write(text, f"{name}.yaml")
    return lambda defaults: write(f"defaults: {defaults}\na: file\ndb: {{kind: file}}\n")


def ours(file: Path, *overrides: str) -> Any:
    found, problems = compose(file, overrides)
    assert not problems
    return plain(found)


def refused(file: Path, *overrides: str) -> None:
    """Raises what is wrong with the file, all of it."""
    if problems := compose(file, overrides)[1]:
        raise ConfigError(problems)


def hydras(file: Path, *overrides: str) -> Any:
    with initialize_config_dir(str(file.parent.resolve()), version_base="1.3"):
        return OmegaConf.to_container(hydra_compose(file.stem, list(overrides)))


@pytest.mark.parametrize("defaults", LISTS.values(), ids=LISTS)
def test_the_tree_is_the_one_that_hydra_composes(tree: Callable[[str], Path], defaults: str) -> None:
    file = tree(defaults)
    assert ours(file) == hydras(file)


@pytest.mark.parametrize(
    ("defaults", "overrides"),
    [
        ("[under, _self_, log: loud]", ["log=quiet"]),
        ("[under, _self_, log: loud]", ["log=all"]),
        ("[under, _self_, log: loud]", ["~log"]),
        ("[under, _self_, log: loud]", ["~log=loud"]),
        ("[under, _self_, log: loud]", ["+deep/in=here"]),
        ("[under, _self_, log: loud]", ["+deep/in@log=here"]),
        ("[under, _self_, log: loud]", ["+deep/in@_global_=here"]),
        ("[db@x: small, _self_]", ["db@x=large"]),
        ("[db@x: small, _self_]", ["db@x=driven", "db/engine@x.engine=fast"]),
        ("[db@x: small, _self_]", ["+pair@p=both"]),
        ("[_self_, db: small]", ["db=large"]),
        ("[_self_, db: small, log: loud]", ["+experiment=one"]),
        ("[_self_, db: small, log: loud]", ["+experiment=one", "log=all"]),
        ("[_self_, db: small, log: loud, experiment: one]", ["experiment=last"]),
        ("[_self_, db: '???']", ["db=large"]),
        ("[_self_, db: small, log: loud, override log: quiet]", ["log=all"]),
    ],
)
def test_choices_of_the_command_line_as_hydra_takes_them(
    tree: Callable[[str], Path], defaults: str, overrides: list[str]
) -> None:
    """Hydra wants a + before a group that no list holds, and asks for a nested group only in the second round."""
    file = tree(defaults)
    assert ours(file, *overrides) == hydras(file, *overrides)
    assert ours(file, *(text.removeprefix("+") for text in overrides)) == hydras(file, *overrides)


def test_a_chosen_file_stands_alone_with_what_it_asks_for(tree: Callable[[str], Path]) -> None:
    """What the search-space file says about the component that it names must not leak into the one chosen by hand."""
    file = tree("[db: small, _self_]")
    assert ours(file, "db=large")["db"] == {"size": 100, "kind": "large"}
    assert ours(file, "db=driven")["db"] == {"size": 7, "engine": {"speed": 1}}
    assert ours(file, "db=before")["db"] == {"size": 100, "kind": "large", "extra": 1}
    assert ours(file, "db=tuned")["db"] == {"size": 200, "kind": "large"}
    assert ours(file, "db=tuned")["logging"] == {"level": "debug"}


def test_a_choice_may_be_of_a_group_that_another_choice_brings(tree: Callable[[str], Path]) -> None:
    file = tree("[db: small, _self_]")
    assert ours(file, "db=driven", "db/engine=fast")["db"] == {"size": 7, "engine": {"speed": 9}}
    assert ours(file, "experiment=own", "db@second=large")["second"] == {"size": 100, "kind": "large"}


@pytest.mark.parametrize(
    ("defaults", "overrides", "says"),
    [
        ("[db: smal]", [], "study.yaml:1 defaults: there is no file db/smal.yaml. Did you mean 'small'?"),
        ("[db: '???']", [], "study.yaml:1 defaults: db has to be chosen. Known: before, driven, large, small, tuned."),
        ("[bd: small]", [], "study.yaml:1 defaults: there is no file bd/small.yaml."),
        ("\n  - under\n  - db: smal\n  - undr", [], "study.yaml:3 defaults: there is no file db/smal.yaml."),
        ("\n  - under\n  - db: smal\n  - undr", [], "study.yaml:4 defaults: there is no file undr.yaml."),
        ("[db: small, db: large]", [], "study.yaml:1 defaults: db is asked for twice, also at study.yaml:1."),
        ("[db@_global_: small, db@_global_: large]", [], "db@_global_ is asked for twice"),
        ("\n  - db: small\n  - override db: lage", [], "study.yaml:3 defaults: there is no file db/lage.yaml. Did you"),
        ("[override db: small]", [], "study.yaml:1 defaults: no defaults list holds db."),
        ("[dbs: null, override db: small]", [], "no defaults list holds db. Did you mean 'dbs'? Known: dbs."),
        ("[experiment: one, log: loud]", [], "experiment/one.yaml:2 defaults: no defaults list holds db."),
        (
            "[experiment: one, db: small, log: loud]",
            [],
            "one.yaml:2 defaults: overrides db, which comes after it, at study",
        ),
        ("[db: small, override db: large, under]", [], "overrides must be at the end of the list"),
        ("[_self_, under, _self_]", [], "_self_ is given twice"),
        ("[db: 3]", [], "study.yaml:1 defaults: {'db': 3} is no file. Write base, or dataset: digits"),
        ("[db: [1]]", [], "is no file"),
        ("[[under]]", [], "is no file"),
        ("[{db: small, log: loud}]", [], "is no file"),
        ("[{}]", [], "is no file"),
        ("[7]", [], "is no file"),
        ("[optional under]", [], "is no file"),
        ("[db: small, override under]", [], "is no file"),
        ("{db: small}", [], "study.yaml:1 defaults: takes a list"),
        ("[db: small]", ["~log"], "~log defaults: no defaults list holds log."),
        ("[db: small]", ["~db=3"], "~db=3 defaults: there is no such choice to delete: it is small"),
        ("[db: small]", ["~db=large"], "~db=large defaults: there is no such choice to delete: it is small"),
    ],
)
def test_what_is_wrong_with_a_defaults_list(
    tree: Callable[[str], Path], defaults: str, overrides: list[str], says: str
) -> None:
    file = tree(defaults)
    with pytest.raises(ConfigError) as error:
        refused(file, *overrides)
    assert any(says in line for line in str(error.value).splitlines())
    with pytest.raises((HydraException, ValueError, AssertionError, AttributeError, TypeError)):
        hydras(file, *overrides)


@pytest.mark.parametrize(
    ("defaults", "says"),
    [
        ("[db: small, log: loud, db: [small]]", "db is asked for twice"),
        ("[optionally db: small]", "is no file"),
        ("[delete db: small]", "is no file"),
    ],
)
def test_what_hydra_takes_and_we_do_not(tree: Callable[[str], Path], defaults: str, says: str) -> None:
    file = tree(defaults)
    with pytest.raises(ConfigError, match=says):
        refused(file)
    assert hydras(file)["db"]["size"] == 1


def test_a_file_that_asks_for_itself_is_refused(write: Write) -> None:
    write("defaults: [/ring: b]\n", "ring/a.yaml")
    write("defaults: [/ring@x: a]\n", "ring/b.yaml")
    with pytest.raises(ConfigError, match=r"ring/b.yaml:1 defaults: a.yaml asks for itself"):
        refused(write("defaults: [ring: a]\n"))


def test_mistakes_of_lists_and_overrides_come_together(tree: Callable[[str], Path], write: Write) -> None:
    write("size: 1\nsize: 2\n", "db/broken.yaml")
    with pytest.raises(ConfigError) as error:
        refused(tree("[db: broken, log: lout]"), "foo")
    found = [problem.where for problem in error.value.problems]
    assert found == ["foo", "study.yaml:1", "db/broken.yaml:2"]

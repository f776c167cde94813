"""A path means what its file means: it is relative to the file's folder, whoever's field it is and wherever one stands."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field

from gensweep import registry
from gensweep.component import FilePath, Location, Node
from gensweep.early_stopping.none import None_
from gensweep.evaluation.words import members
from gensweep.reading import Place, folder_of, read_file
from gensweep.searchers.random import Random
from gensweep.spaces.load import load, paths_of_here
from gensweep.spaces.paths import member_at
from gensweep.spaces.sweep import from_definition
from tests.spaces.test_load import trial

Write = Callable[..., Path]


class Prefixed(Location):
    """A path behind `at:`."""

    def absolute(self, text: str, folder: Path) -> str:
        return f"at:{super().absolute(text[3:], folder)}" if text.startswith("at:") else text


class Part(Node):
    """A node in a component."""

    file: FilePath


class Teacher(Random):
    """A third party's searcher, with paths in all shapes."""

    name: Literal["teacher"] = "teacher"  # type: ignore[assignment]
    summary: ClassVar[str] = "for tests"
    weights: FilePath | None = Field(None, alias="from")
    several: tuple[FilePath, ...] = ()
    named: dict[str, FilePath] = {}  # noqa: RUF012 -- as pydantic has it
    part: Part | None = None
    source: Annotated[str, Prefixed()] = "none"
    label: str = "label"


class Patient(None_):
    """A third party's early stopping, with a path."""

    name: Literal["patient"] = "patient"  # type: ignore[assignment]
    log: FilePath = "log"


@pytest.fixture
def third_party_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        dist = None

        def __init__(self, cls: type) -> None:
            self.load = lambda: cls

    plugins = {"searchers": {"teacher": Entry(Teacher)}, "early_stopping": {"patient": Entry(Patient)}}
    monkeypatch.setattr(registry, "_plugins", lambda kind: plugins.get(kind, {}))


def space(dataset: str, metrics: str = "[sliced_wasserstein]", more: str = "") -> str:
    return f"""\
objective: {{metric: sliced_wasserstein}}
trial:
  dataset: {dataset}
  family: vae
  evaluation: {{metrics: {metrics}}}
{more}"""


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("u8.npy", "{}/study/u8.npy"),
        ("./a/../u8.npy", "{}/study/a/../u8.npy"),
        ("../u8.npy", "{}/u8.npy"),
        ("../../u8.npy", "{}/../u8.npy"),
        ("/data/u8.npy", "/data/u8.npy"),
        ("~/u8.npy", "{home}/u8.npy"),
        ("~nobody-of-this-name/u8.npy", "{}/study/~nobody-of-this-name/u8.npy"),
        ("photos (1)/u8.npy", "{}/study/photos (1)/u8.npy"),
        ("photos (copy)", "{}/study/photos (copy)"),
        ("choice(", "{}/study/choice("),
    ],
)
def test_a_path_of_a_file_is_relative_to_the_files_folder(
    write: Write, tmp_path: Path, written: str, means: str
) -> None:
    file = write(space(f"{{name: array, path: '{written}'}}"), "study/s.yaml")
    wanted = means.replace("{}/..", str(tmp_path.parent)).format(tmp_path, home=Path.home())
    assert trial(file)["dataset"]["path"] == wanted
    assert from_definition(load(file).definition()).space["dataset"]["path"] == wanted


def test_what_means_a_place_of_this_machine_is_found_where_it_is_written(write: Write, tmp_path: Path) -> None:
    """Slashes too many, names that are no paths, and what is in full are nobody's concern."""
    options = (
        "{one_of: [{name: array, path: 'choice(a.npy, /data/b.npy, ~/c.npy)'}, {name: array, path: /data//d.npy/}]}"
    )
    metrics = "[sliced_wasserstein, {name: fid, extractor: 'file:n.pt'}, {name: fid, extractor: 'file:/data//m.pt'}]"
    file = write(space(options, metrics), "study/s.yaml")
    found = paths_of_here(file)
    said = {(problem.path, problem.message.partition(" on this")[0]) for problem in found}
    assert said == {
        ("trial.dataset.one_of[0].path", f"'a.npy' is {tmp_path}/study/a.npy"),
        ("trial.dataset.one_of[0].path", f"'~/c.npy' is {Path.home()}/c.npy"),
        ("trial.evaluation.metrics[1].extractor", f"'file:n.pt' is file:{tmp_path}/study/n.pt"),
    }
    assert sorted(problem.where.rpartition("/")[2] for problem in found) == ["s.yaml:3", "s.yaml:3", "s.yaml:5"]
    (typed,) = paths_of_here(
        file, ["trial.dataset={name: array, path: x.npy}", "trial.evaluation.metrics=[sliced_wasserstein]"]
    )
    assert typed.where == "trial.dataset={name: array, path: x.npy}"
    assert f"'x.npy' is {Path.cwd()}/x.npy" in typed.message


def test_the_same_file_from_two_folders_and_by_two_names_is_one_sweep(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(space("{name: array, path: u8.npy}", "[{name: fid, extractor: 'file:n.pt'}]"), "study/s.yaml")
    (tmp_path / "link").symlink_to(tmp_path / "study")
    first = load(file).definition()
    assert load(Path("link/s.yaml")).definition() == load(file.resolve()).definition() == first
    monkeypatch.chdir(tmp_path / "study")
    assert load(Path("s.yaml")).definition() == first
    monkeypatch.chdir("/")
    assert load(tmp_path / "study/s.yaml").definition() == first


def test_a_path_of_the_defaults_list_is_relative_to_the_file_that_says_it(write: Write, tmp_path: Path) -> None:
    write("# @package trial.dataset\nname: array\npath: here.npy\n", "groups/dataset/mine.yaml")
    file = write("defaults: [dataset: mine]\n" + space("{key: a}"), "study/s.yaml")
    assert load(file, groups=[Path("groups")]).space["dataset"] == {
        "name": "array", "path": f"{tmp_path}/groups/dataset/here.npy", "key": "a",
    }  # fmt: skip
    over = write("defaults: [dataset: mine]\n" + space("{path: above.npy}"), "study/over.yaml")
    assert load(over, groups=[Path("groups")]).space["dataset"]["path"] == f"{tmp_path}/study/above.npy"


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ("trial.dataset.path=x.npy", "{}/x.npy"),
        ("trial.dataset.path='~/x.npy'", "{home}/x.npy"),
        ("trial.dataset.path=~/x.npy", "{home}/x.npy"),
        ("trial.dataset={name: array, path: ~/x.npy}", "{home}/x.npy"),
        ("trial.dataset.path=~/a-1.npy,~/b.npy", 'choice("{home}/a-1.npy", "{home}/b.npy")'),
        ("trial.dataset.path=choice(~/a.npy, b.npy)", 'choice("{home}/a.npy", "{}/b.npy")'),
        ("trial.dataset={name: image_folder, path: img/clean}", "{}/img/clean"),
        ("trial.dataset.path=choice(a.npy, /b.npy)", 'choice("{}/a.npy", "/b.npy")'),
        ("trial.dataset.path=a.npy,b.npy", 'choice("{}/a.npy", "{}/b.npy")'),
        ("trial.dataset.key=k", "{}/study/u8.npy"),
    ],
)
def test_a_path_of_an_override_is_relative_to_the_working_folder(
    write: Write, tmp_path: Path, override: str, path: str
) -> None:
    file = write(space("{name: array, path: u8.npy}"), "study/s.yaml")
    wanted = path.replace("{}", str(tmp_path)).replace("{home}", str(Path.home()))
    assert trial(file, override)["dataset"]["path"] == wanted


@pytest.mark.parametrize(
    ("dataset", "means"),
    [
        ("{name: array, path: 'choice(a.npy, b.npy)'}", {"name": "array", "path": 'choice("{0}/a.npy", "{0}/b.npy")'}),
        ("{name: array, path: {values: [a.npy, b.npy]}}",
         {"name": "array", "path": 'choice("{0}/a.npy", "{0}/b.npy")'}),
        ("{one_of: [{name: array, path: a.npy}, {name: image_folder, path: img}, digits]}",
         {"one_of": [{"name": "array", "path": "{0}/a.npy"}, {"name": "image_folder", "path": "{0}/img"},
                     {"name": "digits"}]}),
        ("{name: 'choice(mnist, cifar10)', path: all}", {"name": "choice(mnist, cifar10)", "path": "{0}/all"}),
        ("{name: mnist, path: null}", {"name": "mnist", "path": None}),
        ("'choice({name: array, path: a.npy}, {name: digits})'",
         'choice({{name: array, path: "{0}/a.npy"}}, {{name: digits}})'),
        ("{name: array, path: a.npy, key: a.npy}", {"name": "array", "path": "{0}/a.npy", "key": "a.npy"}),
        ("{name: huggingface, path: openai/faces, size: 8}",
         {"name": "huggingface", "path": "openai/faces", "size": 8}),
        ("{name: huggingface, path: saved, size: 8}", {"name": "huggingface", "path": "{0}/saved", "size": 8}),
        ("{name: huggingface, path: ./new, size: 8}", {"name": "huggingface", "path": "{0}/new", "size": 8}),
    ],
)  # fmt: skip
def test_wherever_a_path_can_stand(write: Write, tmp_path: Path, dataset: str, means: Any) -> None:
    pytest.importorskip("datasets") if "huggingface" in dataset else None
    (tmp_path / "study/saved").mkdir(parents=True)
    found = trial(write(space(dataset), "study/s.yaml"))["dataset"]

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [filled(inner) for inner in value]
        return value.format(f"{tmp_path}/study") if isinstance(value, str) else value

    assert found == filled(means)


def test_an_extractor_is_a_path_behind_its_kind(write: Write, tmp_path: Path) -> None:
    metrics = "[{name: fid, extractor: 'file:n.pt2'}, {name: kid, extractor: 'choice(auto, \"inception:w.pt\")'}, kid]"
    at = f"{tmp_path}/study"
    assert trial(write(space("digits", metrics), "study/s.yaml"))["evaluation"]["metrics"] == [
        {"name": "fid", "extractor": f"file:{at}/n.pt2"},
        {"name": "kid", "extractor": f'choice(auto, "inception:{at}/w.pt")'},
        "kid",
    ]
    assert trial(Path("study/s.yaml"), "trial.evaluation.metrics.0.extractor='file:n.pt2'")["evaluation"]["metrics"][
        0
    ] == {"name": "fid", "extractor": f"file:{tmp_path}/n.pt2"}


def test_a_reference_to_a_path_means_the_same_file(write: Write, tmp_path: Path) -> None:
    """What it refers to may stand in another file, or be typed."""
    metrics = "[{name: fid, extractor: '${trial.evaluation.net}'}, {name: kid, extractor: 'file:${name}.pt'}]"
    write("# @package trial.evaluation\nnet: file:net.pt\n", "study/nets/one.yaml")
    file = write("defaults: [nets: one]\nname: s\n" + space("digits", metrics), "study/s.yaml")
    first, second = trial(file)["evaluation"]["metrics"]
    assert first["extractor"] == f"file:{tmp_path}/study/nets/net.pt"
    assert second["extractor"] == f"file:{tmp_path}/study/s.pt"
    typed = trial(file, "trial.evaluation.net='file:net.pt'")["evaluation"]["metrics"]
    assert typed[0]["extractor"] == f"file:{tmp_path}/net.pt"


def test_third_parties_say_themselves_which_fields_are_paths(
    write: Write, tmp_path: Path, third_party_paths: None
) -> None:
    more = (
        "search: {sampler: teacher, samples: 1, from: w.pt, several: [a, /b], named: {x: c}, part: {file: d},"
        " source: 'at:e', label: f}\nearly_stopping: {name: patient, log: g}\n"
    )
    sweep = load(write(space("digits", more=more), "study/s.yaml"))
    at = f"{tmp_path}/study"
    assert sweep.searcher.dump() == {
        "name": "teacher", "from": f"{at}/w.pt", "several": [f"{at}/a", "/b"], "named": {"x": f"{at}/c"},
        "part": {"file": f"{at}/d"}, "source": f"at:{at}/e", "label": "f",
    }  # fmt: skip
    assert sweep.early_stopping.dump() == {"name": "patient", "log": f"{at}/g"}
    typed = load(Path("study/s.yaml"), ["search.from=w.pt", "early_stopping.log=~/l"])
    assert (typed.searcher.dump()["from"], typed.early_stopping.dump()["log"]) == (
        f"{tmp_path}/w.pt",
        str(Path.home() / "l"),
    )


@pytest.mark.parametrize(
    "dataset",
    ["3", "[1]", "{name: aray, path: a.npy}", "{name: array, path: 3}", "{name: array, path: [a]}", "{path: a}",
     "{name: array, path: 'uniform(0, 1)'}", "{one_of: 3}", "{one_of: [3]}",
     "{values: 3}", "{name: 'choice('}", "{name: array, path: 'choice(a.npy, ./a.npy)'}"],
)  # fmt: skip
def test_what_is_wrong_is_left_to_the_check(write: Write, dataset: str) -> None:
    from gensweep.errors import ConfigError
    from gensweep.spaces.check import load_and_check

    with pytest.raises(ConfigError, match=r"study/s\.yaml:3 "):
        load_and_check(write(space(dataset), "study/s.yaml"))


def test_what_the_command_line_names_is_relative_to_the_working_folder(write: Write, tmp_path: Path) -> None:
    write("")
    (found,) = members("datasets", "array,path=x.npy")
    assert found.path == f"{tmp_path}/x.npy"
    (metric,) = members("metrics", "fid,extractor=file:~/n.pt")
    assert metric.extractor == f"file:{Path.home()}/n.pt"
    assert member_at("datasets", {"name": "array", "path": "../y"}, tmp_path / "a") == {
        "name": "array", "path": f"{tmp_path}/y",
    }  # fmt: skip


def test_a_place_knows_its_folder_in_another_process_too(write: Write, tmp_path: Path) -> None:
    place = read_file(write("a: 1\n", "deep/s.yaml")).where["a"]
    assert place == "deep/s.yaml:1"
    again = pickle.loads(pickle.dumps(place))
    assert (again, folder_of(again), type(again)) == (place, tmp_path / "deep", Place)
    assert folder_of("trial.dataset.path=x:3") == tmp_path


def test_no_file_names_the_fields_that_hold_paths() -> None:
    assert "extractor" not in Path(sys.modules["gensweep.spaces.paths"].__file__ or "").read_text()

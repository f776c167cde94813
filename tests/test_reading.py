"""The YAML of search-space files: what is a number, what is one value, and what is refused with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gensweep.reading import YamlError, plain, read_file, read_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("-2", -2),
        ("1.5", 1.5),
        (".5", 0.5),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("on", "on"),
        ("no", "no"),
        ("1_000", "1_000"),
        ("'1'", "1"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read = read_text(f"a: {text}", "f")["a"]
    assert read == value
    assert type(read) is type(value)


def test_a_call_is_one_value_also_inside_brackets() -> None:
    tree = read_text("a: {k: choice(imq, rbf), l: [choice([1, 2], [3]), int(1, 2)]}\nb: choice('x)', y)\n", "f")
    assert plain(tree) == {
        "a": {"k": "choice(imq, rbf)", "l": ["choice([1, 2], [3])", "int(1, 2)"]},
        "b": "choice('x)', y)",
    }


def test_a_call_of_another_library_is_one_value_too_and_a_path_with_brackets_a_text() -> None:
    text = "a: {k: tune.uniform(0, 1), l: hp.choice('n', [1, 2])}\nb: data(1)/x\nc: [photos(1)x, f(2) g]\nd: f(1): 2\n"
    tree = read_text(text.replace("d: f(1): 2\n", "f(1): 2\n"), "f")
    assert plain(tree) == {
        "a": {"k": "tune.uniform(0, 1)", "l": "hp.choice('n', [1, 2])"},
        "b": "data(1)/x",
        "c": ["photos(1)x", "f(2) g"],
        "f(1)": 2,
    }
    with pytest.raises(YamlError, match="second ':'"):
        read_text(text, "f")


def test_everything_else_is_yaml_as_pyyaml_reads_it() -> None:
    text = "a: &x {b: [1, 'two', three four], c: >-\n    long\n    text\n  }\nd: *x\ne:\n- {f: g}\n- h # i\n"
    text = text.replace(", c: >-\n    long\n    text\n  ", "")
    assert plain(read_text(text, "f")) == yaml.safe_load(text)


def test_merge_keys() -> None:
    tree = read_text("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n", "f")
    assert plain(tree["d"]) == {"b": 1, "c": 3}
    assert tree["d"].where == {"b": "f:1", "c": "f:4"}


def test_every_key_and_item_knows_its_line() -> None:
    tree = read_text("a:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n", "f.yaml")
    assert tree["a"].where == {"b": "f.yaml:2", "c": "f.yaml:3"}
    assert tree["a"]["c"].where == ["f.yaml:4", "f.yaml:5"]


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3", "given twice, first on line 1"),
        ("a:\n\tb: 1\n", "f:2", "tab"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", "f:2", "not allowed"),
        ("a: !custom 1\n", "f:1", "not allowed"),
        ("a: &x [*x]\n", "f:1", "part of"),
        ("a: 1\n---\nb: 1\n", "f:2", "second document"),
        ("a: choice(1, 2\nb: 3\n", "f:1", "never closed"),
        ("a: b: c\n", "f:1", "second ':'"),
        ("a: {b: 1\n", "f:1", "never closed"),
        ("a: \x00\n", "f:1", "character"),
        ("? [a, b]\n: 1\n", "f:1", "key"),
        ("a: &x 1\nb: [" + "*x, " * 101 + "]\n", "f:2", "100 aliases"),
    ],
)
def test_refused_with_its_line(text: str, where: str, says: str) -> None:
    with pytest.raises(YamlError) as error:
        read_text(text, "f")
    assert error.value.problem.where == where
    assert says in error.value.problem.message


def test_a_bomb_of_few_aliases_is_refused_before_it_grows() -> None:
    levels = ["a0: &a0 [" + "x," * 9 + "]"]
    levels += [f"a{k}: &a{k} [" + f"*a{k - 1}," * 9 + "]" for k in range(1, 10)]  # 81 aliases, 9^10 values
    with pytest.raises(YamlError, match="values long"):
        read_text("\n".join(levels), "f")


def test_the_top_is_a_mapping(write: Callable[..., Path]) -> None:
    with pytest.raises(YamlError, match=r"study.yaml:1 the file must hold keys"):
        read_file(write("- a\n- b\n"))
    assert read_file(write("# nothing\n")) == {}


def test_what_is_no_text_file(write: Callable[..., Path]) -> None:
    file = write("")
    with pytest.raises(YamlError, match=r"does not exist. Did you mean 'study.yaml'"):
        read_file(Path("studdy.yaml"))
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(YamlError, match="cannot be read"):
        read_file(file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: " + "[" * 90 + "]" * 90, "nested too deeply"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a: 0x" + "f" * 5000, "cannot be read as"),
        ("a: " + "9" * 5000, "cannot be read as"),
        (f"a: {2**63}", "cannot be read as"),
        ("a:\n" + "- 1\n" * 100_001, "more than 100000 values"),
    ],
)
def test_bombs_are_refused(text: str, says: str) -> None:
    with pytest.raises(YamlError, match=says) as error:
        read_text(text, "a.yaml")
    assert len(str(error.value)) < 300


def test_numbers_of_64_bits_are_read() -> None:
    assert read_text(f"[{2**63 - 1}, {-(2**63)}, 0x7f]", "a.yaml") == [2**63 - 1, -(2**63), 127]

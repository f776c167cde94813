"""The reference: every member, command, event, exit code and variable is there, and what is said of each is so."""

from __future__ import annotations

import ast
import html
import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import gensweep
from docs.generate import commands, components, ends, environment, ledger, search_space
from docs.generate.text import inline
from gensweep import registry
from gensweep.component import build, importable
from gensweep.described.docstrings import parsed
from gensweep.described.schemas import range_of, type_of, yaml_of
from gensweep.errors import GensweepError
from gensweep.ledger.state import KINDS
from tests.docs.shown import ROOT

MEMBERS = [(kind, name) for kind in registry.KINDS for name in importable(kind)]
POPULATION = """
defaults: [base, {dataset: ring}, _self_]
objective: sliced_wasserstein
confirm: {seeds: 2}
search: {sampler: random, samples: 4}
early_stopping: {name: pbt, interval: 1, quantile: 0.5}
trial:
  dataset: {n_train: 200, n_validation: 200, n_test: 200}
  network: {name: mlp, hidden: [8]}
  latent_size: 2
  family: vae
  training: {epochs: 3, optimizer: {lr: "loguniform(1e-4, 1e-2)"}}
  evaluation: {every: 1, metrics: [sliced_wasserstein]}
"""
PAGES = {kind: components.page(kind) for kind in registry.KINDS}


def plain(page: str) -> str:
    """The text of a page, without markup and with its line ends as spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


def section(kind: str, name: str) -> str:
    found = re.search(rf"^## `{name}` .*?(?=^## |\Z)", PAGES[kind], re.DOTALL | re.MULTILINE)
    assert found
    return found[0]


@pytest.mark.parametrize(("kind", "name"), MEMBERS)
def test_a_member_has_its_fields_its_words_and_a_node_that_builds_it(kind: str, name: str) -> None:
    cls, text = importable(kind)[name], section(kind, name)
    fields = {field.alias or own for own, field in cls.model_fields.items()} - {"name"}
    assert set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE)) == fields
    assert build(kind, components.example(cls)).name == name
    shown, said = plain(text), inspect.cleandoc(cls.__doc__ or "")
    words = re.findall(r"[a-z]{5,}", re.sub(r"^(Fields|Source|Differs):", "", said, flags=re.MULTILINE))
    assert [word for word in words if word not in shown] == []
    assert set(re.findall(r"arXiv:(\d{4}\.\d{4,5})", said)) <= set(re.findall(r"arxiv\.org/abs/([\d.]+)", text))


def test_what_a_page_of_a_member_says_of_a_field() -> None:
    text = section("divergences", "mmd")
    assert "| `kernel` | `imq`, `rbf` |  | `imq` |" in text
    assert "| `bandwidth` <small>knob</small> | number | > 0 | `1.0` |" in text
    assert "| `scales` | list of number | each > 0, 1 or more of them |" in text
    assert "family: {name: wae, divergence: {name: mmd, kernel: imq, bandwidth: 1.0}}" in text
    assert "[divergences](divergences.md)" in section("families", "wae")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("W_2^2(P, Q) = E ||x - y||^2", "W<sub>2</sub><sup>2</sup>(P, Q) = E ‖x - y‖<sup>2</sup>"),
        ("n^(-2/d) and x_(i-1)", "n<sup>-2/d</sup> and x<sub>i-1</sub>"),
        ("`recon_scale` of recon_scale", "<code>recon&#95;scale</code> of recon&#95;scale"),
        ("w <- w, 1 < 2 and f*", "w ← w, 1 &lt; 2 and f&#42;"),
        ("arXiv:1701.07875, eq. 2", '<a href="https://arxiv.org/abs/1701.07875">arXiv:1701.07875</a>, eq. 2'),
    ],
)
def test_formulas_are_set_and_nothing_becomes_markup(said: str, shown: str) -> None:
    assert inline(said) == shown


def test_a_docstring_in_its_parts() -> None:
    found = parsed(
        "One.\n\nTwo = 2.\n\nFields:\n    a: of b,\n        more.\n    c, d: both.\n\nAfter.\n\nSource: S.\nDiffers: D."
    )
    assert (found.summary, found.body, found.source, found.differs) == ("One.", ("Two = 2.", "After."), "S.", "D.")
    assert [(field.names, " ".join(field.text.split())) for field in found.fields] == [
        (("a",), "of b, more."), (("c", "d"), "both."),
    ]  # fmt: skip


def test_types_and_ranges_in_words() -> None:
    schema = {"anyOf": [{"type": "integer", "minimum": 2}, {"type": "null"}]}
    assert (type_of(schema, {}), range_of(schema, {})) == ("whole number or null", "≥ 2")
    assert yaml_of({"a": [1, "b c", None, True], "d": "file:x.pt2"}) == '{a: [1, "b c", null, true], d: "file:x.pt2"}'


def test_every_command_with_every_option() -> None:
    page = plain(commands.page())
    for name, command in commands.commands().items():
        assert f"## `{name}`" in page
        assert [
            option
            for parameter in command.params
            for option in parameter.opts
            if option not in page and option.startswith("-")
        ] == []


def test_every_event_of_the_code_is_told(tmp_path: Path) -> None:
    assert set(ledger.EVENTS) == KINDS


def test_a_ledger_holds_what_is_told_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path
) -> None:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    (tmp_path / "pbt.yaml").write_text(POPULATION)
    gensweep.run("pbt.yaml", in_process=True)
    lines = (tmp_path / "runs" / "pbt" / "ledger" / "events.jsonl").read_text().splitlines()
    of_every = {"event", "seq", "generation", "schema", "at", "crc"}
    seen = set()
    for event in map(json.loads, lines):
        seen.add(event["event"])
        assert set(event) - of_every <= set(ledger.EVENTS[event["event"]][1]), event["event"]
    assert seen >= {
        "identified",
        "defined",
        "started",
        "issued",
        "reported",
        "copied",
        "continued",
        "ended",
        "finished",
        "closed",
    }


def test_every_exit_code_is_told() -> None:
    def kinds(kind: type[GensweepError]) -> set[int]:
        return {kind.exit_code}.union(*(kinds(each) for each in kind.__subclasses__()))

    told = set(map(int, re.findall(r"^\| \*\*(\d+)\*\*", ends.page(), re.MULTILINE)))
    assert told == {0} | kinds(GensweepError)


def variables() -> set[str]:
    """The names of gensweep's own environment variables that its code has as a text."""
    trees = [ast.parse(file.read_text()) for file in (ROOT / "gensweep").rglob("*.py")]
    texts = {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {
        text
        for text in texts
        if re.fullmatch(r"(GENSWEEP|MLFLOW|RAY|WANDB|CUDA|CUBLAS)_[A-Z_]+|TMPDIR|NO_PROXY|NETRC", text)
    }


def test_every_variable_of_gensweep_is_told_and_none_that_is_not_read() -> None:
    found = variables()
    assert {name for name in found if name.startswith("GENSWEEP_")} == set(environment.OWN) | environment.INTERNAL
    assert set(environment.OTHERS) - found == set()


def test_the_search_space_has_every_leaf_section_and_group() -> None:
    page = search_space.page()
    assert "{{" not in page
    for word in (
        "loguniform(a, b)",
        "### `trial.training`",
        "| `stall_timeout` |",
        "| `fashion_mnist`",
        "`digits`",
        "confirm: {top: 1",
    ):
        assert word in page or word.replace("| `fashion", "`fashion") in page, word


def test_every_study_is_shown_with_its_question() -> None:
    page = search_space.studies()
    for file in (ROOT / "search_spaces").glob("*.yaml"):
        assert file.read_text().strip() in page
        assert re.search(rf"^\| \[`{file.stem}`\]\(#{file.stem}\) \| .{{30,}} \|$", page, re.MULTILINE), file.stem


def test_what_makes_the_pages_says_what_it_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "doctest", "docs/generate/text.py"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_the_citation_and_the_changelog_are_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == gensweep.__version__
    assert citation["license"] == "Apache-2.0"
    assert f"\n## {gensweep.__version__} - " in (ROOT / "CHANGELOG.md").read_text()

"""The example of each page on adding a component, as a reader would add it: its own test passes, and a sweep trains with it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gensweep
from gensweep import registry
from tests.docs.shown import DOCS, blocks

SMALL = [
    "search.samples=2", "confirm=none", "trial.training.epochs=4", "trial.evaluation.every=1", "trial.dataset.n_train=200",
]  # fmt: skip
ALL = """
defaults: [base, _self_]
name: all_of_them
objective: mean_error
search: {sampler: halton, samples: 2}
early_stopping: {name: patience, reports: 1}
trial:
  dataset: helix
  network: linear
  family:
    one_of:
      - moment_matching
      - {name: wae, divergence: mean_gap}
      - {name: wgan, constraint: frobenius}
  training: {optimizer: {name: adamw, lr: "loguniform(1e-4, 1e-2)"}, lr_schedule: warm_up}
  evaluation: {metrics: [mean_error, sliced_wasserstein]}
"""
each_kind = pytest.mark.parametrize("kind", registry.KINDS)


def parts(kind: str) -> tuple[str, str, str]:
    """The member, the search space and the test of a page."""
    page = {"page": (DOCS / "how-to" / "add" / f"{kind}.md").read_text()}
    member, test = (block.text for block in blocks("python", page))
    (space,) = (block.text for block in blocks("yaml", page))
    return member, space, test


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path) -> Iterator[dict[str, str]]:
    """All members of the pages, named under their entry points as an installed package does it; kind -> name."""
    (information := tmp_path / "shown-1.0.dist-info").mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: shown\nVersion: 1.0\n")
    names, entries = dict[str, str](), []
    for kind in registry.KINDS:
        member, _, _ = parts(kind)
        names[kind] = re.search(r'name: Literal\["(\w+)"\]', member)[1]  # type: ignore[index]
        cls = re.search(r"^class (\w+)\(\w+\):", member, re.MULTILINE)[1]  # type: ignore[index]
        entries.append(f"[gensweep.{kind}]\n{names[kind]} = shown_{kind}:{cls}\n")
        (tmp_path / f"shown_{kind}.py").write_text(member)
    (information / "entry_points.txt").write_text("".join(entries))
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.syspath_prepend(tmp_path)
    registry._plugins.cache_clear()
    yield names
    registry._plugins.cache_clear()
    for kind in registry.KINDS:
        sys.modules.pop(f"shown_{kind}", None)


@each_kind
def test_its_first_line_says_where_it_goes(kind: str, added: dict[str, str]) -> None:
    assert parts(kind)[0].splitlines()[0] == f"# gensweep/{kind}/{added[kind]}.py"
    assert added[kind] in registry.names(kind)


@each_kind
def test_its_own_test_passes(kind: str, added: dict[str, str]) -> None:
    names: dict[str, object] = {}
    exec(compile(parts(kind)[2], f"{kind}.md", "exec"), names)
    tests = [function for name, function in names.items() if name.startswith("test_")]
    assert len(tests) == 1
    tests[0]()  # type: ignore[operator]


@each_kind
def test_its_search_space_is_sound_and_searches_it(kind: str, added: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(parts(kind)[1])
    sweep = gensweep.check("space.yaml")
    assert sweep.name == f"with_{added[kind]}"
    assert f"'{added[kind]}'" in str(sweep.definition())


def test_a_sweep_trains_with_all_of_them(added: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(ALL)
    sweep = gensweep.check("space.yaml", SMALL)
    definition = str(sweep.definition())
    assert [name for name in added.values() if f"'{name}'" not in definition] == []
    verdict = gensweep.run(sweep, in_process=True).verdict()
    assert len(verdict.trials.rows) == 6
    assert {row["outcome"] for row in verdict.trials.rows} <= {"COMPLETED", "PRUNED"}


@pytest.mark.slow  # ten sweeps; the one above trains with the same members
@each_kind
def test_a_sweep_trains_as_its_page_says(kind: str, added: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(parts(kind)[1])
    small = [word for word in SMALL if kind not in ("datasets", "networks") or "n_train" not in word]
    verdict = gensweep.run("space.yaml", small, in_process=True).verdict()
    assert verdict.comparison is not None
    assert {row["outcome"] for row in verdict.trials.rows} <= {"COMPLETED", "PRUNED"}

"""Mistakes in a search section, and faulty searchers of others, as a person meets them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gensweep import registry
from gensweep.component import importable
from gensweep.errors import ConfigError
from gensweep.spaces.check import load_and_check

SPACE = """
defaults: [base, {dataset: digits}, _self_]
name: tiny
objective: {metric: sliced_wasserstein}
search:
  sampler: random
  samples: 2
  seed: 0
trial:
  network: {name: mlp, hidden: [16]}
  latent_size: int(1, 8)
  family: {one_of: [{name: vae}, {name: wae, lambda: uniform(1, 9), divergence: mmd}]}
  training: {epochs: 1}
  evaluation: {metrics: [sliced_wasserstein], every: 1}
  seed: 0
"""


def test_a_field_of_another_searcher_is_an_error_where_it_was_written(tmp_path: Path) -> None:
    lines = SPACE.replace("  sampler: random\n  samples: 2\n  seed: 0\n", "  {sampler: random, points: 9}\n")
    (tmp_path / "space.yaml").write_text(lines)
    with pytest.raises(ConfigError) as caught:
        load_and_check(tmp_path / "space.yaml")
    (problem,) = caught.value.problems
    assert problem.where.endswith("space.yaml:6")
    assert (
        str(problem.message)
        == "unknown field 'points' of random. Known: sampler, samples, seed. It is a field of grid."
    )


def test_what_does_not_fit_an_arm_is_said_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE.replace("sampler: random", "sampler: cma_es"))
    assert load_and_check(tmp_path / "space.yaml").searcher.name == "cma_es"  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r"search.sampler: vae: cma_es searches ranges, .* Take sampler: tpe"):
        load_and_check(tmp_path / "space.yaml", ["trial.latent_size=choice(1,2)"])


@pytest.mark.parametrize("name", ["random", "qmc", "grid", "tpe", "gp", "cma_es"])
def test_each_is_a_group_of_defaults(tmp_path: Path, name: str) -> None:
    section = SPACE[SPACE.index("search:") : SPACE.index("trial:")]
    (tmp_path / "space.yaml").write_text(SPACE.replace(section, ""))
    sweep = load_and_check(tmp_path / "space.yaml", [f"search={name}"])
    assert sweep.searcher.name == name  # type: ignore[attr-defined]
    assert (sweep.search.samples is None) == (name == "grid")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("broken:Nope", "searcher 'broken' of corner cannot be imported: AttributeError: module 'broken' has no"),
        ("broken:NUMBER", "searcher 'broken' of corner cannot be used: broken:NUMBER is no class of gensweep.searchers.base"),
        ("broken:Other", "searcher 'broken' of corner cannot be used: broken:Other is no class of gensweep.searchers.base"),
        ("raising:Any", "searcher 'broken' of corner cannot be imported: ValueError: not today"),
        ("missing:Any", "searcher 'broken' of corner cannot be imported: No module named 'missing'"),
    ],
)  # fmt: skip
def test_a_faulty_one_is_named_with_its_package_and_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, says: str
) -> None:
    folder = tmp_path / "plugin"
    (information := folder / "corner-1.0.dist-info").mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: corner\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[gensweep.searchers]\nbroken = {value}\n")
    (folder / "broken.py").write_text("NUMBER = 1\nclass Other: pass\n")
    (folder / "raising.py").write_text("raise ValueError('not today')\n")
    monkeypatch.syspath_prepend(folder)
    registry._plugins.cache_clear()
    try:
        with pytest.raises(ConfigError) as caught:
            registry.load("searchers", "broken")
        assert str(caught.value).startswith(says)
        assert "random" in importable("searchers")
        assert "broken" not in importable("searchers")
    finally:
        monkeypatch.undo()
        registry._plugins.cache_clear()
        for module in ("broken", "raising"):
            sys.modules.pop(module, None)

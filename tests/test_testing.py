"""The contract as users test it: gensweep's own members keep it, and each way to break it is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gensweep import registry
from gensweep.errors import ConfigError
from gensweep.testing import check, use
from tests.own_components import FILES, write_components

NEEDS = {"datasets"}  # most are files that need not be here
WITHOUT = {("metrics", "critic_diagnostics"), ("metrics", "gaussian_fit")}  # which have a meaning on Gaussians alone
OURS = [(kind, name) for kind in registry.KINDS if kind not in NEEDS for name in registry.names(kind)]
OURS = [member for member in OURS if member not in WITHOUT]


@pytest.fixture(autouse=True)
def _own_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GENSWEEP_TRUSTED", "")
    monkeypatch.setattr(registry, "_used", [])


@pytest.mark.parametrize(
    ("kind", "name"), [*OURS, ("datasets", "ring"), ("datasets", "digits"), ("datasets", "uniform_ball")]
)
def test_our_own_members_keep_it(kind: str, name: str) -> None:
    check(kind, name)


def test_a_users_own_members_keep_it(tmp_path: Path) -> None:
    use(write_components(tmp_path / "mine"))
    for file in FILES:
        if "/" in file:
            kind, name = file.removesuffix(".py").split("/")
            check(kind, name)


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("divergences/mean_gap.py", ".sum()\n", "\n", "penalty has shape [3], and must be 0-d"),
        ("divergences/mean_gap.py", "(x.mean(0)", "(0 * x.mean(0)", "penalty does not depend on x"),
        ("divergences/mean_gap.py", ".sum()\n", ".sum() + torch.rand(())\n", "draws from torch's global generator"),
        ("divergences/mean_gap.py", ".sum()\n", ".sum() / 0\n", "penalty is inf on ordinary samples"),
        ("metrics/mean_error.py", "Score(float(", "Score((", "and must be a float"),
        (
            "families/shifted.py",
            "return setting.into_bounds(",
            "return torch.zeros(1) * setting.into_bounds(",
            "depends on nothing",
        ),
        (
            "searchers/corner.py",
            "min(self.share",
            "min(__import__('random').random()",
            "propose gives other values the second time",
        ),
    ],
)
def test_what_breaks_it_is_told(tmp_path: Path, file: str, old: str, new: str, says: str) -> None:
    text = FILES[file].replace(old, new, 1)
    assert text != FILES[file]
    if "torch." in new and "import torch" not in text:
        text = text.replace("from typing", "import torch\nfrom typing", 1)
    kind, name = file.removesuffix(".py").split("/")
    use(write_components(tmp_path / "mine", **{name: text}))
    with pytest.raises(AssertionError, match=re.escape(says)):
        check(kind, name)


def test_an_unknown_kind_is_told() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'metrics'"):
        check("metric", "fid")

"""`gensweep new` writes a member that works, with its test; `gensweep describe` says all there is to know of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gensweep import registry
from gensweep.registry.folder import read
from tests.cli.conftest import Command
from tests.own_components import write_components


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GENSWEEP_TRUSTED", "")
    monkeypatch.setattr(registry, "_used", [])


def test_what_it_writes_of_every_kind_passes_its_test_at_once(gensweep: Command, tmp_path: Path) -> None:
    for kind in registry.KINDS:
        ended = gensweep("new", kind, f"own_{kind}")
        assert ended.code == 0, ended.err
        assert f"my_components/{kind}/own_{kind}.py" in ended.out
    assert set(read(tmp_path / "my_components").members) == {(kind, f"own_{kind}") for kind in registry.KINDS}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "my_components"], cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "20 passed" in done.stdout


def test_it_says_how_to_go_on_and_that_works(gensweep: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = gensweep("new", "early-stopping", "impatient", "-o", "lab")
    assert ended.code == 0, ended.err
    line = next(line for line in ended.out.splitlines() if line.startswith("  gensweep describe"))
    ended = gensweep(*line.split()[1:])
    assert ended.code == 0, ended.err
    assert "of your own in" in ended.out
    assert "lab/early_stopping/impatient.py" in ended.out
    monkeypatch.setattr(registry, "_used", [])
    rows = json.loads(gensweep("list", "early_stopping", "--plugins", "lab", "--json").out)
    assert {row["name"]: row["plug-in"] for row in rows if row["plug-in"]} == {"impatient": str(Path.cwd() / "lab")}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("divergence", "mmd"), "there is one of this name already"),
        (("divergences", "No Name"), "is no name of a divergence"),
        (("divergences", "../up"), "is no name of a divergence"),
        (("divergences", "class"), "is no name of a divergence"),
        (("divergences", "base"), "a file of gensweep's own has that name"),
        (("thing", "mine"), "unknown kind 'thing'"),
        (("metrics", "mine", "-o", "space.yaml"), "is a file, and must be a folder"),
    ],
)
def test_what_cannot_be_written_is_refused(
    gensweep: Command, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    ended = gensweep("new", *words)
    assert ended.code == 2
    assert says in ended.err
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_is_overwritten(gensweep: Command, tmp_path: Path) -> None:
    test = tmp_path / "my_components" / "tests" / "test_metrics_mine.py"
    test.parent.mkdir(parents=True)
    test.write_text("of mine")
    ended = gensweep("new", "metrics", "mine")
    assert ended.code == 2
    assert "test_metrics_mine.py: is there already, and is not overwritten" in ended.err
    assert test.read_text() == "of mine"
    assert not (tmp_path / "my_components" / "metrics").exists()


def test_all_there_is_to_know_of_a_member(gensweep: Command) -> None:
    ended = gensweep("describe", "divergence", "sinkhorn")
    assert ended.code == 0, ended.err
    assert gensweep("describe", "sinkhorn").out == ended.out
    for said in (
        "sinkhorn: a divergence",
        "blur",
        "> 0",
        "Source: ",
        "arXiv:",
        "family: {name: wae, divergence: {name: sinkhorn",
    ):
        assert said in ended.out


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_member_can_be_described(gensweep: Command, kind: str) -> None:
    for name in registry.names(kind):
        found = json.loads(gensweep("describe", kind, name, "--json").out)
        assert found["name"] == name
        assert found["summary"]
        assert name in found["example"]
        assert found["origin"] == ""


def test_a_members_own_field_without_a_default_is_described_too(gensweep: Command, tmp_path: Path) -> None:
    write_components(tmp_path / "mine", mean_error=(
        "from typing import Literal\nfrom gensweep.metrics.base import Metric\n\n\nclass MeanError(Metric):\n"
        '    """What must be said."""\n\n    mode = "min"\n    name: Literal["mean_error"] = "mean_error"\n    reach: float\n\n'
        "    def against(self, dataset, split): ...\n"
    ))  # fmt: skip
    found = json.loads(gensweep("describe", "mean_error", "--plugins", "mine", "--json").out)
    assert [field["default"] for field in found["fields"]] == ["must be given"]
    assert found["origin"] == str(tmp_path / "mine" / "metrics" / "mean_error.py")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("sinkhornn",), "there is no component 'sinkhornn'. Did you mean 'sinkhorn'?"),
        (
            ("none",),
            "is a name of 2 kinds. Write gensweep describe constraints none or gensweep describe early_stopping",
        ),
        (("divergence", "mmdd"), "unknown divergence 'mmdd'. Did you mean 'mmd'?"),
        (("divergenc", "mmd"), "unknown kind 'divergenc'. Did you mean 'divergences'?"),
    ],
)
def test_what_is_none_or_several_is_told(gensweep: Command, words: tuple[str, ...], says: str) -> None:
    ended = gensweep("describe", *words)
    assert ended.code == 2
    assert says in ended.err

"""Search spaces by their names: which file is meant, what each asks, and that a wheel holds them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import gensweep
from gensweep import shipped

ROOT = Path(gensweep.__file__).parents[1]
FILES = sorted(file.name for file in (ROOT / "search_spaces").glob("*.yaml"))


def test_there_is_one_source_and_all_of_it_ships() -> None:
    assert [f"{name}.yaml" for name in shipped.names()] == FILES
    assert (ROOT / "gensweep" / "search_spaces").is_symlink()
    assert shipped.file_of("wae").samefile(ROOT / "search_spaces" / "wae.yaml")


def test_a_name_means_a_file_here_first_and_then_the_one_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped.found(Path("wae")) == shipped.file_of("wae")
    (tmp_path / "vae").mkdir()
    assert shipped.found(Path("vae")) == shipped.file_of("vae"), "a folder is no search space"
    (tmp_path / "wae.yaml").touch()
    assert shipped.found(Path("wae")) == Path("wae.yaml"), "the copy that `gensweep init wae` made"
    (tmp_path / "wae").touch()
    assert shipped.found(Path("wae")) == Path("wae")


@pytest.mark.parametrize("given", ["wea", "wae.yaml", "wae.yml", "search_spaces/wae", "../wae", "/wae", "", "x=1"])
def test_what_is_no_name_of_one_that_ships_stays_as_it_is(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped.found(Path(given)) == Path(given)


@pytest.mark.parametrize("name", shipped.names())
def test_each_asks_one_question(name: str) -> None:
    asked = shipped.question(name)
    assert asked[-1] in ".?"
    assert len(asked) > 15
    assert "gensweep run" not in asked
    assert not asked.startswith("#")


def test_a_wheel_holds_every_search_space(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in (
        "gensweep",
        "search_spaces",
    ):  # as they are in git, so that what is built beside them touches nothing here
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, source],
        check=True, cwd=tmp_path, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("gensweep-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        within = archive.namelist()
        assert archive.read("gensweep/search_spaces/wae.yaml") == shipped.file_of("wae").read_bytes()
    assert sorted(name for name in within if "search_spaces/" in name) == [
        f"gensweep/search_spaces/{name}" for name in FILES
    ]
    assert {name.partition("/")[0] for name in within if "dist-info" not in name} == {"gensweep"}

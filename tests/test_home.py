"""Where files go that outlive a run, for users with and without a home."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep import home as place
from gensweep.datasets._files import MNIST
from gensweep.errors import CannotRun, ConfigError
from gensweep.executors.visible import worker_environment
from gensweep.extractors.foreign import inception_file, problem
from gensweep.home import cache_folder, expanded, has_writable_home


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(place.tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.delenv("GENSWEEP_CACHE", raising=False)
    place._of_this_process.cache_clear()


def test_the_variable_comes_first_then_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "gensweep"
    assert has_writable_home()
    monkeypatch.setenv("GENSWEEP_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"
    assert not (tmp_path / ".cache").exists()


def nobody(self: object = None) -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("kind", ["none", "read-only", "a file"])
def test_without_a_home_it_is_a_folder_of_this_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "none":
        monkeypatch.setattr(Path, "home", nobody)
    elif kind == "read-only":
        monkeypatch.setenv("HOME", "/proc")
        monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    else:
        (tmp_path / "file").touch(0o644)
        monkeypatch.setenv("HOME", str(tmp_path / "file"))
    folder = cache_folder()
    assert not has_writable_home()
    assert folder == tmp_path / "tmp" / f"gensweep-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert cache_folder() == folder


def test_a_cache_that_is_there_is_read_where_it_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".cache" / "gensweep").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert cache_folder() == tmp_path / ".cache" / "gensweep"


@pytest.mark.parametrize("planted", ["open to all", "a link", "a link to nowhere", "a file", "another's"])
def test_a_folder_that_somebody_else_prepared_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    monkeypatch.setattr(Path, "home", nobody)
    name = tmp_path / "tmp" / f"gensweep-{os.getuid()}"
    if planted == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        name.symlink_to(tmp_path / "elsewhere")
    elif planted == "a link to nowhere":
        name.symlink_to(tmp_path / "nowhere")
    elif planted == "a file":
        name.touch()
    else:
        name.mkdir(mode=0o700)
    if planted == "open to all":
        name.chmod(0o777)
    elif planted == "another's":
        owner = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: owner + 1)
        name.rename(tmp_path / "tmp" / f"gensweep-{owner + 1}")
    folder = cache_folder()
    assert folder != tmp_path / "tmp" / f"gensweep-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert cache_folder() == folder  # the same for this process


@pytest.mark.parametrize(
    ("variable", "asked"),
    [
        ("GENSWEEP_CACHE", cache_folder),
        ("GENSWEEP_CACHE", worker_environment),
        ("GENSWEEP_DATA", lambda: MNIST.find(None)),
        ("GENSWEEP_INCEPTION", inception_file),
        ("GENSWEEP_INCEPTION", lambda: problem("inception", "")),
    ],
)
def test_a_home_that_is_nobodys_is_said_with_where_it_was_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, asked: Callable[[], object]
) -> None:
    monkeypatch.setenv(variable, "~no-such-user/x")
    with pytest.raises(CannotRun, match=f"{variable}=~no-such-user/x: ~no-such-user is nobody's home .*path in full"):
        asked()
    monkeypatch.setenv(variable, "~/x")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as where the list of users has none for this one
    with pytest.raises(CannotRun, match=f"{variable}=~/x: ~ is nobody's home .*HOME is not set.* or set HOME"):
        asked()


@pytest.mark.parametrize(
    "url", ["s3://me:s3cr3t@bucket/runs", "gs://bucket/runs", "hf://x", "https://example.org/runs"]
)
@pytest.mark.parametrize("given", [str, Path])  # a Path has taken a slash
def test_a_url_is_no_path(url: str, given: Callable[[str], str | Path]) -> None:
    shown = re.escape(url.replace("me:s3cr3t@", ""))
    with pytest.raises(ConfigError, match=f"^--runs={shown}: is a URL, .* Name one that is mounted") as refused:
        expanded(given(url), "--runs")
    assert "s3cr3t" not in str(refused.value)


def test_the_path_of_a_file_url_is_said() -> None:
    with pytest.raises(ConfigError, match=r"^--runs=file://mnt/runs: is a URL, and a path is needed: /mnt/runs"):
        expanded(Path("file:///mnt/runs"), "--runs")


@pytest.mark.parametrize("variable", ["GENSWEEP_CACHE", "GENSWEEP_DATA"])
def test_a_variable_that_holds_a_url_is_named(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "s3://bucket/x")
    with pytest.raises(ConfigError, match=f"^{variable}=s3://bucket/x: is a URL"):
        worker_environment()


@pytest.mark.parametrize("path", ["a:b", "runs/s3://x", "/mnt/s3:/x", "c:/x", "12:30/x"])
def test_a_colon_makes_no_url(path: str) -> None:
    assert expanded(path, "--runs") == Path(path)


def test_a_tilde_elsewhere_is_a_letter(tmp_path: Path) -> None:
    assert expanded(tmp_path / "a~" / "~b", "--runs") == tmp_path / "a~" / "~b"

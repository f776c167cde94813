"""The modes of what is made: narrow while it is asked for, and the caller's again afterwards."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import gensweep
from gensweep import api
from gensweep.file_modes import as_told, for_workers, private, share, unfinished


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def now() -> int:
    os.umask(found := os.umask(0o077))
    return found


@pytest.mark.parametrize(
    ("before", "shared", "meanwhile"),
    [(0, False, 0o27), (0o22, False, 0o27), (0o77, False, 0o77), (0, True, 0o7), (0o22, True, 0o27), (0o77, True, 0o77)],
)  # fmt: skip
def test_it_is_never_wider_than_the_callers(before: int, shared: bool, meanwhile: int) -> None:
    os.umask(before)
    with private(shared=shared):
        assert now() == meanwhile
        with private():
            assert now() == meanwhile | 0o027
        assert now() == meanwhile
    assert now() == before


def test_an_error_gives_the_caller_its_own_back() -> None:
    with pytest.raises(ValueError, match="x"), private():
        raise ValueError("x")
    assert now() == 0o022


def test_share_opens_to_the_group_what_the_caller_would() -> None:
    os.umask(0o002)
    with private():
        assert share() is None
        assert now() == 0o007
        os.umask(0o022)
    os.umask(0o022)
    with private():
        assert "umask is 022" in str(share())
        assert now() == 0o027
    assert share() is None  # outside it changes nothing
    assert now() == 0o022


def test_workers_make_files_as_their_driver_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert for_workers() == {}
    as_told()
    assert now() == 0o022
    with private():
        told = for_workers()
    os.umask(0)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    as_told()
    assert now() == 0o027


def test_an_unfinished_file_has_the_mode_of_any(tmp_path: Path) -> None:
    with private(), unfinished(tmp_path / "a") as file, unfinished(tmp_path / "a") as other:
        assert file.name != other.name
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o640


def test_the_library_gives_the_umask_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(api, "load_and_check", lambda file, overrides: seen.append(now()))
    monkeypatch.setattr(api, "trust_as_said", lambda sweep: None)
    monkeypatch.setattr(api, "conduct", lambda sweep, where: SimpleNamespace(problem=seen.append(now()), folder=None))
    os.umask(0o002)
    gensweep.run(tmp_path / "space.yaml")
    gensweep.run(tmp_path / "space.yaml", shared=True)
    assert seen == [0o027, 0o027, 0o027, 0o007]
    assert now() == 0o002

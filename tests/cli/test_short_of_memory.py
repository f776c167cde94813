"""A command that the machine gives too little memory says so, and names the limit."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gensweep.faults import memory_limit
from tests.cli.conftest import SPACE, Command

LIMIT = 100 << 20  # bytes, which no torch fits in


def test_an_address_space_that_is_too_small_is_named_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    ended = subprocess.run(
        [sys.executable, "-m", "gensweep", "check", "space.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)),
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (4, "")
    assert "within the 100 MiB that a process may take here (ulimit -v)" in ended.stderr
    assert "Raise the limit" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")]
)
def test_neither_is_any_other_lack_of_memory_a_traceback(
    gensweep: Command, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr("gensweep.ledger.sweep_folder.sweeps", fails)
    ended = gensweep("ls")
    assert ended.code == 4
    assert ended.err.startswith("gensweep: the memory does not suffice")
    assert "Traceback" not in ended.err


def test_without_a_limit_none_is_named() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    assert memory_limit() == ""
    try:
        resource.setrlimit(resource.RLIMIT_AS, (64 << 30, before[1]))
        assert "64 GiB" in memory_limit()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)

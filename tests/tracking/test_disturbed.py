"""What a person reads while a store of MLflow is away, locked, full or damaged: a line of ours when it goes, and no other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gensweep.tracking.mlflow_store import open_mlflow
from gensweep.tracking.run_store import Away
from tests.tracking.disturbed import CASES, ON_A_DISK

POINTS = 16  # of one trial, with what is sent at its end
SAYS = {
    "locked": "database is locked", "gone": "attempt to write a readonly database", "damaged": "file is not a database",
    "a folder": "attempt to write a readonly database", "without a table": "no such table: runs",
    "full": "database or disk is full",
}  # fmt: skip
NEVER = {
    "another server": "the server answers 500 Internal Server Error", "no server": "Connection refused",
    "a damaged file": "SQLite cannot read it: file is not a database",
}  # fmt: skip


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> tuple[dict[str, Any], str]:
    """What was said of each store, and what the process wrote on its stderr: in one, as MLflow takes seconds to import."""
    place = tmp_path_factory.mktemp("disturbed")
    command = [sys.executable, "-m", "tests.tracking.disturbed", str(place), str(empty_database)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_the_libraries_write_nothing(disturbed: tuple[dict[str, Any], str]) -> None:
    assert [line for line in disturbed[1].splitlines() if not line.startswith("== ")] == []


@pytest.mark.parametrize("case", [*CASES, *ON_A_DISK])
def test_while_it_cannot_be_used_there_is_a_line_and_then_nothing_is_missing(
    disturbed: tuple[dict[str, Any], str], case: str, record_property: Callable[[str, object], None]
) -> None:
    if (found := disturbed[0].get(case)) is None:
        pytest.skip("this user may mount no disk; as root it is made")
    assert found["in between"] <= 1, found["said"]
    for line in found["said"][:1]:
        assert f"takes nothing now ({SAYS[case]}). Training goes on" in re.sub(r"\s+", " ", line)
    assert all("\n" not in line and "SQL" not in line.replace("SQLite", "") for line in found["said"])
    assert found["done"]
    assert found["points"] == POINTS
    record_property("points lost, doubled", f"{max(0, POINTS - found['points'])}, {max(0, found['points'] - POINTS)}")


@pytest.mark.parametrize("case", NEVER)
def test_one_that_cannot_be_opened_is_one_line_with_the_cure(disturbed: tuple[dict[str, Any], str], case: str) -> None:
    (line,) = disturbed[0][case]["said"]
    assert f"cannot be used ({NEVER[case]}). " in line
    assert "--tracking-uri" in line


@pytest.mark.parametrize(
    ("uri", "says"), [("http://127.0.0.1:1", "Connection refused"), ("http://nowhere.invalid:5000", "not known")]
)
def test_a_server_that_is_away_is_named_once(uri: str, says: str) -> None:
    with pytest.raises(Away) as raised:
        open_mlflow(uri)
    assert says in str(raised.value)
    assert "HTTPConnection" not in str(raised.value)

"""Tiny sizes of each part, so that it does not rot: what is watched, counted and printed, and not how long that took."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from gensweep.benchmarks import scale
from gensweep.benchmarks._telling import surroundings
from gensweep.benchmarks.watched import Moment, Watched, watched
from gensweep.spaces.check import load_and_check

ENVIRONMENT = {**surroundings(), "OMP_NUM_THREADS": "1"}


def line(
    trials: int, reports: int, main: float, others: float, *, nodes: int = 1, way: scale.Way = scale.ALONE
) -> scale.Line:
    """A sweep of which all but 10 trials with 20 reports, which took the driver 5 s before, were seen in 100 s."""
    first, last = Moment(50, 10, 20, 5, 2), Moment(150, 10 + trials, 20 + reports, 5 + main + others, 2 + main)
    found = Watched(10 + trials, 20 + reports, 170, 20, (first, last), 40 * nodes, 512 * 2**10, 2**20, 2**21)
    return scale.Line(nodes, way, found)


def test_a_row_is_of_what_was_seen() -> None:
    cells = dict(zip(scale.CLUSTER, line(200, 800, 2, 6, nodes=2).cells(), strict=True))
    assert cells == {
        "nodes": "2", "trials": "210", "reports": "820", "way": "4 reports a trial", "s": "170", "after the last trial": "20",
        "trials an hour": "7,200", "reports a s": "8.0", "driver, ms a trial": "40 (10)", "driver, ms a report": "10.0 (2.5)",
        "driver, of a core": "8% (2%)", "peak MiB": "512", "events.jsonl MiB": "1.00", "mlflow.db MiB": "2.00",
        "outside training": "60%",
    }  # fmt: skip


def test_what_was_over_too_early_has_dashes() -> None:
    cells = scale.Line(1, scale.ALONE, Watched(3, 12, 20, 15, None, 0, 2**20, 2**20, 2**20)).cells()
    assert len(cells) == len(scale.CLUSTER)
    assert cells[6:11] == ("-",) * 5
    assert cells[-1] == "-"
    assert line(200, 800, 2, 6, way=scale.PACKS).cells()[-1] == "-"


@pytest.mark.parametrize(
    ("way", "reports"), [(scale.ALONE, scale.EPOCHS), (scale.ONE_REPORT, 1), (scale.PACKS, scale.EPOCHS)]
)
def test_each_way_is_a_search_space_with_as_many_reports_as_it_says(
    way: scale.Way, reports: int, tmp_path: Path
) -> None:
    (file := tmp_path / "scale.yaml").write_text(yaml.safe_dump(scale.definition(7)))
    sweep = load_and_check(file, way.overrides)
    trial = sweep.definition()["trial"]
    assert trial["training"]["epochs"] // trial["evaluation"]["every"] == reports
    assert sweep.n_trials == 7
    assert (sweep.resources.rows == 1) == way.is_plain


def in_one_process(folder: Path, *overrides: str) -> Watched:
    (file := folder / "scale.yaml").write_text(yaml.safe_dump(scale.definition(3)))
    store = folder / "mlflow.db"
    where = ["-o", str(folder), "--tracking-uri", f"sqlite:///{store}", "--in-process"]
    command = [sys.executable, "-m", "gensweep", "run", str(file), *overrides, *where]
    return watched(command, folder, store, {**ENVIRONMENT, "GENSWEEP_CACHE": str(folder / "cache")})


@pytest.mark.slow
def test_a_sweep_is_watched_to_its_end(tmp_path: Path) -> None:
    found = in_one_process(tmp_path)
    assert (found.trials, found.reports) == (3, 3 * scale.EPOCHS)
    assert 0 < found.after < found.seconds
    assert found.peak > 100 * 2**10, "the driver has torch in its memory"
    assert found.log == (tmp_path / "scale" / "ledger" / "events.jsonl").stat().st_size
    assert found.store == (tmp_path / "mlflow.db").stat().st_size


def test_a_sweep_that_fails_is_no_row(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"ended with [1-9](.|\n)*unknown field 'batch_sice'"):
        in_one_process(tmp_path, "+trial.training.batch_sice=3")


def test_the_script_has_a_cell_for_each_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "_MOST_SENT", 19)
    cells = dict(zip(scale.DRIVER, scale.script(20, tmp_path), strict=True))
    assert cells.pop("trials") == "20"
    unsent = {"into MLflow, s", "8 new reports, s", "mlflow.db MiB"}
    assert {name for name, cell in cells.items() if cell == "-"} == unsent
    assert all(float(cell) >= 0 for name, cell in cells.items() if name not in unsent)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for what is temporary, with a short path: Ray's sockets lie in it, and its processes name it."""
    with tempfile.TemporaryDirectory(prefix="s", dir="/tmp") as name:
        yield Path(name)


def naming(folder: Path) -> list[str]:
    """The commands of the living processes that name a folder, whoever their parents are."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(file.read_text(errors="replace").replace("\0", " "))
    return [command for command in found if str(folder) in command]


@pytest.mark.slow
def test_a_quick_run_prints_both_tables_and_leaves_nothing(temporary: Path) -> None:
    command = [sys.executable, "-m", "gensweep.benchmarks.scale", "--quick"]
    surroundings, seen = {**ENVIRONMENT, "TMPDIR": str(temporary)}, list[str]()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings
    ) as process:
        assert process.stderr is not None
        while not seen and process.stderr.readline():
            seen = naming(temporary)
        out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    assert any("raylet" in command for command in seen), "else nothing would tell that they are left"
    assert naming(temporary) == []
    assert [path.name for path in temporary.iterdir() if path.name.startswith("g")] == [], (
        "of ours: torch keeps a cache there"
    )
    first, second = re.findall(r"^\|.*?\|$(?:\n^\|.*?\|$)+", out, re.MULTILINE)
    header, _, *rows = ([cell.strip() for cell in row.strip("|").split("|")] for row in first.splitlines())
    assert tuple(header) == scale.CLUSTER
    assert [row[:4] for row in rows] == [
        ["1", "12", "48", "4 reports a trial"], ["2", "12", "48", "4 reports a trial"], ["2", "12", "12", "1 report a trial"],
        ["2", "12", "48", "packs of 16"],
    ]  # fmt: skip
    header, _, row = ([cell.strip() for cell in row.strip("|").split("|")] for row in second.splitlines())
    assert tuple(header) == scale.DRIVER
    assert row[0] == "20"
    assert all(float(cell) >= 0 for cell in row)

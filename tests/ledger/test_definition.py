"""sweep.yaml and what the ledger entered of it: a file that says something else is damage, and is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from gensweep.errors import DamagedSweep
from gensweep.ledger.definition import first_difference
from gensweep.ledger.sweep_folder import SweepFolder

FIRST, SECOND = {"name": "study", "search": {"seed": 1}}, {"name": "study", "search": {"seed": 1, "samples": 9}}


@pytest.fixture
def sweep(tmp_path: Path) -> SweepFolder:
    return SweepFolder.create(tmp_path / "study", FIRST)


def read(sweep: SweepFolder) -> object:
    return SweepFolder.open(sweep.path).definition


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"seed: 1", b"seed: 3"), (b"seed", b"seee"), (b"\n", b""), (b"name", b"\xffame"), (b"search", b"search ")],
)
def test_a_file_that_differs_from_the_ledger_is_damage(sweep: SweepFolder, old: bytes, new: bytes) -> None:
    file = sweep.path / "sweep.yaml"
    file.write_bytes(file.read_bytes().replace(old, new))
    with pytest.raises(DamagedSweep, match=r"sweep.yaml: .*the ledger says .*: line \d.*doctor study --repair"):
        read(sweep)


def test_an_emptied_file_is_damage(sweep: SweepFolder) -> None:
    (sweep.path / "sweep.yaml").write_bytes(b"")
    with pytest.raises(DamagedSweep, match="doctor study --repair"):
        read(sweep)


def test_the_newest_that_was_entered_counts_also_where_a_kill_kept_it_from_the_file(sweep: SweepFolder) -> None:
    before = (sweep.path / "sweep.yaml").read_bytes()
    with sweep.hold():
        sweep.redefine(SECOND)
    assert read(sweep) == SECOND
    (sweep.path / "sweep.yaml").write_bytes(before)
    assert read(sweep) == SECOND
    with sweep.hold():
        sweep.settle()
        assert sweep.definition == SECOND
        sweep.redefine({**SECOND, "confirm": "none"})
    (sweep.path / "sweep.yaml").write_bytes(before)  # older than that, and no kill left it
    with pytest.raises(DamagedSweep, match="the ledger says"):
        read(sweep)


def test_a_driver_writes_the_file_that_a_kill_left_behind(sweep: SweepFolder) -> None:
    file = sweep.path / "sweep.yaml"
    before = file.read_bytes()
    with sweep.hold():
        sweep.redefine(SECOND)
    after = file.read_bytes()
    file.write_bytes(before)
    with sweep.hold():
        sweep.settle()
    assert file.read_bytes() == after


def test_a_sweep_of_an_earlier_gensweep_goes_on_and_is_entered(sweep: SweepFolder) -> None:
    sweep.events.path.write_bytes(b"")
    assert read(sweep) == FIRST
    with sweep.hold():
        assert sweep.settle() is None
        assert sweep.settle() is None
    assert [event["event"] for event in sweep.events.read()] == ["identified", "defined"]
    file = sweep.path / "sweep.yaml"
    file.write_bytes(file.read_bytes().replace(b"1", b"2"))
    with pytest.raises(DamagedSweep, match="the ledger says"):
        read(sweep)


def test_the_first_line_that_differs_is_shown() -> None:
    assert first_difference("a\nb: 2\n", "a\nb: 1\n") == "line 2 is 'b: 2', and was 'b: 1'"
    assert first_difference("a\n", "a\nb: 1\n") == "line 2 is '', and was 'b: 1'"
    assert first_difference("", "a\n") == "line 1 is '', and was 'a'"
    assert first_difference("a\r", "a\n") == "its line ends are others"

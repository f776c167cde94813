"""What is in a sweep's folder without its definition: it is named, and nothing of it is written over."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gensweep.errors import ConfigError, DamagedSweep
from gensweep.ledger.sweep_folder import SweepFolder, sweeps
from tests.written_sweep import DEFINITION, Writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sweep with two trials, without its sweep.yaml."""
    writer = Writer(tmp_path / "runs" / "study")
    writer.trial("wae", 2.0)
    writer.trial("vae", 1.0)
    (writer.folder.path / "sweep.yaml").unlink()
    return writer.folder.path


def contents(path: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    "lost",
    [(), ("ledger",), ("ledger/events.jsonl",), ("ledger/lease.json",), ("trials",), ("trials", "ledger/lease.json"),
     ("ledger/lease.json", "ledger/events.jsonl")],
)  # fmt: skip
def test_what_a_sweep_left_is_never_written_over(path: Path, lost: tuple[str, ...]) -> None:
    for name in lost:
        shutil.rmtree(path / name) if (path / name).is_dir() else (path / name).unlink()
    before = contents(path)
    for way in (
        lambda: SweepFolder.create(path, DEFINITION),
        lambda: SweepFolder.open(path),
        lambda: SweepFolder.found(path),
    ):
        with pytest.raises(
            DamagedSweep, match=r"sweep.yaml is missing, and of its sweep there is: .*move .*away"
        ) as refused:
            way()
        for name, shown in (("ledger/events.jsonl", "ledger/events.jsonl ("), ("trials", "trials (2 folders)")):
            is_there = not {name, name.split("/")[0]} & set(lost)
            assert (shown in str(refused.value)) is is_there
    assert contents(path) == before


@pytest.mark.parametrize("name", ["results.csv", "study.db", "report/", "tracking.jsonl", "trials/0000-wae-0000/"])
def test_neither_is_a_single_thing(tmp_path: Path, name: str) -> None:
    there = tmp_path / "study" / name
    there.parent.mkdir(parents=True)
    there.mkdir() if name.endswith("/") else there.write_text("x")
    with pytest.raises(DamagedSweep, match=name.split("/", maxsplit=1)[0]):
        SweepFolder.create(tmp_path / "study", DEFINITION)


def test_a_ledger_that_cannot_be_read_is_no_empty_one(tmp_path: Path) -> None:
    log = tmp_path / "study" / "ledger" / "events.jsonl"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"\0" * 40 + b"\n\n")
    with pytest.raises(DamagedSweep, match=r"events.jsonl \(42 bytes\).* Restore it from a copy"):
        SweepFolder.create(tmp_path / "study", DEFINITION)
    assert log.read_bytes() == b"\0" * 40 + b"\n\n"


def test_a_definition_that_the_ledger_has_is_said_to_be_there(path: Path) -> None:
    with pytest.raises(DamagedSweep, match="gensweep doctor study --repair writes it"):
        SweepFolder.open(path)


def test_a_folder_in_its_place_is_named(path: Path) -> None:
    (path / "sweep.yaml").mkdir()
    with pytest.raises(DamagedSweep, match=r"sweep.yaml: is no file"):
        SweepFolder.open(path).definition  # noqa: B018
    with pytest.raises(ConfigError, match="already holds a sweep"):
        SweepFolder.create(path, DEFINITION)


def test_such_a_sweep_is_among_the_sweeps_and_other_folders_are_not(path: Path) -> None:
    (path.parent / "figures" / "report").mkdir(parents=True)
    begun = SweepFolder.create(path.parent / "begun", DEFINITION)
    (begun.path / "sweep.yaml").unlink()  # as if its making had been cut short
    assert [folder.name for folder in sweeps(path.parent)] == ["study"]
    assert SweepFolder.found(begun.path) is None
    assert SweepFolder.create(begun.path, DEFINITION).definition == DEFINITION

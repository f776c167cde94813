"""A sweep's folder from anyone: nothing is read without end, and nothing is reached through a link."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from gensweep.errors import ConfigError, DamagedSweep
from gensweep.ledger import foreign
from gensweep.ledger.checkpoints import Checkpoints, at
from gensweep.ledger.durable import json_text
from gensweep.ledger.events import EventLog
from gensweep.ledger.foreign import LONGEST_LINE, document, json_of, lines, refuse_links
from gensweep.ledger.state import fold
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import Row, TrialFolder

DEFINITION = {"name": "sweep", "objective": {"metric": "fid"}}
ISSUED = {"event": "issued", "number": 0, "key": "ab" * 32, "arm": "wae"}


@pytest.fixture
def sweep(tmp_path: Path) -> SweepFolder:
    folder = SweepFolder.create(tmp_path / "sweep", DEFINITION)
    folder.events.path.write_bytes(b"")  # as an earlier gensweep made it, which entered no definition
    with folder.hold():
        folder.events.append(ISSUED)
        folder.trial_of(folder.state().trials[0])
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "private").write_bytes(b"private\n")
    return folder


def test_a_line_longer_than_any_is_refused_before_it_is_read(tmp_path, monkeypatch):
    """A sparse file of a terabyte takes no memory, and would."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'{"a": 1}\n')
    os.truncate(file, 2**40)
    with pytest.raises(DamagedSweep, match="holds megabytes of nothing"):
        lines(file)
    with pytest.raises(DamagedSweep, match="larger than 16 MiB"):
        document(file)
    monkeypatch.setattr(foreign, "LONGEST_LINE", 10)
    file.write_bytes(b"12345678\n12345678901234567890\n")
    with pytest.raises(DamagedSweep, match="holds a line of more than"):
        lines(file)
    file.write_bytes(b"12345678\n" * 100)
    assert lines(file) == b"12345678\n" * 100
    assert lines(file, 9 * 98) == b"12345678\n" * 2


@pytest.mark.parametrize(
    "text", [b"[" * 10**5, b'{"a":' * 10**5, b"[" * 200 + b"]" * 200, b'{"a":' * 150 + b"1" + b"}" * 150]
)
def test_what_is_nested_without_end_is_no_json(text):
    with pytest.raises(ValueError, match="nested too deeply"):
        json_of(text)


def test_what_gensweep_writes_is_read():
    value = {"a": [{"b": [1, 2.5, None, "x"]}] * 200}
    assert json_of(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "name", ["ledger", "trials", "sweep.yaml", "report", "ledger/events.jsonl", "ledger/lease.json"]
)
def test_a_link_in_a_sweeps_folder_is_refused(sweep, tmp_path, name):
    path = sweep.path / name
    if path.exists():
        path.rename(tmp_path / "outside" / path.name)
    path.symlink_to(tmp_path / "outside" / path.name)
    if name == "sweep.yaml":  # a sweep all the same
        assert path.is_file()
    for read in (lambda: SweepFolder.open(sweep.path), sweep.state):
        with pytest.raises(DamagedSweep, match="is a link, and links in a sweep's folder are not followed"):
            read()


def test_a_sweep_that_its_owner_put_elsewhere_is_opened(sweep, tmp_path):
    (tmp_path / "here").symlink_to(sweep.path)
    assert SweepFolder.open(tmp_path / "here").state().trials


def test_a_pipe_in_place_of_a_file_does_not_wait_for_a_writer(sweep, tmp_path):
    log = sweep.path / "ledger" / "events.jsonl"
    log.unlink()
    os.mkfifo(log)
    with pytest.raises(DamagedSweep, match="is no file"):
        sweep.state()
    with pytest.raises(DamagedSweep, match="is no file"):
        EventLog(sweep.path).read()
    refuse_links(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["results.jsonl", "outcome.json", "checkpoints", "samples", "error.txt"])
def test_a_trials_folder_with_a_link_is_refused_before_anything_is_written(sweep, tmp_path, name):
    record = sweep.state().trials[0]
    (sweep.path / "trials" / record.folder_name / name).symlink_to(tmp_path / "outside" / "private")
    with pytest.raises(DamagedSweep, match="is a link"):
        sweep.trial_of(record)
    assert (tmp_path / "outside" / "private").read_bytes() == b"private\n"


def test_a_trials_folder_that_is_a_link_is_refused(sweep, tmp_path):
    record = sweep.state().trials[0]
    path = sweep.path / "trials" / record.folder_name
    path.rmdir()
    path.symlink_to(tmp_path / "outside")
    with pytest.raises(DamagedSweep, match="is a link"):
        sweep.trial_of(record)


def test_a_link_that_is_put_there_later_is_not_followed(sweep, tmp_path):
    """The rows are appended to the file itself, or not at all."""
    trial = sweep.trial_of(sweep.state().trials[0])
    (trial.path / "results.jsonl").symlink_to(tmp_path / "outside" / "private")
    with pytest.raises((DamagedSweep, OSError)):
        trial.append([Row(1, 1, 1, 1.0, {})])
    (trial.path / "samples").symlink_to(tmp_path / "outside")
    with pytest.raises((DamagedSweep, ValueError)):
        trial.write_file("samples/a.png", b"png")
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["private"]
    assert (tmp_path / "outside" / "private").read_bytes() == b"private\n"


@pytest.mark.parametrize("name", ["../../../outside/private", "/etc/passwd", "a/b"])
def test_a_manifest_names_files_of_its_own_folder(tmp_path, name):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.save(1, {"state.pt": b"state"}, best=True)
    path = tmp_path / "checkpoints" / "best"
    assert at(path) is not None
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"] = {name: manifest["files"]["state.pt"]}
    del manifest["sha256"]
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    manifest["sha256"] = hashlib.sha256(canonical).hexdigest()
    (path / "manifest.json").write_text(json.dumps(manifest))
    assert at(path) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &a [1]\nb: *a\n", "alias"),
        ("a: " + "[" * 300 + "]" * 300, "nested too deeply"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("- 1", "not a definition"),
        ("{name: sweep, objective: [1]}", ""),
    ],
)
def test_a_definition_is_a_tree_of_plain_values(sweep, text, says):
    (sweep.path / "sweep.yaml").write_text(text)
    if says:
        with pytest.raises(DamagedSweep, match=says):
            _ = sweep.definition
    else:
        assert sweep.definition["objective"] == [1]


@pytest.mark.parametrize(
    "change", [{"outcome": "WON"}, {"outcome": 3}, {"epoch": "1"}, {"best": {"fid": "x"}}, {"seconds": float("inf")}]
)
def test_an_outcome_is_checked_before_a_driver_hears_it(tmp_path, change):
    ended = {"outcome": "COMPLETED", "epoch": 1, "step": 3, "best": {"fid": 1.0}, "seconds": 1.0}
    folder = TrialFolder(tmp_path)
    folder.write_outcome(ended)
    assert folder.outcome() == ended
    folder.write_outcome(ended | change)
    with pytest.raises(DamagedSweep, match=r"outcome\.json.*Delete the file"):
        folder.outcome()


@pytest.mark.parametrize("text", [b'{"a": "\\ud800"}', b'["\\uDC00x"]', b'{"\\udfff": 1}', b'"\xed\xa0\x80"'])
def test_half_a_character_is_no_json(text):
    with pytest.raises(ValueError, match="half a character"):
        json_of(text)
    assert json_of(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_what_is_written_has_no_half_of_a_character():
    assert json_of(json_text({"file": "\udcff.png", "whole": "\U0001f600"})) == {
        "file": "?.png",
        "whole": "\U0001f600",
    }


@pytest.mark.parametrize(
    "text", ["a: !!binary aGk=", "a: !!set {b}", "a: !!timestamp 2020-01-01", "1: a", "{name: {true: 1}}"]
)
def test_a_definition_holds_what_json_holds(sweep, text):
    (sweep.path / "sweep.yaml").write_text(text)
    with pytest.raises(DamagedSweep, match="Restore it from a copy"):
        _ = sweep.definition
    (sweep.path / "sweep.yaml").write_text("a: 2020-01-01")
    assert sweep.definition == {"a": "2020-01-01"}


def test_a_definition_is_a_page_of_text(sweep, tmp_path):
    (sweep.path / "sweep.yaml").write_text("z: [" + "1," * 2**19 + "1]")
    with pytest.raises(DamagedSweep, match="larger than 1 MiB"):
        _ = sweep.definition
    with pytest.raises(ConfigError, match="are the most"):
        SweepFolder.create(tmp_path / "other", {"z": "x" * 2**20})
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "change",
    [{"seconds": float("nan")}, {"seconds": float("inf")}, {"seconds": -1}, {"seconds": 1e300}, {"time": 10**30},
     {"epoch": 10**25}, {"step": -1}, {"step": 1.5}, {"values": {"fid": "1"}}, {"values": {"fid": 10**400}}],
)  # fmt: skip
def test_a_row_holds_counts_and_finite_seconds(tmp_path, change):
    row = {"epoch": 1, "step": 1, "time": 1, "seconds": 1.0, "values": {"fid": float("nan")}}
    (tmp_path / "results.jsonl").write_text(json.dumps(row) + "\n")
    assert len(TrialFolder(tmp_path).rows()) == 1
    (tmp_path / "results.jsonl").write_text(json.dumps(row | change) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(DamagedSweep, match="not a row of results"):
        TrialFolder(tmp_path).rows()


@pytest.mark.parametrize("at", [5, "x", None, "0001-01-01T00:00:00+14:00", "1969-12-31T00:00:00+00:00"])
def test_an_event_says_when(at):
    with pytest.raises(DamagedSweep, match="says at"):
        fold([ISSUED | {"at": at}])
    assert fold([ISSUED | {"at": "2026-01-01T00:00:00+00:00"}]).trials


def test_a_torn_checkpoint_beside_a_folder_with_another_digit(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"state.pt": b"state"}, best=False)
    (tmp_path / "step-000001" / "state.pt").write_bytes(b"other")
    (tmp_path / "torn-²-step-1").mkdir()
    assert checkpoints.newest() is None
    assert "torn-1-step-000001" in checkpoints.torn()


def test_a_hole_is_refused_before_it_fills_the_memory(sweep):
    with sweep.events.path.open("r+b") as log:
        log.seek(0, os.SEEK_END)
        for _ in range(40):  # a hole takes no room on the disk
            log.seek(LONGEST_LINE, os.SEEK_CUR)
            log.write(b"\n")
    with pytest.raises(DamagedSweep, match=r"holds megabytes of nothing|holds a line of more than"):
        sweep.events.read()


def test_a_checkpoint_that_no_machine_could_restore_is_torn(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.save(1, {"state.pt": b"s" * 5000}, best=True)
    assert at(tmp_path / "checkpoints" / "best") is not None
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PHYS_PAGES": 2, "SC_PAGE_SIZE": 4096}[name])
    assert at(tmp_path / "checkpoints" / "best") is None

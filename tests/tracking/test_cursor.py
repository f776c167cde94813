"""tracking.jsonl: appended to, torn only at its end, and read as release 0.1 left it."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import zlib
from pathlib import Path

import pytest

from gensweep.errors import DamagedSweep
from gensweep.tracking import cursor as module
from gensweep.tracking.cursor import SWEEP, Cursor, RunCursor, last_uri

HERE = "http://here"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tracking.jsonl"


def written(path: Path, uri: str = HERE, n: int = 3) -> Cursor:
    cursor = Cursor.load(path, uri)
    cursor.compact()
    cursor.declare({SWEEP: RunCursor(1, "s"), **{f"trial-{k}": RunCursor(10 + k) for k in range(n)}})
    for k in range(n):
        cursor.runs[f"trial-{k}"].run_id = f"run-{k}"
        cursor.runs[f"trial-{k}"].files.append("größe.png")
        cursor.save([f"trial-{k}"])
    return cursor


def test_what_was_written_is_read_and_the_last_line_of_a_run_counts(path: Path) -> None:
    cursor = written(path)
    cursor.runs["trial-1"].epoch = 7
    cursor.save(["trial-1"])
    again = Cursor.load(path, HERE)
    assert (again.sweep_id, again.runs) == (cursor.sweep_id, cursor.runs)
    assert again.runs["trial-1"] == RunCursor(11, "run-1", epoch=7, files=["größe.png"])


def test_saving_adds_one_line_and_leaves_the_others_alone(path: Path) -> None:
    cursor = written(path, n=50)
    before = path.read_bytes()
    cursor.save(["trial-7"])
    after = path.read_bytes()
    assert after.startswith(before)
    assert after[len(before) :].count(b"\n") == 1


def test_intents_are_durable_and_progress_is_cheap(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = written(path)
    sizes: list[int] = []
    monkeypatch.setattr(module.os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    cursor.save(["trial-0", "trial-1"])
    assert sizes == []
    cursor.declare({"new": RunCursor(1), "newer": RunCursor(2)})
    assert sizes == [path.stat().st_size]  # once, after both were written


def test_a_start_compacts_to_one_line_a_run(path: Path) -> None:
    cursor = written(path)
    for epoch in range(20):
        cursor.runs["trial-0"].epoch = epoch
        cursor.save(["trial-0"])
    again = Cursor.load(path, HERE)
    again.compact()
    assert path.read_bytes().count(b"\n") == 2 + 4
    assert Cursor.load(path, HERE).runs == again.runs == cursor.runs
    again.compact(forget=True)
    assert Cursor.load(path, HERE).runs == again.runs == {}
    assert Cursor.load(path, HERE).sweep_id == cursor.sweep_id


def test_each_store_has_its_own_runs_and_the_last_one_used_is_remembered(path: Path) -> None:
    assert last_uri(path) is None
    here, there = written(path), written(path, "http://there", n=1)
    assert last_uri(path) == "http://there"
    assert there.sweep_id == here.sweep_id
    assert Cursor.load(path, HERE).runs == here.runs
    assert Cursor.load(path, "http://there").runs == there.runs
    here.save(["trial-0"])
    assert last_uri(path) == HERE
    Cursor.load(path, "http://new").compact()  # nothing is sent there yet
    assert last_uri(path) == "http://new"
    assert Cursor.load(path, HERE).runs == here.runs


def test_cut_at_every_byte_the_cursor_is_one_of_before(path: Path) -> None:
    written(path)
    data = path.read_bytes()
    for size in range(data.index(b"\n") + 1, len(data) + 1):
        path.write_bytes(data[:size])
        whole = data[:size].count(b"\n")
        found = Cursor.load(path, HERE)
        assert len(found.runs) == min(max(whole - 2, 0), 4)
        found.declare({"new": RunCursor(5)})  # over the torn line, not behind it
        assert Cursor.load(path, HERE).runs == {**found.runs}
        assert path.read_bytes().count(b"\n") == whole + 1


def test_lines_that_a_power_cut_left_empty_are_left_out(path: Path) -> None:
    cursor = written(path)
    path.write_bytes(path.read_bytes() + b"\0" * 40 + b"\n" + b"\0" * 10)
    assert Cursor.load(path, HERE).runs == cursor.runs


@pytest.mark.parametrize("line", [1, 2, 4])
def test_a_changed_byte_before_the_last_line_is_named_with_the_cure(path: Path, line: int) -> None:
    written(path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b'"', b"'", 1)
    path.write_bytes(b"".join(lines))
    with pytest.raises(DamagedSweep, match=rf"tracking.jsonl:{line}: .*Restore it, or .*--repair"):
        Cursor.load(path, HERE)
    assert last_uri(path) is None


def test_a_newer_file_and_a_file_without_its_first_line_are_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(path)
    head, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(rest)
    with pytest.raises(DamagedSweep, match=r"tracking.jsonl:1: "):
        Cursor.load(path, HERE)
    path.write_bytes(head + b"\n" + rest)
    monkeypatch.setattr(module, "VERSION", 1)
    with pytest.raises(DamagedSweep, match="newer gensweep"):
        Cursor.load(path, HERE)


def test_a_file_of_release_0_1_is_read_and_becomes_one_of_this_kind(path: Path) -> None:
    run = {
        "declared": 5, "run_id": "r", "described": True, "epoch": 3, "status": "FINISHED", "ending": "1 COMPLETED",
        "files": ["configuration.yaml"], "complete": True,
    }  # fmt: skip
    old = path.with_name("tracking.json")
    stores = {"http://there": {"a": {"declared": 1}}, HERE: {SWEEP: {"declared": 4}, "trial": run}}
    old.write_text(json.dumps({"version": 1, "sweep_id": "abc", "stores": stores}, indent=1))
    assert last_uri(path) == HERE
    cursor = Cursor.load(path, HERE)
    assert cursor.sweep_id == "abc"
    assert cursor.runs == {SWEEP: RunCursor(4), "trial": RunCursor(**run, form=1)}  # type: ignore[arg-type]
    assert old.exists()
    cursor.compact()
    assert not old.exists()
    again = Cursor.load(path, HERE)
    assert (again.sweep_id, again.runs) == ("abc", cursor.runs)
    assert Cursor.load(path, "http://there").runs == {"a": RunCursor(1)}
    assert last_uri(path) == HERE


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"sweep_id": "a"}', '{"sweep_id": "a", "stores": {"http://here": {"k": {"x": 1}}}}']
)
def test_a_damaged_file_of_release_0_1_is_named(path: Path, text: str) -> None:
    path.with_name("tracking.json").write_text(text)
    with pytest.raises(DamagedSweep, match=r"tracking\.json.*Restore it, or .*--repair"):
        Cursor.load(path, HERE)


def test_a_full_disk_leaves_the_file_as_it_was_and_no_intent(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = written(path)
    before, runs, write = path.read_bytes(), dict(cursor.runs), os.write

    def part(descriptor: int, data: bytes) -> int:
        if len(data) < 60:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, bytes(data[:40]))

    monkeypatch.setattr(module.os, "write", part)
    with pytest.raises(OSError, match="No space left"):
        cursor.declare({"new": RunCursor(1)})
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert cursor.runs == runs


def test_a_file_that_somebody_deleted_is_written_whole(path: Path) -> None:
    cursor = written(path)
    path.unlink()
    cursor.save(["trial-0"])
    again = Cursor.load(path, HERE)
    assert (again.sweep_id, again.runs) == (cursor.sweep_id, cursor.runs)


def _write_and_compact(path: Path, name: str) -> None:
    for k in range(40):
        cursor = Cursor.load(path, HERE)
        cursor.compact()
        cursor.declare({f"{name}-{k}": RunCursor(k)})


def test_processes_that_send_one_sweep_at_once_lose_no_line_of_each_other(path: Path) -> None:
    Cursor.load(path, HERE).compact()
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_and_compact, args=(path, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert len(Cursor.load(path, HERE).runs) == 80


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (0, {"version": "2"}), (0, {"version": None}), (1, {"store": 3}), (1, {"store": ["a"]}), (1, {"key": {}}),
        (1, {"run": []}),
        (1, {"run": {"declared": "1"}}), (1, {"run": {"declared": 1, "files": 3}}), (1, {"run": {"declared": 1, "run_id": 5}}),
        (1, {"run": {"declared": 1, "unknown": 5}}), (1, {"run": {"declared": 1, "epoch": 1.5}}),
    ],
)  # fmt: skip
def test_lines_that_say_nonsense_with_a_right_checksum_are_damage(
    tmp_path: Path, number: int, change: dict[str, object]
) -> None:
    """Found by the fuzzer: a line of a stranger has any checksum that it needs."""
    lines: list[dict[str, object]] = [
        {"version": 2, "sweep_id": "a"},
        {"store": "sqlite:///a", "key": "sweep", "run": {"declared": 1}},
    ]
    texts = [json.dumps(line | change if i == number else line, separators=(",", ":")) for i, line in enumerate(lines)]
    data = "".join(f'{text[:-1]},"crc":"{zlib.crc32(text.encode()):08x}"}}\n' for text in texts)
    (tmp_path / "tracking.jsonl").write_text(data)
    with pytest.raises(DamagedSweep, match=r"tracking\.jsonl"):
        Cursor.load(tmp_path / "tracking.jsonl", "sqlite:///a")


@pytest.mark.parametrize(
    "fields", [{"declared": 10**40}, {"declared": -1}, {"declared": 1, "epoch": -2}, {"declared": 1, "epoch": 2**60}]
)
def test_a_cursors_numbers_are_counts(fields: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="beyond any count"):
        RunCursor(**fields)


def test_a_store_that_cannot_be_printed_is_damage(tmp_path: Path) -> None:
    file = tmp_path / "tracking.jsonl"
    Cursor(file, "sqlite:///\0", "id", {}).declare({"sweep": RunCursor(1)})
    with pytest.raises(DamagedSweep, match="no gensweep wrote"):
        Cursor.load(file, "sqlite:///x.db")

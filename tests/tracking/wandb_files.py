"""What Weights & Biases' own library wrote for `wandb sync`: its records, read without it but for their form."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BLOCK = 2**15
_HEAD = struct.Struct("<IHB")  # checksum, length, kind: whole, first, middle, last


@dataclass
class SentRun:
    """A run as one folder of files has it."""

    run_id: str = ""
    name: str = ""
    group: str = ""
    project: str = ""
    tags: list[str] = field(default_factory=list)
    notes: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    exit_code: int | None = None

    def series(self, name: str) -> list[tuple[int, Any]]:
        return [(row["epoch"], row[name]) for row in self.history if name in row]


def sent_runs(folder: Path) -> dict[str, SentRun]:
    """The runs in `folder`/wandb by their names; a run in two folders is one too many."""
    found = [read(path) for path in sorted((folder / "wandb").glob("offline-run-*/run-*.wandb"))]
    assert len({run.run_id for run in found}) == len(found), "a run is there twice"
    return {run.name: run for run in found}


def read(path: Path) -> SentRun:
    from wandb.proto.wandb_internal_pb2 import Record

    run = SentRun()
    for data in _records(path.read_bytes()):
        _take(run, Record.FromString(data))
    folder = path.parent / "files"
    run.files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return run


def _take(run: SentRun, record: Any) -> None:
    match record.WhichOneof("record_type"):
        case "run":
            one = record.run
            run.run_id, run.project = one.run_id, one.project
            run.name, run.group = one.display_name or run.name, one.run_group or run.group
            run.tags, run.notes = list(one.tags) or run.tags, one.notes or run.notes
            _update(run.config, one.config.update)
        case "config":
            _update(run.config, record.config.update)
        case "history":
            run.history.append(_items(record.history.item))
        case "summary":
            run.summary |= _items(record.summary.update)
        case "exit":
            run.exit_code = record.exit.exit_code


def _update(config: dict[str, Any], items: Any) -> None:
    config |= _items(items)


def _items(items: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        *outer, name = item.nested_key or [item.key]
        place = found
        for part in outer:
            place = place.setdefault(part, {})
        place[name] = json.loads(item.value_json)
    return found


def _records(data: bytes) -> Iterator[bytes]:
    """The log's records, which may lie in several blocks; a torn end is none."""
    at, parts = 7, b""  # after the file's own head
    while at + _HEAD.size <= len(data):
        if _BLOCK - at % _BLOCK < _HEAD.size:
            at += _BLOCK - at % _BLOCK
            continue
        _, length, kind = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        parts += data[at : at + length]
        at += length
        if kind in (1, 4):
            yield parts
            parts = b""

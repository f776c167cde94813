"""What is whole of a trial's folder: its rows against the ledger's reports, its files, its checkpoints, its pictures."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gensweep.errors import DamagedSweep, Outcome
from gensweep.ledger import checkpoints
from gensweep.ledger.durable import json_text, make_directory
from gensweep.ledger.events import Event
from gensweep.ledger.examination import (
    FILES_OF_A_TRIAL,
    FOLDERS_OF_A_TRIAL,
    ROWS_CURE,
    Damage,
    lost_rows,
    misplaced,
    move_aside,
    replace_damaged,
)
from gensweep.ledger.fields import milliseconds
from gensweep.ledger.foreign import document, json_of, refuse_links
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import Row, TrialFolder, lines_of, read_rows

_LARGEST_PICTURE = 2**28  # bytes
_PNG = b"\x89PNG\r\n\x1a\n"
_HAVE_A_BEST = (Outcome.COMPLETED, Outcome.PRUNED)


def examined_trials(folder: SweepFolder) -> list[Damage]:
    """What is wrong with the folders of all trials. The ledger can be read."""
    events = folder.events.read()
    records = folder.state().trials.values()
    found = list[Damage]()
    for record in records:
        path = folder.path / "trials" / record.folder_name
        refuse_links(path)
        misplacements = list(misplaced(path, FILES_OF_A_TRIAL, FOLDERS_OF_A_TRIAL))
        known = {damage.path for damage in misplacements}
        looks = (
            _rows(path, record, events),
            _files(path, record, list(records)),
            _checkpoints(path, record),
            _pictures(path),
        )
        found += [*misplacements, *(damage for look in looks for damage in look if damage.path not in known)]
    return found


def _rows(path: Path, record: TrialRecord, events: Sequence[Event]) -> Iterator[Damage]:
    file = path / "results.jsonl"
    if file.is_dir():
        return
    rows, bad = read_rows(file)
    reported = {report.epoch for report in record.reports}
    missing = sorted(reported - {row.epoch for row in rows})
    repair = partial(_write_rows, file, rows, record, events)
    if missing:
        what = f"lacks the rows of {_epochs(missing)}, of which the ledger has scores"
        of_the_end = [damage.what for damage in lost_rows(path, record)]
        yield Damage(file, next(iter(of_the_end), what), ROWS_CURE, repair)
    elif bad:
        yield Damage(file, f"holds {bad}", "No row that the ledger tells of is lost: leave that out", repair)


def _epochs(missing: Sequence[int]) -> str:
    some = ", ".join(map(str, missing[:5])) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    return f"epoch{'s' if len(missing) > 1 else ''} {some}"


def _write_rows(file: Path, rows: Sequence[Row], record: TrialRecord, events: Sequence[Event]) -> None:
    """The rows that are whole, and of the epochs that have none the scores of the ledger, at the time of its event."""
    at = {
        e["epoch"]: milliseconds(e["at"]) for e in events if e["event"] == "reported" and e["number"] == record.number
    }
    whole = {row.epoch: row for row in rows}
    for report in record.reports:
        made = Row(report.epoch, report.step, at.get(report.epoch, 0), 0.0, report.scores)
        whole.setdefault(report.epoch, made)
    make_directory(file.parent)
    replace_damaged(file, lines_of([whole[epoch] for epoch in sorted(whole)]))


def _files(path: Path, record: TrialRecord, records: Sequence[TrialRecord]) -> Iterator[Damage]:
    if record.is_live:
        file = path / "outcome.json"
        try:
            TrialFolder(path).outcome()
        except DamagedSweep:
            yield Damage(file, "cannot be read", "The trial writes it again: move it away", partial(move_aside, file))
        return
    file = path / "configuration.json"
    if record.reports and _json(file) != record.configuration:
        anew = partial(replace_damaged, file, json_text(record.configuration, indent=1))
        yield Damage(file, "is not what the ledger has", "Write it as the ledger has it", anew)
    file = path / "protocol.json"
    if record.reports and not _says(_json(file), record.protocol):
        yield Damage(file, "is not of the hashes that the ledger has", *_of_another(file, record, records))


def _of_another(file: Path, record: TrialRecord, records: Sequence[TrialRecord]) -> tuple[str, partial[None] | None]:
    """The cure, and the repair by the file of a trial that was scored alike, where there is one that is whole."""
    for other in records:
        found = file.parents[1] / other.folder_name / file.name
        if other is not record and _says(content := _json(found), record.protocol):
            alike = {name: content[name] for name in content if name in record.protocol or name.startswith("test.")}
            data = json.dumps(alike, indent=1, sort_keys=True).encode()
            return f"Trial {other.number} was scored alike: take its", partial(replace_damaged, file, data)
    return "Restore it from a copy; the verdict does not need it, the report shows it", None


def _says(content: Mapping[str, Any], protocol: Mapping[str, str]) -> bool:
    """Whether these are the protocols of these hashes."""
    return all(
        isinstance(content.get(name), dict) and _hash(content[name]) == digest for name, digest in protocol.items()
    )


def _hash(content: Mapping[str, Any]) -> str:
    own = {name: value for name, value in content.items() if name != "hash"}
    digest = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:8]
    return digest if content.get("hash") == digest else ""


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json_of(document(file))
    except (OSError, ValueError, DamagedSweep):
        return {}
    return found if isinstance(found, dict) else {}


def _checkpoints(path: Path, record: TrialRecord) -> Iterator[Damage]:
    folder = path / "checkpoints"
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    for checkpoint in found:
        is_one = checkpoint.name in ("best", ".old-best") or checkpoint.name.startswith(("step-", "copy-"))
        if is_one and checkpoints.at(checkpoint) is None:
            n_torn = sum(1 for one in found if one.name.startswith("torn-"))
            aside = checkpoint.with_name(f"torn-{n_torn + 1}-{checkpoint.name}")
            yield Damage(
                checkpoint, "is torn: its files do not have the digests of its manifest",
                "Move it aside; a trial goes on from an older one", partial(checkpoint.rename, aside),
            )  # fmt: skip
    if record.outcome in _HAVE_A_BEST and record.best and not (folder / "best").exists():
        yield Damage(
            folder / "best", "is gone, and with it the trained networks of the trial",
            "Its scores are in the ledger and stay. Restore it from a copy, or do without pictures and evaluation",
        )  # fmt: skip


def _pictures(path: Path) -> Iterator[Damage]:
    for file in sorted([*path.glob("samples/*.png"), *path.glob("reconstructions/*.png")]):
        if not _is_picture(file):
            cure = "Move it away; `gensweep report` makes pictures from checkpoints"
            yield Damage(file, "is no whole picture", cure, partial(move_aside, file))


def _is_picture(file: Path) -> bool:
    try:
        return _is_png(document(file, _LARGEST_PICTURE))
    except (OSError, DamagedSweep):
        return False


def _is_png(data: bytes) -> bool:
    """Whether every part has its checksum, from the first to the end."""
    at, kind = len(_PNG), b""
    while data.startswith(_PNG) and at + 12 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        end = at + 8 + size
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            return False
        at = end + 4
    return kind == b"IEND" and at == len(data)

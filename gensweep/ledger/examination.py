"""What is whole in a sweep's folder and what is damaged: found by reading, and mended where nothing is lost by that."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gensweep.errors import CannotRun, DamagedSweep
from gensweep.ledger import environment, lease
from gensweep.ledger.durable import fsync_directory, json_text, write_atomic
from gensweep.ledger.events import EventLog
from gensweep.ledger.foreign import document, json_of, refuse_links
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.remains import entered_definitions
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import TrialFolder

_FILES = (
    "sweep.yaml",
    "environment.json",
    "results.csv",
    "costs.csv",
    "study.db",
    "tracking.jsonl",
    "tracking.json",
    "gensweep.log",
    "driver.log",
)
_FOLDERS = ("trials", "report", "tensorboard")
_OF_THE_LEDGER = ("lock", "lease.json", "stop.json", "stopping.json")
FILES_OF_A_TRIAL = ("configuration.json", "outcome.json", "protocol.json", "results.jsonl")
FOLDERS_OF_A_TRIAL = ("checkpoints", "samples", "reconstructions")
_DOCTOR = "gensweep doctor {} --repair"


@dataclass(frozen=True)
class Damage:
    """Something that is not as gensweep left it: where, what is wrong, and what to do about it.

    `repair` mends it, where that loses nothing that is not lost already; it may raise OSError.
    """

    path: Path
    what: str
    cure: str
    repair: Callable[[], object] | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.path}: {self.what}. {self.cure}"


def refuse_losses(folder: SweepFolder, state: SweepState) -> None:
    """Raise where going on would lose something without a word, before anything is started. Some looks at each trial.

    Raises:
        DamagedSweep: rows that the ledger tells of are gone, or a folder stands in a file's place; with all that was found.
    """
    found = [*misplaced(folder.path, _FILES, _FOLDERS), *misplaced(folder.path / "ledger", _OF_THE_LEDGER, ())]
    for record in state.trials.values():
        path = folder.path / "trials" / record.folder_name
        found += misplaced(path, FILES_OF_A_TRIAL, FOLDERS_OF_A_TRIAL)
        found += lost_rows(path, record)
    if found:
        raise DamagedSweep(
            "\n".join([*map(str, found), f"Nothing was changed. {_DOCTOR.format(folder.name)} does it."])
        )


def examined(path: Path) -> list[Damage]:
    """What is wrong with the ledger and the definition of the sweep at `path`, and what stands where it does not belong."""
    refuse_links(path)
    refuse_links(path / "ledger")
    found = [*misplaced(path, _FILES, _FOLDERS), *misplaced(path / "ledger", _OF_THE_LEDGER, ())]
    for part in (_lease, _log, _definition, _environment):
        found += [damage for damage in part(path) if damage.path not in {known.path for known in found}]
    return found


def misplaced(path: Path, files: Collection[str], folders: Collection[str]) -> Iterator[Damage]:
    """The folders in `path` that stand where a file belongs, and the files where a folder does."""
    try:
        entries = {entry.name: entry.is_dir(follow_symlinks=False) for entry in os.scandir(path)}
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, is_folder in entries.items():
        if name in (files if is_folder else folders):
            what = "is a folder, and a file belongs there" if is_folder else "is a file, and a folder belongs there"
            yield Damage(path / name, what, "Move it away", partial(move_aside, path / name))


def lost_rows(path: Path, record: TrialRecord) -> Iterator[Damage]:
    """Whether the rows of a trial end before the last epoch that the ledger has a report of."""
    file = path / "results.jsonl"
    if not record.reports or file.is_dir():
        return
    refuse_links(path)
    if (last := TrialFolder(path).last_epoch()) < (reported := record.reports[-1].epoch):
        ends = f"ends at epoch {last}" if last >= 0 else "has no row" if file.exists() else "is missing"
        yield Damage(file, f"{ends}, and the ledger has scores up to epoch {reported}", ROWS_CURE)


ROWS_CURE = (
    "Restore it from a copy, or let the ledger's scores be written in place of its rows: the losses are not there"
)


def move_aside(path: Path) -> Path:
    """Rename what is damaged, so that it can still be looked at; its new place."""
    n = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.damaged-{n}")):
        n += 1
    os.rename(path, aside)
    fsync_directory(path.parent)
    return aside


def replace_damaged(path: Path, data: bytes) -> None:
    """Write a file anew; what is there is kept beside it."""
    if os.path.lexists(path):
        move_aside(path)
    write_atomic(path, data)


def _lease(path: Path) -> Iterator[Damage]:
    file = path / "ledger" / "lease.json"
    try:
        lease.owner(path)
    except DamagedSweep:
        yield Damage(file, "cannot be read", "Move it away: the next driver writes it", partial(move_aside, file))


def _log(path: Path) -> Iterator[Damage]:
    folder, log = SweepFolder(path), EventLog(path)
    try:
        lease.owner(path)
        folder.state()
        if note := log.torn():
            yield Damage(log.path, note, "Nothing that was acknowledged is lost: cut it off", partial(_cut, folder))
    except DamagedSweep as error:
        if "lease.json: " not in str(error):  # found already
            what, _, cure = str(error).removeprefix(f"{log.path}: ").partition(". ")
            yield Damage(log.path, what.removeprefix(f"{log.path}:"), cure.rstrip("."))


def _cut(folder: SweepFolder) -> None:
    folder.hold().release()


def _definition(path: Path) -> Iterator[Damage]:
    file = path / "sweep.yaml"
    try:
        entered = entered_definitions(path)
    except DamagedSweep:
        entered = []
    try:
        SweepFolder(path).definition  # noqa: B018 -- for what it raises
    except DamagedSweep as error:
        repair = partial(replace_damaged, file, entered[-1].encode()) if entered else None
        what = "is not what the ledger says this sweep was defined as" if entered else _without(error, file)
        cure = (
            "Write it as the ledger has it"
            if entered
            else "Restore it from a copy; MLflow keeps one in the sweep's run"
        )
        yield Damage(file, what if os.path.lexists(file) else "is missing", cure, repair)


def _environment(path: Path) -> Iterator[Damage]:
    file = path / "environment.json"
    try:
        if isinstance(json_of(document(file)), dict):
            return
        what = "is no object"
    except FileNotFoundError:
        what = "is missing"
    except (DamagedSweep, ValueError):
        what = "cannot be read"
    noted = {**environment.describe(), "note": "that of the sweep's beginning was lost; this one is of its repair"}
    yield Damage(
        file, what, "No number depends on it: write that of today, which says so",
        partial(replace_damaged, file, json_text(noted, indent=1)),
    )  # fmt: skip


def _without(error: DamagedSweep, file: Path) -> str:
    return str(error).removeprefix(f"{file}: ").partition(". ")[0]


def refuse_a_running(folder: SweepFolder) -> None:
    """Raise CannotRun where a driver holds the sweep: what it writes is no damage, and not to be touched."""
    if holder := folder.holder():
        raise CannotRun(f"{folder.path} is run by {holder}. Stop it first: gensweep stop {folder.name}")

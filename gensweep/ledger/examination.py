"""What is whole in a sweep's folder and what is damaged: found by reading, before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gensweep.errors import DamagedSweep
from gensweep.ledger.foreign import refuse_links
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import TrialFolder

_FILES = ("environment.json", "results.csv", "costs.csv", "study.db", "tracking.jsonl", "tracking.json")
_FOLDERS = ("trials", "report")
_OF_A_TRIAL = ("configuration.json", "outcome.json", "protocol.json", "results.jsonl")
_FOLDERS_OF_A_TRIAL = ("checkpoints", "samples", "reconstructions")


@dataclass(frozen=True)
class Damage:
    """Something that is not as gensweep left it: where, what is wrong, and what to do about it."""

    path: Path
    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}. {self.cure}"


def refuse_losses(folder: SweepFolder, state: SweepState) -> None:
    """Raise where going on would lose something without a word, before anything is started. Some looks at each trial.

    Raises:
        DamagedSweep: rows that the ledger tells of are gone, or a folder stands in a file's place; with all that was found.
    """
    found = [*misplaced(folder.path, _FILES, _FOLDERS)]
    for record in state.trials.values():
        path = folder.path / "trials" / record.folder_name
        found += misplaced(path, _OF_A_TRIAL, _FOLDERS_OF_A_TRIAL)
        found += lost_rows(folder, path, record)
    if found:
        raise DamagedSweep("\n".join(map(str, found)))


def misplaced(path: Path, files: tuple[str, ...], folders: tuple[str, ...]) -> Iterator[Damage]:
    """The folders in `path` that stand where a file belongs, and the files where a folder does."""
    try:
        entries = {entry.name: entry.is_dir(follow_symlinks=False) for entry in os.scandir(path)}
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, is_folder in entries.items():
        if name in (files if is_folder else folders):
            what = "is a folder, and a file belongs there" if is_folder else "is a file, and a folder belongs there"
            yield Damage(path / name, what, "Nothing was changed. Move it away.")


def lost_rows(folder: SweepFolder, path: Path, record: TrialRecord) -> Iterator[Damage]:
    """Whether the rows of a trial end before the last epoch that the ledger has a report of."""
    file = path / "results.jsonl"
    if not record.reports or file.is_dir():
        return
    refuse_links(path)
    if (last := TrialFolder(path).last_epoch()) < (reported := record.reports[-1].epoch):
        ends = f"ends at epoch {last}" if last >= 0 else "has no row" if file.exists() else "is missing"
        yield Damage(
            file,
            f"{ends}, and the ledger has scores up to epoch {reported}",
            f"Restore it from a copy; or gensweep doctor {folder.name} --repair writes the scores that the ledger has, without "
            "the losses.",
        )

"""Where a browser finds a sweep in MLflow's pages: the table of its trials, and its own run, which has the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gensweep.credentials import redacted
from gensweep.errors import ConfigError
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.text import printable
from gensweep.tracking.cursor import SWEEP, Cursor
from gensweep.tracking.sent import CURSOR
from gensweep.tracking.tracking_server import experiment
from gensweep.tracking.view import TRAINING, key_of, newest, opening, shown


@dataclass(frozen=True)
class Opening:
    """What a server has of a sweep, by its title: the addresses of the table of its trials, and of its own run."""

    title: str
    table: str
    run: str

    def sentences(self) -> str:
        """Both for people and for a terminal that opens what it shows."""
        return f"Trials of {self.title}: {self.table}\nVerdict on {self.title}: {self.run}"


def opening_at(url: str, user: tuple[str, str] | None, key: str | None) -> Opening | None:
    """Where the view `key` is at the server of an address, by default the newest sweep's; None where it has none."""
    found = experiment(url, user)
    if found is None or (wanted := key or newest(found[1])) is None or (view := shown(found[1], wanted)) is None:
        return None
    page = f"{redacted(url)}/"
    table = page + opening(*found, wanted)
    return Opening(printable(view[0]), table, f"{page}#/experiments/{found[0]}/runs/{view[1]}?{TRAINING}")


def key_in(folder: SweepFolder, uri: str) -> str:
    """The key of a sweep's view in a store.

    Raises:
        ConfigError: the sweep was never sent there.
        DamagedSweep: what its folder says of it cannot be read.
    """
    identity, store = folder.identity(), redacted(uri)
    cursor = Cursor.load(Path(folder.path) / CURSOR, store, identity.sweep_id if identity else "")
    if SWEEP not in cursor.runs or cursor.runs[SWEEP].run_id is None:
        raise ConfigError(
            f"{folder.name} was not sent to {store}. Send it: gensweep sync {folder.argument} --tracking-uri {store}; or name "
            "the store that has it with --tracking-uri."
        )
    return key_of(cursor.sweep_id)

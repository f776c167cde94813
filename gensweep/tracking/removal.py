"""The runs of one sweep in one store, removed: those alone that carry its id and were made by a driver of its own ledger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gensweep.credentials import redacted
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.tracking.cursor import Cursor, stores
from gensweep.tracking.run_store import Away, OpenStore, Refused, RunStore, open_store
from gensweep.tracking.runs import Runs
from gensweep.tracking.sent import CURSOR, store_of
from gensweep.tracking.store import sqlite_path, unreachable
from gensweep.tracking.view import key_of


@dataclass(frozen=True)
class Sent:
    """What of a sweep is in a store: `own` ids of runs, that of the sweep last; `others` carry its id and stay.

    `view` is the key of its table.
    """

    uri: str
    own: tuple[str, ...]
    others: int
    store: RunStore | None
    view: str = ""

    def delete(self) -> None:
        """Delete its table and its own runs; said again, those that are left.

        Raises:
            CannotRun: the store is away, or refuses.
        """
        try:
            if self.own and self.store is not None:
                self.store.hide(self.view)
            for run_id in self.own:
                if self.store is not None and self.store.exists(run_id):
                    self.store.delete(run_id)
        except (Away, Refused) as error:
            raise unreachable(self.uri, str(error)) from error


def sent(folder: SweepFolder, tracking_uri: str | None, *, opened: OpenStore = open_store) -> Sent:
    """What of the sweep is in the store that it goes to now.

    Raises:
        CannotRun: the store cannot be used.
        DamagedSweep: the ledger, or what the folder says of its runs, cannot be read.
    """
    uri = store_of(folder.path, tracking_uri)
    file = sqlite_path(uri)
    if file is not None and not file.exists():  # looking would make one
        return Sent(uri, (), 0, None)
    known = folder.identity()
    cursor = Cursor.load(folder.path / CURSOR, redacted(uri), known.sweep_id if known else "")
    try:
        store = opened(uri)
        runs = Runs(folder, cursor, store)
        runs.drivers += [f"{event['generation']} {event.get('at', '')}" for event in folder.events.of_kind("started")]
        own, others = runs.all_of_it()
    except (Away, Refused) as error:
        raise unreachable(uri, str(error)) from error
    return Sent(uri, tuple(own), others, store, key_of(known.sweep_id) if known else "")


def other_stores(sweep: Path, uri: str) -> list[str]:
    """The stores besides `uri` that a sweep's folder says it was sent to."""
    return [known for known in stores(sweep / CURSOR) if known != redacted(uri)]

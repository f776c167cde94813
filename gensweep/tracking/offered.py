"""The models of a sweep that a run store may keep: each arm's best, made once its run is there and the store lacks it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gensweep.errors import GensweepError
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.trial_folder import TrialFolder
from gensweep.text import size
from gensweep.tracking import describe
from gensweep.tracking.data import data_of
from gensweep.tracking.run_store import Model, Refused, RunStore
from gensweep.tracking.runs import Runs

WINNER = "gensweep.winner"
LARGEST = 2**28  # bytes of all files of a model, as of any file that is sent


@dataclass(frozen=True)
class Offer:
    """A trained model of a sweep, not made yet.

    `digest` is of its checkpoint, `why` says how it was chosen, and `write(folder)` leaves its files there, which takes
    seconds, and says what they are.
    """

    record: TrialRecord
    trial: Path
    digest: str
    why: str
    is_winner: bool
    write: Callable[[Path], Mapping[str, Any]]


@dataclass(frozen=True)
class Shelf:
    """The place in a store for the models of one sweep, which is sent under an id."""

    store: RunStore
    sweep: str
    sweep_id: str

    def key(self, offer: Offer) -> str:
        """What the model of these weights is found by."""
        return hashlib.sha256(f"{self.sweep_id} {offer.record.key} {offer.digest}".encode()).hexdigest()

    def keep(self, run_id: str, offer: Offer) -> str:
        """The id of the model that came of a run; the store gets it where it lacks it.

        Raises:
            Away, Refused: the store does not take it.
            GensweepError: it cannot be made.
        """
        if (found := self.store.find_model(self.key(offer))) is not None:
            return found
        with tempfile.TemporaryDirectory(prefix="gensweep-") as name:
            folder = Path(name)
            about = offer.write(folder)
            total = sum(path.stat().st_size for path in folder.iterdir())
            if total > LARGEST:
                raise Refused(f"is {size(total)}, and at most {size(LARGEST)} are sent")
            return self.store.add_model(run_id, self._model(offer, folder, about))

    def _model(self, offer: Offer, folder: Path, about: Mapping[str, Any]) -> Model:
        record, drawn = offer.record, about["methods"]["sample"]
        rows = TrialFolder(offer.trial).rows()
        return Model(
            key=self.key(offer),
            name=describe.model_name(self.sweep, record.arm),
            folder=folder,
            inputs={name: (tuple(one["shape"]), str(one["law"])) for name, one in drawn.items()},
            shape=tuple(about["shape"]),
            torch=str(about["torch"]),
            parameters=describe.trial_parameters(record.configuration),
            tags=describe.model_tags(record, self.sweep, self.sweep_id) | {"mlflow.note.content": offer.why},
            points=list(describe.best_points(record, rows[-1].time)) if rows else [],  # as the run has them
            data=data_of(offer.trial, record.configuration),
        )


def send_models(runs: Runs, offers: Iterable[Offer], is_over: Callable[[], bool] = lambda: False) -> Iterator[str]:
    """Give the store those of the models that it lacks; for each that it did not get the reason, for people.

    Raises:
        Away: the store does not answer.
    """
    shelf = Shelf(runs.store, runs.folder.name, runs.cursor.sweep_id)
    for offer in offers:
        record, run, key = offer.record, runs.of(offer.record), shelf.key(offer)
        if run.run_id is None:
            continue
        if run.model != key:
            if is_over():
                yield f"the model of {record.arm}, for want of time; gensweep sync {runs.folder.argument} sends it"
                continue
            try:
                shelf.keep(run.run_id, offer)
            except (Refused, GensweepError) as error:
                yield f"the model of {record.arm}: {error}"
                continue
            run.model = key
            runs.changed(record.folder_name)
        if offer.is_winner:
            runs.store.log(str(runs.sweep.run_id), (), {}, {WINNER: f"{runs.folder.name}/{record.number}"})

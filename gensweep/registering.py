"""A model of a sweep in a run store's registry: found there, or sent, and then registered once."""

from __future__ import annotations

import re
from pathlib import Path

from gensweep.credentials import redacted
from gensweep.errors import CannotRun, ConfigError
from gensweep.ledger.identity import Place
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.models.naming import Named, named
from gensweep.models.offers import offer
from gensweep.models.winner import Choice
from gensweep.tracking import describe
from gensweep.tracking.cursor import Cursor
from gensweep.tracking.offered import Offer, Shelf
from gensweep.tracking.run_store import Away, Entry, Refused, open_store
from gensweep.tracking.sent import CURSOR, store_of
from gensweep.tracking.store import named as called

_NAME = re.compile(r"[^/:\x00-\x1f\x7f]{1,250}")
_ALIAS = re.compile(r"(?!v\d+$)(?!latest$)[A-Za-z0-9_-]{1,250}", re.IGNORECASE)


def registered(what: str, runs: Path, tracking_uri: str | None, *, as_name: str | None, alias: str | None) -> str:
    """Register the model that `what` names; a sentence on where it is.

    Raises:
        ConfigError: it is none of a sweep, or a name is none that registries take, or the store has no run of its trial.
        CannotRun: the store cannot be used, or keeps no models.
    """
    found = named(what, runs)
    sweep = found.sweep
    if sweep is None:
        raise ConfigError(
            f"{what}: lies in no sweep, and MLflow has no run of it. Name a sweep, NAME/TRIAL or NAME/ARM."
        )
    name, wanted = as_name or sweep.name, _offer(sweep, found)
    _refuse_names(name, alias)
    uri = store_of(sweep.path, tracking_uri)
    try:
        store = open_store(uri)
        shelf = Shelf(store, sweep.name, Cursor.load(sweep.path / CURSOR, redacted(uri), _id(sweep)).sweep_id)
        tags = describe.model_tags(wanted.record, sweep.name, shelf.sweep_id)
        ours = {"gensweep.sweep_id": shelf.sweep_id, "gensweep.trial_key": wanted.record.key}
        sent = [] if _is_copy(sweep, shelf.sweep_id) else store.find(ours)
        if not sent:
            raise ConfigError(f"{called(uri)} has no run of {found.name}. First gensweep sync {sweep.argument}")
        version = store.register(shelf.keep(sent[0], wanted), Entry(name, alias, wanted.why, tags))
    except (Away, Refused) as error:
        raise CannotRun(f"{called(uri)} does not register {found.name} ({error}).") from error
    loads = f"models:/{name}@{alias}" if alias else f"models:/{name}/{version}"
    return f"{found.name} is version {version} of {name}: mlflow.pyfunc.load_model({loads!r}) loads it"


def _offer(sweep: SweepFolder, found: Named) -> Offer:
    state = sweep.state()
    number = next((n for n, one in state.trials.items() if one.folder_name == found.trial.name), None)
    why = found.why or f"{found.name}, which a user named"
    offered = None if number is None else offer(sweep, state, Choice(number, why), is_winner=False)
    if offered is None:
        raise ConfigError(f"{found.name}: is no trial of {sweep.name} with a checkpoint that verifies.")
    return offered


def _id(sweep: SweepFolder) -> str:
    identity = sweep.identity()
    return identity.sweep_id if identity else ""


def _is_copy(sweep: SweepFolder, sweep_id: str) -> bool:
    """Whether the folder is a copy of the one that has the id: the runs are that one's."""
    identity = sweep.identity()
    return identity is not None and identity.sweep_id == sweep_id != identity.at(Place.of(sweep.path)).sweep_id


def _refuse_names(name: str, alias: str | None) -> None:
    """Raise where the registry takes one of them not."""
    wrong = []
    if not _NAME.fullmatch(name) or not name.strip(" ."):
        wrong.append(
            f"--as {name!r:.80}: no name of a registered model. Leave out / and :, and give 1 to 250 characters."
        )
    if alias is not None and not _ALIAS.fullmatch(alias):
        wrong.append(
            f"--alias {alias!r:.80}: no alias. Give letters, digits, - and _, as in champion; not latest, and not v1, v2, …"
        )
    if wrong:
        raise ConfigError("\n".join(wrong))

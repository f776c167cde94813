"""What of a sweep is worth keeping as a model: the winner, and the best of each arm, as a run store is offered them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gensweep.errors import ConfigError, NoUsableTrial
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.models import checkpoint as saved
from gensweep.models.export import export, manifest_digest
from gensweep.models.generative import of_named
from gensweep.models.naming import Named
from gensweep.models.winner import Choice, best_of_arm, winner
from gensweep.tracking.offered import Offer


def offered(folder: SweepFolder) -> Callable[[SweepState], Iterator[Offer]]:
    """What the sweep of a folder offers, by its state: the models that its definition asks to be kept."""

    def offers(state: SweepState) -> Iterator[Offer]:
        told = folder.definition.get("tracking")
        if isinstance(told, Mapping) and told.get("models") == "none":
            return
        yield from best_offers(folder, state)

    return offers


def best_offers(folder: SweepFolder, state: SweepState) -> Iterator[Offer]:
    """The winner's model, then that of each other arm's best; none of an arm without a score, or whose checkpoint is gone."""
    first = _chosen(partial(winner, folder, state))
    arms = dict.fromkeys(record.arm for record in state.trials.values())
    choices = [first, *(_chosen(partial(best_of_arm, folder, arm, state)) for arm in arms)]
    best: dict[int, Choice] = {}
    for choice in choices:
        if choice is not None:
            best.setdefault(choice.number, choice)  # the winner's words stand over those of its arm
    for choice in best.values():
        if (found := offer(folder, state, choice, is_winner=choice is first)) is not None:
            yield found


def offer(folder: SweepFolder, state: SweepState, choice: Choice, *, is_winner: bool) -> Offer | None:
    """The model of a trial; None where it has no checkpoint that verifies."""
    record = state.trials[choice.number]
    trial = folder.path / "trials" / record.folder_name
    try:
        checkpoint = saved.best_of(trial)
    except ConfigError:
        return None
    named = Named(f"{folder.name}/{choice.number}", trial, checkpoint, folder, choice.why)
    return Offer(record, trial, manifest_digest(checkpoint.path), choice.why, is_winner, partial(_write, named))


def _write(named: Named, folder: Path) -> Mapping[str, Any]:
    found = export(of_named(named))
    found.write(folder)
    return found.about


def _chosen(choose: Callable[[], Choice]) -> Choice | None:
    try:
        return choose()
    except (NoUsableTrial, ConfigError):  # nothing is scored, or its scores do not compare
        return None

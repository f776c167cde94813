"""How many trials sweeps have when they are done, as their definitions say."""

from __future__ import annotations

from collections.abc import Mapping

from gensweep.errors import ConfigError, DamagedSweep
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.spaces.sweep import from_definition


def due(states: Mapping[SweepFolder, SweepState]) -> int | None:
    """Of all the sweeps, fewer where fewer can be confirmed; None where a definition cannot be read."""
    try:
        return sum(_due(folder, state) for folder, state in states.items())
    except (ConfigError, DamagedSweep):
        return None


def _due(folder: SweepFolder, state: SweepState) -> int:
    return len(state.trials) if state.finished else max(from_definition(folder.definition).n_trials, len(state.trials))

"""How a model is named: a sweep (its winner), a trial, an arm, or the folder of a trial or a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gensweep.errors import ConfigError, GensweepError, suggest
from gensweep.families.base import Game
from gensweep.ledger import checkpoints
from gensweep.ledger.checkpoints import Checkpoint
from gensweep.ledger.sweep_folder import SweepFolder, sweeps
from gensweep.models import checkpoint as saved
from gensweep.models.winner import best_of_arm, winner
from gensweep.plugged import meet, need
from gensweep.text import counted
from gensweep.trial import outline

ACCEPTED = (
    "a trial (NAME/NUMBER), a sweep (NAME, which is its winner), one of its arms (NAME/ARM), a trial's or a checkpoint's "
    "folder"
)
_BEST = "@best"
_LONGEST = 15  # digits of a trial's number


@dataclass(frozen=True)
class Named:
    """A trained trial. `name` is how to name it again; `why` says in a sentence how it was chosen, empty where it was named.

    `sweep` is the folder of its sweep, None where it lies in none.
    """

    name: str
    trial: Path
    checkpoint: Checkpoint
    sweep: SweepFolder | None
    why: str = ""


def holds_model(path: Path) -> bool:
    """Whether a folder is a checkpoint's, a trial's or a sweep's."""
    return any(os.path.lexists(path / name) for name in (checkpoints.MANIFEST, "configuration.json", "sweep.yaml"))


def named(what: str, runs: Path, *, latest: bool = False, also: str = "") -> Named:
    """The trained trial that `what` names.

    Args:
        what: see `ACCEPTED`; `@best` may follow.
        runs: the folder of sweeps.
        latest: a trial's newest checkpoint instead of its best.
        also: what else the caller accepts, for the message.

    Raises:
        ConfigError: there is no such thing; the message names what is near.
        NoUsableTrial: it is a sweep or an arm without a score.
        DamagedSweep: the sweep cannot be trusted.

    Its own components are used where they are trusted; see plugged.py.
    """
    text = what.removesuffix(_BEST).rstrip("/")
    path = Path(text).expanduser()
    if os.path.isfile(path / checkpoints.MANIFEST):
        trial = path.resolve().parent.parent
        return Named(what, trial, saved.at(path), _sweep_of(trial))
    if os.path.isfile(path / "configuration.json"):
        return Named(what, path, saved.best_of(path, latest=latest), _sweep_of(path.resolve()))
    folder, rest = _split(text, path, runs, also)
    sweep = SweepFolder.open(folder)
    need(sweep)
    return _in_sweep(sweep, rest, latest=latest)


def met(what: str, runs: Path) -> None:
    """Use the plug-ins that travel with the sweep of what is named, where there are any and they are trusted."""
    path = Path(what.removesuffix(_BEST).rstrip("/")).expanduser()
    try:
        place = path.resolve()
        inside = next((one for one in (place.parents[1], *place.parents[2:4]) if (one / "sweep.yaml").is_file()), None)
        meet(SweepFolder.open(inside or _split(str(path), path, runs, "")[0]))
    except (GensweepError, OSError, IndexError):
        return  # whoever needs it says what is wrong


def others(model: Named, can: Callable[[Game], bool]) -> list[str]:
    """The arms of its sweep, as models are named, whose families can do something; empty where it lies in no sweep."""
    if model.sweep is None:
        return []
    found = dict[str, bool]()
    for record in model.sweep.state().trials.values():
        if record.arm not in found:
            trial = model.sweep.path / "trials" / record.folder_name
            try:
                game = outline(saved.configuration_of(trial))
            except (GensweepError, OSError):
                continue
            found[record.arm] = game is not None and can(game)
    return [f"{model.sweep.name}/{arm}" for arm, is_able in found.items() if is_able]


def _sweep_of(trial: Path) -> SweepFolder | None:
    sweep = trial.parent.parent
    if trial.parent.name != "trials" or not (sweep / "sweep.yaml").is_file():
        return None
    found = SweepFolder.open(sweep)
    need(found)
    return found


def _split(text: str, path: Path, runs: Path, also: str) -> tuple[Path, str]:
    """The folder of the sweep and what is named in it: nothing, a number or an arm."""
    if text and os.path.lexists(path / "sweep.yaml"):
        return path, ""
    if os.path.lexists(path.parent / "sweep.yaml"):
        return path.parent, path.name
    name, _, rest = text.partition("/")
    if name and os.path.lexists(runs / name / "sweep.yaml"):
        return runs / name, rest
    if name and name not in (".", "..") and "/" not in rest and rest:
        raise ConfigError(f"there is no sweep '{name}' in {runs}. {suggest(name, [f.name for f in sweeps(runs)])}")
    raise ConfigError(
        f"'{text}': no sweep in {runs}, and no such file or folder. Accepted: {ACCEPTED}{also}. "
        f"Sweeps: {suggest(name, [f.name for f in sweeps(runs)])}"
    )


def _in_sweep(sweep: SweepFolder, rest: str, *, latest: bool) -> Named:
    """A trial by its number, of an arm, or of the whole sweep."""
    state = sweep.state()
    arms = list(dict.fromkeys(record.arm for record in state.trials.values()))
    why = ""
    if rest.isdecimal() and len(rest) <= _LONGEST and int(rest) in state.trials:
        number = int(rest)
    elif rest in arms or not rest:
        choice = best_of_arm(sweep, rest, state) if rest else winner(sweep, state)
        number, why = choice.number, choice.why
    elif rest.isdecimal():
        raise ConfigError(
            f"{sweep.name} has no trial {rest:.20}. It has {counted(len(state.trials), 'trial')}, from 0 on."
        )
    else:
        raise ConfigError(
            f"{sweep.name} has neither a trial nor an arm '{rest:.80}'. Name a trial by its number, or an arm. "
            f"{suggest(rest, arms)}"
        )
    trial = sweep.path / "trials" / state.trials[number].folder_name
    if not trial.is_dir():
        raise ConfigError(f"{sweep.name}/{number}: its folder {trial} is not here, so there is no checkpoint of it.")
    return Named(f"{sweep.name}/{number}", trial, saved.best_of(trial, latest=latest), sweep, why)

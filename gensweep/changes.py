"""What may be asked of a sweep that was begun: more of it, another try, and what may differ from how it was defined."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from gensweep.configuration import Confirm
from gensweep.errors import ConfigError, DamagedSweep, Outcome
from gensweep.ledger import environment
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.plugged import carried_by, changes, need
from gensweep.spaces.sweep import CHANGEABLE, Sweep, from_definition, refused_changes
from gensweep.terminal import say
from gensweep.text import listed
from gensweep.trial import TRIAL_SCHEMA

_LONGEST_COUNT = 9  # digits


def continued(folder: SweepFolder, samples: str | None = None, confirm: Confirm | None = None) -> Sweep:
    """The sweep of a folder, with more `samples` for each arm (40, or +8), or more that is confirmed, where they are given.

    Raises:
        ConfigError: that is less than it has, or its definition cannot be read.
        DamagedSweep: it is the definition of a sweep of another name, whose folder another command would write.
    """
    need(folder)
    sweep = from_definition(folder.definition)
    if sweep.name != folder.path.name:
        raise DamagedSweep(
            f"{folder.path / 'sweep.yaml'}: is the definition of '{sweep.name}', and stands in the folder of "
            f"'{folder.path.name}'. Give the folder that name."
        )
    if confirm is not None:
        changed = from_definition({**folder.definition, "confirm": confirm.dump()})
        if lines := refused_changes(sweep, changed):
            raise ConfigError(f"{folder.name}: " + "; ".join(lines))
        return changed
    if samples is None:
        return sweep
    asked = _asked(samples, now := sweep.search.samples)
    if now is None or asked < now:
        has = f"{now} for each arm" if now else "no limit"
        raise ConfigError(f"--samples {samples}: {folder.name} has {has}, and only more can be asked for.")
    return from_definition({**folder.definition, "search": {**sweep.definition()["search"], "samples": asked}})


def _asked(samples: str, now: int | None) -> int:
    """`40` is how many there shall be, `+8` how many more."""
    if not samples.removeprefix("+").isdecimal() or len(samples) > _LONGEST_COUNT:
        raise ConfigError(f"--samples {samples}: is no number of trials for each arm. Write 40, or +8 for 8 more.")
    return int(samples) + (now or 0 if samples.startswith("+") else 0)


def failed(folder: SweepFolder, said: str) -> list[int]:
    """The trials that `said` names to be tried again: `all` that failed, or numbers as in 3,7.

    Raises:
        ConfigError: one of them is none that failed, or none did.
    """
    numbers = [n for n, record in folder.state().trials.items() if record.outcome is Outcome.FAILED]
    known = f"Failed: {', '.join(map(str, numbers))}" if numbers else "None failed"
    if said.strip() == "all" and numbers:
        return numbers
    words = [word.strip() for word in said.split(",")]
    asked = [int(word) if word.isdecimal() else -1 for word in words]
    if wrong := [word for word, number in zip(words, asked, strict=True) if number not in numbers]:
        raise ConfigError(f"--retry-failed {said}: {folder.name} has no trial {wrong[0]} that failed. {known}.")
    return sorted(set(asked))


def changeable(said: str) -> list[str]:
    """The keys that `--allow-changed` names, as in `search.seed,early_stopping`.

    Raises:
        ConfigError: one of them is of what is searched, which no sweep may change.
    """
    keys = [key.strip() for key in said.split(",")]
    if wrong := [key for key in keys if key.partition(".")[0] not in CHANGEABLE]:
        raise ConfigError(
            f"--allow-changed {said}: {wrong[0] or 'nothing'} cannot be allowed, because trials before and after would not be of "
            f"one sweep. Allowed are {listed(CHANGEABLE)}, and keys below them; for all else give the sweep another name "
            "(name=...), and compare both."
        )
    return keys


def refuse_another(sweep: Sweep, path: Path, allowed: Collection[str]) -> None:
    """See to it that a folder which has issued a trial is that of this sweep, but for what is `allowed` to differ.

    Raises:
        ConfigError: it holds another one of this name; with the difference.
    """
    if (folder := SweepFolder.found(path)) is None or not folder.is_begun():
        return
    if lines := changes(carried_by(folder.definition), sweep.plugins):
        raise ConfigError(
            f"{path} holds a sweep of this name with other plug-ins:\n  "
            + "\n  ".join(lines)
            + f"\nGive this one another name (name=...), move {path} away, or go on with the old one, and the plug-ins in its "
            f"folder, without --plugins: gensweep resume {sweep.name}"
        )
    if lines := refused_changes(from_definition(folder.definition), sweep, allowed):
        keys = [line.partition(": ")[0] for line in lines]
        how = (
            f", or search on in the new way: --allow-changed {','.join(keys)}"
            if all(key.partition(".")[0] in CHANGEABLE and key != "search.samples" for key in keys)
            else ""
        )
        raise ConfigError(
            f"{path} holds a sweep of this name with another definition:\n  "
            + "\n  ".join(lines)
            + f"\nGive this one another name (name=...), move {path} away, or go on with the old one as it is: gensweep "
            f"resume {sweep.name}{how}"
        )


def refuse_another_schema(state: SweepState, path: Path) -> None:
    """Raise where the trials that are there would have other numbers today; say where only a library is another one."""
    if state.trials and state.trial_schema not in (None, TRIAL_SCHEMA):
        raise ConfigError(
            f"{path}: its trials are of schema {state.trial_schema}, and this gensweep trains those of schema {TRIAL_SCHEMA}: "
            "the same configuration gives other numbers, which cannot be compared. Go on with the gensweep that began it, or "
            "begin anew under another name (name=...)."
        )
    if changed := environment.changes(state.versions, environment.versions()):
        say(
            f"{path.name} goes on with other versions: {', '.join(changed)}. Its numbers may differ in their last digits."
        )

"""Whether the disk has room for what a sweep will keep, told from the sizes of its networks before anything starts."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from pathlib import Path

from gensweep.axes.space import draw
from gensweep.errors import CannotRun
from gensweep.seeding import derive
from gensweep.spaces.drawn import configuration_of
from gensweep.spaces.sweep import Sweep
from gensweep.text import size
from gensweep.trial import size_of_networks

_DRAWS = 2  # configurations looked at for each arm
_STATES = 3  # a checkpoint holds the networks, and two moments of Adam for each of their numbers
PICTURES = 256 << 10  # bytes of rows, pictures and MLflow's copies of them that a trial leaves besides


def trial_sizes(sweep: Sweep) -> dict[str, int]:
    """About how many bytes an ended trial of each arm keeps: its best checkpoint, rows and pictures."""
    return {label: _STATES * _networks(sweep, label) + PICTURES for label in sweep.arms}


def _networks(sweep: Sweep, label: str) -> int:
    arm, generator = sweep.arms[label], random.Random(derive(sweep.search.seed, "plan", label))
    drawn = (configuration_of(arm.configuration(draw(arm.space, generator), seed=0)) for _ in range(_DRAWS))
    return sum(map(size_of_networks, drawn)) // _DRAWS


def look_for_room(sweep: Sweep, path: Path, ended: Mapping[str, int]) -> str | None:
    """What to tell a person where the trials that are left may fill the disk; `ended` counts those of each arm that are done.

    Raises:
        CannotRun: there is no room for one trial.
    """
    place = next(parent for parent in (path, *path.parents) if parent.exists())
    free, sizes = shutil.disk_usage(place).free, trial_sizes(sweep)
    if free < (largest := max(sizes.values(), default=0)):
        raise CannotRun(
            f"{place}: {size(free)} are free there, and one trial keeps about {size(largest)}. Make room, or name another "
            "place with --runs. Nothing was started."
        )
    totals = {label: sweep.counts[label] + sweep.confirmations[label] for label in sizes}
    need = sum(one * max(0, totals[label] - ended.get(label, 0)) for label, one in sizes.items())
    if need <= free:
        return None
    return (
        f"{place}: {size(free)} are free, and the trials that are left keep about {size(need)}. If the disk fills up, the sweep "
        "stops with what it has and goes on with gensweep resume"
    )

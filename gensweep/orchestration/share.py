"""Which part of a GPU a trial process gets where trials cannot be packed: as little as one is measured to fit into.

    peak of one trial, with a margin, and the context -> 1/8, 1/4, 1/2 or all of the card

Packs fill a GPU by themselves, so that a sweep that has some gives each of its processes a whole one.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import torch

from gensweep.axes.space import draw
from gensweep.configuration import TrialConfiguration
from gensweep.datasets import base as datasets
from gensweep.devices import CONTEXT, Seen, forget_the_peak, n_there, peak, room, seen
from gensweep.errors import Diverged
from gensweep.modes import shape_of
from gensweep.orchestration.plan import time_of
from gensweep.seeding import derive
from gensweep.spaces.drawn import configuration_of
from gensweep.spaces.sweep import Sweep
from gensweep.text import size
from gensweep.trial import size_of_networks

SHARES = (1 / 8, 1 / 4, 1 / 2)
MARGIN = 1.25  # times the measured peak: other draws of an arm, and what the allocator leaves in pieces
_DRAWS = 8  # configurations of an arm, of which the largest is measured


def share_for(needed: float, total: float, processes: float) -> float:
    """The smallest part of a card of `total` bytes in which a trial of a measured peak of `needed` bytes fits.

    `processes` is how many trial processes the node's cores have room for beside one card: no more share it.

    >>> share_for(2 * 2**30, 80 * 2**30, processes=16)
    0.125
    >>> share_for(2 * 2**30, 80 * 2**30, processes=3)
    0.5
    >>> share_for(16 * 2**30, 24 * 2**30, processes=16)
    1.0
    """
    taken = MARGIN * needed + CONTEXT
    return next((share for share in SHARES if taken <= share * total and 1 / share <= processes), 1.0)


def processes(sweep: Sweep, nodes: Sequence[Mapping[str, float]]) -> float:
    """How many trial processes there are to share one card: by the cores beside it on the best node, and by the trials."""
    cores = max((node.get("CPU", 0) / node["GPU"] for node in nodes if node.get("GPU", 0) >= 1), default=0.0)
    n_gpus = sum(node.get("GPU", 0) for node in nodes)
    at_once = min(sweep.n_trials, sweep.resources.max_concurrent or sweep.n_trials)
    return min(cores / sweep.resources.cpu, math.ceil(at_once / max(1.0, n_gpus)))


@dataclass(frozen=True)
class Chosen:
    """The part of a card that a trial process gets, 1 for all of it; the peak of a trial in bytes, where it was measured."""

    share: float
    card: Seen
    peak: float | None = None

    def __str__(self) -> str:
        what = "a GPU" if self.share == 1 else f"{Fraction(self.share)} of a GPU"
        why = ""
        if self.peak is not None and math.isfinite(self.peak):
            why = f": a trial takes {size(self.peak)} of its {size(self.card.total)}"
        return f"each trial process gets {what}{f' ({self.card.name})' if self.card.name else ''}{why}"


def chosen(sweep: Sweep, card: Seen, n: float, measured: Callable[[], float]) -> Chosen:
    """What each of `n` processes that may share a card gets; `measured` is asked for the peak only where it decides."""
    if not card.n or n < 2 or can_pack(sweep):
        return Chosen(1.0, card)
    needed = measured()
    return Chosen(share_for(needed, card.total, n), card, needed)


def foreseen(sweep: Sweep) -> str:
    """What `auto` comes to on this machine, or where it will be chosen; empty where a number is written."""
    if sweep.resources.gpu != "auto":
        return ""
    card = seen()
    if card.n:
        node = {"CPU": float(os.cpu_count() or 1), "GPU": float(card.n)}
        found = chosen(sweep, card, processes(sweep, [node]), partial(peak_of, sweep))
        return f"Here {found}; on a cluster it is chosen there."
    why = f"torch cannot use the GPU of this machine ({card.why})" if n_there() else "this machine has no GPU"
    return f"Here trials train on the CPU, as {why}; on a cluster with GPUs, what each gets of them is chosen there."


def can_pack(sweep: Sweep) -> bool:
    """Whether trials of an arm may train as the rows of one stack on a GPU."""
    if sweep.resources.rows == 1:
        return False
    return any(shape_of(one, "cuda")[0] for label in sweep.arms for one in _drawn(sweep, label))


def peak_of(sweep: Sweep, device: str = "cuda") -> float:
    """The most bytes that a trial of the sweep reserves on the device: measured here, by training a little and one evaluation.

    Infinite where a trial cannot be measured: what is wrong with it, it says itself.
    """
    place = torch.device(device)
    largest = (max(_drawn(sweep, label), key=_extent) for label in sweep.arms)
    return max((_peak(configuration, place) for configuration in largest), default=math.inf)


def _peak(configuration: TrialConfiguration, device: torch.device) -> float:
    train = datasets.load(configuration.dataset).train
    kept = train.nbytes if train.nbytes <= room(device) / 2 else 0  # a trial has all of it there, the probe a part
    forget_the_peak(device)
    try:
        time_of(configuration.dump(), str(device))
    except Diverged:
        pass  # after it was trained, as any other
    except (Exception, SystemExit):
        return math.inf
    return peak(device) + kept


def _drawn(sweep: Sweep, label: str) -> Iterator[TrialConfiguration]:
    arm, generator = sweep.arms[label], random.Random(derive(sweep.search.seed, "plan", label))
    for _ in range(_DRAWS):
        yield configuration_of(arm.configuration(draw(arm.space, generator), seed=0))


def _extent(configuration: TrialConfiguration) -> int:
    """What grows with the memory that a configuration takes: its networks, and the items that go through them at once."""
    return max(1, size_of_networks(configuration)) * configuration.training.batch_size

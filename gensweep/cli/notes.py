"""What a sound search-space file still leaves to say: where a sweep is not what one may think that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm
from gensweep.axes.labels import differences
from gensweep.axes.space import OneOf
from gensweep.spaces.sweep import Sweep
from gensweep.spaces.tried import left_out
from gensweep.text import counted


def notes(sweep: Sweep) -> list[str]:
    """What counted labels stand for; what of the arms is not as asked; then of the sweep, and what was not checked."""
    arms = [
        line for arm in sweep.arms.values() for line in (*_unsearched(arm), *_small(sweep, arm), *_idle(sweep, arm))
    ]
    return [*_told_apart(sweep.space), *arms, *_deaf(sweep), *_unlike_data(sweep), *left_out(sweep.space)]


def _told_apart(space: Any) -> Iterator[str]:
    """What the branches are whose labels only count them."""
    if isinstance(space, OneOf):
        branches = {label: spaces.write(branch) for label, branch in space.branches.items()}
        yield from (f"{label}: {what}." for label, what in differences(branches).items())
    nodes = space.branches if isinstance(space, OneOf) else space if isinstance(space, dict) else {}
    for node in nodes.values():
        yield from _told_apart(node)


def _deaf(sweep: Sweep) -> Iterator[str]:
    if sweep.early_stopping.ends_trials and not sweep.searcher.learns_from_pruned:
        yield (
            f"{sweep.searcher.name} learns from whole trainings only: a trial that {sweep.early_stopping.name} stops early "
            "teaches it nothing. Take search: {sampler: tpe}, or early_stopping: none."
        )


def _unlike_data(sweep: Sweep) -> Iterator[str]:
    if any(axis.path.place.split(".")[0] == "dataset" for axis in spaces.axes(sweep.space)):
        yield (
            "trial.dataset is searched: scores against unlike data are never ranked together, so the trials are run, and "
            "no comparison is made of them. Run one sweep for each dataset to have them ranked."
        )


def _unsearched(arm: Arm) -> Iterator[str]:
    for path in arm.unsearched:
        yield f"{arm.label} has no {path.name}: not searched there."


def _idle(sweep: Sweep, arm: Arm) -> Iterator[str]:
    if reason := sweep.early_stopping.idle(arm):
        yield f"{sweep.early_stopping.name} stops no trial of {arm.label}: {reason}."


def _small(sweep: Sweep, arm: Arm) -> Iterator[str]:
    n, own, asked = sweep.counts[arm.label], arm.n_configurations, sweep.search.samples
    if asked is not None and n < asked:
        if n == own:
            yield f"{arm.label} has only {counted(n, 'configuration')}: {counted(n, 'trial')} instead of {asked}."
        else:
            searcher = sweep.searcher.dump()["name"]
            yield f"{searcher} has only {counted(n, 'point')} for {arm.label}: {counted(n, 'trial')} instead of {asked}."
    if own is not None and own < n:
        yield f"{arm.label} has only {counted(own, 'configuration')}: its {counted(n, 'trial')} repeat them with other seeds."

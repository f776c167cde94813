"""One simulated sweep, from its first driver to its last, against the same sweep undisturbed."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from gensweep.ledger.events import EventLog
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.tracking.projection import Projection
from gensweep.verdict import judge
from tests.simulation import invariants
from tests.simulation.choices import Choices, Streams
from tests.simulation.invariants import Acknowledged
from tests.simulation.life import URI, Life, Worker
from tests.simulation.patches import installed
from tests.simulation.sweeps import Plan, plan
from tests.simulation.world import Broken, Died, World

_MOST_LIVES = 200


@dataclass
class Finding:
    """What a simulation came to: `broken` says what does not hold; the choices that it made replay it."""

    choices: Streams
    trouble: Counter[str]
    broken: str | None = None
    ends: list[int | None] = field(default_factory=list)


@dataclass(frozen=True)
class Undisturbed:
    """What the sweep comes to if nothing happens."""

    results: dict[tuple[Any, ...], dict[str, Any]]
    table: bytes
    verdict: str


def simulate(seed: int | None = None, given: Mapping[str, list[int]] | None = None) -> Finding:
    """The sweep of a seed, or of given choices."""
    choices = Choices(seed, given)
    of = plan(choices)
    calm = undisturbed(of.calm())
    with _folder() as folder:
        world = World(choices, folder)
        finding = Finding(choices.made, world.trouble)
        try:
            _live(world, of, finding.ends)
            with installed(world):
                _compare(world, of, calm, with_verdict=choices.one_in(8, "verdict"))
        except (Exception, Died) as error:  # whatever comes out is a finding
            finding.broken = f"{type(error).__name__}: {error}"
    return finding


@cache
def undisturbed(of: Plan) -> Undisturbed:
    """The same sweep, without trouble, one trial after the other."""
    with _folder() as folder:
        world = World(Choices(given={}), folder, is_calm=True)
        _live(world, of, [])
        with installed(world):
            state = SweepFolder.open(world.path).state()
            return Undisturbed(invariants.results(state), _table(world), _verdict(world))


def _live(world: World, of: Plan, ends: list[int | None]) -> None:
    """Drivers one after the other, until nothing is left to do."""
    orphans: list[Worker] = []
    acknowledged = Acknowledged()
    with installed(world), _noted(acknowledged):
        for stage in of.stages:
            world.is_mended, is_over = stage.retries, False
            while not is_over:
                if len(ends) > _MOST_LIVES:
                    raise Broken(f"{_MOST_LIVES} drivers did not finish it")
                life = Life(world, stage, of.workers, orphans, acknowledged.ended)
                end = life.run()
                ends.append(end.code)
                world.restore()
                orphans = life.orphans
                invariants.after_a_life(world, acknowledged, end)
                is_over = end.is_done
            if stage.retries and (failed := life.failed()):
                raise Broken(f"trials {failed} were tried again after they were mended, and failed")
        _send_the_rest(world)
        invariants.in_the_end(world, SweepFolder.open(world.path).state())


def _send_the_rest(world: World) -> None:
    """`gensweep sync`, once the store is back for good."""
    world.store.next_calls.clear()
    world.store.come_down()
    folder = SweepFolder.open(world.path)
    projection = Projection(folder, URI, open_store=lambda _: world.store)
    projection.start()
    progress = projection.close(final=folder.state().finished)
    if not progress.is_done:
        raise Broken(f"the store does not get everything: {progress}")


def _compare(world: World, of: Plan, calm: Undisturbed, *, with_verdict: bool) -> None:
    """The results are those of the sweep that nobody disturbed; where reports may come in another order, what must be equal."""
    found = invariants.results(SweepFolder.open(world.path).state())
    if of.has_order:
        _equal(found, calm.results)
        if _table(world) != calm.table:
            raise Broken("results.csv is another one")
        if with_verdict and _verdict(world) != calm.verdict:
            raise Broken(f"the verdict is {_verdict(world)}, and was {calm.verdict}")
    elif not of.ranks:
        _equal(found, calm.results)
    else:  # who is stopped, and who copies whom, depends on who reports first
        names = ("proposed", "position", "arm")
        _equal(_only(found, names), _only(calm.results, names))


def _only(results: Mapping[tuple[Any, ...], Mapping[str, Any]], names: tuple[str, ...]) -> dict[Any, dict[str, Any]]:
    """Of the search alone: what is confirmed depends on the scores."""
    return {key: {name: one[name] for name in names} for key, one in results.items() if key[2] is None}


def _equal(found: Mapping[Any, Mapping[str, Any]], wanted: Mapping[Any, Mapping[str, Any]]) -> None:
    if found.keys() != wanted.keys():
        raise Broken(f"other trials: {sorted(found.keys() ^ wanted.keys(), key=repr)}")
    for key, one in found.items():
        if other := {name: (value, wanted[key][name]) for name, value in one.items() if value != wanted[key][name]}:
            raise Broken(f"trial {key} came to something else than undisturbed: {other}")


def _table(world: World) -> bytes:
    return (world.path / "results.csv").read_bytes()


def _verdict(world: World) -> str:
    verdict = judge(SweepFolder.open(world.path))
    said = verdict.comparison.sentence() if verdict.comparison else ""
    return f"{said} {type(verdict.problem).__name__}".replace(str(world.path.parent), "runs")


@contextlib.contextmanager
def _noted(acknowledged: Acknowledged) -> Iterator[None]:
    """What is appended to logs inside, once that returned."""
    append = EventLog.append_many

    def append_many(log: EventLog, events: Any) -> list[int]:
        events = list(events)
        seqs = append(log, events)
        acknowledged.add(seqs, events)
        return seqs

    with mock.patch.object(EventLog, "append_many", append_many):
        yield


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    memory = Path("/dev/shm")
    name = tempfile.mkdtemp(prefix="gensweep-simulation-", dir=memory if memory.is_dir() else None)
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)

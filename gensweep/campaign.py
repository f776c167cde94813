"""A sweep from its definition to its verdict: what `gensweep run` and `gensweep resume` do, in order.

Everything that can refuse does so before anything is written: the configuration, the data, the tracking store, the
cluster, the sweep's own folder. Then one driver holds the folder, an executor runs its trials, and MLflow follows.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep import registry
from gensweep.changes import refuse_another, refuse_another_schema
from gensweep.credentials import redacted
from gensweep.errors import CannotRun, ConfigError, Problem, Stopped
from gensweep.event_files import event_files, wanted, written_beside
from gensweep.executors.base import PATIENCE, Executor
from gensweep.executors.in_process import InProcess
from gensweep.executors.ray_address import refuse_address
from gensweep.home import is_thrown_away
from gensweep.journal import kept, note
from gensweep.led import led
from gensweep.ledger.durable import unwritable
from gensweep.ledger.examination import refuse_losses
from gensweep.ledger.lease import locked
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.orchestration.decide import Mind
from gensweep.orchestration.driver import issue
from gensweep.orchestration.room import look_for_room
from gensweep.placement import settled
from gensweep.plugged import need
from gensweep.registry.folder import PluginFolder
from gensweep.spaces.needs import Mark, Needs, Reach, marked
from gensweep.spaces.sources import data_problems, unreadable
from gensweep.spaces.sweep import Sweep, difference, from_definition
from gensweep.stopping import Request, Stops, asked_by_signals
from gensweep.storing import home_of, note_url, refuse_unusable, url_of
from gensweep.terminal import say
from gensweep.tracking.projection import Projection
from gensweep.tracking.sent import disbelieved, forget, is_sent_to, store_of
from gensweep.tracking.store import check_reachable, named, program, sqlite_path
from gensweep.trainers.arithmetic import prepare

if TYPE_CHECKING:
    from gensweep.verdict import Verdict

_SLOWER = 10.0  # times as long as here a node may take to read the data
_NAMED = 8  # nodes in a line
_CURE = "Nothing was started. Mend that, or take such a node out of the cluster (ray stop, there)."


@dataclass(frozen=True)
class Where:
    """Where a sweep runs and what it leaves: Ray's address (None: this machine), MLflow's store, the folder of sweeps.

    `tensorboard`: event files for it too. `artifacts`: the URL where trials' folders are kept that not every node sees.
    """

    runs: Path
    address: str | None = None
    tracking_uri: str | None = None
    in_process: bool = False
    tensorboard: bool = False
    artifacts: str | None = None


def nobody(_: Verdict) -> None:
    """Is told nothing."""


def conduct(
    sweep: Sweep,
    where: Where,
    told: Callable[[Verdict], None] = nobody,
    retry: Collection[int] = (),
    allowed: Collection[str] = (),
) -> Verdict:
    """Run a sweep, or go on with it where it stands. What went wrong on the way is in the verdict.

    `retry` are trials that failed and are taken up again, `allowed` the keys in which a sweep that was begun may differ from its
    definition. `told` gets the verdict as soon as there is one: what the scores
    mean, the report and MLflow's copy come after it.

    Raises:
        ConfigError: the data or an extractor cannot be read, or the folder holds another sweep of this name.
        CannotRun: storage, tracking or the cluster is not usable, or a node does not see what the sweep reads. Nothing was
            started.
    """
    parent = led()
    stops = parent.stops if parent else Stops()
    with asked_by_signals(stops):
        return _conducted(sweep, where, told, stops, retry, allowed)


def refuse_early(sweep: Sweep, where: Where, allowed: Collection[str] = ()) -> None:
    """What `conduct` would refuse within seconds, for a driver that is started where nobody looks on. Nothing is written.

    Raises:
        ConfigError, CannotRun: as `conduct` does; another driver holds the sweep.
        DamagedSweep: the sweep's folder cannot be trusted.
    """
    path = where.runs / sweep.name
    _refuse_at_once(sweep, where, path, allowed)
    if (found := SweepFolder.found(path.resolve())) is not None:
        _refuse_held(found)
        refuse_another_schema(found.state(), path)
    _refuse_unwritable(path)
    check_reachable(store_of(path, where.tracking_uri))


def _refuse_held(found: SweepFolder) -> None:
    if (holder := found.holder()) is not None:
        raise CannotRun(locked(found.path, holder))


def _refuse_at_once(sweep: Sweep, where: Where, path: Path, allowed: Collection[str]) -> None:
    if where.address is not None and not where.in_process:
        refuse_address(where.address)
    if problems := data_problems(sweep):
        raise ConfigError(problems)
    refuse_another(sweep, path, allowed)


def _conducted(
    sweep: Sweep,
    where: Where,
    told: Callable[[Verdict], None],
    stops: Stops,
    retry: Collection[int],
    allowed: Collection[str],
) -> Verdict:
    path = where.runs / sweep.name
    _refuse_at_once(sweep, where, path, allowed)
    _refuse_thrown_away(where, store_of(path, where.tracking_uri))
    plugins = _plugins(sweep)
    found = SweepFolder.found(path.resolve())
    url = url_of(path, found, where.artifacts)
    state = found.state() if found else SweepState()  # once, as a long ledger takes seconds to read
    if found:
        if led():
            gc.freeze()  # the process is the sweep's alone, and what was read stays to its end
        refuse_losses(found, state)
    uri, has_event_files = store_of(path, where.tracking_uri), wanted(path, asked=where.tensorboard)
    _say_if(disbelieved(path, where.tracking_uri))
    if found and not retry and Mind(sweep, issue).is_done(state):
        n = len(state.trials)
        say(
            f"{sweep.name} is done: {'its one trial has' if n == 1 else f'all its {n} trials have'} ended. For more: "
            f"gensweep resume {sweep.name} --samples N"
        )
        if has_event_files:
            event_files(found, sweep.arms).sync()
        _bring_home(found, state, url, stops)
        return _again(found, state, uri, told, stops)
    if found:
        _refuse_held(found)
    refuse_another_schema(state, path)
    _refuse_unwritable(path)
    check_reachable(uri)
    if url:
        refuse_unusable(url)
    stops.refuse()
    with _executor(sweep, where, path, stops) as executor:
        stops.before_leaving(executor.abandon)
        from gensweep.drive import drive  # while Ray starts: what judges, draws and exports takes two seconds to import

        _say_if(look_for_room(sweep, path, Counter(one.arm for one in state.trials.values() if not one.is_live)))
        began = time.monotonic()
        if problems := unreadable(sweep):  # while Ray starts
            raise ConfigError(problems)
        _refuse_unfit(sweep, executor, url or path, plugins, PATIENCE + _SLOWER * (time.monotonic() - began))
        placed = settled(sweep, executor, say, plugins)
        surroundings = {**executor.surroundings(), **({"plugins": plugins.digest} if plugins else {})}
        stops.refuse()
        folder = found or _folder(sweep, path, surroundings, plugins, url)
        with folder.hold(), kept(folder.path):
            _bring_level(folder, sweep, surroundings, allowed, plugins, url)
            with written_beside(folder, sweep.arms, say, asked=where.tensorboard):
                home = home_of(folder, url)
                verdict = drive(placed, folder, where.tracking_uri, executor, told, stops, retry, state, home)
            note(f"ended: {verdict.problem or 'done'}")
            return verdict


def synchronise(folder: SweepFolder, tracking_uri: str | None, *, tensorboard: bool = False) -> str:
    """Bring MLflow level with a sweep's folder, and TensorBoard's files; a sentence that says how far that came.

    Raises:
        CannotRun: the store cannot be used, or did not take everything.
    """
    from gensweep.models.offers import offered
    from gensweep.verdict import judge

    need(folder)
    has_event_files = wanted(folder.path, asked=tensorboard)
    refuse_losses(folder, state := folder.state())
    _settle(folder)
    _note_finished(folder, state)
    if has_event_files:
        event_files(folder, from_definition(folder.definition).arms).sync()
    projection = Projection(folder, tracking_uri, offers=offered(folder))
    _say_if(disbelieved(folder.path, tracking_uri))
    projection.start()
    if folder.holder() is None:
        judge(folder).with_baselines(say).write()
        progress = projection.close(final=folder.state().finished)
        left = projection.send_models() if progress.is_done else []
        _note_closed(folder, is_done=progress.is_done)
        for one in left:
            say(f"not sent to {program(projection.uri)}: {one}")
    else:
        progress = projection.sync(force=True)
    if not progress.is_done:
        raise CannotRun(
            f"{folder.name}: {progress.pending} of {progress.trials} trials are still missing in "
            f"{redacted(projection.uri)} ({progress.problem}). Run the same command again later."
        )
    _say_if(progress.left_out)
    return f"{folder.name}: {progress.trials} trials are in {redacted(projection.uri)}"


def _settle(folder: SweepFolder) -> None:
    """See to it that a copy is a sweep of its own. What another driver holds, or cannot be written, stays as it is."""
    if folder.holder() is None and not folder.is_settled():
        with suppress(CannotRun, OSError), folder.hold():
            _say_if(folder.settle())


def _bring_home(folder: SweepFolder, state: SweepState, url: str | None, stops: Stops) -> None:
    """What a driver of a sweep that is done did not bring any more from its store, if there is a store."""
    if (home := home_of(folder, url)) is None:
        return
    from gensweep.drive import brought

    for record in state.trials.values():
        home.add(record)
    brought(home, stops)


def _note_finished(folder: SweepFolder, state: SweepState) -> None:
    """That the training is over, where the driver died between the end of its last trial and this word."""
    if state.finished or not state.trials or folder.holder() is not None:
        return
    if Mind(from_definition(folder.definition), issue).is_done(state):
        with suppress(CannotRun, OSError), folder.hold():
            folder.events.append({"event": "finished"})


def _note_closed(folder: SweepFolder, *, is_done: bool) -> None:
    """Nothing is left to do for a sweep that has finished, unless its folder is another's, who will see to it."""
    if is_done and folder.state().finished and not folder.is_closed():
        with suppress(CannotRun, OSError), folder.hold():
            folder.events.append({"event": "closed"})


def _say_if(what: str | None) -> None:
    if what:
        say(what)


def _executor(sweep: Sweep, where: Where, path: Path, stops: Stops) -> Executor:
    if _may_be_deterministic(sweep.definition()["trial"]):
        prepare()  # before any process of it begins to use a GPU
    if where.in_process:
        return InProcess(sweep.resources)
    from gensweep.executors.ray_cluster import RayCluster  # a sweep in this process needs no Ray

    cluster = RayCluster(where.address, sweep.resources, say, path.resolve().parent, stops.refuse)
    from gensweep.executors.ray_tune import RayTune  # while Ray starts

    def hung(reason: str) -> None:
        from gensweep.drive import leave

        leave(stops, Request(reason, Stopped.exit_code), sweep.name)

    return RayTune(cluster, path.resolve() / ".ray", hung)


def _may_be_deterministic(node: object) -> bool:
    """Whether some trial of a space, as plain data, may ask for it."""
    if isinstance(node, Mapping):
        return any((k == "deterministic" and v is not False) or _may_be_deterministic(v) for k, v in node.items())
    return isinstance(node, list) and any(map(_may_be_deterministic, node))


def _again(folder: SweepFolder, state: SweepState, uri: str, told: Callable[[Verdict], None], stops: Stops) -> Verdict:
    """The verdict on a sweep that is done. What its driver left undone, or another store lacks, is done now."""
    from gensweep.drive import cut_short, judged

    _note_finished(folder, state)
    is_closed = folder.is_closed()
    verdict = judged(folder, None, told, stops, keep=is_closed)
    if is_closed and is_sent_to(folder.path, uri):
        return verdict
    say(f"sending {folder.name} to {named(uri)}")
    try:
        say(synchronise(folder, uri))
    except CannotRun as error:
        cure = f"Nothing is lost; when that is mended: gensweep sync {folder.name} --tracking-uri {redacted(uri)}"
        return replace(verdict, problem=CannotRun(f"{error} {cure}"))
    if stops.first is not None:
        return replace(verdict, problem=cut_short(folder, stops.first))
    return verdict


def _refuse_unfit(
    sweep: Sweep, executor: Executor, place: Path | str, plugins: PluginFolder | None, patience: float
) -> None:
    """Raise if a machine that may run trials lacks what they need; with all that each lacks. `place`: of trials' folders."""
    if not executor.is_elsewhere:
        return
    say("asking the nodes whether they have what its trials need")
    with _mark_at(place) as mark:
        needs = Needs.of(sweep, mark, plugins)
        answers = executor.elsewhere(needs, patience)
    lacking = dict[str, list[str]]()
    for machine, answer in answers.items():
        for what in (*answer.wrong, *(answer.value or ())):
            lacking.setdefault(what, []).append(machine)
    if lacking:
        lines = [f"{_these(machines)}: {what}" for what, machines in lacking.items()]
        raise CannotRun("\n".join([*lines, _CURE]))
    executor.ask_newcomers(partial(_marked_anew, needs, place), patience)


def _mark_at(place: Path | str) -> AbstractContextManager[Mark | Reach]:
    """What a machine has to see, or to reach: the folder of the runs, or a store."""
    return nullcontext(Reach(place)) if isinstance(place, str) else marked(place.resolve())


@contextmanager
def _marked_anew(needs: Needs, place: Path | str) -> Iterator[Needs]:
    """The same question, with another mark, while that is there."""
    with _mark_at(place) as mark:
        yield replace(needs, mark=mark)


def _these(machines: Sequence[str]) -> str:
    shown = ", ".join(machines[:_NAMED])
    more = f" and {len(machines) - _NAMED} more" if len(machines) > _NAMED else ""
    return f"{'node' if len(machines) == 1 else 'nodes'} {shown}{more}"


def _refuse_thrown_away(where: Where, uri: str) -> None:
    """Raise where a job of a Ray cluster would leave the sweep, or the store, in the folder that Ray removes after it."""
    places = {"--runs": where.runs, "--tracking-uri": sqlite_path(uri)}
    problems = [
        Problem("", f"{option} {path}", "lies in a folder that Ray throws away with this job. Name a place in full.")
        for option, path in places.items()
        if path is not None and is_thrown_away(path)
    ]
    if problems:
        raise ConfigError(problems)


def _plugins(sweep: Sweep) -> PluginFolder | None:
    """The folder of components that the sweep takes along; None where it uses none."""
    if not sweep.plugins:
        return None
    if (found := registry.folder_with(sweep.plugins)) is None:
        raise ConfigError(
            f"{sweep.name}: its plug-ins are not in use here. Read it again with plugins=FOLDER, then run it."
        )
    return found


def _refuse_unwritable(path: Path) -> None:
    if reason := unwritable(path):
        raise CannotRun(f"{reason}, so {path} cannot be made. Make it writable or name another folder with --runs.")


def _folder(
    sweep: Sweep, path: Path, surroundings: Mapping[str, object], plugins: PluginFolder | None, url: str | None
) -> SweepFolder:
    return SweepFolder.found(path.resolve()) or SweepFolder.create(
        path.resolve(),
        sweep.definition(),
        environment=dict(surroundings),
        plugins=plugins.files if plugins else {},
        url=url,
    )


def _bring_level(
    folder: SweepFolder,
    sweep: Sweep,
    surroundings: Mapping[str, object],
    allowed: Collection[str],
    plugins: PluginFolder | None,
    url: str | None = None,
) -> None:
    """Give a folder that this process holds the sweep's definition, and a place for its trials."""
    refuse_another(sweep, folder.path, allowed)  # once more: until it was held, another driver may have begun it
    _say_if(folder.settle())
    note_url(folder, url)
    if not difference(folder.definition, sweep.definition()):
        return
    if folder.is_begun():
        folder.redefine(sweep.definition())
        return
    say(f"{folder.path} holds a sweep of this name that issued no trial; it is begun anew")
    forget(folder.path)
    folder.renew(sweep.definition(), environment=surroundings, plugins=plugins.files if plugins else {}, url=url)

"""The folder of a sweep: its definition, its log and its trials. The truth that every start rebuilds from."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from gensweep.errors import CannotRun, ConfigError, DamagedSweep
from gensweep.ledger import environment as surroundings
from gensweep.ledger import lease as leases
from gensweep.ledger.definition import LARGEST, definition_in, first_difference, text_of
from gensweep.ledger.durable import fsync_directory, json_text, make_directory, write_atomic
from gensweep.ledger.events import EventLog, News, first_lines
from gensweep.ledger.fields import is_folder_name, milliseconds
from gensweep.ledger.foreign import document, json_of, refuse_links
from gensweep.ledger.history import TrialRecord, folder_name
from gensweep.ledger.identity import Identity, Place
from gensweep.ledger.lease import Fence, Lease, Owner
from gensweep.ledger.remains import entered_definitions, holds_sweep, how_to_restore, refuse_remains
from gensweep.ledger.state import SweepState, fold
from gensweep.ledger.stored import Stored
from gensweep.ledger.trial_folder import TrialFolder
from gensweep.text import counted

PLUGINS = "plugins"  # the folder with a copy of the plug-ins that a sweep began with
_TRIAL = re.compile(r"(\d{4,15})-")  # how the name of its folder begins


class SweepFolder:
    """A sweep on disk, made by `create` or found by `open`. Anybody may read it; its driver writes inside `hold`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = EventLog(path)
        self._lease: Lease | None = None

    @classmethod
    def create(
        cls,
        path: Path,
        definition: Mapping[str, Any],
        *,
        environment: Mapping[str, Any] | None = None,
        plugins: Mapping[str, bytes] | None = None,
        url: str | None = None,
    ) -> SweepFolder:
        """Make a new sweep. `environment` is added to environment.json (devices, for example); `plugins` are files that it keeps.

        `url` is where its trials' folders are kept, if not in it.

        Raises:
            ConfigError: the folder already holds a sweep.
            DamagedSweep: it holds what is left of one. Nothing of it was touched.
            CannotRun: the path cannot be written.
        """
        path = Path(path)
        _refuse_existing(path)
        text = text_of(definition)  # what is too large is refused before anything is written
        try:
            make_directory(path / "trials")
            with Lease(path):  # of two that create the same sweep at once, the second sees the first's files
                _refuse_existing(path)
                events = [*_begun(Identity.new(Place.of(path)), url), {"event": "defined", "definition": text}]
                write_atomic(path / "ledger" / "events.jsonl", first_lines(events))
                _describe(path, environment)
                _keep(path, plugins or {})
                write_atomic(path / "sweep.yaml", text.encode())  # last: with it the folder is a sweep
        except OSError as error:
            raise CannotRun(
                f"{path}: the sweep's folder cannot be written ({error.strerror or error}). "
                "Make the place writable, free space on it, or name another one."
            ) from error
        return cls(path)

    @classmethod
    def found(cls, path: Path) -> SweepFolder | None:
        """The sweep in a folder; None where there is none, and one can be made.

        Raises:
            DamagedSweep: what is there is no whole sweep.
        """
        path = Path(path)
        if not os.path.lexists(path / "sweep.yaml"):
            refuse_remains(path)
            return None
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> SweepFolder:
        """A sweep that exists, or ConfigError; DamagedSweep where it has no definition or links lead out of it."""
        path = Path(path)
        if not os.path.lexists(path / "sweep.yaml"):
            refuse_remains(path)
            raise ConfigError(f"{path}: no sweep is here (no sweep.yaml). `gensweep ls` lists the sweeps.")
        _refuse_links(path)
        return cls(path)

    @property
    def name(self) -> str:
        """The sweep's name: its folder's."""
        return self.path.resolve().name

    @property
    def runs_option(self) -> str:
        """What a command needs to find this sweep from here: ` --runs /elsewhere`, or nothing."""
        runs = self.path.parent
        return "" if runs.resolve() == Path("runs").resolve() else f" --runs {shlex.quote(str(runs))}"

    @property
    def argument(self) -> str:
        """How a command is told of this sweep, from here: `wae`, or `wae --runs /elsewhere`."""
        return f"{shlex.quote(self.name)}{self.runs_option}"

    @cached_property
    def definition(self) -> dict[str, Any]:
        """The resolved definition, as sweep.yaml holds it and the ledger has entered it.

        Raises:
            DamagedSweep: the file cannot be read, or differs from what was entered.
        """
        path = self.path / "sweep.yaml"
        try:
            data = document(path, LARGEST)  # before the ledger, where a driver enters a new one first
            entered = entered_definitions(self.path)
            # the one before counts too: a driver died, or is about to write the newest
            if entered and data not in [text.encode() for text in entered[-2:]]:
                raise DamagedSweep(self._altered(data, entered[-1]))
            return definition_in(entered[-1] if entered else data)
        except (OSError, ValueError) as error:
            raise DamagedSweep(f"{path}: cannot be read ({error}). {how_to_restore(self.path)}") from error

    def entered(self, text: str) -> dict[str, Any]:
        """A definition that the ledger has entered.

        Raises:
            DamagedSweep: it is none.
        """
        try:
            return definition_in(text)
        except ValueError as error:
            raise DamagedSweep(f"{self.events.path}: holds no definition ({error}). Restore it from a copy.") from error

    def _altered(self, data: bytes, entered: str) -> str:
        what = first_difference(data.decode(errors="replace"), entered)
        return (
            f"{self.path / 'sweep.yaml'}: is not what the ledger says this sweep was defined as: {what}. Nothing was changed. "
            f"{how_to_restore(self.path)} To search something else, begin a sweep of another name."
        )

    def is_begun(self) -> bool:
        """Whether a trial was ever issued. Before, the folder holds nothing to lose."""
        return any((self.path / "trials").glob("*")) or bool(self.state().trials)

    def is_closed(self) -> bool:
        """Whether all that follows from a sweep that has finished was written: its last event says so."""
        last = self.events.last()
        return last is not None and last["event"] == "closed"

    def renew(
        self,
        definition: Mapping[str, Any],
        *,
        environment: Mapping[str, Any] | None = None,
        plugins: Mapping[str, bytes] | None = None,
        url: str | None = None,
    ) -> None:
        """Make it another sweep, made here and now; before its first trial, and for the sweep's driver."""
        _keep(self.path, plugins or {})
        self.events.append_many(_begun(Identity.new(Place.of(self.path)), url))
        _describe(self.path, environment)
        self.redefine(definition)

    def redefine(self, definition: Mapping[str, Any]) -> None:
        """Replace the definition, for more samples for example: whole or not at all. For the sweep's driver."""
        text = text_of(definition)
        self.events.append({"event": "defined", "definition": text})
        write_atomic(self.path / "sweep.yaml", text.encode())
        self.__dict__.pop("definition", None)

    def settle(self) -> str | None:
        """See to it that the ledger says which sweep this is and how it is defined. For the sweep's driver.

        Returns:
            A sentence where the folder turned out to be a copy of another one, which is a sweep of its own from here on.
        """
        known, here = self.identity(), Place.of(self.path)
        identity = known.at(here) if known else Identity.new(here)
        events = [identity.event()] if identity != known else []
        if known and identity.sweep_id != known.sweep_id and (stored := self.stored()) is not None:
            events.append(Stored(stored.url, identity.sweep_id).event())
        if not (entered := entered_definitions(self.path)):
            events.append({"event": "defined", "definition": document(self.path / "sweep.yaml", LARGEST).decode()})
        elif document(self.path / "sweep.yaml", LARGEST) != entered[-1].encode():
            write_atomic(self.path / "sweep.yaml", entered[-1].encode())
        if events:
            self.events.append_many(events)
        if known is None or identity.sweep_id == known.sweep_id:
            return None
        return (
            f"{self.path} is a copy of the sweep at {known.place.folder} on {known.place.host}. It goes on as a sweep of its "
            "own, with runs of its own in MLflow; those of the other one stay as they are."
        )

    def is_settled(self) -> bool:
        """Whether the ledger says which sweep this is, and that it is here."""
        identity = self.identity()
        return identity is not None and identity == identity.at(Place.of(self.path))

    def identity(self) -> Identity | None:
        """Which sweep this is, as its ledger says; None where an earlier gensweep wrote it."""
        events = self.events.of_kind("identified")
        return fold(events[-1:]).identity

    def stored(self) -> Stored | None:
        """Where its trials' folders are kept; None where they are here. What the ledger says may be a stranger's word.

        Raises:
            DamagedSweep: it says what is no such place.
        """
        return next(reversed(self.places()), None)

    def places(self) -> list[Stored]:
        """Where the trials' folders were kept, of this sweep and before it of those that it is a copy of."""
        try:
            return [Stored.said_by(event) for event in self.events.of_kind("stored")]
        except ValueError as error:
            raise DamagedSweep(f"{self.events.path}: {error}. Restore the file from a copy.") from error

    def is_own(self, stored: Stored) -> bool:
        """Whether a place is this sweep's, and this folder no copy of the one that has it."""
        identity = self.identity()
        return identity is not None and identity.at(Place.of(self.path)).sweep_id == stored.sweep_id

    @property
    def environment(self) -> dict[str, Any]:
        """Where the sweep was made; empty if that was lost, because nothing depends on it."""
        try:
            found = json_of(document(self.path / "environment.json"))
        except (OSError, ValueError, DamagedSweep):
            return {}
        return found if isinstance(found, dict) else {}

    def state(self, known: SweepState | None = None) -> SweepState:
        """What came of the sweep so far. `known` is an earlier state of it, which is brought up to date and returned.

        Raises:
            DamagedSweep: the log cannot be trusted, or there are trials that it does not know: its end is lost.
        """
        _refuse_links(self.path)
        there = self._numbers()  # before the log: a driver enters a trial first, then makes its folder
        state = fold(self.events.read_after(known.seq) if known else self.events.read(), known)
        if unknown := sorted(there - state.trials.keys()):
            raise DamagedSweep(
                f"{self.events.path}: does not know trial {unknown[0]}, whose folder is there: its last events were lost. "
                "Nothing was changed. Restore the file from a copy; without one, move away the folders of "
                f"{counted(len(unknown), 'such trial')} in {self.path / 'trials'}, and they are trained anew."
            )
        return state

    def _numbers(self) -> set[int]:
        """Of the trials that have a folder."""
        try:
            found = [_TRIAL.match(name) for name in os.listdir(self.path / "trials")]
        except (FileNotFoundError, NotADirectoryError):
            return set()
        return {int(match[1]) for match in found if match}

    def times(self) -> dict[int, tuple[int, int | None]]:
        """When each trial was issued, and when it last ended, in Unix milliseconds; of a trial that never did, None."""
        began = {event["number"]: milliseconds(event["at"]) for event in self.events.of_kind("issued") if "at" in event}
        ended = {event["number"]: milliseconds(event["at"]) for event in self.events.of_kind("ended") if "at" in event}
        return {number: (time, ended.get(number)) for number, time in began.items()}

    def follow(self) -> Following:
        """The state, for a reader that comes back again and again."""
        return Following(self.events)

    def hold(self) -> Lease:
        """Become the sweep's driver, until the lease is released or this process dies. A torn log is repaired first.

        Raises:
            CannotRun: another driver holds it; the message names host, process and since when.
            DamagedSweep: the log cannot be trusted.
        """
        lease = Lease(self.path)
        try:
            self._make_names_durable()
            self.events.take(lease)
        except OSError as error:
            lease.release()
            raise CannotRun(
                f"{self.path}: the ledger cannot be written ({error.strerror or error}). Nothing was started. "
                "Make it writable or free space on its disk, and start again."
            ) from error
        except BaseException:
            lease.release()
            raise
        self._lease = lease
        return lease

    def _make_names_durable(self) -> None:
        """A process that was killed may have made folders and files here, and died before their names were durable."""
        path = self.path.resolve()
        for folder in (path.parent.parent, path.parent):  # which need not be ours to read
            with contextlib.suppress(OSError):
                fsync_directory(folder)
        for folder in (path, path / "ledger", path / "trials"):
            if folder.is_dir():
                fsync_directory(folder)

    def generation(self) -> int:
        """How many drivers took the sweep so far."""
        return leases.generation(self.path)

    def holder(self) -> Owner | None:
        """The driver that holds the sweep now, or None when it does not run."""
        return leases.holder(self.path)

    def trial(self, number: int, arm: str, key: str, *, generation: int | None = None) -> TrialFolder:
        """The folder of a trial, created if need be; issue the trial in the log first.

        It is fenced by `generation`, which a worker gets from its driver; in the driver's own process by its lease.
        """
        if generation is None and self._lease is not None and not self._lease.released:
            generation = self._lease.generation
        path = self.path / "trials" / folder_name(number, arm, key)
        if not is_folder_name(number, arm, key):
            raise DamagedSweep(f"{path}: a trial's folder lies directly in {path.parents[1]}.")
        if path.is_symlink():
            raise DamagedSweep(f"{path}: is a link, and links in a sweep's folder are not followed. Delete it.")
        make_directory(path)
        return TrialFolder(path, None if generation is None else Fence(self.path, generation))

    def trial_of(self, record: TrialRecord) -> TrialFolder:
        """The folder of a trial of the state."""
        return self.trial(record.number, record.arm, record.key)


class Following:
    """A sweep's state, kept level with its log: each `advance` reads and applies what was added."""

    def __init__(self, log: EventLog) -> None:
        self.state = SweepState()
        self._follower = log.follow()

    def advance(self) -> News:
        """Bring the state level with the log, and say which events that took.

        Where `is_whole`, the state is a new object: the log was read for the first time, or is no longer what was read.

        Raises:
            DamagedSweep: the log cannot be trusted; the next call looks again.
        """
        news = self._follower.read()
        try:
            self.state = fold(news.events, SweepState() if news.is_whole else self.state)
        except DamagedSweep:
            self._follower.restart()
            raise
        return news


def sweeps(root: Path) -> list[SweepFolder]:
    """Every sweep directly in `root`, by name; none if there is no such folder. A removal hides what it deletes."""
    root = Path(root)
    if not root.is_dir():
        return []
    shown = (path for path in sorted(root.iterdir()) if not path.name.startswith("."))
    return [SweepFolder(path) for path in shown if holds_sweep(path)]


def _begun(identity: Identity, url: str | None) -> list[dict[str, Any]]:
    """The events of a sweep that begins."""
    return [identity.event(), *([Stored(url, identity.sweep_id).event()] if url else [])]


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path / "sweep.yaml"):
        raise ConfigError(
            f"{path}: already holds a sweep, and starting another one there would mix the two. "
            "Resume that one, or give the new one another name."
        )
    refuse_remains(path)


def _describe(path: Path, environment: Mapping[str, Any] | None) -> None:
    described = {**surroundings.describe(), **(environment or {})}
    write_atomic(path / "environment.json", json_text(described, indent=1))


def _keep(path: Path, plugins: Mapping[str, bytes]) -> None:
    """Give a sweep's folder these plug-ins and no others."""
    if (path / PLUGINS).is_dir():
        shutil.rmtree(path / PLUGINS)
    for name, data in plugins.items():
        file = path / PLUGINS / name
        make_directory(file.parent)
        write_atomic(file, data)


def _refuse_links(path: Path) -> None:
    refuse_links(path)
    refuse_links(path / "ledger")

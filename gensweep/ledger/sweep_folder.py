"""The folder of a sweep: its definition, its log and its trials. The truth that every start rebuilds from."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from gensweep.errors import CannotRun, ConfigError, DamagedSweep
from gensweep.ledger import environment as surroundings
from gensweep.ledger import lease as leases
from gensweep.ledger.durable import fsync_directory, json_text, make_directory, write_atomic
from gensweep.ledger.events import EventLog, News
from gensweep.ledger.fields import is_folder_name
from gensweep.ledger.foreign import depth, document, json_of, refuse_links
from gensweep.ledger.history import TrialRecord, folder_name
from gensweep.ledger.lease import Fence, Lease, Owner
from gensweep.ledger.state import SweepState, fold
from gensweep.ledger.trial_folder import TrialFolder

_DEEPEST = 100  # levels in a definition
_LARGEST = 2**20  # bytes of a definition; PyYAML reads a MiB in seconds
_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq")}


class SweepFolder:
    """A sweep on disk, made by `create` or found by `open`. Anybody may read it; its driver writes inside `hold`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = EventLog(path)
        self._lease: Lease | None = None

    @classmethod
    def create(
        cls, path: Path, definition: Mapping[str, Any], *, environment: Mapping[str, Any] | None = None
    ) -> SweepFolder:
        """Make a new sweep. `environment` is added to environment.json (devices, for example).

        Raises:
            ConfigError: the folder already holds a sweep.
            CannotRun: the path cannot be written.
        """
        path = Path(path)
        _refuse_existing(path)
        _dump(definition)  # what is too large is refused before anything is written
        try:
            make_directory(path / "trials")
            with Lease(path):  # of two that create the same sweep at once, the second sees the first's files
                _refuse_existing(path)
                write_atomic(path / "ledger" / "events.jsonl", b"")
                cls(path).renew(definition, environment=environment)  # last: with it the folder is a sweep
        except OSError as error:
            raise CannotRun(
                f"{path}: the sweep's folder cannot be written ({error.strerror or error}). "
                "Make the place writable, free space on it, or name another one."
            ) from error
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> SweepFolder:
        """A sweep that exists, or ConfigError; DamagedSweep where links lead out of it."""
        path = Path(path)
        if not _holds_sweep(path):
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
        """The resolved definition, as sweep.yaml holds it."""
        path = self.path / "sweep.yaml"
        try:
            found = _tree_of(document(path, _LARGEST))
        except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())
            raise DamagedSweep(f"{path}: cannot be read ({reason}). Restore it from a copy.") from error
        if not isinstance(found, dict):
            raise DamagedSweep(f"{path}: holds {found!r:.80}, not a definition. Restore it from a copy.")
        return found

    def is_begun(self) -> bool:
        """Whether a trial was ever issued. Before, the folder holds nothing to lose."""
        return any((self.path / "trials").glob("*")) or bool(self.state().trials)

    def is_closed(self) -> bool:
        """Whether all that follows from a sweep that has finished was written: its last event says so."""
        last = self.events.last()
        return last is not None and last["event"] == "closed"

    def renew(self, definition: Mapping[str, Any], *, environment: Mapping[str, Any] | None = None) -> None:
        """Make it another sweep, made here and now; before its first trial, and for the sweep's driver."""
        described = {**surroundings.describe(), **(environment or {})}
        write_atomic(self.path / "environment.json", json_text(described, indent=1))
        self.redefine(definition)

    def redefine(self, definition: Mapping[str, Any]) -> None:
        """Replace the definition, for more samples for example: whole or not at all. For the sweep's driver."""
        write_atomic(self.path / "sweep.yaml", _dump(definition))
        self.__dict__.pop("definition", None)

    @property
    def environment(self) -> dict[str, Any]:
        """Where the sweep was made; empty if that was lost, because nothing depends on it."""
        try:
            found = json_of(document(self.path / "environment.json"))
        except (OSError, ValueError, DamagedSweep):
            return {}
        return found if isinstance(found, dict) else {}

    def state(self) -> SweepState:
        """What came of the sweep so far."""
        _refuse_links(self.path)
        return fold(self.events.read())

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
    """Every sweep directly in `root`, by name; none if there is no such folder."""
    root = Path(root)
    if not root.is_dir():
        return []
    return [SweepFolder(path) for path in sorted(root.iterdir()) if _holds_sweep(path)]


def _holds_sweep(path: Path) -> bool:
    return (path / "sweep.yaml").is_file()


def _refuse_existing(path: Path) -> None:
    if _holds_sweep(path):
        raise ConfigError(
            f"{path}: already holds a sweep, and starting another one there would mix the two. "
            "Resume that one, or give the new one another name."
        )


def _refuse_links(path: Path) -> None:
    refuse_links(path)
    refuse_links(path / "ledger")


def _tree_of(text: bytes) -> Any:
    found = yaml.load(text, Loader=_Tree)
    if depth(found) > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if not _has_names(found):
        raise ValueError("a key is no text")
    return found


def _has_names(tree: Any) -> bool:
    """Whether every key of every mapping is text."""
    if isinstance(tree, dict):
        return all(isinstance(key, str) and _has_names(value) for key, value in tree.items())
    return not isinstance(tree, list) or all(map(_has_names, tree))


class _Tree(yaml.SafeLoader):
    """A tree as `_dump` writes it, of what JSON holds too. An alias would make it as large as one likes."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way
        first: [(tag, pattern) for tag, pattern in known if tag in _TAGS]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {  # noqa: RUF012
        tag: made for tag, made in yaml.SafeLoader.yaml_constructors.items() if tag in _TAGS or tag is None
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise ValueError("it holds an alias")
        return super().compose_node(parent, index)


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dump(definition: Mapping[str, Any]) -> bytes:
    text = yaml.dump(dict(definition), Dumper=_Plain, sort_keys=False, allow_unicode=True).encode()
    if len(text) > _LARGEST:
        raise ConfigError(
            f"the sweep's definition takes {len(text):,} bytes, and {_LARGEST:,} are the most. Search fewer values: a "
            "range, as in uniform(0, 1), instead of a long list."
        )
    return text

"""What a sweep's trials need of a machine, as a question that is asked there before any of them starts."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gensweep import registry
from gensweep.artifacts.store import Store
from gensweep.axes import space as spaces
from gensweep.errors import CannotRun, ConfigError
from gensweep.ledger.durable import unwritable, write_new
from gensweep.registry.folder import PluginFolder
from gensweep.registry.kinds import singular
from gensweep.spaces.drawn import configuration_of
from gensweep.spaces.sources import data_problems, digests_of, other_data
from gensweep.spaces.sweep import Sweep
from gensweep.spaces.tried import tries


@dataclass(frozen=True)
class Mark:
    """A file that was just written where the runs will be, and what it holds: who reads it sees the same folder."""

    file: Path
    text: str

    def problem(self) -> str | None:
        """Why this machine does not see the folder, or cannot write there, with the cure; None where it does."""
        folder = self.file.parent
        try:
            found, why = self.file.read_text(), "it is another file"
        except OSError as error:
            found, why = "", error.strerror or str(error)
        if found != self.text:
            return (
                f"does not see the folder of the runs: what the driver wrote into {folder} is not there ({why}). Mount the same "
                "storage at the same path there, name with --runs a folder that every node sees, or keep trials at a store that "
                "every node reaches (--artifacts s3://bucket/prefix)."
            )
        if reason := unwritable(folder):
            return f"{reason}, and trials write there. Make it writable for who runs Ray there."
        return None


@dataclass(frozen=True)
class Reach:
    """A URL where trials' folders are kept, which each machine that runs trials has to reach."""

    url: str

    def problem(self) -> str | None:
        """Why this machine cannot keep trials there, with the cure; None where it can. It is tried for real."""
        try:
            return Store(self.url).probe()
        except (CannotRun, ConfigError) as error:
            return str(error)


@contextmanager
def marked(path: Path) -> Iterator[Mark]:
    """A mark in the folder at `path`, or the nearest around it that is there; it is removed at the end.

    Raises:
        CannotRun: nothing can be written there.
    """
    while not path.exists():
        path = path.parent
    mark = Mark(path / f".gensweep-{uuid.uuid4().hex}", uuid.uuid4().hex)
    try:
        write_new(mark.file, mark.text.encode())
    except OSError as error:
        raise CannotRun(f"{path} cannot be written ({error.strerror or error}). Make it writable.") from error
    try:
        yield mark
    finally:
        mark.file.unlink(missing_ok=True)


@dataclass(frozen=True)
class Needs:
    """Asks a machine what it lacks: the runs, components that can be imported, the same data. A sentence for each.

    What holds components is pickled by itself, and read where they are.
    """

    mark: Mark | Reach
    plugins: PluginFolder | None
    members: tuple[tuple[str, str], ...]
    pickled: bytes = field(repr=False)

    @classmethod
    def of(cls, sweep: Sweep, mark: Mark | Reach, plugins: PluginFolder | None = None) -> Needs:
        """What the trials of a sweep need, whose data were read here."""
        members = tuple(sorted(members_of(sweep)))
        return cls(mark, plugins, members, pickle.dumps((sweep, digests_of(sweep))))

    def __call__(self) -> list[str]:
        """What is lacking on the machine that runs this."""
        runs, unknown = self.mark.problem(), list(self._not_imported())
        lacking = [*([runs] if runs else []), *unknown]
        if not unknown:
            sweep, digests = pickle.loads(self.pickled)
            lacking += map(str, data_problems(sweep) or other_data(sweep, digests))
        return lacking

    def _not_imported(self) -> Iterator[str]:
        try:
            if self.plugins is not None:
                registry.use(self.plugins)
        except ConfigError as error:
            yield str(error)
            return
        for kind, name in self.members:
            if name not in registry.names(kind):
                yield f"has no {singular(kind)} '{name}'. Install there the package that it is of, as it is here."
                continue
            try:
                registry.load(kind, name)
            except ConfigError as error:
                yield str(error)


def members_of(sweep: Sweep) -> set[tuple[str, str]]:
    """The kind and the name of each component that a trial of the sweep may be made of."""
    found = set[tuple[str, str]]()
    for tried in tries(sweep.space):
        made = spaces.resolve(sweep.space, tried.ask)
        try:
            found |= configuration_of({**made, "seed": made.get("seed") or 0}).members()
        except ConfigError:  # the sweep was checked: it is one that no trial has
            continue
    return found

"""What every run store is: runs with parameters, metrics, tags and files, under ids of its own. It knows no sweep.

find(tags) or create(...) -> log, set_status, add_file, add_text, add_data, show ... -> delete what should not be there

A store gives no guarantee that a call which failed did nothing: its answer may have been lost. Every call but `create`
may therefore be repeated and then changes nothing more; before a `create` is repeated, `find` is asked.
"""

from __future__ import annotations

import importlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

from gensweep.tracking.sqlite_file import is_unmade
from gensweep.tracking.store import check_reachable, sqlite_path
from gensweep.tracking.view import View
from gensweep.tracking.wandb_place import is_wandb

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


class Away(Exception):
    """The store did not answer, or not sensibly: the same call may succeed later."""


class Refused(Exception):
    """The store answered, and says no to this content: the same call would be refused again."""


@dataclass(frozen=True)
class Point:
    """One value of a metric. `time` is in Unix milliseconds: the same point sent twice is stored once."""

    name: str
    value: float
    time: int
    step: int


@dataclass(frozen=True)
class Data:
    """The data of a run: a name, the first digits of their SHA-256, where they come from, and how many items a split has."""

    name: str
    digest: str
    source: str
    sizes: Mapping[str, int]


@dataclass(frozen=True)
class Model:
    """A trained model: its files in a folder, of which `model.pt2` holds the program of its samples, and what to know of it.

    `key` names its weights, and nothing else has it. `inputs` says what the program takes, in this order: the shape of a row
    and the law by which it is drawn, normal or uniform; `shape` is of an item, and `torch` the version that wrote it. `points`
    are its scores, on `data`.
    """

    key: str
    name: str
    folder: Path
    inputs: Mapping[str, tuple[tuple[int, ...], str]]
    shape: tuple[int, ...]
    torch: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    points: Sequence[Point]
    data: Data | None = None


@dataclass(frozen=True)
class Entry:
    """Where a model is registered: under a name, which may have an alias for this version of it; `why` is for people."""

    name: str
    alias: str | None
    why: str
    tags: Mapping[str, str]


class RunStore(ABC):
    """The runs of gensweep in one place. Every method may raise Away or Refused."""

    keeps_models: ClassVar[bool] = False
    """Whether it takes models; one that does not refuses them."""

    @abstractmethod
    def find(self, tags: Mapping[str, str]) -> list[str]:
        """The ids of all runs with these tags that are not deleted, the oldest first."""

    @abstractmethod
    def create(self, name: str, tags: Mapping[str, str], start: int) -> str:
        """A new run, and its id; `start` in Unix milliseconds."""

    @abstractmethod
    def exists(self, run_id: str) -> bool:
        """Whether the run is there and not deleted."""

    @abstractmethod
    def log(
        self,
        run_id: str,
        points: Sequence[Point] = (),
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Add to a run. A parameter keeps its first value, and another one is refused; a tag takes its newest."""

    @abstractmethod
    def set_status(self, run_id: str, status: Status, end: int | None = None) -> None:
        """Change how a run stands; one that is RUNNING again keeps its id and start. `end` in Unix milliseconds."""

    @abstractmethod
    def add_file(self, run_id: str, path: Path, folder: str | None = None) -> None:
        """Copy a file to the run, into `folder` there."""

    @abstractmethod
    def add_text(self, run_id: str, text: str, name: str) -> None:
        """Write a text as the run's file `name`."""

    @abstractmethod
    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""

    @abstractmethod
    def add_data(self, run_id: str, data: Data) -> None:
        """Say which data a run was trained on; runs on the same data share the entry."""

    @abstractmethod
    def show(self, view: View) -> None:
        """Offer a table of runs to who opens the store's pages, in place of the one of the same key."""

    def find_model(self, key: str) -> str | None:
        """The id of the whole model of this key; None where there is none."""
        return None

    def add_model(self, run_id: str, model: Model) -> str:
        """Keep a model that came of a run, and its id. What an attempt that was cut left of it is made whole."""
        raise Refused("it keeps no models")

    def register(self, model_id: str, entry: Entry) -> str:
        """Register a model that is kept, and the number of its version. One that is registered so already stays that version."""
        raise Refused("it keeps no models")

    @abstractmethod
    def hide(self, key: str) -> None:
        """Offer the table of this key no more; nothing where none was."""

    @abstractmethod
    def delete(self, run_id: str) -> None:
        """Mark a run as deleted: it is found no more and takes nothing more."""

    def settle(self, deadline: float | None = None) -> None:
        """Bring to its place what the calls so far left on the way, until a time of `time.monotonic`; said at the end of a pass.

        Nothing for a store that answers once it has what it was told. Raises Away where something is left.
        """


OpenStore = Callable[[str], RunStore]


def open_store(uri: str) -> RunStore:
    """The store behind a tracking URI, ready to use. Its library is imported here and not before: MLflow's takes seconds.

    Raises:
        ConfigError, CannotRun: what can be found out without it says that it cannot be used, and how to mend that.
        Away, Refused: it cannot be used.
    """
    check_reachable(uri)
    if is_wandb(uri):
        return cast(OpenStore, _wandb_store().open_wandb)(uri)
    return cast(OpenStore, _mlflow_store().open_mlflow)(uri)


def make_store(uri: str) -> None:
    """See to it that a SQLite store has its tables, which MLflow itself makes in steps that a kill must not part.

    Raises:
        Away: they cannot be made.
    """
    if (path := sqlite_path(uri)) is not None and is_unmade(path):
        _mlflow_store().make(uri)


def _mlflow_store() -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it reads this one when it is imported
    return importlib.import_module("gensweep.tracking.mlflow_store")


def _wandb_store() -> Any:
    for name, value in (("WANDB_ERROR_REPORTING", "false"), ("WANDB_SILENT", "true")):
        os.environ.setdefault(name, value)  # it reads them when it is imported, or at its first start
    return importlib.import_module("gensweep.tracking.wandb_store")

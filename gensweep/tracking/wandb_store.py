"""Weights & Biases as a run store: what is told is kept here, and sent run by run.

It cannot keep the contract by itself: offline it can be asked nothing, what it is told is on its way for a while, and a step
that it has it drops. So `run_records` keeps what was told, and is asked; a run's id is made of what it is of, so that another
start, or one whose records are lost, means the same run; and a row's step there is its number in the record, so that what is
sent again is what is there. A run that is taken up again is sent from its beginning: online what is there stays, offline its
files are written anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import wandb

from gensweep.credentials import redacted
from gensweep.ledger.durable import make_directory
from gensweep.tracking import wandb_place
from gensweep.tracking.run_records import File, Records, RunRecord, logged, picture_of
from gensweep.tracking.run_store import Away, Data, Point, Refused, RunStore, Status
from gensweep.tracking.view import View

_IDENTITY = ("gensweep.sweep_id", "gensweep.kind", "gensweep.number", "gensweep.trial_key")
_NOTE, _FOREIGN = "mlflow.note.content", "mlflow."
_SHOWN = ("gensweep.kind", "gensweep.arm", "gensweep.family", "gensweep.dataset", "gensweep.outcome")
_LONGEST_TAG, _LONGEST_NAME, _LONGEST_ERROR = 64, 128, 300
_EXIT: dict[Status, int] = {
    "FINISHED": 0,
    "FAILED": 1,
    "KILLED": 75,
}  # the last as gensweep itself ends where it can go on
_SETTINGS = wandb.Settings(
    silent=True,
    quiet=True,
    console="off",
    symlink=False,
    save_code=False,
    disable_code=True,
    disable_git=True,
    init_timeout=30.0,
    finish_timeout=60.0,
    finish_timeout_raises=True,
    x_disable_stats=True,
    x_disable_meta=True,
    x_disable_machine_info=True,
    x_save_requirements=False,
)
T = TypeVar("T")


def open_wandb(uri: str) -> WandbStore:
    """The store behind a canonical URI. Nothing is sent yet."""
    logging.getLogger("wandb").setLevel(logging.CRITICAL)
    return WandbStore(uri)


@dataclass
class _Open:
    """A run that is open there, and what of it was handed over."""

    run: wandb.Run
    lock: int
    rows: int = 0
    last: dict[str, float] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)


class WandbStore(RunStore):
    """The runs of one project."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.mode: Literal["online", "offline"] = "offline" if wandb_place.mode() == wandb_place.OFFLINE else "online"
        self._entity, self._project = wandb_place.project_of(uri)
        self._folder = wandb_place.folder()
        self._records = Records(self._folder / "gensweep" / f"{self._entity or ''}+{self._project}")
        self._touched: dict[str, None] = {}
        self._open: dict[str, _Open] = {}

    def find(self, tags: Mapping[str, str]) -> list[str]:
        """The ids of all runs with these tags that were told here, the oldest first."""
        found = [record.run_id for record in self._records.all() if tags.items() <= record.tags.items()]
        self._touched |= dict.fromkeys(found)
        return found

    def create(self, name: str, tags: Mapping[str, str], start: int) -> str:
        """A new run, or the one that is of the same trial already: its id is made of that."""
        for attempt in range(1000):  # an id that was deleted there is never free again
            run_id = _id_of(tags, attempt)
            record = self._records.of(run_id)
            if record is None or not record.is_deleted:
                break
        told = {"call": "create", "name": name, "tags": dict(tags), "start": start}
        self._tell(run_id, lambda known: None if known.changes else told, is_new=True)
        return run_id

    def exists(self, run_id: str) -> bool:
        """Whether it was told here and not deleted."""
        record = self._records.of(run_id)
        return record is not None and not record.is_deleted

    def log(
        self,
        run_id: str,
        points: Sequence[Point] = (),
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Add to a run."""
        self._tell(run_id, lambda record: logged(record, points, parameters or {}, tags or {}))

    def set_status(self, run_id: str, status: Status, end: int | None = None) -> None:
        """Change how a run stands; one that ended is finished there by `settle`."""
        told = {"call": "status", "status": status, "end": None if status == "RUNNING" else end}
        self._tell(run_id, lambda r: None if (r.status, r.end) == (status, told["end"]) else told)

    def add_file(self, run_id: str, path: Path, folder: str | None = None) -> None:
        """Copy a file to the run; a picture whose name ends in a number is shown at that step."""
        name = f"{folder}/{path.name}" if folder else path.name
        file = File(path.resolve(), digest=hashlib.sha256(path.read_bytes()).hexdigest())
        told = {"call": "file", "name": name, "path": str(file.path), "digest": file.digest}
        self._tell(run_id, lambda record: None if record.files.get(name) == file else told)

    def add_text(self, run_id: str, text: str, name: str) -> None:
        """Write a text as the run's file."""
        told = {"call": "text", "name": name, "text": text}
        self._tell(run_id, lambda record: None if record.files.get(name) == File(text=text) else told)

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""
        self._tell(run_id, lambda record: None if record.name == name else {"call": "rename", "name": name})

    def add_data(self, run_id: str, data: Data) -> None:
        """Say which data a run was trained on."""
        told = {"call": "data", "data": {**asdict(data), "sizes": dict(data.sizes)}}
        self._tell(run_id, lambda record: None if data in record.data else told)

    def show(self, view: View) -> None:
        """Nothing: its tables are made in its pages, from the runs' group and configuration."""

    def hide(self, key: str) -> None:
        """Nothing, likewise."""

    def delete(self, run_id: str) -> None:
        """Delete a run: online there, offline its files; its record stays, as the id is never free again."""
        self._tell(run_id, lambda _: {"call": "delete"})
        if run_id in self._open:
            self._finish(run_id, "KILLED")
        if self.mode == wandb_place.ONLINE:
            path = "/".join(filter(None, [self._entity, self._project, run_id]))
            self._told(lambda: wandb.Api().run(path).delete())
        self._remove_files(run_id)

    def settle(self, deadline: float | None = None) -> None:
        """Send what was told of the runs that this process had to do with."""
        left = 0
        for run_id in list(self._touched):
            record = self._records.of(run_id)
            if record is None or record.is_deleted or record.sent.get(self.mode, 0) >= record.changes:
                continue
            if deadline is not None and time.monotonic() > deadline:
                left += 1
            else:
                self._send(record)
        if left:
            raise Away(f"{left} runs are not sent yet")

    def _tell(
        self, run_id: str, said: Callable[[RunRecord], Mapping[str, Any] | None], *, is_new: bool = False
    ) -> None:
        if not is_new and not self.exists(run_id):
            raise Refused(f"there is no run {run_id}")
        try:
            self._records.tell(run_id, said)
        except OSError as error:
            raise Away(f"{error.filename or self._records.folder}: {error.strerror or error}") from error
        self._touched[run_id] = None

    def _send(self, record: RunRecord) -> None:
        """Hand over what a run lacks there; one that ended is finished, which waits until all of it is there."""
        opened = self._open.get(record.run_id) or self._opened(record)
        if opened is None:  # another process sends it
            return
        self._told(_hand_over, opened, record)
        if record.status == "RUNNING":
            return
        changes = record.changes
        self._finish(record.run_id, record.status)
        self._tell(record.run_id, lambda _: {"call": "sent", "mode": self.mode, "changes": changes})

    def _finish(self, run_id: str, status: Status) -> None:
        """End a run there, and wait until it has all; one that could not is taken up anew later."""
        opened = self._open.pop(run_id)
        try:
            self._told(opened.run.finish, exit_code=_EXIT[status])
        finally:
            os.close(opened.lock)

    def _opened(self, record: RunRecord) -> _Open | None:
        """Take a run up from its beginning. Offline nothing is merged: older files of it would be sent as another history."""
        make_directory(self._records.folder)
        lock = os.open(self._records.folder / f"{record.run_id}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        except OSError:  # a network disk may have none
            pass
        try:
            if self.mode == wandb_place.OFFLINE:
                self._remove_files(record.run_id)
            run = self._told(self._begin, record)
        except BaseException:
            os.close(lock)
            raise
        self._open[record.run_id] = opened = _Open(run, lock)
        return opened

    def _begin(self, record: RunRecord) -> wandb.Run:
        settings = _SETTINGS.model_copy()
        if not self._files(record.run_id):  # the folder's name has the time: it must be another one where there is one
            settings.x_start_time = record.start / 1000
        run = wandb.init(
            entity=self._entity,
            project=self._project,
            dir=str(self._folder.parent),
            id=record.run_id,
            name=record.name[:_LONGEST_NAME],
            group=_group(record.tags),
            job_type=record.tags.get("gensweep.kind"),
            resume="allow",
            reinit="create_new",
            mode=self.mode,
            settings=settings,
        )
        run.define_metric("epoch", hidden=True)
        run.define_metric("*", step_metric="epoch")
        return run

    def _files(self, run_id: str) -> list[Path]:
        return [path for path in self._folder.glob(f"*run-*-{run_id}") if path.is_dir() and not path.is_symlink()]

    def _remove_files(self, run_id: str) -> None:
        for path in self._files(run_id):
            with contextlib.suppress(OSError):
                shutil.rmtree(path)

    def _told(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """What the function gives; whatever goes wrong in it may go well later."""
        try:
            return function(*args, **kwargs)
        except Exception as error:  # the library's own, and those of what it uses
            raise Away(_short(error)) from error


def _hand_over(opened: _Open, record: RunRecord) -> None:
    run, said = opened.run, _said(record)
    if said != opened.said:
        run.name, run.notes, run.tags = record.name[:_LONGEST_NAME], said["notes"], tuple(said["tags"])
        run.config.update(said["config"], allow_val_change=True)
        opened.said = said
    last = dict(opened.last)
    for i, (step, at, values) in enumerate(record.history[opened.rows :], opened.rows):
        row = {name: _picture(value) if isinstance(value, Path) else value for name, value in values.items()}
        if any(value is not None for value in row.values()):
            run.log({**row, "epoch": step, **({"_timestamp": at / 1000} if at else {})}, step=i, commit=True)
        last |= {name: value for name, value in values.items() if not isinstance(value, Path)}
    opened.rows = len(record.history)
    for name, file in record.files.items():
        if opened.files.get(name) != file and not picture_of(name):
            _add(run, name, file)
            opened.files[name] = file
    if last != opened.last:
        run.summary.update(last)
        opened.last = last


def _picture(path: Path) -> wandb.Image | None:
    """None where it is gone, or is none."""
    with contextlib.suppress(OSError, ValueError):
        return wandb.Image(str(path))
    return None


def _add(run: wandb.Run, name: str, file: File) -> None:
    """Put a file among the run's; one that is gone meanwhile is left out."""
    place = Path(run.dir) / name
    if not place.resolve().is_relative_to(Path(run.dir).resolve()):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.path is None:
        place.write_text(file.text, encoding="utf-8")
    elif file.path.is_file():
        shutil.copyfile(file.path, place)
    if place.is_file():
        run.save(str(place), base_path=run.dir, policy="now")


def _said(record: RunRecord) -> dict[str, Any]:
    """A run's configuration, tags and notes: parameters as what they are, and what it can be found by."""
    own = {name: value for name, value in record.tags.items() if not name.startswith(_FOREIGN)}
    data = [{**asdict(one), "sizes": dict(one.sizes)} for one in record.data]
    config = {name: _typed(value) for name, value in record.parameters.items()} | own
    shown = [own[name][:_LONGEST_TAG] for name in _SHOWN if own.get(name)]
    return {
        "config": {**config, **({"data": data} if data else {})},
        "tags": list(dict.fromkeys(shown)),
        "notes": record.tags.get(_NOTE, ""),
    }


def _typed(value: str) -> Any:
    """Numbers as numbers, so that its charts have scales for them; `describe.parameters` wrote them as JSON."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _group(tags: Mapping[str, str]) -> str | None:
    """All runs of one sweep: its name, and what sets it apart from another of that name."""
    name = tags.get("gensweep.sweep")
    return f"{name} {tags.get('gensweep.sweep_id', '')[:6]}".strip()[:_LONGEST_NAME] if name else None


def _id_of(tags: Mapping[str, str], attempt: int) -> str:
    """The id of a sweep's or a trial's run, by what it is of; any other run's is drawn."""
    if _IDENTITY[0] not in tags:
        return uuid.uuid4().hex[:16]
    identity = json.dumps([*(tags.get(name) for name in _IDENTITY), *([attempt] if attempt else [])])
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _short(error: BaseException) -> str:
    text = " ".join(redacted(str(error)).split()) or type(error).__name__
    if key := os.environ.get("WANDB_API_KEY"):
        text = text.replace(key, "***")
    return text if len(text) <= _LONGEST_ERROR else text[:_LONGEST_ERROR] + "…"

"""MLflow as a run store: a few calls on explicit run ids, and what each kind of failure means."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import mlflow
import requests
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from sqlalchemy.exc import DBAPIError

from gensweep.credentials import redacted
from gensweep.ledger.durable import make_directory, write_new
from gensweep.ledger.examination import move_aside
from gensweep.tracking import mlflow_models, store
from gensweep.tracking.run_store import Away, Data, Entry, Model, Point, Refused, RunStore, Status
from gensweep.tracking.schema import EXPERIMENT, deleted
from gensweep.tracking.sqlite_file import is_unmade
from gensweep.tracking.tracking_server import reach_directly
from gensweep.tracking.view import TAG, View, tag_of

_PAGE = 1000  # runs in one answer
_PARAMETERS = _TAGS = 100  # what a request may hold: 100 parameters, 100 tags, 1000 entities in all
_METRICS = 1000 - _PARAMETERS - _TAGS
_LONGEST_VALUE = 6000  # MLflow cuts a longer parameter without a word
_LONGEST_TAG = 5000
_REFUSALS = {"RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE", "INVALID_STATE"}
_SETTINGS = {
    # No retries inside MLflow: they would block for long, and a create_run whose answer was lost would be sent twice.
    # The projection comes back later by itself, and looks for the run first.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_LOGGERS = {
    "alembic": logging.WARNING,  # it lists every migration of a new database
    "mlflow.pyfunc": logging.ERROR,  # it advises on type hints and on requirements that it cannot see
    "mlflow.models": logging.ERROR,
    "mlflow.types": logging.ERROR,
    "mlflow.store.db.utils": logging.CRITICAL,  # each of its errors comes here too, and is told once, without passwords
}
T = TypeVar("T")


def open_mlflow(uri: str) -> MlflowStore:
    """The store behind a URI, with its experiment."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)  # MLflow reads them at each request; there is no other way to set them
    reach_directly(uri)
    for name, level in _LOGGERS.items():
        logging.getLogger(name).setLevel(level)
    make(uri)
    found = _told(uri, MlflowStore, uri)
    found.connect()
    return found


class MlflowStore(RunStore):
    """The runs of one experiment in one MLflow store."""

    keeps_models = True

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._client = mlflow.MlflowClient(tracking_uri=uri)
        self._experiment = ""

    def connect(self) -> None:
        """Find the experiment, or create it; that somebody else creates it at the same time is no error."""
        found = self._call(self._client.get_experiment_by_name, EXPERIMENT)
        if found is None:
            with contextlib.suppress(Refused):  # it exists by now
                self._call(self._client.create_experiment, EXPERIMENT, store.artifact_folder(self.uri))
            found = self._call(self._client.get_experiment_by_name, EXPERIMENT)
        if found is None:
            raise Away(f"it does not keep the experiment '{EXPERIMENT}' that was created in it")
        if found.lifecycle_stage != "active":
            raise Refused(". ".join(map(str, deleted(found.experiment_id, redacted(self.uri)))))
        self._experiment = found.experiment_id

    def find(self, tags: Mapping[str, str]) -> list[str]:
        """The ids of all runs with these tags, the oldest first, over all pages of the answer."""
        if any({"'", '"'} <= set(value) for value in tags.values()):
            return []  # MLflow's filters cannot say both quotes
        wanted = " and ".join(f"tags.`{name}` = {_quoted(value)}" for name, value in tags.items())
        found: list[str] = []
        token: str | None = None
        while True:
            page = self._call(
                self._client.search_runs,
                [self._experiment],
                wanted,
                max_results=_PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            found += [run.info.run_id for run in page]
            if not (token := page.token):
                return found

    def create(self, name: str, tags: Mapping[str, str], start: int) -> str:
        """A new run of the experiment."""
        run = self._call(self._client.create_run, self._experiment, start_time=start, tags=dict(tags), run_name=name)
        return str(run.info.run_id)

    def exists(self, run_id: str) -> bool:
        """Whether the run is there and not deleted."""
        try:
            run = self._call(self._client.get_run, run_id)
        except Refused:
            return False
        return bool(run.info.lifecycle_stage == "active")

    def log(
        self,
        run_id: str,
        points: Sequence[Point] = (),
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Add to a run, in as few requests as MLflow's limits allow."""
        given = [Param(name, value[:_LONGEST_VALUE]) for name, value in (parameters or {}).items()]
        marks = [RunTag(name, value[:_LONGEST_TAG]) for name, value in (tags or {}).items()]
        metrics = [Metric(point.name, point.value, point.time, point.step) for point in points]
        for part in _parts(max(len(given) / _PARAMETERS, len(marks) / _TAGS, len(metrics) / _METRICS)):
            self._call(
                self._client.log_batch,
                run_id,
                metrics=metrics[part * _METRICS : (part + 1) * _METRICS],
                params=given[part * _PARAMETERS : (part + 1) * _PARAMETERS],
                tags=marks[part * _TAGS : (part + 1) * _TAGS],
                synchronous=True,
            )

    def set_status(self, run_id: str, status: Status, end: int | None = None) -> None:
        """Change how a run stands."""
        if status == "RUNNING":
            self._call(self._client.update_run, run_id, status=status)
        else:
            self._call(self._client.set_terminated, run_id, status=status, end_time=end)

    def add_file(self, run_id: str, path: Path, folder: str | None = None) -> None:
        """Copy a file to the run's artifacts."""
        self._call(self._client.log_artifact, run_id, str(path), folder)

    def add_text(self, run_id: str, text: str, name: str) -> None:
        """Write a text among the run's artifacts."""
        self._call(self._client.log_text, run_id, text, name)

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""
        self._call(self._client.update_run, run_id, name=name)

    def add_data(self, run_id: str, data: Data) -> None:
        """Say which data a run was trained on. MLflow keeps one entry of a name and digest in the experiment."""
        profile = {"num_rows": sum(data.sizes.values()), **data.sizes} if data.sizes else {}
        entry = Dataset(data.name, data.digest, "gensweep", data.source, profile=json.dumps(profile))
        use = DatasetInput(entry, [InputTag(MLFLOW_DATASET_CONTEXT, "training")])
        self._call(self._client.log_inputs, run_id, [use])

    def show(self, view: View) -> None:
        """Offer a table of runs among the views of the experiment."""
        self._call(self._client.set_experiment_tag, self._experiment, *tag_of(view))

    def hide(self, key: str) -> None:
        """Take a table out of the views of the experiment."""
        with contextlib.suppress(Refused):  # there was none
            self._call(self._client.delete_experiment_tag, self._experiment, f"{TAG}{key}")

    def find_model(self, key: str) -> str | None:
        """The id of the model of this key that is READY."""
        model = self._call(mlflow_models.found, self._client, self._experiment, key)
        return str(model.model_id) if model is not None and mlflow_models.is_whole(model) else None

    def add_model(self, run_id: str, model: Model) -> str:
        """Keep a model as one that MLflow logs: it loads by `mlflow.pyfunc`, and the run shows it as its output."""
        return self._call(mlflow_models.add, self._client, self._experiment, run_id, model)

    def register(self, model_id: str, entry: Entry) -> str:
        """Make the model a version of a registered one, unless it is one, and give it the alias."""
        return self._call(mlflow_models.register, self._client, model_id, entry)

    def delete(self, run_id: str) -> None:
        """Mark a run as deleted; MLflow keeps it until `mlflow gc`."""
        self._call(self._client.delete_run, run_id)

    def _call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return _told(self.uri, function, *args, **kwargs)


def _told(uri: str, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """What the function gives; what goes wrong in it is Refused or Away, without the passwords of `uri`."""
    try:
        return function(*args, **kwargs)
    except MlflowException as error:
        kind = Refused if getattr(error, "error_code", "") in _REFUSALS else Away
        raise kind(_short(error, uri)) from error
    except Exception as error:  # a lost connection comes as OSError, as requests', urllib3's or a cloud library's own
        raise Away(_short(error, uri)) from error


def _quoted(value: str) -> str:
    return f'"{value}"' if "'" in value else f"'{value}'"


def _parts(n: float) -> Iterator[int]:
    yield from range(max(0, -int(-n // 1)))


def make(uri: str) -> None:
    """See to it that a SQLite store has MLflow's tables. Raises Away."""
    if (path := store.sqlite_path(uri)) is not None and is_unmade(path):
        _told(uri, _create, path)


def _create(path: Path) -> None:
    """A new database at `path`, whole or not at all: MLflow makes it in a hundred steps, and cannot go on with half of them.

    Where another process makes it at the same time, the first one counts. What a cut making left is moved aside.
    """
    with tempfile.TemporaryDirectory(prefix="gensweep-") as folder:
        draft = Path(folder) / "mlflow.db"
        mlflow.MlflowClient(tracking_uri=f"sqlite:///{draft}").search_experiments(max_results=1)
        make_directory(path.parent)
        part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            write_new(part, draft.read_bytes())
            with _locked(path) as is_ours:
                if is_ours and is_unmade(path):
                    if path.stat().st_size:
                        move_aside(path)
                    os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Nobody else who asks so replaces the file, an empty one where there was none; whether it is still the same by then."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with contextlib.suppress(OSError):  # a network disk may have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield path.exists() and os.path.samestat(os.fstat(descriptor), os.stat(path))
    finally:
        os.close(descriptor)


def _short(error: BaseException, uri: str) -> str:
    text = " ".join(redacted(_said(error), uri).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:300] + "…"


def _said(error: BaseException) -> str:
    """What a database or a connection said itself: MLflow puts its statement, or the address of every try, around it."""
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None and inner not in chain:
        chain.append(inner)
    of_database = next((one for one in chain if isinstance(one, DBAPIError)), None)
    if of_database is not None:
        return str(of_database.orig)
    if any(
        isinstance(one, requests.ConnectionError | requests.Timeout | requests.exceptions.RetryError) for one in chain
    ):
        return str(getattr(chain[-1], "strerror", None) or chain[-1])
    return str(error)

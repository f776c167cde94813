"""MLflow's server as `gensweep ui` starts it, under `mlflow server --app-name`: MLflow's own basic-auth, and what it leaves open.

- Artifacts are read and written in the folders of ROOTS alone, wherever a database says that they are: whoever can write into
  the database, or made it, would else have this server read any file of its user.
- A page of another origin gets no answer. A browser sends the password along with what such a page asks for, and MLflow
  trusts every port of this machine, where other accounts have theirs.

MLflow imports it by name. This file and mlflow_store.py, in its client, are all that knows MLflow.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Response, request
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.server import app as flask_app
from mlflow.server import auth
from mlflow.server.fastapi_app import create_fastapi_app
from mlflow.store.artifact.artifact_repository_registry import get_registered_artifact_repositories
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import get_uri_scheme

from gensweep.tracking.access import ENTRY, ROOTS, VIEW
from gensweep.tracking.schema import EXPERIMENT
from gensweep.tracking.view import opening

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOCAL = ("", "file")
# MLflow's assistant runs programs, and its gateway asks other hosts, for whoever asks: not for everybody
_FOR_THE_USER = ("/mlflow/assistant", "/mlflow/gateway", "/gateway/")
# what every page of runs asks the gateway for first, and shows an error where it is refused: there are none
_ENDPOINTS = "/mlflow/gateway-proxy"
_TRACES = "traces.json"  # MLflow reads this one beside an artifact folder without a look at links


def private() -> App:
    """For who knows the password."""
    _confine_artifacts()
    flask_app.before_request(_ask_for_basic)
    flask_app.add_url_rule(ENTRY, view_func=_enter)
    config = Path(os.environ["MLFLOW_AUTH_CONFIG_PATH"])
    with config.open("rb") as only_one:  # several workers must not make the tables of the users at once
        fcntl.flock(only_one, fcntl.LOCK_EX)
        return _of_one_origin(auth.create_app())


def unlocked() -> App:
    """For everybody on this machine."""
    _confine_artifacts()
    return _of_one_origin(create_fastapi_app(), closed=_FOR_THE_USER)


def _confine_artifacts() -> None:
    kinds = get_registered_artifact_repositories()
    kinds.update(dict.fromkeys(kinds, _artifacts_at))


def _artifacts_at(
    uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> LocalArtifactRepository:
    roots = [Path(root) for root in json.loads(os.environ[ROOTS])]
    path = Path(local_file_uri_to_path(uri)) if get_uri_scheme(uri) in _LOCAL else None
    if path is None or not all(_is_below(roots, one) for one in (path, path / _TRACES)):
        raise MlflowException(
            f"The artifacts at {uri} lie outside of this store, in {' and '.join(map(str, roots))}, or a link leads out of "
            "it. `gensweep ui --artifacts FOLDER` shows those of another folder too.",
            error_code=PERMISSION_DENIED,
        )
    return LocalArtifactRepository(uri, tracking_uri, registry_uri)


def _is_below(roots: list[Path], path: Path) -> bool:
    """Whether a path, its links followed, ends in one of the roots, of which no link is followed."""
    return any(path.resolve().is_relative_to(root) for root in roots)


def _of_one_origin(app: App, closed: Sequence[str] = ()) -> App:
    """The app for its own pages, and for programs, which name no origin; paths with one of `closed` in them are refused."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        origin, host = (headers.get(name, b"").decode("latin-1") for name in (b"origin", b"host"))
        if origin and urlsplit(origin).netloc != host:
            await _refuse(send, b"Pages of another origin get no answer here.")
        elif closed and scope.get("path", "").endswith(_ENDPOINTS) and scope.get("method") == "GET":
            await _answer(send, 200, b"application/json", b'{"endpoints": []}')
        elif any(part in scope.get("path", "") for part in closed):
            await _refuse(send, b"Not where everybody may ask: start gensweep ui without --no-auth.")
        else:
            await app(scope, receive, send)

    return guarded


async def _refuse(send: Send, why: bytes) -> None:
    await _answer(send, 403, b"text/plain", why)


async def _answer(send: Send, status: int, kind: bytes, text: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": text})


def _ask_for_basic() -> Response | None:
    """MLflow's basic-auth looks up the user of any other scheme too, who is None, and fails."""
    given = request.authorization
    if given is None or given.type == "basic" or auth.is_unprotected_route(request.path):
        return None
    asked: Response = auth.make_basic_auth_response()
    return asked


def _enter() -> tuple[str, int, dict[str, str]]:
    """From a link that holds the password to an address without it, from which alone a page may ask for anything.

    It is that of a sweep's trials: MLflow itself would open on pages for language models.
    """
    return "", 303, {"Location": request.host_url + _page(request.args.get(VIEW)), "Cache-Control": "no-store"}


def _page(view: str | None) -> str:
    try:
        found = MlflowClient(tracking_uri=os.environ["MLFLOW_BACKEND_STORE_URI"]).get_experiment_by_name(EXPERIMENT)
    except MlflowException:  # the page itself then says what is wrong with the store
        return ""
    return opening(found.experiment_id, found.tags, view) if found is not None else ""

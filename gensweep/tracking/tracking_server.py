"""Whether an MLflow server can be used: it answers, is MLflow's, lets us in, and has gensweep's experiment or none yet."""

from __future__ import annotations

import ipaddress
import os
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import requests

from gensweep.credentials import redacted
from gensweep.home import home
from gensweep.tracking.schema import ELSEWHERE, EXPERIMENT, Trouble, deleted

_SECONDS = (5.0, 10.0)  # to connect, and to answer
_QUICKLY = (2.0, 2.0)  # where nothing but an address depends on it
_QUESTION = "/api/2.0/mlflow/experiments/get-by-name"
_ACCESS = (401, 403)
_OTHER_ACCESS = ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4")  # ways to be let in that only MLflow knows
_USER, _PASSWORD, _TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"
_INSECURE, _AUTHORITY, _CERTIFICATE = (
    "MLFLOW_TRACKING_INSECURE_TLS", "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH",
)  # fmt: skip


def trouble(uri: str) -> Trouble | None:
    """Why MLflow's client cannot keep runs at the server `uri`; None where it can, or where only it can know."""
    reach_directly(uri)
    try:
        answer = _ask(uri)
    except requests.exceptions.SSLError as error:
        if _special(_AUTHORITY, _CERTIFICATE):
            return None
        return Trouble(_reason(error, uri), f"Give its certificate in {_AUTHORITY}, or {ELSEWHERE}.")
    except (requests.RequestException, ValueError, OSError) as error:
        return Trouble(_reason(error, uri))
    if answer.status_code in _ACCESS:
        return _refused(answer)
    return _understood(answer, uri)


def experiment(uri: str, user: tuple[str, str] | None = None) -> tuple[str, dict[str, str]] | None:
    """The id of gensweep's experiment at a server, and its tags; None where there is none, or who asks is not let in."""
    reach_directly(uri)
    try:
        answer = _ask(uri, user, _QUICKLY)
        found = answer.json()["experiment"]
        return str(found["experiment_id"]), {str(one["key"]): str(one["value"]) for one in found.get("tags", ())}
    except (requests.RequestException, ValueError, OSError, KeyError, TypeError, AttributeError):
        return None


def reach_directly(uri: str) -> None:
    """From now on this process asks a server on this machine without the proxy of http_proxy, which could not reach it."""
    host = urlsplit(uri).hostname or ""
    if _is_this_machine(host) and getproxies() and not proxy_bypass(host):
        others = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        os.environ["no_proxy"] = f"{others},{host}" if others else host


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _ask(uri: str, user: tuple[str, str] | None = None, seconds: tuple[float, float] = _SECONDS) -> requests.Response:
    """What the server says of gensweep's experiment, asked as MLflow's client would, but once."""
    session: dict[str, Any] = {"verify": os.environ.get(_AUTHORITY) or not _is_true(os.environ.get(_INSECURE, ""))}
    if certificate := os.environ.get(_CERTIFICATE):
        session["cert"] = certificate
    if user := user or _user():
        session["auth"] = user
    elif token := os.environ.get(_TOKEN):
        session["headers"] = {"Authorization": f"Bearer {token}"}
    return requests.get(uri + _QUESTION, params={"experiment_name": EXPERIMENT}, timeout=seconds, **session)


def _user() -> tuple[str, str] | None:
    name, password = os.environ.get(_USER), os.environ.get(_PASSWORD)
    return (name, password) if name and password else None


def _understood(answer: requests.Response, uri: str) -> Trouble | None:
    try:
        said = answer.json()
    except ValueError:
        said = None
    if answer.ok and isinstance(said, dict) and isinstance(found := said.get("experiment"), dict):
        is_deleted = found.get("lifecycle_stage") == "deleted"
        return deleted(str(found.get("experiment_id")), redacted(uri)) if is_deleted else None
    if isinstance(said, dict) and said.get("error_code") == "RESOURCE_DOES_NOT_EXIST":
        return None
    if answer.status_code >= 500:
        return Trouble(f"the server answers {answer.status_code} {answer.reason}", f"Mend the server, or {ELSEWHERE}.")
    return Trouble(
        f"what answers there is not MLflow ({answer.status_code} {answer.reason})",
        f"Give the address of MLflow's own page, without what the browser adds; or {ELSEWHERE}.",
    )


def _refused(answer: requests.Response) -> Trouble | None:
    if _special(*_OTHER_ACCESS) or _has_credentials():
        return None
    if answer.status_code == 401:
        are_given = "Authorization" in answer.request.headers
        wants = "other ones than it was given" if are_given else "none was given"
        return Trouble(
            f"the server answers 401: it wants a user and a password, and {wants}",
            f"Set {_USER} and {_PASSWORD}; those of `gensweep ui` are new at each start, and it says them.",
        )
    return Trouble(
        "the server answers 403: it does not know this host name, or this user may not",
        f"Start it with --allowed-hosts, or set {_USER} and {_PASSWORD}.",
    )


def _has_credentials() -> bool:
    found = home()
    return found is not None and (found / ".mlflow" / "credentials").exists()


def _special(*names: str) -> bool:
    return any(os.environ.get(name) for name in names)


def _is_true(value: str) -> bool:
    return value.lower() in ("true", "1")


def _reason(error: BaseException, uri: str) -> str:
    """What is at the bottom of an error: the outer ones only repeat the address."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return redacted(str(getattr(error, "strerror", None) or error), uri)

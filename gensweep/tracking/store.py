"""Where MLflow keeps the runs: which URI, whether anybody answers there, and how to look at it in a browser."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from gensweep.errors import CannotRun, ConfigError

_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
_CONNECT_SECONDS = 5.0
_QUOTED = "sqlite+pysqlite:"  # MLflow makes the parent folder of what follows `sqlite:///` without unquoting it
_SQLITE_MAGIC = b"SQLite format 3\x00"
CURE = (
    "Start the server there, or name another store: --tracking-uri http://host:port, or --tracking-uri "
    "sqlite:///mlflow.db for a file in this folder."
)


def resolve_uri(given: str | None, runs: Path = Path("runs")) -> str:
    """The tracking URI: the given one, else MLFLOW_TRACKING_URI, else mlflow.db in the working folder.

    A SQLite path is made absolute, so that the same store is found from any folder. A working folder that cannot be written
    and holds none leaves it to the folder of sweeps.

    Raises:
        ConfigError: it is a path or a `file:` URI, where MLflow no longer keeps runs.
    """
    uri = given or os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(_default(runs))
    if uri == "databricks" or uri.startswith(("databricks:", "uc:")):
        return uri
    if "://" not in uri or uri.startswith("file:"):
        raise ConfigError(
            f"tracking URI '{uri}' is a folder, and MLflow 3 keeps no runs in folders. Use sqlite:///path/mlflow.db, "
            "or http://host:port of a server."
        )
    if (path := sqlite_path(uri)) is not None:
        return sqlite_uri(path)
    return uri.rstrip("/")


def _default(runs: Path) -> Path:
    here = Path.cwd()
    is_here = (here / "mlflow.db").exists() or os.access(here, os.W_OK | os.X_OK)
    return (here if is_here else runs.resolve()) / "mlflow.db"


def redacted(text: str) -> str:
    """A URI, or a message with URIs in it, without users and passwords: fit for messages and files."""
    # up to the last @ before the path: a password may hold one
    return re.sub(r"://[^/\s]*@", "://", re.sub(r"(?i)([?&](?:password|token)=)[^&\s]*", r"\1", text))


def sqlite_path(uri: str) -> Path | None:
    """The absolute path of a SQLite store's file; None for any other store.

    A user may give a path as it is (`sqlite:///$PWD/mlflow.db`), where %2F and ? mean themselves: the folder that exists counts.
    """
    if not uri.startswith(("sqlite:", _QUOTED)):
        return None
    text = uri.split(":///", 1)[-1]
    end_of_folder = text.rfind("/") + 1
    if uri.startswith(_QUOTED) or not (Path.cwd() / text[:end_of_folder]).is_dir():
        end_of_folder = 0
    folder, rest = text[:end_of_folder], unquote(text[end_of_folder:].partition("?")[0])
    return (Path.cwd() / folder / rest).resolve()


def sqlite_uri(path: Path) -> str:
    """The URI of a SQLite store's file: what has a meaning in a URI is quoted, and MLflow makes no folder of the quoted name."""
    quoted = str(path).replace("%", "%25").replace("?", "%3F")
    return f"sqlite:///{path}" if quoted == str(path) else f"{_QUOTED}///{quoted}"


def artifact_folder(uri: str) -> str | None:
    """The URI of the folder for the files of a SQLite store: mlartifacts beside it. A server has its own place."""
    path = sqlite_path(uri)
    return None if path is None else (path.parent / "mlartifacts").as_uri()


def check_reachable(uri: str) -> None:
    """Find out within seconds whether the store can be used; MLflow itself would retry for minutes.

    Raises:
        CannotRun: naming the store, what is wrong and the cure.
    """
    if (path := sqlite_path(uri)) is not None:
        _check_file(path)
        return
    parts = urlsplit(uri)
    try:
        port = parts.port or _PORTS.get(parts.scheme.split("+")[0])
    except ValueError as error:
        raise ConfigError(f"tracking URI '{redacted(uri)}': {error}. Use http://host:port.") from error
    if parts.hostname is None or port is None:
        return
    try:
        with socket.create_connection((parts.hostname, port), timeout=_CONNECT_SECONDS):
            pass
    except OSError as error:
        raise unreachable(uri, f"{parts.hostname}:{port}: {error.strerror or error}") from error


def unreachable(uri: str, why: str) -> CannotRun:
    """The error for a store that cannot be used at the start."""
    return CannotRun(f"MLflow at {redacted(uri)} cannot be used ({why}). {CURE}")


@dataclass(frozen=True)
class Ui:
    """MLflow's pages: their address, and the server that was started for them, if one was."""

    url: str
    process: subprocess.Popen[bytes] | None


def ui_command(uri: str, port: int = 5000) -> list[str]:
    """The command that serves MLflow's pages of a store to this machine only."""
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    if (folder := artifact_folder(uri)) is not None:
        command += ["--default-artifact-root", folder]
    return [*command, "--host", "127.0.0.1", "--port", str(port)]


def open_ui(uri: str, port: int = 5000) -> Ui:
    """The pages of a store: a server that runs already, or one started here for a database. The caller ends it.

    Raises:
        CannotRun: something else listens on `port`, or the store cannot be used.
    """
    check_reachable(uri)
    if uri.startswith(("http:", "https:")):
        return Ui(redacted(uri), None)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotRun(f"port {port} is taken ({error.strerror}). Choose another one with --port.") from error
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return Ui(f"http://127.0.0.1:{port}", subprocess.Popen(ui_command(uri, port), env={**os.environ, **quiet}))


def _check_file(path: Path) -> None:
    uri = sqlite_uri(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        with path.open("ab+") as file:
            file.seek(0)
            start = file.read(len(_SQLITE_MAGIC))
        if new:
            path.unlink()
    except OSError as error:
        raise unreachable(uri, error.strerror or str(error)) from error
    if start and start != _SQLITE_MAGIC:
        raise unreachable(uri, "the file is not a SQLite database")


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

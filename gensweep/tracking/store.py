"""Where the runs are kept: which URI, and whether it can be used as it is found, before anything is begun."""

from __future__ import annotations

import os
import re
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gensweep.credentials import redacted
from gensweep.errors import CannotRun, ConfigError, suggest
from gensweep.home import is_in_a_job
from gensweep.tracking import sqlite_file, wandb_place
from gensweep.tracking.schema import Trouble

_QUOTED = "sqlite+pysqlite"  # MLflow makes the parent folder of what follows `sqlite:///` without unquoting it
_WEB = ("http", "https")
_DATABASES = ("postgresql", "mysql", "mssql", "sqlite")
_ALSO_CALLED = {"mariadb": "mysql", "sqlserver": "mssql"}  # names that are not near
_FILES = (".db", ".sqlite", ".sqlite3")
_ENCODED = "In a user or a password write @ as %40, / as %2F, : as %3A, ? as %3F, # as %23 and a space as %20."
CURE = (
    "Start the server there, or name another store: --tracking-uri http://host:port, or --tracking-uri "
    "sqlite:///mlflow.db for a file in this folder."
)


def resolve_uri(given: str | None, runs: Path = Path("runs")) -> str:
    """The tracking URI: the given one, else MLFLOW_TRACKING_URI, else mlflow.db in the working folder.

    `wandb` and `wandb://…` are of Weights & Biases. A SQLite path is made absolute, so that the same store is found from any
    folder; what a browser adds to a server's address is left out. Where the working folder holds none, that in the folder of
    sweeps counts; it is made there where the working folder cannot be written, or is that of a job of a Ray cluster.

    Raises:
        ConfigError: it names no store of MLflow's, or cannot be read.
    """
    uri = (given or os.environ.get("MLFLOW_TRACKING_URI") or "").strip() or sqlite_uri(_default(runs))
    scheme = uri.partition(":")[0].lower() if ":" in uri else ""
    if wandb_place.is_wandb(uri):
        return wandb_place.canonical(uri)
    if scheme in ("databricks", "uc") or uri == "databricks":
        return uri
    if (path := sqlite_path(uri)) is not None:
        return sqlite_uri(path)
    if "://" not in uri and Path(uri).suffix in _FILES:
        raise ConfigError(
            f"tracking URI '{redacted(uri)}' is a path. Write sqlite:///{redacted(uri)} for a file that holds the runs."
        )
    if "://" not in uri or scheme == "file":
        raise ConfigError(
            f"tracking URI '{redacted(uri)}' is a folder, and MLflow 3 keeps no runs in folders. Use "
            "sqlite:///path/mlflow.db, or http://host:port of a server."
        )
    return _server(uri)


def is_relative(uri: str) -> bool:
    """Whether it names a SQLite file by a path that begins in the working folder."""
    return uri.partition(":")[0].partition("+")[0].lower() == "sqlite" and not uri.partition(":")[2].startswith("////")


def _default(runs: Path) -> Path:
    here, there = Path.cwd() / "mlflow.db", runs.resolve() / "mlflow.db"
    if here.exists() and not is_in_a_job():
        return here
    is_there = is_in_a_job() or there.exists() or not os.access(here.parent, os.W_OK | os.X_OK)
    return there if is_there else here


def sqlite_path(uri: str) -> Path | None:
    """The absolute path of a SQLite store's file; None for any other store.

    A user may give a path as it is (`sqlite:///$PWD/mlflow.db`), where %2F and ? mean themselves: the folder that exists counts.

    Raises:
        ConfigError: there is no path in it, or none where SQLAlchemy looks for it.
    """
    scheme, _, rest = uri.partition(":")
    if scheme.partition("+")[0].lower() != "sqlite":
        return None
    name = _file_name(rest.removeprefix("///"), is_quoted=scheme == _QUOTED)
    if not rest.startswith("///") or name in ("", ":memory:"):
        what = "keeps its runs in memory only" if name == ":memory:" else "names no file"
        example = rest.strip("/") if rest.strip("/") not in ("", ":memory:") else "mlflow.db"
        raise ConfigError(
            f"tracking URI '{uri}' {what}. Write sqlite:///{example} for a file in this folder, or "
            f"sqlite:////data/mlflow.db, with four slashes, for a file anywhere."
        )
    return (Path.cwd() / name).resolve()


def _file_name(text: str, *, is_quoted: bool) -> str:
    end_of_folder = text.rfind("/") + 1
    if is_quoted or not (Path.cwd() / text[:end_of_folder]).is_dir():
        end_of_folder = 0
    return text[:end_of_folder] + unquote(text[end_of_folder:].partition("?")[0])


def sqlite_uri(path: Path) -> str:
    """The URI of a SQLite store's file: what has a meaning in a URI is quoted, and MLflow makes no folder of the quoted name."""
    quoted = str(path).replace("%", "%25").replace("?", "%3F")
    return f"sqlite:///{path}" if quoted == str(path) else f"{_QUOTED}:///{quoted}"


def artifact_folder(uri: str) -> str | None:
    """The URI of the folder for the files of a SQLite store: mlartifacts beside it. A server has its own place."""
    path = sqlite_path(uri)
    return None if path is None else (path.parent / "mlartifacts").as_uri()


def artifact_roots(uri: str) -> list[Path]:
    """The folders that hold artifacts of a database: MLflow's two names for them, beside a SQLite file or in the working folder.

    They are not resolved: a link at their place leads elsewhere.
    """
    path = sqlite_path(uri)
    folder = Path.cwd() if path is None else path.parent
    return [folder / "mlartifacts", folder / "mlruns"]


def check_reachable(uri: str) -> None:
    """Find out within seconds whether the store can be used as it is; MLflow itself would take its import, and minutes.

    Nothing is created, changed or upgraded.

    Raises:
        ConfigError: MLflow knows no such kind of store.
        CannotRun: naming the store, what is wrong and the cure.
    """
    scheme = uri.partition(":")[0].partition("+")[0]
    trouble: Trouble | None = None
    if (path := sqlite_path(uri)) is not None:
        trouble = sqlite_file.trouble(path)
    elif wandb_place.is_wandb(uri):
        trouble = wandb_place.trouble(uri)
    elif scheme in _WEB:
        from gensweep.tracking import tracking_server

        trouble = tracking_server.trouble(uri)
    elif scheme in _DATABASES:
        from gensweep.tracking import database_server

        trouble = database_server.trouble(uri)
    else:
        _known(uri, scheme)
    if trouble is not None:
        raise unreachable(uri, *trouble)


def unreachable(uri: str, why: str, cure: str | None = None) -> CannotRun:
    """The error for a store that cannot be used at the start."""
    shown = " ".join(redacted(why, uri).split())
    return CannotRun(f"{named(uri)} cannot be used ({shown}). {cure or CURE}")


def program(uri: str) -> str:
    """Whose store a URI names."""
    return "Weights & Biases" if wandb_place.is_wandb(uri) else "MLflow"


def named(uri: str) -> str:
    """A store as messages call it."""
    return f"{program(uri)} at {redacted(uri)}"


def _server(uri: str) -> str:
    """A server's URI with user and password so written that every library reads them alike.

    Raises:
        ConfigError: there is no host in it, or it cannot be told from the password.
    """
    problem, netloc = "", ""
    try:
        parts = urlsplit(uri)
        netloc = parts.netloc
        if "@" in parts.path + parts.fragment or any(map(str.isspace, netloc)):
            problem = _ENCODED
        elif parts.port is None and not parts.hostname and parts.scheme in _WEB:
            problem = "It names no host. Use http://host:port."
    except ValueError:
        problem = f"Its port cannot be read. Use http://host:port.{f' {_ENCODED}' if '@' in uri else ''}"
    if problem:
        raise ConfigError(f"tracking URI '{redacted(uri, uri)}': {problem}")
    user, at, host = netloc.rpartition("@")
    whole = uri.replace(netloc, user.replace("@", "%40") + at + host, 1) if at else uri
    address, mark, query = whole.partition("?")
    return (
        re.split("[?#]", whole)[0].rstrip("/") if parts.scheme in _WEB else address + mark + query.replace("@", "%40")
    )


def _known(uri: str, scheme: str) -> None:
    """Raise if neither MLflow nor a plugin of it knows the scheme."""
    plugins = {plugin.name for plugin in metadata.entry_points(group="mlflow.tracking_store")}
    known = {*_WEB, *_DATABASES, "databricks", "uc", *plugins}
    if scheme not in known:
        instead = f"Did you mean '{_ALSO_CALLED[scheme]}'? " if scheme in _ALSO_CALLED else ""
        raise ConfigError(
            f"tracking URI '{redacted(uri, uri)}': MLflow knows no '{scheme}'. {instead}{suggest(scheme, known)}"
        )

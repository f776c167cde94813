"""Whether MLflow can use a SQLite file, found out with SQLite alone and in milliseconds. Nothing is created or changed."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from gensweep.ledger.durable import unwritable
from gensweep.tracking.schema import ELSEWHERE, EXPERIMENT, OF_MLFLOW, Found, Trouble, misfit, revisions

PATIENCE = 5.0  # seconds in which another process may end what it writes
_QUIET = 30.0  # seconds in which somebody who makes the tables writes the next one
_MADE = {
    "alembic_version": "false",
    "workspaces": "false",
    "experiments": "name != 'Default'",
}  # rows that somebody made
_MAGIC = b"SQLite format 3\x00"


def trouble(path: Path, patience: float = PATIENCE) -> Trouble | None:
    """Why MLflow cannot keep runs in the file at `path`, which need not exist; None where it can."""
    try:
        return _of_the_file(path) or _of_the_database(path, patience)
    except OSError as error:
        return Trouble(error.strerror or str(error), f"Make it readable, or {ELSEWHERE}.")
    except sqlite3.Error as error:
        return _explained(error, patience)


def is_unmade(path: Path) -> bool:
    """Whether MLflow's tables are still to be made at `path`: no file is there, an empty one, or what a cut making left.

    Such a one has an older schema than MLflow's, or none yet, holds no run, and nobody has written to it for a while.
    """
    if not path.exists() or not path.stat().st_size:
        return True
    if _start(path) != _MAGIC or time.time() - path.stat().st_mtime < _QUIET:
        return False
    try:
        found, known = _read(path, PATIENCE), revisions()
    except sqlite3.Error:
        return False
    is_mlflows = found.tables >= OF_MLFLOW and (
        found.revision is None or (known is not None and found.revision in known.all)
    )
    return is_mlflows and known is not None and found.revision != known.head and found.is_unused


def _of_the_file(path: Path) -> Trouble | None:
    if path.is_dir():
        return Trouble("it is a folder", f"Name a file in it: --tracking-uri sqlite:///{path}/mlflow.db.")
    if _start(path) not in (b"", _MAGIC):
        return Trouble("the file is not a SQLite database", f"Move it away, or {ELSEWHERE}.")
    # SQLite keeps its journal in the folder
    reason = f"{path} cannot be written (its mode)" if _is_read_only(path) else unwritable(path.parent)
    return Trouble(reason, f"Make it writable, or {ELSEWHERE}.") if reason else None


def _of_the_database(path: Path, patience: float) -> Trouble | None:
    if is_unmade(path):
        return None
    return misfit(_read(path, patience), f"sqlite:///{path}", revisions())


def _start(path: Path) -> bytes:
    """The first bytes; none where there is no file."""
    if not path.exists():
        return b""
    with path.open("rb") as file:
        return file.read(len(_MAGIC))


def _is_read_only(path: Path) -> bool:
    # root may write everything: for it the mode is what the owner meant
    return path.exists() and not (os.access(path, os.W_OK) and path.stat().st_mode & 0o222)


def _is_unused(database: sqlite3.Connection, tables: frozenset[str]) -> bool:
    """Whether no table holds a row that somebody made; one with other columns than MLflow's counts as used."""
    for table in tables:
        asked = f"select 1 from '{table}' where {_MADE.get(table, 'true')} limit 1"
        with suppress(sqlite3.OperationalError):
            if "'" not in table and database.execute(asked).fetchone():
                return False
            continue
        return False
    return True


def _read(path: Path, patience: float) -> Found:
    uri = f"file:{quote(str(path))}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=patience, isolation_level=None)) as database:
        database.execute("begin immediate")  # waits for other writers, as MLflow would; writes nothing
        tables = frozenset(
            name for (name,) in database.execute("select name from sqlite_master where type = 'table'")
            if not name.startswith("sqlite_")
        )  # fmt: skip
        revision = experiment = None
        if "alembic_version" in tables:
            revision = next((row[0] for row in database.execute("select version_num from alembic_version")), None)
        if "experiments" in tables:
            asked = "select experiment_id, lifecycle_stage from experiments where name = ?"
            with suppress(sqlite3.OperationalError):  # another schema may have other columns
                experiment = next(((str(n), stage) for n, stage in database.execute(asked, [EXPERIMENT])), None)
        is_unused = tables >= OF_MLFLOW and _is_unused(database, tables)
        database.execute("rollback")
    return Found(tables, revision, experiment, is_unused)


def _explained(error: sqlite3.Error, patience: float) -> Trouble:
    kind = getattr(error, "sqlite_errorname", "")
    if kind.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Trouble(
            f"another process has locked it for more than {patience:g} s",
            f"Wait until that ends, or end it (`fuser -v` on the file names it); or {ELSEWHERE}.",
        )
    if kind.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return Trouble(f"it cannot be written: {error}", f"Make it and its folder writable, or {ELSEWHERE}.")
    return Trouble(f"SQLite cannot read it: {error}", f"Restore it from a copy, move it away, or {ELSEWHERE}.")

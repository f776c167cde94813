"""Whether MLflow can use a database server: its driver is here, it answers, lets us in, and has MLflow's schema or none."""

from __future__ import annotations

import importlib.util
from contextlib import suppress

from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from gensweep.credentials import redacted
from gensweep.tracking.schema import ELSEWHERE, EXPERIMENT, Found, Trouble, misfit, revisions

_SECONDS = 5
_TIMEOUTS = {"psycopg2": "connect_timeout", "psycopg": "connect_timeout", "pymysql": "connect_timeout",
             "mysqldb": "connect_timeout", "pymssql": "login_timeout", "pyodbc": "timeout"}  # fmt: skip
_PACKAGES = {"psycopg2": "psycopg2-binary", "psycopg": "'psycopg[binary]'", "MySQLdb": "mysqlclient"}
# what a scheme without a driver asks for is SQLAlchemy's choice: another one is easier to install, or installed
_INSTEAD = {"psycopg": ("postgresql", "psycopg2"), "MySQLdb": ("mysql", "pymysql"), "pyodbc": ("mssql", "pymssql")}


def trouble(uri: str) -> Trouble | None:
    """Why MLflow cannot keep runs in the database at `uri`; None where it can."""
    shown = redacted(uri)
    try:
        url = make_url(uri)
        limit = _TIMEOUTS.get(url.get_dialect().driver)
        engine = create_engine(url, poolclass=NullPool, connect_args={limit: _SECONDS} if limit else {})
    except ModuleNotFoundError as error:
        return _without_driver(error.name or str(error))
    except (NoSuchModuleError, SQLAlchemyError, ValueError) as error:
        return Trouble(f"SQLAlchemy cannot read its address: {_first_line(error, uri)}", f"Mend it, or {ELSEWHERE}.")
    try:
        found = _read(engine)
    except Exception as error:  # what a driver raises is its own
        cause = getattr(error, "orig", None) or error
        return Trouble(_first_line(cause, uri), f"Check name, user and password, or {ELSEWHERE}.")
    return misfit(found, shown, revisions(), shared=True)


def _read(engine: Engine) -> Found:
    with engine.connect() as database:
        tables = frozenset(inspect(database).get_table_names())
        revision = experiment = None
        if "alembic_version" in tables:
            revision = database.execute(text("select version_num from alembic_version")).scalar()
        if "experiments" in tables:
            with suppress(SQLAlchemyError):  # another schema may have other columns
                experiment = _experiment(database)
    return Found(tables, revision, experiment)


def _experiment(database: Connection) -> tuple[str, str] | None:
    asked = text("select experiment_id, lifecycle_stage from experiments where name = :name")
    row = database.execute(asked, {"name": EXPERIMENT}).first()
    return None if row is None else (str(row[0]), str(row[1]))


def _without_driver(module: str) -> Trouble:
    install = f"pip install {_PACKAGES.get(module, module)}"
    cure = f"Run: {install}. Or {ELSEWHERE}."
    if module in _INSTEAD:
        database, other = _INSTEAD[module]
        first = "" if importlib.util.find_spec(other) else f" and run: pip install {_PACKAGES.get(other, other)}"
        cure = f"Write {database}+{other}://…{first}. Or run: {install}; or {ELSEWHERE}."
    return Trouble(f"its driver {module} is not installed", cure)


def _first_line(error: BaseException, uri: str) -> str:
    return redacted(str(error).strip().partition("\n")[0], uri) or type(error).__name__

"""What a database behind SQLAlchemy is asked. SQLite stands for the server; a real one is in tests/deploy."""

from __future__ import annotations

import importlib.util
import socket

import pytest
from tracked_sweep import Store

from gensweep.tracking import database_server
from gensweep.tracking.database_server import trouble


def change(store: Store, statement: str) -> None:
    import sqlite3

    with sqlite3.connect(store.path) as database:
        database.execute(statement)


def test_the_schema_and_the_experiment_are_read(store: Store) -> None:
    assert trouble(store.uri) is None
    change(store, "update alembic_version set version_num = 'ffffffffffff'")
    found = trouble(store.uri)
    assert found is not None
    assert "newer" in found.why
    change(store, "update alembic_version set version_num = '27a6a02d2cf1'")
    found = trouble(store.uri)
    assert found is not None
    assert f"mlflow db upgrade {store.uri}" in str(found.cure)


def test_a_deleted_experiment_is_found(store: Store) -> None:
    change(
        store,
        "insert into experiments (experiment_id, name, lifecycle_stage, workspace) values (7, 'gensweep', 'deleted', 'default')",
    )
    found = trouble(store.uri)
    assert found is not None
    assert "experiments restore -x 7" in str(found.cure)


@pytest.mark.parametrize(
    ("uri", "cure"),
    [
        ("mysql+pymysql://me:s3cr3t@127.0.0.1:1/x", "pip install pymysql"),
        ("mysql://me:s3cr3t@127.0.0.1:1/x", "mysql+pymysql://… and run: pip install pymysql. Or run: pip install mysqlclient"),
        ("postgresql+psycopg2://me:s3cr3t@127.0.0.1:1/x", "pip install psycopg2-binary"),
        ("mssql+pyodbc://me:s3cr3t@127.0.0.1:1/x", "mssql+pymssql://… and run: pip install pymssql"),
    ],
)  # fmt: skip
def test_a_missing_driver_is_said_with_what_to_install(uri: str, cure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"psycopg2", "psycopg", "pymysql", "MySQLdb", "pyodbc", "pymssql"}

    class Missing:
        def find_spec(self, name: str, *_: object) -> None:
            if name in names:
                raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    real = importlib.util.find_spec
    monkeypatch.setattr("sys.meta_path", [Missing(), *__import__("sys").meta_path])
    for name in names:
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in names else real(name))
    found = trouble(uri)
    assert found is not None
    assert "is not installed" in found.why
    assert cure in str(found.cure)


def test_another_driver_that_is_here_is_offered_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert "Write postgresql+psycopg2://…. Or" in str(database_server._without_driver("psycopg").cure)


def test_what_the_server_or_the_driver_says_is_told_without_the_password() -> None:
    pytest.importorskip("psycopg2", reason="pip install psycopg2-binary")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens
        place = f"127.0.0.1:{closed.getsockname()[1]}"
        found = trouble(f"postgresql+psycopg2://me:s3cr3t@{place}/db")
        wrong = trouble(f"postgresql+psycopg2://me:x@{place}/db?passwort=s3cr3t")
    assert found is not None
    assert "refused" in found.why
    assert wrong is not None
    assert "s3cr3t" not in f"{found}{wrong}"
    unknown = trouble("postgresql+nope://me:s3cr3t@127.0.0.1/db")
    assert unknown is not None
    assert "SQLAlchemy cannot read its address" in unknown.why

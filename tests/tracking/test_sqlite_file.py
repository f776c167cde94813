"""A database as it is found: what is wrong is said, and nothing of it changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tracked_sweep import Store

from gensweep.ledger import durable
from gensweep.tracking.sqlite_file import trouble

Change = Callable[[Path], None]


def sql(*statements: str) -> Change:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database:
            for statement in statements:
                database.execute(statement)
            database.commit()

    return change


def replaced_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


CREATED = (
    "insert into experiments (experiment_id, name, lifecycle_stage, workspace) values (7, 'gensweep', '{}', 'default')"
)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (sql("update alembic_version set version_num = '27a6a02d2cf1'"), "older"),
        (sql("update alembic_version set version_num = 'ffffffffffff'"), "newer"),
        (sql("delete from alembic_version"), "interrupted"),
        (sql("drop table alembic_version"), "interrupted"),
        (sql(CREATED.format("deleted")), "experiment 'gensweep' is deleted"),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), "cannot read it"),
        (lambda path: path.write_bytes(b"SQLite format 3\x00" + b"no database" * 100), "cannot read it"),
        (lambda path: path.write_bytes(b"a text"), "not a SQLite database"),
        (lambda path: path.write_bytes(b"SQLite"), "not a SQLite database"),
        (lambda path: path.chmod(0o444), "cannot be written"),
        (replaced_by_folder, "is a folder"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_changes(store: Store, change: Change, why: str) -> None:
    change(store.path)
    before = {path: path.read_bytes() for path in store.path.parent.iterdir() if path.is_file()}
    found = trouble(store.path)
    assert found is not None
    assert why in found.why
    assert found.cure
    assert {path: path.read_bytes() for path in store.path.parent.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    "change", [lambda path: None, sql(CREATED.format("active")), lambda path: path.write_bytes(b"")]
)
def test_what_can_be_used_is_used(store: Store, change: Change) -> None:
    change(store.path)
    assert trouble(store.path) is None
    assert list(store.path.parent.iterdir()) == [store.path]


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    sql("create table recipes (x)")(tmp_path / "other.db")
    found = trouble(tmp_path / "other.db")
    assert found is not None
    assert "another program (tables recipes)" in found.why


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert trouble(tmp_path / "a" / "b" / "new.db") is None
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "new.db", Path("/proc/nowhere/new.db")):
        found = trouble(path)
        assert found is not None
        assert "cannot be written" in found.why


@pytest.fixture
def other(store: Store) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        yield connection


@pytest.mark.parametrize("lock", ["exclusive", "immediate"])
def test_a_lock_is_waited_for_a_little(store: Store, other: sqlite3.Connection, lock: str) -> None:
    other.execute(f"begin {lock}")
    found = trouble(store.path, patience=0.2)
    assert found is not None
    assert "locked it for more than 0.2 s" in found.why
    other.execute("rollback")
    assert trouble(store.path, patience=0.2) is None
    other.execute("begin")
    other.execute("select * from runs").fetchall()  # a reader is nobody's trouble
    assert trouble(store.path, patience=0.2) is None


def test_a_folder_in_which_sqlite_cannot_keep_its_journal(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(dir: Path) -> None:  # noqa: A002 -- tempfile's own name
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(durable.tempfile, "TemporaryFile", refuses)
    found = trouble(store.path)
    assert found is not None
    assert found.why == f"{store.path.parent} cannot be written (Read-only file system)"

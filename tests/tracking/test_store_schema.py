"""What may be in a database, and what its owner is told to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from gensweep.tracking import schema
from gensweep.tracking.schema import Found, Revisions, misfit, revisions

KNOWN = Revisions("c", frozenset("abc"))
MLFLOW = frozenset({"experiments", "runs", "alembic_version"})


def test_the_revisions_are_those_of_mlflow() -> None:
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config, _get_latest_schema_revision

    known = revisions()
    assert known is not None
    assert known.head == _get_latest_schema_revision()
    walked = ScriptDirectory.from_config(_get_alembic_config("")).walk_revisions()
    assert known.all == {script.revision for script in walked}


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"a.py": 'revision = "a"\ndown_revision = None\n', "b.py": 'revision = "b"\ndown_revision = None\n'},
        {"a.py": 'revision = "a"\ndown_revision = "lost"\n'},
        {"a.py": "revision = made()\ndown_revision = None\n"},
    ],
)
def test_migrations_that_are_not_as_they_were_say_nothing(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mlflow" / "store" / "db_migrations" / "versions"
    folder.mkdir(parents=True)
    (tmp_path / "mlflow" / "__init__.py").write_text("raise ImportError('this is not to be imported')")
    for name, text in files.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(schema.importlib.sys.modules, "mlflow", raising=False)  # type: ignore[attr-defined]
    assert revisions() is None
    (folder / "merged.py").write_text('revision: str = "c"\ndown_revision: tuple = ("a", "b", "lost")\n')
    for name in ("a", "b", "lost"):
        (folder / f"{name}.py").write_text(f"revision = '{name}'\ndown_revision = None\n")
    assert revisions() == Revisions("c", frozenset({"a", "b", "c", "lost"}))


@pytest.mark.parametrize(
    "found",
    [
        Found(frozenset()),
        Found(frozenset({"alembic_version"}) & frozenset()),
        Found(MLFLOW, "c"),
        Found(MLFLOW, "c", ("3", "active")),
        Found(MLFLOW | {"of_somebody"}, "c"),
    ],
)
def test_a_new_database_and_one_of_this_schema_are_fine(found: Found) -> None:
    assert misfit(found, "sqlite:///x.db", KNOWN) is None


@pytest.mark.parametrize(
    ("found", "why", "cure"),
    [
        (Found(MLFLOW, "a"), "older", "mlflow db upgrade sqlite:///x.db"),
        (Found(MLFLOW, "z"), "newer", "pip install --upgrade mlflow"),
        (Found(MLFLOW, "c", ("3", "deleted")), "deleted", "MLFLOW_TRACKING_URI=sqlite:///x.db mlflow experiments restore -x 3"),
        (Found(MLFLOW, "c", ("3", "deleted")), "deleted", "mlflow gc --backend-store-uri sqlite:///x.db --experiment-ids 3"),
        (Found(frozenset({"experiments", "runs"})), "interrupted", "move it away"),
        (Found(frozenset({"recipes"})), "another program", "Move it away"),
        (Found(frozenset({"studies", "trials", "alembic_version"}), "v3.0.0.d"), "another program", "Move it away"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_with_its_cure(found: Found, why: str, cure: str) -> None:
    trouble = misfit(found, "sqlite:///x.db", KNOWN)
    assert trouble is not None
    assert why in trouble.why
    assert cure in str(trouble.cure)
    assert "--tracking-uri" in str(trouble.cure)


def test_a_server_may_hold_other_tables_and_an_unknown_mlflow_judges_itself() -> None:
    assert misfit(Found(frozenset({"recipes"})), "postgresql://h/db", KNOWN, shared=True) is None
    assert misfit(Found(MLFLOW, "z"), "postgresql://h/db", None) is None

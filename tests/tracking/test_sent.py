"""Which store a sweep goes to: what is named, what this user remembers, the default; never what its folder says."""

from __future__ import annotations

from pathlib import Path

import pytest

from gensweep.errors import DamagedSweep
from gensweep.tracking.cursor import Cursor
from gensweep.tracking.remembered import remember
from gensweep.tracking.sent import CURSOR, disbelieved, forget, is_sent_to, store_of

REMOTE = "http://tracking.example:5000"


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "runs" / "study"
    path.mkdir(parents=True)
    return path


def says(sweep: Path, uri: str) -> None:
    """The sweep's folder names a store, as it comes from whoever made it."""
    Cursor.load(sweep / CURSOR, uri).compact()


@pytest.mark.parametrize(
    "named", [REMOTE, "postgresql://host/db", "sqlite:///{other}", "databricks", "file:///x", "no uri"]
)
def test_a_store_that_only_the_folder_names_is_not_used(sweep: Path, tmp_path: Path, named: str) -> None:
    (tmp_path / "other.db").touch()
    named = named.format(other=tmp_path / "other.db")
    says(sweep, named)
    default = f"sqlite:///{tmp_path}/mlflow.db"
    assert store_of(sweep, None) == default
    sentence = disbelieved(sweep, None)
    assert sentence is not None
    assert named in sentence
    assert default in sentence
    assert "--tracking-uri" in sentence
    assert is_sent_to(sweep, named)  # which is a fact of its folder, and names no place to go to


def test_nor_one_that_release_0_1_wrote(sweep: Path, tmp_path: Path) -> None:
    (sweep / "tracking.json").write_text(f'{{"sweep_id": "a", "stores": {{"{REMOTE}": {{}}}}}}')
    assert store_of(sweep, None) == f"sqlite:///{tmp_path}/mlflow.db"
    assert REMOTE in str(disbelieved(sweep, None))


def test_what_this_user_remembers_is_used(sweep: Path) -> None:
    says(sweep, REMOTE)
    remember(sweep, REMOTE, "id")
    assert store_of(sweep, None) == REMOTE
    assert disbelieved(sweep, None) is None
    says(sweep, "http://attacker.example")
    assert store_of(sweep, None) == REMOTE
    assert "attacker" in str(disbelieved(sweep, None))


def test_what_is_named_now_comes_first(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(sweep, REMOTE, "id")
    says(sweep, "http://attacker.example")
    assert store_of(sweep, "http://other") == "http://other"
    assert disbelieved(sweep, "http://other") is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://of-the-environment")
    assert store_of(sweep, None) == "http://of-the-environment"
    assert disbelieved(sweep, None) is None


def test_the_usual_case_needs_no_memory_and_says_nothing(sweep: Path, tmp_path: Path) -> None:
    default = f"sqlite:///{tmp_path}/mlflow.db"
    assert (store_of(sweep, None), disbelieved(sweep, None)) == (default, None)
    says(sweep, default)
    assert (store_of(sweep, None), disbelieved(sweep, None)) == (default, None)
    says(sweep, "sqlite:////before/it/was/moved/mlflow.db")
    assert (store_of(sweep, None), disbelieved(sweep, None)) == (default, None)


def test_what_a_folder_says_reaches_the_terminal_as_text(sweep: Path) -> None:
    says(sweep, "http://x/; rm -rf ~")
    assert "'http://x/; rm -rf ~'" in str(disbelieved(sweep, None))
    says(sweep, "http://x/\x1b[2J")  # which a terminal obeys: damage, and no address
    assert disbelieved(sweep, None) is None
    with pytest.raises(DamagedSweep):
        Cursor.load(sweep / CURSOR, "http://x")


def test_what_was_sent_is_forgotten_also_where_nothing_was(sweep: Path) -> None:
    forget(sweep)
    says(sweep, REMOTE)
    forget(sweep)
    assert not is_sent_to(sweep, REMOTE)
    assert disbelieved(sweep, None) is None

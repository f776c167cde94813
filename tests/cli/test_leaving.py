"""export and register: what they leave, twice the same, and what they refuse before anything is left."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.cli.conftest import Command

NAMES = ["mine.md", "mine.pt2", "mine.safetensors"]


@pytest.fixture
def there(used: Path, monkeypatch: pytest.MonkeyPatch, gensweep: Command) -> Command:
    """Commands that find the sweep `used`."""
    monkeypatch.setenv("GENSWEEP_RUNS", str(used))
    return gensweep


def test_export_writes_three_files_and_overwrites_none_unasked(there: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.md").write_text("mine")
    (tmp_path / "mine.safetensors").write_text("mine")
    ended = there("export", "used/gan", "-o", "mine.pt2")
    assert ended.code == 2
    for name in ("mine.md", "mine.safetensors"):
        assert f"-o {name}: is there already" in ended.err
        assert (tmp_path / name).read_text() == "mine"
    assert not (tmp_path / "mine.pt2").exists()
    ended = there("export", "used/gan", "-o", "mine.pt2", "--force")
    assert ended.code == 0, ended.err
    assert "used/gan is used/" in ended.err
    assert "mine.pt2: sample, decode of used/" in ended.out
    assert sorted(path.name for path in tmp_path.glob("mine*")) == NAMES
    assert any(name.startswith("generator.") for name in load_file(tmp_path / "mine.safetensors"))
    assert "torch.export.load('mine.pt2')" in (tmp_path / "mine.md").read_text()


@pytest.mark.parametrize(
    ("what", "output", "said"),
    [
        ("used/gan", "mine.onnx", "nothing is written as .onnx here. Accepted: x.pt2"),
        ("used/gan", "mine", "nothing is written as a folder here. Accepted: x.pt2"),
        ("used/gan", "no/mine.pt2", "there is no folder no"),
        ("usd", "mine.pt2", "Did you mean 'used'"),
        ("used/99", "mine.pt2", "used has no trial 99"),
    ],
)
def test_export_refuses_before_anything_is_written(
    there: Command, tmp_path: Path, what: str, output: str, said: str
) -> None:
    ended = there("export", what, "-o", output)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["space.yaml"]


def rows(store: str, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as database:
        return database.execute(query).fetchall()


def test_a_sweep_leaves_its_models_and_register_says_so_once(
    gensweep: Command, tmp_path: Path, empty_database: Path
) -> None:
    store = f"sqlite:///{shutil.copy(empty_database, tmp_path / 'own.db')}"
    done = gensweep("run", "space.yaml", "tracking.models=best", "--in-process", "--tracking-uri", store)
    assert done.code == 0, done.err
    assert "not sent" not in done.err
    assert "Warning" not in done.err
    kept = rows(store, "select name, status from logged_models order by name")
    assert [name for name, _ in kept] == ["tiny-vae", "tiny-wae"]
    assert len({status for _, status in kept}) == 1
    for _ in range(2):
        ended = gensweep("register", "tiny", "--alias", "champion", "--tracking-uri", store)
        assert ended.code == 0, ended.err
        assert "version 1 of tiny: mlflow.pyfunc.load_model('models:/tiny@champion') loads it" in ended.out
    worse = next(n for n in range(4) if f"tiny/{n} " not in ended.out and not rows(
        store, f"select 1 from logged_model_tags where tag_key = 'gensweep.number' and tag_value = '{n}'"))  # fmt: skip
    ended = gensweep("register", f"tiny/{worse}", "--as", "worse", "--tracking-uri", store)
    assert ended.code == 0, ended.err
    assert "load_model('models:/worse/1')" in ended.out
    assert len(rows(store, "select * from logged_models")) == 3
    assert rows(store, "select name, version from model_versions order by name") == [("tiny", 1), ("worse", 1)]
    copy = shutil.copytree(tmp_path / "runs", tmp_path / "copies")
    ended = gensweep("register", "tiny", "--runs", str(copy), "--tracking-uri", store)
    assert ended.code == 2
    assert "has no run of tiny/" in ended.err
    assert len(rows(store, "select * from model_versions")) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["used", "--as", "a/b", "--alias", "v1"], ["--as 'a/b': no name", "--alias 'v1': no alias"]),
        (["used", "--alias", "latest"], ["--alias 'latest': no alias"]),
        (["used", "--as", " "], ["--as ' ': no name"]),
        (["usd"], ["Did you mean 'used'"]),
        (["used"], ["has no run of used/", "First gensweep sync used"]),
        (["used", "--tracking-uri", "mlflow.db"], ["is a path. Write sqlite:///mlflow.db"]),
    ],
)
def test_register_refuses_with_the_cure(there: Command, arguments: list[str], said: list[str]) -> None:
    ended = there("register", *arguments)
    assert ended.code == 2, ended.err
    for one in said:
        assert one in ended.err
    assert "Traceback" not in ended.err

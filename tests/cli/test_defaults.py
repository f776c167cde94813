"""What a user says once for all commands, and what comes before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep.cli.defaults import KEYS, file
from gensweep.ledger.sweep_folder import SweepFolder
from tests.cli.conftest import Command


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def write(text: str) -> Path:
        path = tmp_path / "config" / "gensweep" / "config.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for unset in ("", "relative"):
        monkeypatch.setenv("XDG_CONFIG_HOME", unset)
        assert file() == tmp_path / ".config" / "gensweep" / "config.yaml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "/elsewhere")
    assert file() == Path("/elsewhere/gensweep/config.yaml")


def test_options_come_first_then_the_environment_then_the_file(
    gensweep: Command, config: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("runs", "of_the_file", "of_the_environment", "of_the_option"):
        SweepFolder.create(
            tmp_path / name / f"in_{name}", {"name": f"in_{name}", "objective": {"metric": "fid", "mode": "min"}}
        )
    assert "in_runs" in gensweep("ls").out
    config(f"runs: {tmp_path / 'of_the_file'}\n")
    assert "in_of_the_file" in gensweep("ls").out
    monkeypatch.setenv("GENSWEEP_RUNS", "of_the_environment")
    assert "in_of_the_environment" in gensweep("ls").out
    assert "in_of_the_option" in gensweep("ls", "--runs", "of_the_option").out


def test_the_folder_of_sweeps_may_lie_in_the_home(
    gensweep: Command, config: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    SweepFolder.create(tmp_path / "sweeps" / "there", {"name": "there", "objective": {"metric": "fid", "mode": "min"}})
    config("runs: ~/sweeps\n")
    assert "there" in gensweep("ls").out


@pytest.mark.parametrize(("mine", "other"), [("GENSWEEP_TRACKING_URI", "MLFLOW_TRACKING_URI")])
def test_the_store_is_that_of_the_file_where_nothing_else_names_one(
    gensweep: Command,
    config: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mine: str,
    other: str,
) -> None:
    SweepFolder.create(tmp_path / "runs" / "x", {"name": "x", "objective": {"metric": "fid", "mode": "min"}})
    asked = ("rm", "x", "--tracking")
    config(f"tracking_uri: sqlite:///{tmp_path}/file.db\n")
    monkeypatch.delenv(other)
    assert f"0 runs in MLflow at sqlite:///{tmp_path}/file.db." in gensweep(*asked).err
    monkeypatch.setenv(other, f"sqlite:///{tmp_path}/other.db")
    assert "/other.db." in gensweep(*asked).err
    monkeypatch.setenv(mine, f"sqlite:///{tmp_path}/mine.db")
    assert "/mine.db." in gensweep(*asked).err
    assert "/option.db." in gensweep(*asked, "--tracking-uri", f"sqlite:///{tmp_path}/option.db").err


def test_every_mistake_is_told_with_its_line_and_help_answers_all_the_same(
    gensweep: Command, config: Callable[[str], Path]
) -> None:
    path = config(
        "runs: relative\nrun: x\ntracking-uri: foo\naddress: 3\nshared: maybe\ntracking_uri: foo.db\nin_process: 1\n"
    )
    refused = gensweep("ls")
    assert (refused.code, refused.out) == (2, "")
    shown = path.relative_to(path.parents[2])
    assert [line.split(" ")[:2] for line in refused.err.splitlines()[1:]] == [
        [f"{shown}:{n}", f"{key}:"]
        for n, key in enumerate(
            ["runs", "run", "tracking-uri", "address", "shared", "tracking_uri", "in_process"], start=1
        )
    ]
    for says in (
        "Did you mean 'runs'?",
        "Write 'tracking_uri'",
        "must be true or false",
        "is a path. Write sqlite:///foo.db",
    ):
        assert says in refused.err
    assert gensweep("run", "--help").code == 0
    assert gensweep("--version").code == 0


def test_a_url_is_no_folder_of_sweeps(
    gensweep: Command, config: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config("runs: s3://bucket/runs\nplugins: gs://bucket/mine\n")
    refused = gensweep("ls")
    assert refused.code == 2
    assert f"{path.relative_to(path.parents[2])}:1 runs: 's3://bucket/runs' is a URL, " in refused.err
    assert ":2 plugins: 'gs://bucket/mine' is a URL, " in refused.err
    path.unlink()
    for arguments in (("ls", "--runs", "s3://bucket/runs"), ("run", "space.yaml", "-o", "s3://bucket/runs")):
        refused = gensweep(*arguments)
        assert (refused.code, "--runs=s3://bucket/runs: is a URL" in refused.err) == (2, True)
    monkeypatch.setenv("GENSWEEP_RUNS", "s3://bucket/runs")
    assert "--runs=s3://bucket/runs: is a URL" in gensweep("ls").err


@pytest.mark.parametrize(
    ("text", "line"), [("runs: [\n", 2), ("words\n", 1), ("runs: /a\nruns: /b\n", 2), ("shared: !!python/name:x\n", 1)]
)
def test_what_is_no_yaml_of_ours_is_refused(
    gensweep: Command, config: Callable[[str], Path], text: str, line: int
) -> None:
    config(text)
    refused = gensweep("ls")
    assert refused.code == 2
    assert f"config.yaml:{line} " in refused.err


@pytest.mark.parametrize(
    "text", ["", "# nothing yet\n", "shared: false\nin_process: true\naddress: ray://head:10001\n"]
)
def test_what_is_sound_is_taken(gensweep: Command, config: Callable[[str], Path], text: str) -> None:
    config(text)
    assert gensweep("ls").code == 0


def test_a_link_to_nowhere_is_told(gensweep: Command, config: Callable[[str], Path], tmp_path: Path) -> None:
    path = config("")
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    assert gensweep("ls").code == 2


def test_the_documentation_names_every_key_and_variable() -> None:
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "settings.md").read_text()
    for key in KEYS:
        assert f"`{key}`" in text
        assert f"`GENSWEEP_{key.upper()}`" in text

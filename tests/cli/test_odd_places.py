"""The command line in places that are not a developer's: containers, and working folders with names like libraries'."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gensweep
from gensweep import cli
from tests.cli.conftest import call

ROOT = Path(gensweep.__file__).parent.parent
SMOKE = ROOT / "search_spaces" / "smoke.yaml"
NOBODY = 54321  # no user of this machine


@pytest.mark.parametrize("name", ["random.py", "typer.py", "rich/__init__.py"])
def test_files_named_like_libraries_are_not_taken_for_them(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("raise RuntimeError('from the working folder')\n")
    ran = subprocess.run([sys.executable, "-m", "gensweep", "ls"], cwd=tmp_path, capture_output=True, text=True, check=False,
                         env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60)  # fmt: skip
    assert (ran.returncode, "Traceback" in ran.stderr) == (0, False), ran.stderr


def in_a_deleted_folder(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "gone").mkdir()
    command = [sys.executable, "-m", "gensweep", *words]
    return subprocess.run(
        ["sh", "-c", 'rm -rf "$PWD"; exec "$@"', "sh", *command], cwd=tmp_path / "gone", capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False,
    )  # fmt: skip


def test_a_working_folder_that_was_deleted_is_said(tmp_path: Path) -> None:
    ran = in_a_deleted_folder(tmp_path, "run", str(SMOKE))
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (4, "", 1)
    assert ran.stderr.startswith("gensweep: the working folder was deleted. Go to one that is there (cd)")


def test_help_needs_no_working_folder(tmp_path: Path) -> None:
    ran = in_a_deleted_folder(tmp_path, "--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Sweep families of generative models" in ran.stdout


@pytest.mark.parametrize(("words", "code"), [
    (["ls"], 4), (["check", str(SMOKE)], 4), (["show", "wae"], 4), (["ui"], 4), (["resume", "wae"], 4), (["run", "-h"], 0),
    (["--version"], 0), ([], 2),
])  # fmt: skip
def test_every_command_knows_that_its_folder_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.setattr(sys, "argv", ["gensweep", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert int(ended.value.code or 0) == code
    assert ("the working folder was deleted" in capsys.readouterr().err) == (code == 4)


@pytest.mark.parametrize("given", [{"words": ["--runs", "~no-such-user/x"]}, {"variable": "~no-such-user/x"}])
def test_sweeps_in_a_home_that_is_nobodys_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: dict[str, Any]
) -> None:
    monkeypatch.setenv("GENSWEEP_RUNS", given.get("variable", "runs"))
    monkeypatch.setattr(sys, "argv", ["gensweep", "ls", *given.get("words", [])])
    with pytest.raises(SystemExit, match="4"):
        cli.main()
    assert "--runs=~no-such-user/x: ~no-such-user is nobody's home here" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can be another user: run it as root"
)
@pytest.mark.parametrize("home", [{"HOME": "/"}, {}], ids=["home is /", "no home"])
def test_a_container_needs_nothing_but_a_folder_for_the_sweeps(tmp_path: Path, home: dict[str, str]) -> None:
    """A user id without a name, without a home that can be written, in a working folder that is read-only but for `runs`."""
    place = tmp_path / "place"
    (place / "runs").mkdir(parents=True)
    for folder in (place, *place.parents[: len(tmp_path.parts) - len(Path("/tmp").parts)]):
        folder.chmod(0o755)
    (tmp_path / "temporary").mkdir()
    for folder in (place / "runs", tmp_path / "temporary"):
        os.chown(folder, NOBODY, NOBODY)
    shutil.copy(SMOKE, place / "smoke.yaml")
    reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]  # this Python may lie in root's home
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *reads, "env", "-i"]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(tmp_path / "temporary"),
        **home,
    }
    command = [*as_nobody, *(f"{k}={v}" for k, v in environment.items()), sys.executable, "-m", "gensweep"]
    ran = subprocess.run(
        [*command, "run", "smoke.yaml"], cwd=place, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert all(line.startswith(("gensweep: ", "[")) for line in ran.stderr.splitlines()), ran.stderr
    assert f"opening MLflow at sqlite:///{place}/runs/mlflow.db" in ran.stderr
    assert ran.stdout.endswith("In MLflow: gensweep ui\n")
    assert sorted(path.name for path in place.iterdir()) == ["runs", "smoke.yaml"]
    assert sorted(path.name for path in (place / "runs").iterdir()) == ["mlartifacts", "mlflow.db", "smoke"]
    listed = subprocess.run(
        [*command, "ls", "--json"], cwd=place, capture_output=True, text=True, timeout=60, check=False
    )
    assert json.loads(listed.stdout)[0]["sweep"] == "smoke"
    assert not [path for path in Path("/tmp").glob("gs-*") if path.stat().st_uid == NOBODY]


LONG = "a" * 300


@pytest.mark.parametrize(
    "words",
    [
        ["check", f"{LONG}.yaml"],
        ["check", str(SMOKE), f"trial.dataset={{name: array, path: {LONG}.npy}}"],
        ["check", str(SMOKE), f"trial.dataset={{name: image_folder, path: {LONG}}}"],
        [
            "check",
            str(SMOKE),
            f"trial.evaluation.metrics=[{{name: fid, extractor: 'file:{LONG}.pt2'}}]",
            "objective=fid",
        ],
        ["check", str(SMOKE), f"name={LONG}"],
        ["check", str(SMOKE), f"dataset={LONG}"],
        ["show", LONG],
        ["ls", "--runs", LONG],
        ["evaluate", f"{LONG}/0"],
        ["evaluate", LONG, "--reference", "digits", "--metrics", "fid"],
        ["train-extractor", f"image_folder,path={LONG}"],
        ["ui", "--tracking-uri", f"sqlite:///{LONG}.db"],
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_a_name_that_is_too_long_for_a_file_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: list[str]
) -> None:
    ended = call(tmp_path, tuple(words), monkeypatch, capfd.readouterr)
    assert ended.code == 2, ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_entered_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: Path, **_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    (tmp_path / "runs").mkdir()
    ended = call(tmp_path, ("ls",), monkeypatch, capfd.readouterr)
    assert (ended.code, ended.out) == (4, "")
    assert ended.err == "gensweep: runs: Permission denied. Make it accessible to this account, or give another path.\n"

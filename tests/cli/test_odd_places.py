"""The command line in places that are not a developer's: containers, and working folders with names like libraries'."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gensweep

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

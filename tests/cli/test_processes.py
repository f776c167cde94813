"""The command line in processes of its own: Ray, signals, pipes and what is imported."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import SPACE
from tests.written_sweep import Writer


@pytest.fixture(autouse=True)
def buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a shell: containers set the variable, and then what is held back until the end is never met."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


def gensweep(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS", "GENSWEEP_RUNS")
    }
    return subprocess.run(
        [sys.executable, "-m", "gensweep", *arguments], cwd=folder, capture_output=True, text=True, timeout=240,
        env={**inherited, **environment},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--address", "me:s3cr3t@127.0.0.1:1"], "--address 127.0.0.1:1: no Ray cluster can be joined there"),
        pytest.param(["resources.gpu=99"], "no node has that", marks=pytest.mark.slow),  # starts Ray to ask it
    ],
)
def test_nothing_is_left_behind_where_ray_cannot_run_it(tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    refused = gensweep(tmp_path, "run", "space.yaml", *arguments)
    assert (refused.returncode, says in refused.stderr) == (4, True), refused.stderr
    assert "Traceback" not in refused.stderr
    assert "s3cr3t" not in refused.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["space.yaml"]


def test_ctrl_c_is_exit_130_wherever_it_comes(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    slow = [sys.executable, "-m", "gensweep", "plan", "space.yaml", "trial.training.batch_size=2"]
    process = subprocess.Popen(slow, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    deadline = time.monotonic() + 120
    while "torch" not in Path(f"/proc/{process.pid}/maps").read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "gensweep: stopped by Ctrl-C" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", [["ls", "--runs", "none"], ["list", "metrics"], ["schema"], ["ls", "--json"]])
def test_a_reader_that_leaves_is_no_error(tmp_path: Path, command: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run([sys.executable, "-m", "gensweep", *command], cwd=tmp_path, stdout=write, stderr=subprocess.PIPE,
                           text=True, timeout=120, check=False)  # fmt: skip
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("command", [["list", "optimizers"], ["ls", "--json"], ["--help"], ["list"], ["--version"]])
def test_a_full_disk_behind_the_output_is_a_sentence_and_exit_4(tmp_path: Path, command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([sys.executable, "-m", "gensweep", *command], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE,
                               text=True, timeout=120, check=False)  # fmt: skip
    assert (ended.returncode, ended.stderr) == (
        4, "gensweep: the output cannot be written: No space left on device. Make room, or write it elsewhere.\n"
    )  # fmt: skip


ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_a_terminal_of_ascii_gets_question_marks(tmp_path: Path) -> None:
    name = "λ_größe×2"
    Writer(tmp_path / "runs" / "study").trial("vae", 3.0, arm=name)
    for command in (["show", "study"], ["show", "study", "0"], ["compare", "study"]):
        ended = gensweep(tmp_path, *command, **ASCII)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "?_gr??e?2" in ended.stdout
    assert name in gensweep(tmp_path, "show", "study", PYTHONIOENCODING="utf-8").stdout
    refused = gensweep(tmp_path, "show", name, **ASCII)
    assert refused.returncode == 2
    assert refused.stderr.startswith("gensweep: there is no sweep '")
    assert "Traceback" not in refused.stderr


def test_a_stream_that_is_closed_is_no_error_and_does_not_take_the_place_of_the_other(tmp_path: Path) -> None:
    Writer(tmp_path / "runs" / "study").trial("vae", 3.0)
    for command, code, out in (("ls >&-", 0, ""), ("show nothing 2>&-", 2, ""), ("ls 2>&-", 0, "sweep ")):
        run = f"{sys.executable} -m gensweep {command}"
        ended = subprocess.run(
            ["bash", "-c", run], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        assert (ended.returncode, ended.stdout[:6], ended.stderr) == (code, out, "")


def blocked_in_writing(pid: int) -> bool:
    """Whether the process waits in a system call whose first argument is stdout."""
    fields = Path(f"/proc/{pid}/syscall").read_text().split()
    return fields[1:2] == ["0x1"]


@pytest.mark.parametrize("command", [["--version"], ["ls"], ["show", "study", "0"]])  # at the end, and in the middle
def test_ctrl_c_while_a_slow_reader_holds_the_output_up_is_exit_130(tmp_path: Path, command: list[str]) -> None:
    Writer(tmp_path / "runs" / "study").trial("vae", 3.0, configuration={"words": ["long"] * 10_000})
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, bytes(4096))
    os.set_blocking(write, True)
    process = subprocess.Popen([sys.executable, "-m", "gensweep", *command], cwd=tmp_path, stdout=write,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    os.close(write)
    deadline = time.monotonic() + 120
    while not blocked_in_writing(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    os.close(read)
    assert (process.returncode, err) == (130, "gensweep: stopped by Ctrl-C\n")


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["ls"], ["show", "study"], ["show", "study", "0"], []])
def test_what_only_reads_a_folder_loads_no_heavy_library(tmp_path: Path, command: list[str]) -> None:
    Writer(tmp_path / "runs" / "study").trial("vae", 3.0)
    code = (
        "import sys\n"
        "import gensweep\n"
        f"sys.argv = ['gensweep', *{command}]\n"
        "from gensweep.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 2 * (len(sys.argv) == 1), end.code\n"
        "print('loaded', *{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split()[1:])
    assert "typer" in loaded
    heavy = {"torch", "ray", "mlflow", "optuna", "pandas", "matplotlib", "scipy", "ot", "sklearn"}
    assert not loaded & heavy


def test_a_sweep_in_this_process_loads_no_ray(tmp_path: Path) -> None:
    code = "import gensweep.campaign, sys; assert 'ray' not in sys.modules; import gensweep; assert gensweep.run"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

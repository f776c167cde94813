"""A sweep in Weights & Biases, offline: by its own library, and read from the files that `wandb sync` sends."""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from tracked_sweep import START, Driver
from wandb_files import SentRun, sent_runs

from gensweep import cli
from gensweep.errors import CannotRun, ConfigError
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.tracking import wandb_place
from gensweep.tracking.projection import Projection
from gensweep.tracking.run_store import Away, Point, open_store
from gensweep.tracking.store import check_reachable, resolve_uri
from tests.scripted_executor import METRIC, small

KEY = "0123456789abcdef0123456789abcdef01234567"
needs_wandb = pytest.mark.skipif(
    wandb_place.importlib.util.find_spec("wandb") is None, reason="pip install 'gensweep[wandb]'"
)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def follow(driver: Driver) -> Callable[[], Projection]:
    """Each call is what a new process would do."""

    def start() -> Projection:
        projection = Projection(SweepFolder.open(driver.folder.path), "wandb://team/study")
        projection.start()
        return projection

    return start


def trials(place: Path) -> dict[str, SentRun]:
    return {name: run for name, run in sent_runs(place).items() if run.config["gensweep.kind"] == "trial"}


@needs_wandb
def test_a_trial_is_a_run_of_its_sweeps_group(driver: Driver, follow: Callable[[], Projection], place: Path) -> None:
    driver.issue(0)
    driver.rows(0, range(1, 3))
    projection = follow()
    assert projection.sync().is_done
    picture = io.BytesIO()
    Image.new("L", (6, 4)).save(picture, "PNG")
    driver.folder.trial_of(driver.folder.state().trials[0]).write_file("samples/epoch-00004.png", picture.getvalue())
    driver.rows(0, range(3, 5))
    driver.end(0, "PRUNED", "it was behind")
    assert projection.sync().is_done
    driver.issue(1)
    driver.rows(1, range(1, 2))
    driver.end(1, "FAILED", "a mistake")
    driver.folder.events.append({"event": "finished"})
    assert projection.close(final=True).is_done
    runs = sent_runs(place)
    assert len(runs) == 3
    (run, failed), sweep = (one for _, one in sorted(trials(place).items())), runs["study"]
    assert {one.group for one in runs.values()} == {run.group}
    assert run.group.startswith("study ")
    assert (run.name, run.project, run.exit_code, failed.exit_code) == ("0 wae/mmd", "study", 0, 1)
    assert run.series("fid") == [(epoch, 30 + epoch) for epoch in range(1, 5)]
    steps = [row["_step"] for row in run.history]
    assert steps == sorted(set(steps))
    assert [row["_timestamp"] for row in run.history if "fid" in row] == [
        (START + 10 * epoch) / 1000 for epoch in range(1, 5)
    ]
    assert (run.summary["best.fid"], run.config["family.lambda"], run.config["family"]) == (30.0, 10.0, "wae")
    assert (run.config["gensweep.outcome"], run.config["gensweep.reason"]) == ("PRUNED", "it was behind")
    assert {"trial", "wae", "PRUNED"} <= set(run.tags)
    assert "latent_size: 8" in run.files["configuration.yaml"].decode()
    ((step, shown),) = [(step, one) for step, one in run.series("samples") if one is not None]
    assert (step, shown["_type"], run.files[shown["path"]]) == (4, "image-file", picture.getvalue())
    assert "mlflow" not in " ".join(run.config)
    assert "2 trials ended" in sweep.notes
    assert sweep.exit_code == 0


@needs_wandb
def test_another_start_goes_on_with_the_same_runs(
    driver: Driver, follow: Callable[[], Projection], place: Path
) -> None:
    driver.issue(0)
    driver.rows(0, range(1, 3))
    follow().close(final=False)
    first = trials(place)["0 wae/mmd"]
    assert (first.exit_code, len(first.series("fid"))) == (75, 2)
    driver.rows(0, range(3, 5))
    driver.end(0)
    follow().close(final=True)
    second = trials(place)["0 wae/mmd"]
    assert second.run_id == first.run_id
    assert second.series("fid") == [(epoch, 30 + epoch) for epoch in range(1, 5)]
    assert second.exit_code == 0
    assert second.history[:2] == [
        {**row, "_runtime": second.history[i]["_runtime"]} for i, row in enumerate(first.history)
    ]
    before = {path: path.read_bytes() for path in (place / "wandb").rglob("*.wandb")}
    follow().close(final=True)
    for path, data in before.items():
        if trials(place)["0 wae/mmd"].run_id in path.name:
            assert path.read_bytes() == data, "nothing was new"


@needs_wandb
def test_records_that_are_lost_come_again_as_the_same_runs(
    driver: Driver, follow: Callable[[], Projection], place: Path
) -> None:
    driver.issue(0)
    driver.rows(0, range(1, 3))
    driver.end(0)
    follow().close(final=True)
    before = {name: run.run_id for name, run in sent_runs(place).items()}
    for record in (place / "wandb" / "gensweep").rglob("*.jsonl"):
        record.unlink()
    projection = follow()
    projection.close(final=True)
    after = sent_runs(place)
    assert {name: run.run_id for name, run in after.items()} == before
    assert after["0 wae/mmd"].series("fid") == [(1, 31), (2, 32)]


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.tracking.projection import Projection
projection = Projection(SweepFolder.open(Path(sys.argv[1])), "wandb://study")
projection.start()
print("ready", flush=True)
while True:
    projection.sync()
"""


@needs_wandb
def test_a_driver_that_is_killed_doubles_and_loses_nothing(driver: Driver, place: Path) -> None:
    driver.issue(0)
    rng, epoch = random.Random(0), 1
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(driver.folder.path), str(Path(cli.__file__).parents[2])],
            stdout=subprocess.PIPE, env=environment, start_new_session=True,
        )  # fmt: skip
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        until = time.monotonic() + rng.uniform(0.1, 1.0)
        while time.monotonic() < until:
            driver.rows(0, range(epoch, epoch + 1))
            epoch += 1
        os.killpg(writer.pid, signal.SIGKILL)  # the library's own process too
        writer.communicate()
    driver.end(0)
    projection = Projection(SweepFolder.open(driver.folder.path), "wandb://study")
    projection.start()
    assert projection.close(final=True).is_done
    run = trials(place)["0 wae/mmd"]
    assert run.series("fid") == [(e, 30 + e) for e in range(1, epoch)]
    steps = [row["_step"] for row in run.history]
    assert steps == sorted(set(steps))


@needs_wandb
def test_a_run_that_another_process_sends_is_left_to_it(
    driver: Driver, follow: Callable[[], Projection], place: Path
) -> None:
    driver.issue(0)
    driver.rows(0, range(1, 2))
    own = follow()
    own.sync()
    folders = sorted((place / "wandb").glob("offline-run-*"))
    program = KILLED.replace("while True:\n    projection.sync()", "projection.sync(force=True)").replace(
        "wandb://study", "wandb://team/study"
    )
    driver.rows(0, range(2, 3))
    subprocess.run(
        [sys.executable, "-c", program, str(driver.folder.path), str(Path(cli.__file__).parents[2])],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=True, capture_output=True,
    )  # fmt: skip
    assert sorted((place / "wandb").glob("offline-run-*")) == folders
    driver.end(0)
    own.close(final=True)
    assert trials(place)["0 wae/mmd"].series("fid") == [(1, 31), (2, 32)]


@needs_wandb
def test_what_is_deleted_is_gone_and_comes_again_as_another(
    driver: Driver, follow: Callable[[], Projection], place: Path
) -> None:
    store = open_store("wandb://team/study")
    tags = {"gensweep.sweep_id": "a", "gensweep.kind": "trial", "gensweep.number": "1"}
    first = store.create("1", tags, START)
    assert store.create("1", tags, START) == first  # an answer that was lost
    store.log(first, [Point("fid", 1.0, START, 1)])
    store.settle()
    store.log(first, [Point("fid", 2.0, START, 2)])
    store.delete(first)

    assert vars(store)["_open"] == {}  # nor does anybody wait for it
    assert sent_runs(place) == {}
    second = store.create("1", tags, START)
    assert second != first
    assert store.find(tags) == [second]


@needs_wandb
def test_what_is_not_sent_in_time_is_sent_by_the_next_pass(place: Path) -> None:
    store = open_store("wandb://study")
    store.create("a", {"sweep": "a"}, START)
    with pytest.raises(Away, match="1 runs are not sent yet"):
        store.settle(time.monotonic() - 1)
    store.settle()
    assert len(list((place / "wandb").glob("offline-run-*"))) == 1


@needs_wandb
def test_a_torn_record_is_cut_and_a_damaged_one_is_refused(place: Path) -> None:
    store = open_store("wandb://study")
    run_id = store.create("a", {"sweep": "a"}, START)
    (file,) = (place / "wandb" / "gensweep").rglob("*.jsonl")
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"call":"log","poi')
    assert open_store("wandb://study").exists(run_id)
    assert file.read_bytes() == whole
    file.write_bytes(b"{]\n" + whole)
    with pytest.raises(Exception, match="is damaged"):
        open_store("wandb://study").exists(run_id)


@contextlib.contextmanager
def listening() -> Iterator[tuple[int, list[Any]]]:
    """A port of this machine, and who came to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        came: list[Any] = []

        def wait() -> None:
            with contextlib.suppress(OSError):
                while True:
                    came.append(server.accept()[1])

        threading.Thread(target=wait, daemon=True).start()
        yield server.getsockname()[1], came


@needs_wandb
def test_a_whole_run_asks_no_network_prints_nothing_of_its_own_and_keeps_no_key(place: Path) -> None:
    (place / "space.yaml").write_text(yaml.safe_dump(small("quiet").definition()))
    with listening() as (port, came):
        address = f"http://127.0.0.1:{port}"
        environment = {
            **os.environ, "PYTHONPATH": os.pathsep.join([str(Path(cli.__file__).parents[2]), *sys.path]),
            "WANDB_API_KEY": KEY, "WANDB_BASE_URL": address, "HTTP_PROXY": address, "HTTPS_PROXY": address,
            "http_proxy": address, "https_proxy": address, "NO_PROXY": "",
        }  # fmt: skip
        command = [sys.executable, "-m", "gensweep", "run", "space.yaml", "--in-process", "--tracking-uri", "wandb"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert came == []
    said = done.stdout + done.stderr
    assert done.stdout.endswith(f"wandb sync {place}/wandb/offline-run-*\n")
    ours = [line for line in said.splitlines() if "wandb" in line.lower() and "gensweep:" not in line]
    assert ours == [
        f"In Weights & Biases, project gensweep, once they are sent: wandb sync {place}/wandb/offline-run-*"
    ]
    assert "MLflow" not in said
    assert not (place / "mlflow.db").exists()
    written = [path for path in place.rglob("*") if path.is_file()]
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []
    folder = place / "runs" / "quiet"
    sent = trials(place)
    assert len(sent) == len(list((folder / "trials").iterdir()))
    assert all(len(run.series(METRIC)) for run in sent.values())


@pytest.mark.parametrize(
    ("given", "canonical"),
    [("wandb", "wandb://gensweep"), ("wandb://", "wandb://gensweep"), ("wandb:p", "wandb://p"), ("wandb://p", "wandb://p"),
     ("wandb://team/p", "wandb://team/p"), (" wandb://team/p/ ", "wandb://team/p")],
)  # fmt: skip
def test_a_uri_names_a_project(given: str, canonical: str) -> None:
    assert resolve_uri(given) == canonical
    assert resolve_uri(canonical) == canonical


def test_its_own_variables_name_the_project_where_the_uri_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_ENTITY", "team")
    monkeypatch.setenv("WANDB_PROJECT", "p")
    assert resolve_uri("wandb") == "wandb://team/p"
    assert resolve_uri("wandb://other") == "wandb://other"


@pytest.mark.parametrize(
    "given", ["wandb://a/b/c", f"wandb://me:{KEY}@team/p", "wandb://..", "wandb:// /p", "wandb://a/../b"]
)
def test_what_names_no_project_is_refused_without_being_repeated(given: str) -> None:
    with pytest.raises(ConfigError, match=r"wandb://ENTITY/PROJECT") as error:
        resolve_uri(given)
    assert KEY not in str(error.value)


def test_what_cannot_be_used_is_told_before_anything_is_begun(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "space.yaml").write_text(yaml.safe_dump(small("bare").definition()))
    monkeypatch.setattr(wandb_place.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["gensweep", "run", "space.yaml", "--in-process", "--tracking-uri", "wandb"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == CannotRun.exit_code
    assert "pip install 'gensweep[wandb]'" in capsys.readouterr().err
    assert not (place / "runs").exists()
    assert not (place / "wandb").exists()


def test_online_somebody_must_be_logged_in(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb_place.importlib.util, "find_spec", lambda name: object())
    for name in ("WANDB_MODE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CannotRun, match=r"nobody is logged in here.*WANDB_MODE=offline"):
        check_reachable("wandb://p")
    (place / ".netrc").write_text(f"machine api.wandb.ai login user password {KEY}\n")
    (place / ".netrc").chmod(0o600)
    check_reachable("wandb://p")
    monkeypatch.setenv("WANDB_BASE_URL", "https://own.example.com")
    with pytest.raises(CannotRun, match="nobody is logged in"):
        check_reachable("wandb://p")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    check_reachable("wandb://p")


def test_a_mode_that_keeps_nothing_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb_place.importlib.util, "find_spec", lambda name: object())
    for mode in ("disabled", "ofline"):
        monkeypatch.setenv("WANDB_MODE", mode)
        with pytest.raises(CannotRun, match="online or to offline"):
            check_reachable("wandb://p")
    monkeypatch.delenv("WANDB_MODE")
    (place / "wandb").mkdir()
    (place / "wandb" / "settings").write_text("[default]\nmode = offline\n")  # as `wandb offline` leaves it
    assert wandb_place.mode() == "offline"
    check_reachable("wandb://p")


def test_mlflows_pages_are_not_opened_on_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gensweep", "ui", "--tracking-uri", "wandb://p"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == ConfigError.exit_code
    assert "wandb sync" in capsys.readouterr().err

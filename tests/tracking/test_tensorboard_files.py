"""TensorBoard's event files, read by TensorBoard's own reader."""

from __future__ import annotations

import io
import math
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from PIL import Image
from tracked_sweep import START, Driver, row

from gensweep import cli, event_files
from gensweep.errors import CannotRun, DamagedSweep
from gensweep.ledger.sweep_folder import SweepFolder
from tests.scripted_executor import METRIC, small

tensorboard = pytest.importorskip("tensorboard", reason="pip install 'gensweep[tensorboard]'")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader  # noqa: E402
from tensorboard.compat.proto.event_pb2 import Event  # noqa: E402
from tensorboard.plugins.hparams import metadata  # noqa: E402

from gensweep.tracking import tensorboard_files  # noqa: E402
from gensweep.tracking.tensorboard_files import Beside, EventFiles  # noqa: E402

AXES = {"arm": False, "family.lambda": True, "family.divergence": False}


def png(shade: int) -> bytes:
    data = io.BytesIO()
    Image.new("L", (6, 4), shade).save(data, "PNG")
    return data.getvalue()


def files_of(driver: Driver) -> EventFiles:
    """Each call is what a new process would do."""
    return EventFiles(SweepFolder.open(driver.folder.path), AXES, driver.folder.path / "tensorboard")


def folder_of(driver: Driver, number: int = 0) -> Path:
    return driver.folder.path / "tensorboard" / f"{number:04d}-wae"


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    found.Reload()
    return found


def series(folder: Path, tag: str) -> list[tuple[int, float, float]]:
    return [(event.step, event.wall_time, event.value) for event in read(folder).Scalars(tag)]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def begin(driver: Driver) -> None:
    driver.issue(0, **{"family.lambda": 10.0, "family.divergence": "mmd", "extra": [1, None]})
    driver.rows(0, range(1, 3), nothing=math.nan)


def go_on(driver: Driver) -> None:
    driver.folder.trial_of(driver.folder.state().trials[0]).write_file("samples/epoch-00004.png", png(7))
    driver.rows(0, range(3, 5))
    driver.end(0)


def test_scores_and_losses_are_there_by_epoch_once_and_at_their_time(driver: Driver) -> None:
    begin(driver)
    files = files_of(driver)
    files.sync()
    assert [step for step, _, _ in series(folder_of(driver), "fid")] == [1, 2]
    go_on(driver)
    for _ in range(2):
        files.sync()
    assert series(folder_of(driver), "fid") == [
        (epoch, (START + 10 * epoch) / 1000, 30 + epoch) for epoch in range(1, 5)
    ]
    losses = [value for _, _, value in series(folder_of(driver), "train/loss.model")]
    assert losses == pytest.approx([3 / epoch for epoch in range(1, 5)])
    assert [math.isnan(value) for _, _, value in series(folder_of(driver), "nothing")] == [True, True]
    assert series(folder_of(driver), "best.fid")[0][::2] == (4, 30.0)


def test_pictures_are_there_with_their_epoch(driver: Driver) -> None:
    begin(driver)  # whose picture is no picture
    go_on(driver)
    files_of(driver).sync()
    (shown,) = read(folder_of(driver)).Images("samples")
    assert (shown.step, shown.width, shown.height, shown.encoded_image_string) == (4, 6, 4, png(7))


def test_the_hparams_page_has_what_was_searched_and_the_result(driver: Driver) -> None:
    begin(driver)
    go_on(driver)
    driver.issue(1, **{"family.lambda": 1.0})
    driver.rows(1, range(1, 2))
    driver.end(1, "DIVERGED", "the loss became infinite")
    files_of(driver).sync()
    columns = plugin(folder_of(driver).parent, metadata.EXPERIMENT_TAG)
    experiment = metadata.parse_experiment_plugin_data(columns)
    assert [(info.name, info.type) for info in experiment.hparam_infos] == [
        ("arm", 1), ("family.lambda", 3), ("family.divergence", 1),
    ]  # words and numbers  # fmt: skip
    assert [info.name.tag for info in experiment.metric_infos] == ["best.fid", "test.fid"]
    began = metadata.parse_session_start_info_plugin_data(plugin(folder_of(driver), metadata.SESSION_START_INFO_TAG))
    assert {name: value.string_value or value.number_value for name, value in began.hparams.items()} == {
        "arm": "wae", "family.lambda": 10.0, "family.divergence": "mmd", "extra": "[1, null]",
    }  # fmt: skip
    ends = [
        metadata.parse_session_end_info_plugin_data(plugin(folder_of(driver, n), metadata.SESSION_END_INFO_TAG)).status
        for n in (0, 1)
    ]
    assert ends == [1, 2]  # success and failure


def plugin(folder: Path, tag: str) -> bytes:
    found: bytes = read(folder).SummaryMetadata(tag).plugin_data.content
    return found


def test_a_row_waits_for_the_ledger_to_tell_of_it(driver: Driver) -> None:
    begin(driver)
    driver.folder.trial_of(driver.folder.state().trials[0]).append([row(0, 3)])  # its picture may still come
    files_of(driver).sync()
    assert len(series(folder_of(driver), "fid")) == 2


@pytest.mark.parametrize("left", [0, 1, 30, 200, 10**6])
def test_what_a_kill_left_is_made_whole_by_the_next_start(driver: Driver, left: int) -> None:
    begin(driver)
    files_of(driver).sync()
    (file,) = folder_of(driver).iterdir()
    data = file.read_bytes()
    file.write_bytes(data[:left])
    go_on(driver)
    files_of(driver).sync()
    torn = content(file.parent)
    assert [step for step, _, _ in series(folder_of(driver), "fid")] == [1, 2, 3, 4]
    file.unlink()
    files_of(driver).sync()
    assert content(file.parent) == torn
    assert torn[file.name].startswith(data)


def test_what_belongs_to_nobody_is_cut_off(driver: Driver) -> None:
    begin(driver)
    files = files_of(driver)
    files.sync()
    (file,) = folder_of(driver).iterdir()
    whole = file.read_bytes()
    for damaged in (whole + b"x" * 100, b"x" * 10 + whole[10:]):
        file.write_bytes(damaged)
        files_of(driver).sync()
        assert file.read_bytes() == whole
    file.unlink()  # under a driver that runs
    driver.rows(0, range(3, 4))
    files.sync()
    assert [step for step, _, _ in series(folder_of(driver), "fid")] == [1, 2, 3]


def test_a_trial_that_is_taken_up_again_has_no_end_until_it_ends(driver: Driver) -> None:
    begin(driver)
    driver.end(0, "FAILED", "a mistake")
    files = files_of(driver)
    files.sync()
    driver.folder.events.append({"event": "retried", "number": 0})
    files.sync()
    assert metadata.SESSION_END_INFO_TAG not in read(folder_of(driver)).Tags()["tensors"]
    driver.rows(0, range(3, 5))
    driver.end(0)
    files.sync()
    assert [step for step, _, _ in series(folder_of(driver), "fid")] == [1, 2, 3, 4]
    before = content(folder_of(driver))
    files_of(driver).sync()
    assert content(folder_of(driver)) == before


def test_knobs_that_copies_changed_are_series(driver: Driver) -> None:
    begin(driver)
    files = files_of(driver)
    files.sync()
    driver.copy(0, 2, 1, ["family.lambda"], **{"family.lambda": 12.0})
    driver.rows(0, range(3, 4))
    files.sync()
    driver.copy(0, 3, 1, ["lr"], **{"family.lambda": 12.0, "lr": 0.5})
    driver.rows(0, range(4, 5))
    files.sync()
    assert [(step, value) for step, _, value in series(folder_of(driver), "knob.family.lambda")] == [
        (3, 12.0),
        (4, 12.0),
    ]
    assert [(step, value) for step, _, value in series(folder_of(driver), "knob.lr")] == [(4, 0.5)]
    before = content(folder_of(driver))
    files_of(driver).sync()
    assert content(folder_of(driver)) == before


def test_a_link_in_the_place_of_the_files_is_not_followed(driver: Driver, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    begin(driver)
    files = files_of(driver)
    (driver.folder.path / "tensorboard").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedSweep, match="is a link"):
        files.sync()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_trouble_is_told_once_and_ends_nothing(driver: Driver) -> None:
    said: list[str] = []
    (driver.folder.path / "tensorboard").write_text("a file")
    begin(driver)
    with Beside(files_of(driver), said.append) as beside:
        beside._sync()
        beside._sync()
    assert len(said) == 1
    assert "gensweep sync" in said[0]


def test_without_tensorboard_nothing_is_begun_and_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(small("bare").definition()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(event_files.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["gensweep", "run", "space.yaml", "--in-process", "--tensorboard"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == CannotRun.exit_code
    assert "pip install 'gensweep[tensorboard]'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    (tmp_path / "asked" / "tensorboard").mkdir(parents=True)
    assert not event_files.wanted(tmp_path / "asked", asked=False)  # by an earlier start, elsewhere


def test_a_run_writes_them_and_later_commands_keep_them_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(small("shown").definition()))
    monkeypatch.chdir(tmp_path)
    store = ["--tracking-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"]
    for command in (["run", "space.yaml", "--in-process", "--tensorboard", *store], ["run", "space.yaml", *store]):
        monkeypatch.setattr(sys, "argv", ["gensweep", *command])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        root = tmp_path / "runs" / "shown" / "tensorboard"
        trials = sorted(path.name for path in root.iterdir() if path.is_dir())
        assert len(trials) == len(list((tmp_path / "runs" / "shown" / "trials").iterdir()))
        for trial in trials:
            steps = [step for step, _, _ in series(root / trial, METRIC)]
            assert steps == sorted(set(steps)) != []
        (root / trials[0]).rename(tmp_path / f"kept{len(command)}")  # the next command writes it again


KILLED = """
import sys
from pathlib import Path
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.tracking.tensorboard_files import EventFiles
path = Path(sys.argv[1])
files = EventFiles(SweepFolder.open(path), {}, path / "tensorboard")
print("ready", flush=True)
while True:
    files.sync()
"""


def test_a_writer_that_is_killed_doubles_and_loses_nothing(driver: Driver) -> None:
    driver.issue(0)
    rng, epoch = random.Random(0), 1
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(driver.folder.path)], stdout=subprocess.PIPE, env=environment
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        until = time.monotonic() + rng.uniform(0.02, 0.3)
        while time.monotonic() < until:
            driver.rows(0, range(epoch, epoch + 1))
            epoch += 1
        writer.kill()
        writer.communicate()
    files_of(driver).sync()
    assert [step for step, _, _ in series(folder_of(driver), "fid")] == list(range(1, epoch))
    (file,) = folder_of(driver).iterdir()
    assert len([Event.FromString(one) for one in RawEventFileLoader(str(file)).Load()]) == epoch + 1


@pytest.mark.parametrize(
    ("there", "data", "kept"),
    [(b"abcd", b"abxyz", 2), (b"abcd", b"abcdef", 4), (b"abcd", b"ab", 2), (b"", b"ab", 0), (b"xb", b"ab", 0)],
)
def test_of_a_file_what_stays_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bytes, data: bytes, kept: int
) -> None:
    (file := tmp_path / "events").write_bytes(there)
    written = list[tuple[int, bytes]]()
    monkeypatch.setattr(tensorboard_files, "append_at", lambda _file, n, more: written.append((n, more)))
    tensorboard_files._bring_level(file, data)
    assert written == [(kept, data[kept:])]

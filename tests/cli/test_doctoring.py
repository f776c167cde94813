"""doctor: what of a sweep's folder is whole, what is damaged, and what --repair makes of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_examination import _pictures
from gensweep.ledger.trial_folder import TrialFolder
from tests.cli.conftest import Command, Ended

Done = tuple[Path, Ended]


@pytest.fixture
def sweep(done: Done, tmp_path: Path) -> Path:
    return Path(shutil.copytree(done[0] / "runs" / "tiny", tmp_path / "runs" / "tiny"))


def first(sweep: Path, name: str) -> Path:
    return next((sweep / "trials").glob(f"0000-*/{name}"))


def contents(sweep: Path) -> dict[str, bytes]:
    return {str(file.relative_to(sweep)): file.read_bytes() for file in sweep.rglob("*") if file.is_file()}


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def turn_into_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def test_a_whole_sweep_is_whole_and_nothing_is_changed(sweep: Path, gensweep: Command) -> None:
    before = contents(sweep)
    for arguments in ((), ("--repair",)):
        ended = gensweep("doctor", "tiny", *arguments)
        assert (ended.code, ended.out) == (0, "runs/tiny is whole.\n")
    assert gensweep("doctor", "tiny", "--json").out == "[]\n"
    assert contents(sweep) == before


@pytest.mark.parametrize("tear", [flip, empty, turn_into_a_folder, Path.unlink])
@pytest.mark.parametrize(
    "name", ["sweep.yaml", "results.csv", "costs.csv", "configuration.json", "protocol.json", "results.jsonl"]
)
def test_what_the_ledger_knows_is_written_again(
    sweep: Path, gensweep: Command, name: str, tear: Callable[[Path], object]
) -> None:
    file = sweep / name if (sweep / name).exists() else first(sweep, name)
    before = file.read_bytes()
    tear(file)
    ended = gensweep("doctor", "tiny", "--json")
    assert ended.code == 5
    assert [row["file"] for row in json.loads(ended.out)] == [str(file.relative_to(sweep))]
    assert "gensweep doctor tiny --repair" in ended.err
    ended = gensweep("doctor", "tiny", "--repair")
    assert ended.code == 0, ended
    assert "mended" in ended.out
    if name == "results.jsonl":  # whose losses the ledger has not
        return
    assert json.loads(file.read_bytes()) == json.loads(before) if name.endswith("json") else file.read_bytes() == before


def test_lost_rows_come_back_with_the_scores_of_the_ledger(sweep: Path, gensweep: Command) -> None:
    file = first(sweep, "results.jsonl")
    whole = TrialFolder(file.parent).rows()
    one, two = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(one + two[:50])
    refused = gensweep("sync", "tiny")
    assert refused.code == 5
    assert "ends at epoch 1, and the ledger has scores up to epoch 2" in refused.err
    assert gensweep("doctor", "tiny", "--repair").code == 0
    mended = TrialFolder(file.parent).rows()
    record = SweepFolder.open(sweep).state().trials[0]
    assert mended[0] == whole[0]
    assert (mended[1].epoch, mended[1].step, mended[1].values) == (2, whole[1].step, record.reports[-1].scores)
    assert abs(mended[1].time - whole[1].time) < 60_000
    assert next(file.parent.glob("results.jsonl.damaged-1")).read_bytes() == one + two[:50]
    assert gensweep("sync", "tiny").code == 0


def test_what_is_gone_for_good_stays_said(sweep: Path, gensweep: Command) -> None:
    flip(first(sweep, "checkpoints/best/state.pt"))
    assert gensweep("doctor", "tiny").code == 5
    ended = gensweep("doctor", "tiny", "--repair")
    assert ended.code == 5
    assert "What is left needs a copy" in ended.err
    assert (first(sweep, "checkpoints") / "torn-1-best" / "state.pt").exists()


def test_a_torn_end_of_the_ledger_is_cut_off_and_its_middle_is_left_alone(sweep: Path, gensweep: Command) -> None:
    log = sweep / "ledger" / "events.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"at":"20')
    assert gensweep("doctor", "tiny").code == 5
    assert gensweep("doctor", "tiny", "--repair").code == 0
    assert log.read_bytes() == whole
    flip(log)
    torn = log.read_bytes()
    ended = gensweep("doctor", "tiny", "--repair", "--json")
    assert ended.code == 5
    assert [row["file"] for row in json.loads(ended.out)] == ["ledger/events.jsonl"]
    assert log.read_bytes() == torn


def test_a_lease_that_cannot_be_read_is_moved_away(sweep: Path, gensweep: Command) -> None:
    (sweep / "ledger" / "lease.json").write_text("{")
    assert gensweep("doctor", "tiny").code == 5
    assert gensweep("doctor", "tiny", "--repair").code == 0
    assert (sweep / "ledger" / "lease.json.damaged-1").exists()


@pytest.mark.parametrize("tear", [flip, empty, turn_into_a_folder])
def test_a_study_for_the_dashboard_is_written_anew(
    sweep: Path, gensweep: Command, tear: Callable[[Path], object]
) -> None:
    file = sweep / "study.db"
    if tear is flip:
        file.write_bytes(file.read_bytes().replace(b"CREATE TABLE", b"CREATE TABEL"))
    else:
        tear(file)
    assert gensweep("doctor", "tiny").code == 5
    assert gensweep("doctor", "tiny", "--repair").code == 0
    assert file.stat().st_size > 10_000


def test_tracking_that_cannot_be_read_is_moved_away_and_the_same_runs_are_found(sweep: Path, gensweep: Command) -> None:
    assert gensweep("sync", "tiny").code == 0
    from mlflow import MlflowClient

    def runs() -> set[str]:
        sweep_id = SweepFolder.open(sweep).identity().sweep_id  # type: ignore[union-attr]
        client = MlflowClient()
        experiment = client.get_experiment_by_name("gensweep").experiment_id
        return {run.info.run_id for run in client.search_runs([experiment], f"tags.`gensweep.sweep_id` = '{sweep_id}'")}

    before = runs()
    (sweep / "tracking.jsonl").write_text("torn\nand torn\n")
    ended = gensweep("sync", "tiny")
    assert ended.code == 5
    assert "gensweep doctor tiny --repair" in ended.err
    assert gensweep("doctor", "tiny", "--repair").code == 0
    assert gensweep("sync", "tiny").code == 0
    assert len(before) == 5
    assert runs() == before


def test_a_running_sweep_is_examined_and_not_mended(sweep: Path, gensweep: Command) -> None:
    with SweepFolder.open(sweep).hold():
        assert gensweep("doctor", "tiny").code == 0
        ended = gensweep("doctor", "tiny", "--repair")
    assert ended.code == 4
    assert "gensweep stop tiny" in ended.err


def test_a_damaged_sweep_is_listed_beside_the_others(sweep: Path, gensweep: Command) -> None:
    shutil.copytree(sweep, sweep.with_name("other"))
    (sweep.with_name("other") / "sweep.yaml").unlink()
    ended = gensweep("ls", "--json")
    assert ended.code == 5
    assert [(row["sweep"], row["state"]) for row in json.loads(ended.out)] == [("other", "damaged"), ("tiny", "done")]
    assert "other: sweep.yaml is missing" in ended.err


def test_a_hole_in_place_of_a_picture_is_not_read(tmp_path: Path) -> None:
    trial = tmp_path / "0000-vae-1234abcd"
    (trial / "samples").mkdir(parents=True)
    (trial / "samples" / "epoch-0001.png").touch()
    os.truncate(trial / "samples" / "epoch-0001.png", 2**42)
    (damage,) = _pictures(trial)
    assert damage.what == "is no whole picture"

"""`--artifacts URL`: what is kept there, how it is found again, and what of it nobody touches."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gensweep.artifacts.kept import Kept
from gensweep.artifacts.store import Store
from gensweep.errors import DamagedSweep
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import TrialFolder
from tests.cli.conftest import Command, Ended

RUN = ("run", "space.yaml", "--in-process")


@pytest.fixture(autouse=True)
def _own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/store"


def answers(runs: Path) -> tuple[list[tuple[object, ...]], dict[str, list[tuple[int, dict[str, float]]]]]:
    """Every trial's end, and every row of it but its times."""
    folder = SweepFolder.open(runs / "tiny")
    records = folder.state().trials.values()
    ends = [(r.number, r.key, r.outcome, r.best, r.best_epoch, r.step) for r in records]
    rows = {r.folder_name: [(row.epoch, row.values) for row in folder.trial_of(r).rows()] for r in records}
    return ends, rows


def test_the_numbers_and_the_folder_are_those_of_a_sweep_without_it(
    gensweep: Command, url: str, tmp_path: Path, done: tuple[Path, Ended]
) -> None:
    ran = gensweep(*RUN, "--artifacts", url)
    assert ran.code == 0, ran.err
    assert answers(tmp_path / "runs") == answers(done[0] / "runs")

    def names(runs: Path) -> set[str]:
        return {p.relative_to(runs).as_posix() for p in runs.glob("tiny/trials/**/*") if p.is_file()}

    assert names(tmp_path / "runs") == names(done[0] / "runs")
    kept = Store(url).names()
    trials = [name.rpartition("/trials/")[2].partition("/")[0] for name in kept]
    assert set(trials) == {path.name for path in (tmp_path / "runs/tiny/trials").iterdir()}
    assert sum(name.endswith("state.pt") for name in kept) == len(set(trials)), "of what has ended the best alone"
    assert gensweep("doctor", "tiny").code == 0
    (tmp_path / "store").rename(tmp_path / "away")
    assert gensweep("sample", "tiny", "-n", "3", "-o", "x.npy").code == 0, "what has ended is here"
    assert gensweep(*RUN).code == 0, "a sweep that is done needs nothing there"


def test_what_did_not_come_home_comes_with_the_next_start(gensweep: Command, url: str, tmp_path: Path) -> None:
    """As where a driver was killed before it brought a checkpoint."""
    assert gensweep(*RUN, "--artifacts", url).code == 0
    trials = sorted((tmp_path / "runs/tiny/trials").iterdir())
    before = {trial: (trial / "checkpoints/best/state.pt").read_bytes() for trial in trials}
    for trial in trials:
        shutil.rmtree(trial / "checkpoints")
    lacking = gensweep("sample", "tiny/0", "-n", "3", "-o", "x.npy")
    assert (lacking.code, "gensweep resume tiny brings those" in lacking.err) == (2, True)
    again = gensweep("resume", "tiny", "--in-process")
    assert again.code == 0, again.err
    assert {trial: (trial / "checkpoints/best/state.pt").read_bytes() for trial in trials} == before


def test_a_sweep_of_a_folder_stays_there(gensweep: Command, url: str, done: tuple[Path, Ended], tmp_path: Path) -> None:
    shutil.copytree(done[0] / "runs", tmp_path / "runs")
    refused = gensweep("resume", "tiny", "--in-process", "--samples", "+1", "--artifacts", url)
    assert refused.code == 2
    assert "were begun in its folder" in refused.err
    assert not (tmp_path / "store").exists()


def test_it_is_noted_for_who_said_it_and_goes_with_the_sweep_alone(
    gensweep: Command, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gensweep(*RUN, "search.samples=1", "--artifacts", f"{url}/").code == 0
    folder = SweepFolder.open(tmp_path / "runs/tiny")
    stored = folder.stored()
    assert stored is not None
    assert stored.url == url
    other = gensweep("resume", "tiny", "--in-process", "--artifacts", f"{url}/elsewhere")
    assert (other.code, f"are kept at {url}, and go on from there" in other.err) == (2, True)
    more = gensweep("resume", "tiny", "--in-process", "--samples", "2")
    assert more.code == 0, more.err
    assert all(f"{stored.place}/trials/{r.folder_name}" for r in folder.state().trials.values())

    with monkeypatch.context() as patch:
        patch.setenv("GENSWEEP_CACHE", str(tmp_path / "of another user"))
        refused = gensweep("resume", "tiny", "--in-process", "--samples", "+1")
        assert refused.code == 2
        assert f"if you trust that address: --artifacts {url}" in refused.err
        shutil.copytree(tmp_path / "runs/tiny", tmp_path / "aside", symlinks=True)
        (tmp_path / "aside").rename(tmp_path / "runs/copy")
        of_the_copy = gensweep("rm", "copy", "--yes")
        assert "is of the sweep that this folder is a copy of, and stays" in of_the_copy.err
    store = Store(url)
    store.put({f"gensweep-{'0' * 32}/trials/x/y": b"another sweep's", "mine.txt": b"mine"})
    removed = gensweep("rm", "tiny", "--yes")
    assert removed.code == 0
    assert f"{stored.place}: " in removed.err
    assert store.names() == {f"gensweep-{'0' * 32}/trials/x/y": 15, "mine.txt": 4}
    assert not folder.path.exists()


def test_rm_leaves_what_only_a_strangers_folder_says(gensweep: Command, url: str, tmp_path: Path) -> None:
    folder = SweepFolder.create(tmp_path / "runs/tiny", {"name": "tiny"}, url=url)
    stored = folder.stored()
    assert stored is not None
    Store(stored.place).put({"x": b"1"})
    removed = gensweep("rm", "tiny", "--yes")
    assert removed.code == 0
    assert "stays: the folder of tiny says that its trials are kept at" in removed.err
    assert Store(stored.place).names() == {"x": 1}


@pytest.mark.slow
def test_a_copy_goes_on_from_where_the_sweep_was_at_a_place_of_its_own(
    gensweep: Command, url: str, tmp_path: Path
) -> None:
    length = ("trial.training.epochs=100000", "resources.time_budget=1.5", "search.samples=1", "compare=null")
    stopped = gensweep(*RUN, *length, "trial.family=vae", "--artifacts", url)
    assert stopped.code == 75, stopped.err
    original = SweepFolder.open(tmp_path / "runs/tiny")
    before, was = Store(url).names(), original.state().trials[0].epoch
    assert was > 0
    (tmp_path / "other").mkdir()
    shutil.copytree(tmp_path / "runs/tiny", tmp_path / "other/tiny")
    went_on = gensweep("resume", "tiny", "--runs", "other", "--in-process", "--artifacts", url)
    assert went_on.code == 75, went_on.err
    assert "is a copy of the sweep at" in went_on.err
    copy = SweepFolder.open(tmp_path / "other/tiny")
    record = copy.state().trials[0]
    assert record.epoch > was
    rows = copy.trial_of(record).rows()
    assert [row.epoch for row in rows] == list(range(1, record.epoch + 1))
    mine, theirs = copy.stored(), original.stored()
    assert mine is not None
    assert theirs is not None
    Kept(Store(mine.trial(record.folder_name)), 9).bring(tmp_path / "kept", lambda name: name == "results.jsonl")
    assert TrialFolder(tmp_path / "kept").rows()[0] == rows[0], "it did not start again from its beginning"
    after = Store(url).names()
    assert {name: size for name, size in after.items() if theirs.sweep_id in name} == before
    assert after.keys() - before.keys() == {name for name in after if mine.sweep_id in name} != set()


@pytest.mark.slow
def test_weights_that_one_trial_takes_of_another_travel_too(gensweep: Command, url: str, tmp_path: Path) -> None:
    """Population-based training: whose weights are copied is decided by the driver, and no worker sees its folder."""
    population = ("early_stopping={name: pbt, interval: 2}", "trial.training.epochs=8", "search.samples=4",
                  "trial.family={name: wae, lambda: 'loguniform(1, 10)', divergence: mmd}")  # fmt: skip
    for more in ((), ("--runs", "kept", "--artifacts", url)):
        ran = gensweep(*RUN, *population, *more)
        assert ran.code == 0, ran.err
    assert SweepFolder.open(tmp_path / "kept/tiny").events.of_kind("copied")
    assert (tmp_path / "kept/tiny/results.csv").read_bytes() == (tmp_path / "runs/tiny/results.csv").read_bytes()
    assert answers(tmp_path / "kept") == answers(tmp_path / "runs")


def test_no_password_is_noted(gensweep: Command, tmp_path: Path) -> None:
    refused = gensweep(*RUN, "--artifacts", "sftp://me:s3cret@host/x")
    assert refused.code == 2
    assert "s3cret" not in refused.err
    assert "Leave them out" in refused.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("/shared/x", "is no URL; write file:///shared/x."),
        ("bucket/x", "is no URL; write one in full"),
        ("memory://x", "is seen by one process alone"),
        ("https://host/x", "https:// is no place where files can be written, replaced and deleted. Name a store"),
        ("HTTP://host/x", "is no place where"),
        ("github://bucket/x", "is no place where"),
        ("reference://x", "is no place where"),
        ("simplecache://bucket/x", "wraps another one"),
        ("file://x/y", "a folder is named in full: file:///shared/x/y"),
        ("s3://bucket/x?y=1", "settings in the environment"),
        ("s3://", "names no bucket and no folder"),
        ("s4://bucket/x", "Protocol not known: s4"),
    ],
)
def test_what_is_no_place_is_refused_before_anything_starts(
    gensweep: Command, given: str, why: str, tmp_path: Path
) -> None:
    refused = gensweep(*RUN, "--artifacts", given)
    assert (refused.code, why in refused.err) == (2, True), refused.err
    assert not (tmp_path / "runs").exists()


def test_a_place_that_cannot_be_written_is_refused_before_anything_starts(gensweep: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = gensweep(*RUN, "--artifacts", f"file://{tmp_path}/file/x")
    assert refused.code == 4
    assert "cannot write, read and delete" in refused.err
    assert "Nothing was started" in refused.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "field",
    ["trial.dataset={name: array, path: 's3://b/x.npy'}", "trial.dataset={name: image_folder, path: 'gs://b/x'}"],
)
def test_a_field_that_names_a_file_takes_no_url(gensweep: Command, field: str) -> None:
    refused = gensweep("check", "space.yaml", field)
    assert refused.code == 2
    assert "is a URL, and a place for files is needed" in refused.err


def test_a_url_of_runs_is_refused_with_the_option_for_it(gensweep: Command, tmp_path: Path) -> None:
    refused = gensweep(*RUN, "--runs", "s3://bucket/runs")
    assert refused.code == 2
    assert "--artifacts s3://bucket/runs" in refused.err
    assert not [name for name in os.listdir(tmp_path) if name.startswith("s3")]


def test_a_ledger_that_names_no_such_place_is_damage(tmp_path: Path) -> None:
    folder = SweepFolder.create(tmp_path / "runs/tiny", {"name": "tiny"}, url="s3://bucket/x")
    with folder.hold():
        folder.events.append({"event": "stored", "url": "memory://x", "sweep_id": "0" * 32})
    with pytest.raises(DamagedSweep, match="no such place"):
        folder.stored()

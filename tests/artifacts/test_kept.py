"""What is kept of a trial at a store: whole or as before, whatever is torn, damaged, away, or written by two at once."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import fsspec
import pytest

from gensweep.artifacts import private, store
from gensweep.artifacts.kept import Kept
from gensweep.artifacts.store import Store
from gensweep.errors import CannotRun, ConfigError, DamagedSweep, StoreAway
from gensweep.faults import Fault, fault_of
from gensweep.ledger.stored import mistake
from gensweep.ledger.trial_folder import Row, TrialFolder
from tests.s3_server import S3Server

STATE = b"weights" * 1000


@pytest.fixture(params=["file", "memory", pytest.param("s3", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A URL of each kind, empty."""
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        return f"{server.url}/{tmp_path.name}"
    return f"file://{tmp_path}/store" if request.param == "file" else f"memory://{tmp_path.name}"


def trained(folder: TrialFolder, epoch: int) -> None:
    """What a trial leaves at the end of an epoch; each is better than the one before."""
    folder.append([Row(epoch, 10 * epoch, 0, 1.0, {"loss": 1 / epoch})])
    folder.write_file(f"samples/epoch-{epoch:05d}.png", b"png %d" % epoch)
    folder.save(10 * epoch, {"state.pt": STATE + b"%d" % epoch}, best=True)


def kept_for(url: str, folder: Path, epochs: int, generation: int = 1) -> Kept:
    """A trial's stay in one process: it begins from what is kept, and keeps every epoch."""
    kept = Kept(Store(url), generation)
    kept.bring(folder)
    for epoch in range(TrialFolder(folder).last_epoch() + 1 or 1, epochs + 1):
        trained(TrialFolder(folder), max(epoch, 1))
        kept.keep(folder)
    return kept


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_kept_comes_back_bit_for_bit_and_what_is_old_goes(url: str, tmp_path: Path) -> None:
    trial = TrialFolder(tmp_path / "a")
    trained(trial, 1)
    first = Kept(Store(url), 1)
    assert first.bring(tmp_path / "none") is False
    assert "results.jsonl" in first.keep(trial.path)
    assert first.keep(trial.path) == [], "nothing is new"
    for epoch in range(2, 8):
        trained(trial, epoch)
        first.keep(trial.path)
    assert Kept(Store(url), 2).bring(tmp_path / "b")
    assert files(tmp_path / "b") == files(trial.path)
    newest = TrialFolder(tmp_path / "b").newest()
    assert newest is not None
    assert newest.read("state.pt") == STATE + b"7"
    objects = Store(url).names()
    assert sum(name.endswith("state.pt") for name in objects) == 3, "of the newest two manifests, each once"
    assert sum(name.startswith("manifests/") for name in objects) == 2
    first.trim(lambda name: not name.startswith("checkpoints/step-"))
    assert Kept(Store(url), 3).bring(tmp_path / "c")
    assert files(tmp_path / "c") == {n: d for n, d in files(trial.path).items() if "/step-" not in n}
    assert sum(name.endswith("state.pt") for name in Store(url).names()) == 1
    Store(url).remove_all()
    assert Store(url).names() == {}
    assert Kept(Store(url), 4).bring(tmp_path / "d") is False


def test_what_was_not_wanted_stays_kept(url: str, tmp_path: Path) -> None:
    kept_for(url, tmp_path / "a", 2)
    other = Kept(Store(url), 2)
    other.bring(tmp_path / "b", lambda name: not name.startswith("samples/"))
    assert not (tmp_path / "b" / "samples").exists()
    trained(TrialFolder(tmp_path / "b"), 3)
    other.keep(tmp_path / "b")
    Kept(Store(url), 3).bring(tmp_path / "c")
    assert sorted(path.name for path in tmp_path.glob("c/samples/*")) == [f"epoch-0000{n}.png" for n in (1, 2, 3)]


class Cut(BaseException):
    """The process is gone."""


def test_a_kill_at_any_write_leaves_what_was_kept_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call that writes or deletes is the last one once, with its object missing, torn, or whole."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power is cut here
    puts, removed = Store._put, Store._remove
    for number, how in itertools.product(range(100), ("missing", "torn", "whole")):
        url = f"file://{tmp_path}/{number}-{how}"
        kept = kept_for(url, tmp_path / f"a-{number}-{how}", 3)
        before = files(tmp_path / f"a-{number}-{how}")
        calls = itertools.count()

        def put(self: Store, name: str, data: Any, calls: Any = calls, number: int = number, how: str = how) -> None:
            if next(calls) < number:
                return puts(self, name, data)
            whole = data if isinstance(data, bytes) else data.read_bytes()
            if how != "missing":
                puts(self, name, whole if how == "whole" else whole[: len(whole) // 2])
            raise Cut

        def remove(self: Store, name: str, calls: Any = calls, number: int = number, how: str = how) -> None:
            if next(calls) < number:
                return removed(self, name)
            if how == "whole":
                removed(self, name)
            raise Cut

        trained(TrialFolder(tmp_path / f"a-{number}-{how}"), 4)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "_put", put)
            patch.setattr(Store, "_remove", remove)
            try:
                kept.keep(tmp_path / f"a-{number}-{how}")
                is_cut = False
            except Cut:
                is_cut = True
        found = tmp_path / f"b-{number}-{how}"
        assert Kept(Store(url), 2).bring(found)
        after = files(tmp_path / f"a-{number}-{how}")
        assert files(found) in ([before, after] if is_cut else [after])
        if not is_cut:
            assert number > 5, "there are that many writes"
            return
    raise AssertionError("it never ended")


def tear(url: str, name: str) -> None:
    data = Store(url).read(name)
    Store(url).remove([name])
    Store(url).put({name: data[: len(data) // 2]})


@pytest.mark.parametrize("what", ["results.jsonl", "state.pt", "manifests"])
def test_a_torn_object_is_not_believed_and_the_manifest_before_is(
    url: str, what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept_for(url, tmp_path / "a", 4)
    newest = max(name for name in Store(url).names() if what in name)
    tear(url, newest)
    assert Kept(Store(url), 2).bring(tmp_path / "b")
    found = TrialFolder(tmp_path / "b")
    assert found.last_epoch() == 3
    checkpoint = found.newest()
    assert checkpoint is not None
    assert checkpoint.read("state.pt") == STATE + b"3"
    assert newest in caplog.text
    kept_for(url, tmp_path / "c", 6, generation=2)
    Kept(Store(url), 3).bring(tmp_path / "d")
    assert TrialFolder(tmp_path / "d").last_epoch() == 6


def test_where_every_best_checkpoint_is_torn_an_older_one_is_used_as_on_a_disk(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/store"
    kept_for(url, tmp_path / "a", 4)
    newest = sorted(name for name in Store(url).names() if name.endswith("state.pt"))[-2:]
    for name in newest:
        tear(url, name)
    assert Kept(Store(url), 2).bring(tmp_path / "b")
    found = TrialFolder(tmp_path / "b")
    assert found.newest() is None or found.newest().step <= 20  # type: ignore[union-attr]
    assert found.torn()


def test_damage_of_all_is_said_and_never_taken_for_a_new_trial(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/store"
    kept_for(url, tmp_path / "a", 4)
    for name in Store(url).names():
        if "results.jsonl" in name:
            tear(url, name)
    with pytest.raises(DamagedSweep, match=r"no manifest there names whole files.*the trial starts again"):
        Kept(Store(url), 2).bring(tmp_path / "b")


def test_a_manifest_leads_nowhere_else(tmp_path: Path) -> None:
    """Who may write to a store may write any names."""
    import hashlib
    import json

    url = f"file://{tmp_path}/store"
    for outside in ("../outside", "/tmp/outside", "a/../../outside"):
        for entry in ({"object": "x", "size": 1, "sha256": "0"}, {"object": outside, "size": 1, "sha256": "0"}):
            content = {"schema": 1, "files": {outside if entry["object"] == "x" else "inside": entry}}
            digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
            name = "manifests/000001-000001-00000000.json"
            Store(url).remove([name])
            Store(url).put({name: json.dumps(content | {"sha256": digest}).encode()})
            with pytest.raises(DamagedSweep):
                Kept(Store(url), 1).bring(tmp_path / "b")


def test_two_processes_with_one_trial_lose_nothing_and_the_later_driver_counts(url: str, tmp_path: Path) -> None:
    kept_for(url, tmp_path / "a", 2)
    given_up, now = Kept(Store(url), 1), Kept(Store(url), 2)
    given_up.bring(tmp_path / "old")
    now.bring(tmp_path / "new")
    for epoch in range(3, 9):  # in turns, each of which deletes what it does not need any more
        trained(TrialFolder(tmp_path / "old"), epoch)
        given_up.keep(tmp_path / "old")
        if epoch % 2:
            trained(TrialFolder(tmp_path / "new"), epoch)
            now.keep(tmp_path / "new")
        assert Kept(Store(url), 3).bring(tmp_path / f"check-{epoch}")
        assert files(tmp_path / f"check-{epoch}") == files(tmp_path / "new")


def test_a_store_that_is_away_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    away = threading.Event()
    puts = Store._put

    def put(self: Store, name: str, data: Any) -> None:
        if away.is_set():
            raise ConnectionError("nobody answers")
        puts(self, name, data)

    monkeypatch.setattr(Store, "_put", put)
    monkeypatch.setattr(store, "_PAUSES", (0.02,))
    asked = list[float]()
    files = Store(f"file://{tmp_path}/store", lambda: asked.append(time.monotonic()))
    away.set()
    threading.Timer(0.3, away.clear).start()
    files.put({"x": b"1"})
    assert files.read("x") == b"1"
    assert len(asked) > 3, "who waits says that it is alive"
    away.set()
    with pytest.raises(StoreAway, match=r"file:.* was away for 0 s \(nobody answers\)") as told:
        Store(f"file://{tmp_path}/store", patience=0.1).put({"y": b"1"})
    assert fault_of(told.value) is Fault.STORAGE


def test_an_upload_that_arrives_in_part_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_PAUSES", (0.0,))
    files = Store(f"file://{tmp_path}/store")
    parts = iter([b"12", b"123", b"12345"])
    monkeypatch.setattr(files._files, "pipe_file", lambda path, data: Path(path).write_bytes(next(parts)))
    files.put({"x": b"12345"})
    assert files.read("x") == b"12345"


def test_a_store_that_cannot_be_used_is_said_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ConfigError, match=r"s4://bucket/x: Protocol not known: s4\. Known protocols that can"
    ) as refused:
        Store("s4://bucket/x")
    offered = set(str(refused.value).rpartition(": ")[2].rstrip(".").split(", "))
    assert {"abfs", "file", "gs", "hdfs", "s3", "sftp"} <= offered
    assert not {"http", "memory", "reference", "zip", "cached", "github", "data", "dir"} & offered
    assert all(mistake(f"{protocol}:///bucket/x") is None for protocol in offered), "what is offered is taken"

    def lacking(*_: object, **__: object) -> None:
        raise ImportError("Install s3fs to access S3")

    with monkeypatch.context() as patch:
        patch.setattr(fsspec.core, "url_to_fs", lacking)
        with pytest.raises(CannotRun, match=r"pip install 'gensweep\[s3\]', here and on every node"):
            Store("s3://bucket/x")
        with pytest.raises(CannotRun, match=r"pip install 'gensweep\[gcs\]'"):
            Store("gs://bucket/x")
    assert Store(f"file://{tmp_path}/new/folder").probe() is None
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").touch()
    assert "cannot write, read and delete at file://" in str(Store(f"file://{tmp_path}/file/x").probe())


@pytest.mark.slow
def test_what_an_s3_store_refuses_is_said_with_the_cure(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    def told(url: str, **changed: str) -> str:
        for name, value in (s3.environment | changed).items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        return str(Store(url).probe())

    assert told(s3.url) == "None"
    assert "AWS_SECRET_ACCESS_KEY" in told(s3.url, AWS_SECRET_ACCESS_KEY="wrong")
    assert "Give this account the right" in told("s3://somebody-elses/x")
    assert "See whether it is up" in told(s3.url, AWS_ENDPOINT_URL="http://127.0.0.1:9")


def test_the_folder_of_a_process_goes_with_it_and_what_a_killed_one_left_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os, sys; from gensweep.artifacts.private import private_folder; "
        "(private_folder() / 'x').touch(); print(private_folder(), flush=True); {}"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}

    def run(end: str) -> Path:
        command = [sys.executable, "-c", code.format(end)]
        return Path(subprocess.run(command, env=environment, capture_output=True, text=True).stdout.strip())

    assert not run("pass").exists()
    left = run("os.kill(os.getpid(), 9)")
    assert (left / "x").exists()
    assert left.parent == tmp_path
    monkeypatch.setattr(private.tempfile, "tempdir", str(tmp_path))
    mine = private.private_folder() if os.getpid() not in private._made else None
    private._delete_left()
    assert not left.exists()
    if mine is not None:
        assert mine.exists(), "its process lives"
        private._delete(os.getpid())

"""A sweep whose trials are kept at an S3 store, with its worker, its driver and the store killed: it ends as one left alone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep.artifacts import private
from gensweep.artifacts.store import Store
from gensweep.ledger.sweep_folder import SweepFolder
from tests.counting import count_in, environment, steps
from tests.living_sweep import after_reports, events, finish, results
from tests.processes import descendants, driver_of
from tests.s3_server import S3Server

pytestmark = pytest.mark.slow  # several starts of Ray
TRIALS, EPOCHS, AWAY = 6, 12, 20.0
SPACE = f"""
name: survivor
confirm: none
tracking: {{models: none}}
objective: {{metric: sliced_wasserstein}}
search: {{sampler: random, samples: {TRIALS}, seed: 4}}
early_stopping: none
resources: {{cpu: 1, gpu: 0, pack: "off", stall_timeout: 60}}
trial:
  dataset: {{name: digits}}
  seed: 0
  network: {{name: mlp, hidden: [128]}}
  latent_size: choice(2, 4, 8)
  family: {{name: wae, lambda: "loguniform(1, 10)"}}
  training: {{epochs: {EPOCHS}, batch_size: 64, lr_schedule: counted}}
  evaluation: {{metrics: [sliced_wasserstein], every: 1}}
"""


class Place:
    """A working folder, and the command in it."""

    def __init__(self, path: Path, s3: S3Server) -> None:
        self.path, self.s3 = path, s3
        path.mkdir()
        count_in(path)
        (path / "space.yaml").write_text(SPACE)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        known = environment(self.path) | self.s3.environment
        known |= {"MLFLOW_TRACKING_URI": f"sqlite:///{self.path}/mlflow.db", "GENSWEEP_CACHE": f"{self.path}/cache"}
        return subprocess.Popen(
            [sys.executable, "-m", "gensweep", *arguments], cwd=self.path, text=True, env=known, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def done(self, *arguments: str) -> str:
        code, _, err = finish(self.start(*arguments))
        assert code == 0, err
        return err

    @property
    def folder(self) -> SweepFolder:
        return SweepFolder.open(self.path / "runs" / "survivor")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> Place:
    """The same sweep in its own folder, without a store, that nobody disturbed."""
    place = Place(tmp_path_factory.mktemp("alone") / "x", s3)
    place.done("run", "space.yaml", "--in-process")
    return place


def test_it_ends_as_a_sweep_that_is_left_alone(
    s3: S3Server, alone: Place, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    place = Place(tmp_path / "x", s3)
    first = place.start("run", "space.yaml", "--artifacts", s3.url)
    after_reports(place.path, first, 6)
    trains = ("ray::Worker", "ray::ResourceTrainable")  # as Ray calls it before and after it placed it
    os.kill(min(pid for pid, name in descendants(first.pid).items() if name.startswith(trains)), signal.SIGKILL)
    after_reports(place.path, first, 8)
    began = time.monotonic()
    s3.kill()
    known = len(events(place.path, "reported"))
    time.sleep(AWAY)
    said_meanwhile = len(events(place.path, "reported")) - known
    s3.start()
    away = time.monotonic() - began
    assert first.poll() is None, first.communicate()
    after_reports(place.path, first, 8)
    os.kill(driver_of(place.folder.path), signal.SIGKILL)
    code, _, err = finish(first)
    assert code == 75, err
    last = place.start("resume", "survivor")
    code, _, err = finish(last)
    assert code == 0, err
    record_property("store away", f"{away:.1f} s, {said_meanwhile} reports meanwhile")
    record_property("steps", f"{steps(place.path)} of {steps(alone.path)}")
    print(
        f"store away {away:.1f} s, {said_meanwhile} reports meanwhile; steps {steps(place.path)} of {steps(alone.path)}"
    )
    pairs = Counter((int(str(e["number"])), int(str(e["epoch"]))) for e in events(place.path, "reported"))
    assert pairs == Counter((number, epoch) for number in range(TRIALS) for epoch in range(1, EPOCHS + 1))
    assert results(place.path) == results(alone.path)
    assert said_meanwhile <= 2, "what is said is durable first"
    faults = [event["fault"] for event in events(place.path, "lost")]
    assert "STORAGE" not in faults
    assert steps(place.path) < 1.5 * steps(alone.path)
    folder, other = place.folder, alone.folder
    for record in folder.state().trials.values():
        rows = folder.trial_of(record).rows()
        assert [row.epoch for row in rows] == list(range(1, EPOCHS + 1))
        assert [row.values for row in rows] == [row.values for row in other.trial_of(record).rows()]
        assert len(list(folder.trial_of(record).path.glob("samples/*.png"))) == EPOCHS
    place.done("doctor", "survivor")
    stored = folder.stored()
    assert stored is not None
    with contextlib.chdir(tmp_path), pytest.MonkeyPatch.context() as patch:
        for name, value in s3.environment.items():
            patch.setenv(name, value)
        kept = Store(stored.place).names()
        assert sum(name.endswith("state.pt") for name in kept) == TRIALS, "of what has ended the best alone"
        told = place.done("rm", "survivor", "--yes")
        assert f"{stored.place}: {len(kept)} files" in told
        assert Store(stored.place).names() == {}
    private._delete_left()
    assert not list(Path(tempfile.gettempdir()).glob("gensweep-trials-*/trial-*")), (
        "the next process deletes what is left"
    )

"""The process that writes to MLflow is killed at moments that nobody chose; the next one must find its runs."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from tracked_sweep import Driver, Store

from gensweep.tracking.projection import Projection

_WRITER = """
import sys
from pathlib import Path
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.tracking.projection import Projection
projection = Projection(SweepFolder.open(Path(sys.argv[1])), sys.argv[2])
projection.start()
print("started", flush=True)
print(projection.sync(), flush=True)
"""


@pytest.mark.slow
def test_a_writer_killed_at_random_leaves_no_double(
    driver: Driver, store: Store, record_property: Callable[[str, object], None]
) -> None:
    trials = 60
    for number in range(trials):
        driver.issue(number)
        driver.rows(number, range(1, 5))
        driver.end(number)
    dice = random.Random(0)
    for enough in (1, 20):
        arguments = [sys.executable, "-c", _WRITER, str(driver.folder.path), store.uri]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"started\n"
            while len(store.runs()) < enough:
                time.sleep(0.005)
            time.sleep(dice.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
    assert len(store.runs()) < trials, "the last writer was killed after its work"
    projection = Projection(driver.folder, store.uri)
    projection.start()
    assert projection.close(final=True).is_done
    runs = store.runs()
    assert len(runs) == trials
    assert {len(store.metrics(run_id)) for run_id, _ in runs.values()} == {4 * 3 + 4}
    ((active,),) = store.ask("select count(*) from runs where lifecycle_stage = 'active'")
    assert active == trials + 1
    record_property("trials missing, doubled", f"{trials - len(runs)}, {active - 1 - len(runs)}")
    points = [len(store.metrics(run_id)) for run_id, _ in runs.values()]
    record_property(
        "points lost, doubled", f"{sum(16 - min(n, 16) for n in points)}, {sum(max(n, 16) - 16 for n in points)}"
    )

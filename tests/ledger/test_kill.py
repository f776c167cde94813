"""kill -9 of a real driver, again and again, in the middle of whatever it was writing."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable

from gensweep.ledger.sweep_folder import SweepFolder

DRIVER = """
import sys
from pathlib import Path
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import Row

folder = SweepFolder.open(Path(sys.argv[1]))
with folder.hold() as lease:
    folder.events.append({"event": "started"})
    if 1 not in folder.state().trials:
        folder.events.append({"event": "issued", "number": 1, "key": "abcdef0123", "family": "wae"})
    trial = folder.trial(1, "wae", "abcdef0123")
    newest = trial.newest()
    epoch = int(newest.read("state.pt")[:9]) if newest else 0
    known = {report.epoch for report in folder.state().trials[1].reports}
    missing = [row.epoch for row in trial.rows() if row.epoch <= epoch and row.epoch not in known]
    folder.events.append_many({"event": "reported", "number": 1, "epoch": e, "step": e * 10} for e in missing)
    print(f"from {epoch}", flush=True)
    while True:
        epoch += 1
        trial.append([Row(epoch, epoch * 10, lease.generation, 0.1, {"fid": 1 / epoch})])
        trial.save(epoch * 10, {"state.pt": b"%09d" % epoch * 20_000}, best=epoch % 3 == 0)
        reports = [{"event": "reported", "number": 1, "epoch": epoch, "step": epoch * 10, "scores": {}}]
        folder.events.append_many(reports * 2)
        print(f"done {epoch}", flush=True)
"""


def test_ten_kills_lose_nothing_that_was_acknowledged(
    sweep: SweepFolder, record_property: Callable[[str, object], None]
) -> None:
    draw = random.Random(0)
    done = redone = 0
    for kill in range(1, 11):
        driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(sweep.path)], stdout=subprocess.PIPE, text=True)
        assert driver.stdout is not None
        resumed = int(driver.stdout.readline().split()[1])
        assert done <= resumed <= done + 1  # at most the epoch that was not acknowledged yet
        redone += max(0, done - resumed)
        done = resumed
        if kill % 2:
            done = int(driver.stdout.readline().split()[1])
        time.sleep(draw.uniform(0.0, 0.12))
        driver.kill()
        told = driver.communicate()[0].split("\n")[:-1]  # the last one may be torn
        done = max([done, *(int(line.split()[1]) for line in told if line.startswith("done"))])

        again = SweepFolder.open(sweep.path)
        events = again.events.read()
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert events[-1]["generation"] == again.generation() == kill
        trial = again.trial_of(again.state().trials[1])
        rows = [row.epoch for row in trial.rows()]
        assert rows == list(range(1, len(rows) + 1))
        assert done <= len(rows) <= done + 1
        reports = [report.epoch for report in again.state().trials[1].reports]
        assert reports == list(range(1, len(reports) + 1))  # the next driver reports what a crash left only as a row
        assert done <= len(reports) <= len(rows)
        newest, best = trial.newest(), trial.best()
        if done:
            assert newest is not None
            assert done * 10 <= newest.step <= len(rows) * 10
            assert newest.read("state.pt") == b"%09d" % (newest.step // 10) * 20_000
        if done >= 3:
            assert best is not None
            assert done // 3 * 30 <= best.step <= len(rows) * 10
        assert trial.torn() == []
        assert again.holder() is None
    assert done >= 5
    record_property("epochs redone of those acknowledged", f"{redone} of {done}")
    record_property(
        "epochs lost, doubled", f"{done - len(set(rows) & set(range(1, done + 1)))}, {len(rows) - len(set(rows))}"
    )

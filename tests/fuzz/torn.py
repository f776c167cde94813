"""Every file of a small sweep, torn in every way, under every command: what must not come of it."""

from __future__ import annotations

import contextlib
import itertools
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gensweep.errors import DamagedSweep
from gensweep.ledger.sweep_folder import SweepFolder
from tests.fuzz.campaign import ENDS, command, prepared
from tests.fuzz.sweeps import SPACE, half_done
from tests.tracking.memory_store import MemoryStore

WAYS = ("cut", "emptied", "flipped", "deleted", "folder")
READS = (
    "ls",
    "show tiny",
    "show tiny 0",
    "compare tiny",
    "report tiny",
    "stop tiny",
    "doctor tiny",
    "doctor tiny --repair",
)
GOES_ON = (
    "resume tiny --in-process", "sync tiny", "run space.yaml --in-process", "confirm tiny --top 1 --seeds 2 --in-process",
)  # fmt: skip
STATES = ("stopped", "done")
# what no command can know: they hold nothing, or what they hold is of no consequence and has no checksum
UNSEEN = ("ledger/lock", "ledger/lease.json", "environment.json", "study.db", "report/", "gensweep.log")


class Case(NamedTuple):
    """A sweep that was stopped or is done, a file in its folder, what happens to it, and the command that follows."""

    state: str
    file: str
    way: str
    line: str


class Torn:
    """A working folder that each case finds as it was."""

    def __init__(self, guard: Path) -> None:
        self.guard, self.work = guard, guard / "work"
        done, stopped = guard / "done", guard / "stopped"
        done.mkdir()
        (done / "space.yaml").write_text(SPACE)
        with contextlib.chdir(done), prepared(guard):
            code, told = command("run space.yaml --in-process")
        assert code == 0, told
        shutil.copytree(done, stopped)
        half_done(stopped / "runs" / "tiny")

    def cases(self) -> list[Case]:
        """All there are."""
        return [
            Case(state, file, way, line)
            for state in STATES
            for file, way, line in itertools.product(self._files(state), WAYS, (*READS, *GOES_ON))
        ]

    def _files(self, state: str) -> list[str]:
        sweep = self.guard / state / "runs" / "tiny"
        found = sorted(str(path.relative_to(sweep)) for path in sweep.rglob("*") if path.is_file())
        return [file for file in found if not file.startswith(("trials/0001", "trials/0002"))]

    def failure(self, case: Case) -> str | None:
        """What must not be, with what was printed; None where all is well."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.guard / case.state, self.work)
        sweep = self.work / "runs" / "tiny"
        known = set(SweepFolder(sweep).state().trials)
        damage(sweep / case.file, case.way, random.Random(str(case)))
        before = _log(sweep)
        with contextlib.chdir(self.work), prepared(self.guard) as store:
            code, told = command(case.line)
        wrong = _wrong(case, sweep, known, code, told) or _lost_of_log(before, _log(sweep), code)
        if wrong is None and code == 0 and case.line in GOES_ON:
            wrong = _lost_of_store(sweep, store)
        return None if wrong is None else f"{case}: exit {code}, {wrong}\n{told[-1500:]}"


def damage(file: Path, way: str, rng: random.Random) -> None:
    """Tear a file."""
    data = file.read_bytes()
    if way in ("deleted", "folder"):
        file.unlink()
        if way == "folder":
            file.mkdir()
        return
    if way == "flipped" and data:
        at = rng.randrange(len(data))
        data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    file.write_bytes(data[: len(data) // 2] if way == "cut" else b"" if way == "emptied" else data)


def _log(sweep: Path) -> bytes | None:
    log = sweep / "ledger" / "events.jsonl"
    return log.read_bytes() if log.is_file() else None


def _wrong(case: Case, sweep: Path, known: set[int], code: int | None, told: str) -> str | None:
    if code is None or code not in ENDS or "Traceback" in told:
        return "which no command may"
    unseen = case.file.startswith(UNSEEN) or not (sweep / case.file).parent.exists()
    if case.line == "doctor tiny" and code == 0 and case.way != "folder" and not unseen and not _may_be_whole(case):
        return "and the damage was not seen"
    if code == 0 and case.line in GOES_ON:
        try:
            now = SweepFolder.open(sweep).state().trials
        except DamagedSweep as error:
            return f"and the sweep is damaged: {error}"
        if missing := known - set(now):
            return f"and the ledger has lost the trials {missing}"
    return None


def _may_be_whole(case: Case) -> bool:
    """Whether nothing that counts is gone: nothing looks at a trial's outcome once its end, or before it its lack, is known."""
    outcome = case.file.endswith("outcome.json")
    live = case.state == "stopped" and case.file.startswith("trials/0003")
    lock = case.file == "tracking.jsonl" and case.way in (
        "deleted",
        "emptied",
        "cut",
    )  # its end may be lost; it is sent again
    return (
        outcome
        or lock
        or (live and not case.file.endswith("results.jsonl"))
        or (case.way == "deleted" and "samples" in case.file)
    )


def _lost_of_log(before: bytes | None, after: bytes | None, code: int | None) -> str | None:
    """Whether lines that were whole are gone."""
    if before is None:
        return None if not after or code == 5 else "and a ledger was made in the place of the one that is gone"
    whole = before[: before.rfind(b"\n") + 1]
    last = whole[: whole[:-1].rfind(b"\n") + 1]  # the last line may be torn in its middle
    return None if after is not None and after.startswith((whole, last)) else "and the ledger lost lines"


def _lost_of_store(sweep: Path, store: MemoryStore) -> str | None:
    """Whether the store lacks a score that the ledger has."""
    folder = SweepFolder.open(sweep)
    identity = folder.identity()
    assert identity is not None
    sent = {
        run.tags["gensweep.trial_key"]: {point.step for point in run.points}
        for run in store.all.values()
        if run.tags.get("gensweep.sweep_id") == identity.sweep_id and "gensweep.trial_key" in run.tags
    }
    for record in folder.state().trials.values():
        if missing := {report.epoch for report in record.reports} - sent.get(record.key, set()):
            return f"and of trial {record.number} the store lacks the epochs {missing}"
    return None


def search(guard: Path, n: int | None = None) -> Iterator[tuple[Case, str | None]]:
    """Each case with what must not be; `n` of them, drawn with a fixed seed, or all. Those that train are rarer where few are."""
    torn = Torn(guard)
    cases = torn.cases()
    if n is not None:
        rng = random.Random(0)
        reads = [case for case in cases if case.line in READS and case.line != "report tiny"]
        goes_on = [case for case in cases if case.line in GOES_ON and case.file in _COUNT]
        cases = [*rng.sample(reads, n - n // 4), *rng.sample(goes_on, n // 4)]
    for case in cases:
        yield case, torn.failure(case)


_COUNT = ("sweep.yaml", "ledger/events.jsonl", "tracking.jsonl")

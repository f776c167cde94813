"""One damaged file, one command, and what must not come of it."""

from __future__ import annotations

import contextlib
import functools
import io
import random
import resource
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from unittest import mock

from gensweep import campaign, cli, drive
from gensweep.datasets import base as datasets
from gensweep.extractors.frozen import load_extractor
from gensweep.metrics.base import scorer
from gensweep.report import figures
from gensweep.tracking.projection import Projection
from tests.fuzz.mutations import mutated
from tests.fuzz.sweeps import half_done, write_inputs
from tests.tracking.memory_store import MemoryStore

ENDS = {0, 1, 2, 3, 4, 5, 75}
SECONDS = 20
MEMORY = 2 << 30  # bytes more than the process has
READS = ("ls", "show tiny", "show tiny 0", "compare tiny", "compare tiny --by latent_size", "ls --json")
GOES_ON = ("resume tiny --in-process", "resume tiny --samples 3 --in-process", "sync tiny")
# kind -> the files of which one is damaged, in what share of the cases, and the commands of which one follows
KINDS: dict[str, tuple[tuple[str, ...], int, tuple[str, ...]]] = {
    "space": (("space.yaml",), 30, ("check space.yaml",) * 18 + ("plan space.yaml", "run space.yaml name=new --in-process")),
    "sweep.yaml": (("runs/tiny/sweep.yaml",), 15, READS * 2 + GOES_ON),
    "events": (("runs/tiny/ledger/events.jsonl",), 20, READS * 2 + GOES_ON),
    "tracking": (("runs/tiny/tracking.json*",), 8, ("sync tiny", "resume tiny --in-process", "show tiny")),
    "trial": (
        ("runs/tiny/trials/*/results.jsonl", "runs/tiny/trials/*/outcome.json", "runs/tiny/trials/*/configuration.json",
         "runs/tiny/trials/*/protocol.json", "runs/tiny/ledger/lease.json", "runs/tiny/environment.json",
         "runs/tiny/trials/*/checkpoints/*/manifest.json", "runs/tiny/trials/*/checkpoints/*/state.pt"),
        12, (*GOES_ON, "compare tiny", "show tiny", "ls", "evaluate tiny/0 --metrics sliced_wasserstein,n=50"),
    ),
    "arrays": (("data.npy",), 6, ("check npy.yaml", "evaluate data.npy --reference ring --metrics sliced_wasserstein,n=20")),
    "zips": (("data.npz",), 3, ("check npz.yaml", "evaluate data.npz --reference ring --metrics sliced_wasserstein,n=20")),
    "images": (("images/0.png",), 3, ("check png.yaml", "evaluate images --reference digits --metrics sliced_wasserstein,n=5")),
    "extractors": (("network.pt2", "network.json"), 3, ("check features.yaml",)),
}  # fmt: skip


@dataclass
class Found:
    """What a run of the fuzzer met: the cases by kind, the exit codes, and what must not be."""

    cases: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Hung(BaseException):
    """A command took longer than any may."""


class Place:
    """A guarded folder: `work` is the working folder, and what lies beside it belongs to others."""

    def __init__(self, guard: Path) -> None:
        self.guard, self.work, self.clean = guard, guard / "work", guard / "clean"
        (guard / "outside").mkdir(parents=True)
        (guard / "outside" / "private.txt").write_text("private")
        self.clean.mkdir()
        write_inputs(self.clean)
        with contextlib.chdir(self.clean), prepared(guard):
            code, told = command("run space.yaml --in-process")
        assert code == 0, told
        half_done(self.clean / "runs" / "tiny")

    def case(self, kind: str, seed: int) -> tuple[int | None, str]:
        """The exit code of a command on a damaged file and what it printed; None with what must not be."""
        rng = random.Random(f"{kind} {seed}")
        patterns, _, commands = KINDS[kind]
        shutil.rmtree(self.work, ignore_errors=True)
        of_a_sweep = any(pattern.startswith("runs/") for pattern in patterns)
        apart = shutil.ignore_patterns(*(("images", "data.*", "network.*") if of_a_sweep else ("runs",)))
        shutil.copytree(self.clean, self.work, ignore=apart)
        file = rng.choice([path for pattern in patterns for path in sorted(self.work.glob(pattern))])
        file.write_bytes(mutated(file.read_bytes(), rng))
        before, line = self._others(), rng.choice(commands)
        with contextlib.chdir(self.work):
            code, told = command(line)
        shown = f"{kind} {seed}: gensweep {line} after {file.relative_to(self.work)} was damaged: "
        if code is None or code not in ENDS:
            return None, f"{shown}exit {code}\n{told[-3000:]}"
        if "Traceback" in told or "\x1b" in told:
            return None, f"{shown}printed\n{told[-3000:]}"
        if (after := self._others()) != before:
            return None, f"{shown}wrote {sorted(after ^ before)}"
        return code, told

    def _others(self) -> set[tuple[str, int, int]]:
        """Everything that no command may change: all but runs/, and what the user's cache holds."""
        mine = (self.work / "runs", self.guard / "cache", self.clean)
        return {
            (str(path), path.lstat().st_size, path.lstat().st_mtime_ns if path.is_file() else 0)
            for path in self.guard.rglob("*")
            if not any(path.is_relative_to(one) for one in mine)
        }


def search(guard: Path, n: int, first: int = 0, kinds: tuple[str, ...] = tuple(KINDS)) -> Iterator[Found]:
    """`n` cases, from the seed `first` on, over the kinds in their shares: what was found, after each of them."""
    place, found = Place(guard), Found()
    total = sum(KINDS[kind][1] for kind in kinds)
    planned = [(kind, i / (n * KINDS[kind][1]), first + i) for kind in kinds for i in range(_share(n, kind, total))]
    with prepared(guard), limited():
        for kind, _, seed in sorted(planned, key=lambda one: one[1]):  # all kinds in turn
            code, told = place.case(kind, seed)
            found.cases[kind] += 1
            if code is None:
                found.failures.append(told)
            else:
                found.codes[code] += 1
            yield found


def _share(n: int, kind: str, total: int) -> int:
    return max(1, round(n * KINDS[kind][1] / total))


def command(line: str) -> tuple[int | None, str]:
    """The exit code of a command in this process, and what it printed; None with the error where it crashed or hung."""
    datasets.load.cache_clear()
    load_extractor.cache_clear()
    scorer.cache_clear()
    told = io.StringIO()
    signal.alarm(SECONDS)
    try:
        with (
            contextlib.redirect_stdout(told),
            contextlib.redirect_stderr(told),
            mock.patch.object(sys, "argv", ["gensweep", *line.split()]),
        ):
            cli.main()
    except SystemExit as end:
        return int(end.code or 0), told.getvalue()
    except (Exception, Hung):
        return None, told.getvalue() + traceback.format_exc()
    finally:
        signal.alarm(0)


class _Forgetful(MemoryStore):
    """Thousands of pages would fill the memory."""

    def add_file(self, run_id: str, path: Path, folder: str | None = None) -> None:
        path.read_bytes()


@contextlib.contextmanager
def prepared(guard: Path) -> Iterator[MemoryStore]:
    """Runs are kept in memory, figures are not drawn, and nobody waits for a stopped trial."""
    environment = {"GENSWEEP_CACHE": str(guard / "cache"), "GENSWEEP_TRUSTED": ""}
    store = _Forgetful()
    projection = functools.partial(Projection, open_store=lambda _: store)
    with (
        mock.patch.dict("os.environ", environment), mock.patch.object(campaign, "Projection", projection),
        mock.patch.object(drive, "Projection", projection),
        mock.patch.object(campaign, "check_reachable"), mock.patch.object(figures, "write_pictures", return_value={}),
        mock.patch.object(drive, "write_studies"),
    ):  # fmt: skip
        yield store


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """No command takes more memory or time than any needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    former = signal.signal(signal.SIGALRM, _hung)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, former)


def _hung(_number: int, _frame: FrameType | None) -> None:
    raise Hung

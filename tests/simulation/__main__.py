"""`python -m tests.simulation [-n 10000] [--seed S]`: simulated sweeps, from seed S on, each with other trouble.

Says how many there were, how many a minute, what went wrong in them, and of each that broke what does not hold, the command that
replays it, and the shortest one that breaks in the same way. `--choices` replays such a one.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import torch

from tests.simulation.choices import Streams
from tests.simulation.schedule import Finding, simulate
from tests.simulation.shrinking import shrunk

_TOO_FEW = 50  # for more processes than one
_COMMAND = "python -m tests.simulation"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code is 1 where something broke."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=1000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--choices", type=json.loads, help="those of one simulation, as JSON")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="how many processes, by default one a core"
    )
    parser.add_argument("--no-shrink", action="store_true", help="only say which broke")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)  # torn checkpoints are what is simulated
    if given.choices is not None:
        finding = simulate(given=given.choices)
        print(finding.broken or "all holds", dict(finding.trouble), f"exit codes {finding.ends}", sep="\n")
        return int(finding.broken is not None)
    began, trouble, broken = time.perf_counter(), Counter[str](), list[int]()
    for seed, finding in findings(range(given.seed, given.seed + given.n), given.jobs):
        trouble += finding.trouble
        if finding.broken:
            broken.append(seed)
            _tell(seed, finding, shrinks=not given.no_shrink)
    rate = 60 * given.n / (time.perf_counter() - began)
    print(
        f"{given.n} simulated sweeps, {rate:.0f} a minute; {len(broken)} broke{f': seeds {broken}' if broken else ''}"
    )
    print("what went wrong in them: " + ", ".join(f"{kind} {n:,}" for kind, n in trouble.most_common()))
    return int(bool(broken))


def findings(seeds: Sequence[int], jobs: int) -> Iterator[tuple[int, Finding]]:
    """What each came to, in their order."""
    if jobs == 1 or len(seeds) < _TOO_FEW:
        yield from zip(seeds, map(simulate, seeds), strict=True)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:  # what was imported and worked out is there
        yield from zip(seeds, pool.imap(simulate, seeds, chunksize=10), strict=True)


def _tell(seed: int, finding: Finding, *, shrinks: bool) -> None:
    print(f"seed {seed}: {finding.broken}\n  replay: {_COMMAND} -n 1 --seed {seed}")
    if shrinks:
        shortest = shrunk(finding.choices, lambda choices: simulate(given=choices).broken)
        print(f"  shortest: {replay(shortest)}\n  which gives: {simulate(given=shortest).broken}", flush=True)


def replay(choices: Streams) -> str:
    """The command that simulates just this."""
    return f"{_COMMAND} --choices {shlex.quote(json.dumps(choices, separators=(',', ':')))}"


if __name__ == "__main__":
    sys.exit(main())

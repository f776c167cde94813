"""`python -m tests.fuzz -n 20000`: so many damaged files; exit code 1 where one does what none may."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

from tests.fuzz.campaign import KINDS, search


def main() -> int:
    """Search, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("-n", type=int, default=20_000, help="how many cases")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"of {', '.join(KINDS)}")
    given = parser.parse_args()
    torch.set_num_threads(1)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as guard:
        told = 0
        for found in search(Path(guard), given.n, given.first, tuple(given.kinds.split(","))):
            if len(found.failures) > told:
                told += 1
                print(found.failures[-1], end="\n\n", flush=True)
            if (n := found.cases.total()) % 500 == 0 or n == given.n:
                cases, codes = dict(found.cases), dict(sorted(found.codes.items()))
                print(
                    f"{n} cases {cases}, exit codes {codes}, {told} failures, {time.monotonic() - began:.0f} s",
                    flush=True,
                )
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())

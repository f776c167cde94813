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
        found = search(Path(guard), given.n, given.first, tuple(given.kinds.split(",")))
    for failure in found.failures:
        print(failure, end="\n\n")
    cases, codes = dict(found.cases), dict(sorted(found.codes.items()))
    print(f"{found.cases.total()} cases {cases}, exit codes {codes}, {len(found.failures)} failures, "
          f"{time.monotonic() - began:.0f} s")  # fmt: skip
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())

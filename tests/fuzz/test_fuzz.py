"""The quick part of the search; `python -m tests.fuzz -n 20000` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.campaign import KINDS, search

QUICK = 60  # cases; each takes some hundredths of a second
LONG = 5_000  # some five minutes


def test_no_damaged_file_makes_a_command_crash_hang_or_write_outside(tmp_path: Path) -> None:
    *_, found = search(tmp_path, QUICK)
    assert not found.failures, "\n\n".join(found.failures)
    assert set(found.cases) == set(KINDS)
    assert {0, 2, 5} <= set(found.codes), "some do no harm, some are mistakes, and some are damage"


@pytest.mark.slow
def test_nor_does_any_of_many(tmp_path: Path) -> None:
    *_, found = search(tmp_path, LONG, first=QUICK)
    assert not found.failures, "\n\n".join(found.failures)

"""The quick part of the product of files, tears and commands; the whole of it is slow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.torn import GOES_ON, READS, WAYS, search

QUICK = 40  # cases; those that read take some hundredths of a second, those that train two


def test_no_torn_file_crashes_a_command_or_is_lost_without_a_word(tmp_path: Path) -> None:
    cases, wrong = zip(*search(tmp_path, QUICK), strict=True)
    assert not (found := list(filter(None, wrong))), "\n\n".join(found)
    assert len(cases) == QUICK
    assert {case.way for case in cases} == set(WAYS)
    assert {case.line for case in cases} & set(READS)
    assert {case.line for case in cases} & set(GOES_ON)


@pytest.mark.slow
def test_nor_is_any_of_them_all(tmp_path: Path) -> None:
    found = [told for _, told in search(tmp_path) if told]
    assert not found, "\n\n".join(found)

"""A sweep that is never left alone ends as one that is: the same trials, steps and scores, and one run of MLflow for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.chaos import EPOCHS, TRIALS, figures, lived

pytestmark = pytest.mark.slow  # some twenty starts of Ray: ten minutes


def test_a_sweep_that_is_never_left_alone_ends_as_one_that_is(
    tmp_path: Path, empty_database: Path, record_property: Callable[[str, object], None]
) -> None:
    told, found, alone = lived(tmp_path / "chaos", empty_database)
    for what, said in figures(told, found, alone).items():
        record_property(what, said)
        print(f"{what}: {said}")
    every = Counter((number, epoch) for number in range(TRIALS) for epoch in range(1, EPOCHS + 1))
    assert found.pairs == alone.pairs == every
    assert found.results == alone.results
    assert found.runs == Counter({("parent", "FINISHED"): 1, **{(str(n), "FINISHED"): 1 for n in range(TRIALS)}})
    assert found.points == alone.points
    assert set(told.codes) <= {"0", "75", "-9"}
    assert told.faults.total() >= 12
    assert not told.left
    assert found.steps < 1.25 * alone.steps

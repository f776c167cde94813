"""What a sweep would cost: everything that a trial plays is counted."""

from __future__ import annotations

import pytest

from gensweep.errors import Diverged
from gensweep.orchestration.plan import _timed, time_of
from tests.conftest import small_configuration


def training_seconds(pretraining_steps: int, epochs: int) -> float:
    family = {"name": "wae", "divergence": "energy", "pretraining_steps": pretraining_steps}
    return min(time_of(small_configuration(family, epochs=epochs), "cpu")[0] for _ in range(2))


def test_draws_that_diverge_at_once_cost_nothing_and_only_all_of_them_are_an_error() -> None:
    far, near = small_configuration("vae", optimizer={"lr": 1e30}), small_configuration("vae")
    assert len(_timed([far, near, far], "cpu")) == 1
    with pytest.raises(Diverged):
        _timed([far, far], "cpu")


def test_a_warm_up_is_counted_and_once() -> None:
    # An epoch is 15 moves of the auto-encoder on 64 items; before them stand 300 of the encoder on 1000.
    once = training_seconds(300, epochs=1)
    assert once > 3 * training_seconds(0, epochs=1)
    assert training_seconds(300, epochs=10) < 5 * once

"""The count of a training where a round takes more than a pass over the data."""

from __future__ import annotations

from gensweep.trainers.epochs import Epochs


def told(course: Epochs) -> list[tuple[int, int]]:
    """Each epoch that is told of, with the round that ends it."""
    found, step = [], 0
    while (epoch := course.after(step)) is not None:
        step = course.ends[epoch]
        found.append((epoch, step))
    return found


def test_an_epoch_ends_with_the_round_that_ends_its_pass() -> None:
    assert told(Epochs(3, per_pass=10, per_round=4)) == [(1, 3), (2, 5), (3, 8)]


def test_of_epochs_that_end_with_one_round_the_last_is_told_of() -> None:
    assert told(Epochs(4, per_pass=3, per_round=6)) == [(2, 1), (4, 2)]
    assert told(Epochs(5, per_pass=3, per_round=6)) == [(2, 1), (4, 2), (5, 3)]
    assert told(Epochs(3, per_pass=1, per_round=6)) == [(3, 1)]

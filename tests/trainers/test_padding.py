"""Zeros in the place of dimensions that a code does not have: where they go, and that they come off again."""

import pytest
import torch

from gensweep.trainers.padding import NO_PADDING, Padding

FROM_2_TO_5 = Padding(2, 5)


@pytest.mark.parametrize(
    ("shape", "wide"),
    [((2,), (5,)), ((3, 2), (3, 5)), ((4, 7), (10, 7)), ((4, 2), (10, 5)), ((3, 7), (3, 7)), ((), ())],
)
def test_what_is_padded_comes_back(shape, wide):
    value = torch.arange(1.0, 1 + torch.Size(shape).numel()).reshape(shape)
    padded = FROM_2_TO_5.out(value, wide)
    assert padded.shape == wide
    assert padded.sum() == value.sum()
    assert torch.equal(FROM_2_TO_5.back(padded, shape), value)
    assert FROM_2_TO_5.fits(shape, wide)


def test_of_two_blocks_each_gets_its_zeros():
    """Means, and then log variances."""
    assert FROM_2_TO_5.out(torch.tensor([1.0, 2, 3, 4]), (10,)).tolist() == [1, 2, 0, 0, 0, 3, 4, 0, 0, 0]


@pytest.mark.parametrize(
    ("shape", "wide"), [((3,), (5,)), ((2,), (6,)), ((2,), (2, 5)), ((5,), (2,)), ((3, 2), (4, 5))]
)
def test_what_does_not_become_the_shape_by_zeros_is_refused(shape, wide):
    assert not FROM_2_TO_5.fits(shape, wide)
    with pytest.raises(ValueError, match="with zeros"):
        FROM_2_TO_5.out(torch.zeros(shape), wide)


def test_nothing_is_padded_where_codes_may_not_be():
    value = torch.ones(3, 2)
    assert NO_PADDING.out(value, (3, 2)) is value
    assert not NO_PADDING.fits((3, 2), (3, 5))

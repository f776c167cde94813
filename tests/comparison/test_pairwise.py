from __future__ import annotations

import math

import pytest
from scipy import stats

from gensweep.comparison import judge
from gensweep.comparison.all_pairs import DUNNETT, GAMES_HOWELL
from gensweep.comparison.pairwise import MIXED, RANKS, compare_pairs, needs_ranks

LOW, HIGH = [1.0, 1.1, 1.3, 0.9], [2.0, 2.2, 2.1, 2.4]


@pytest.mark.parametrize(
    ("sample", "by_ranks"),
    [
        (LOW, False),
        ([*LOW, math.inf], True),
        ([*LOW, -math.inf], True),
        ([3.0, 3.0], True),
        ([0.0, 0.0], True),
        ([0.3, 0.1 + 0.2], True),
        ([1e9, 1e9 + 1e-2], False),
    ],
)
def test_ranks_are_needed_where_mean_and_variance_say_nothing(sample: list[float], by_ranks: bool) -> None:
    assert needs_ranks(sample) is by_ranks


def test_every_pair_is_there_in_order_with_its_direction() -> None:
    name, tests = compare_pairs([LOW, HIGH, [0.0, 0.1, 0.2]], 0.05, None)
    assert name == GAMES_HOWELL
    assert [test.first_is_smaller for test in tests] == [True, False, False]
    assert all(test.p_equal is None for test in tests)
    assert compare_pairs([LOW], 0.05, None) == (GAMES_HOWELL, [])
    assert compare_pairs([], 0.05, 1.0) == (GAMES_HOWELL, [])


@pytest.mark.parametrize(("third", "name"), [([3.0, math.inf], MIXED), (LOW, GAMES_HOWELL)])
def test_the_name_says_which_tests_there_were(third: list[float], name: str) -> None:
    assert compare_pairs([LOW, HIGH, third], 0.05, None)[0] == name
    assert compare_pairs([[1.0, 1.0], third], 0.05, None)[0] == RANKS


def test_from_five_arms_on_it_is_dunnetts_t3() -> None:
    """Welch's p-value of a pair lies between it by itself and Bonferroni's, close to Sidak's for independent pairs."""
    samples = [LOW, HIGH, [x + 0.4 for x in LOW], [x + 0.1 for x in HIGH], [1.0, 1.6, 2.0, 2.9]]
    assert compare_pairs(samples[:4], 0.05, None)[0] == GAMES_HOWELL
    name, tests = compare_pairs(samples, 0.05, None)
    assert name == DUNNETT
    for test in tests:
        assert test.p < test.p_adjusted <= 10 * test.p + 1e-12
        assert test.p_adjusted == pytest.approx(1 - (1 - test.p) ** 10, rel=0.35)
    [width] = [test.half_width for test in tests[:1]]
    assert width is not None
    at_the_end = [[x + width + (sum(HIGH) - sum(LOW)) / 4 for x in LOW], HIGH, *samples[2:]]
    assert compare_pairs(at_the_end, 0.05, None)[1][0].p_adjusted == pytest.approx(0.05, rel=1e-6)


def test_an_arm_that_a_test_puts_the_other_way_round_than_the_medians_is_not_distinguished() -> None:
    """Where a third arm has diverged seeds, arms are ordered by medians; Welch's t looks at the means of these two."""
    first = [-1.0 + x / 100 for x in range(11)] + [100.0 + x for x in range(10)]
    second = [x / 20 for x in range(21)]
    verdict = judge({"first": first, "second": second, "third": [math.inf] * 21})
    pair = next(pair for pair in verdict.pairs if (pair.a, pair.b) == ("first", "second"))
    assert stats.ttest_ind(first, second, equal_var=False).statistic > 0
    assert pair.p_adjusted < 0.05
    assert not pair.distinguished

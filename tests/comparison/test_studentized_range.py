from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import stdtr

from gensweep.comparison.studentized_range import isf, modulus_isf, modulus_sf, sf


@pytest.mark.parametrize(("k", "df", "q"), [(2, 8, 3.0), (3, 4, 5.04), (4, 5.7, 7.0), (6, 37.2, 4.2), (16, 2.5, 20.0)])
def test_it_is_scipys_distribution(k: int, df: float, q: float) -> None:
    assert sf(q, k, df) == pytest.approx(stats.studentized_range.sf(q, k, df), abs=1e-10)


@pytest.mark.parametrize("df", [2.0, 2.5, 8.0, 100.0, 3_000.0])
def test_of_two_it_is_students_t_also_far_out(df: float) -> None:
    t = np.array([0.01, 1.0, 5.0, 30.0]) if df < 50 else np.array([0.01, 1.0, 5.0])
    assert sf(np.sqrt(2) * t, 2, df) == pytest.approx(2 * stdtr(df, -t), rel=1e-7)


def test_quantiles_are_those_of_the_tables() -> None:
    """Harter, Tables of Range and Studentized Range, 1960: 5 % points for 2, 3, 4 and 10 means."""
    assert [float(isf(0.05, k, 10)) for k in (2, 3, 4, 10)] == pytest.approx([3.151, 3.877, 4.327, 5.598], abs=1.1e-3)
    assert float(isf(0.01, 4, 20)) == pytest.approx(5.018, abs=1e-3)


@pytest.mark.parametrize("df", [1.0, 1.3, 9.0, 500.0, 1e6])
@pytest.mark.parametrize("p", [0.5, 0.05, 1e-4])
def test_a_quantile_is_the_inverse(p: float, df: float) -> None:
    assert float(sf(isf(p, 5, df), 5, df)) == pytest.approx(p, rel=1e-9)


def test_shapes_are_those_of_the_arguments_and_no_range_is_certain() -> None:
    assert sf([[0.0], [3.0]], 4, [5.0, 6.0]).shape == (2, 2)
    assert sf([[0.0], [3.0]], 4, [5.0, 6.0])[0].tolist() == [1.0, 1.0]
    assert isf(0.05, 4, [5.0, 6.0]).shape == (2,)


def test_the_modulus_of_one_is_students_t_and_its_quantiles_are_those_of_the_tables() -> None:
    """Stoline and Ury, 1979: 5 % points for 3, 6 and 10 at 10 degrees of freedom."""
    assert modulus_sf([0.5, 2.0, 6.0], 1, 7) == pytest.approx(2 * stdtr(7, [-0.5, -2.0, -6.0]), rel=1e-9)
    assert [float(modulus_isf(0.05, m, 10)) for m in (3, 6, 10)] == pytest.approx([2.829, 3.199, 3.468], abs=6e-3)


@pytest.mark.parametrize(("m", "df"), [(3, 5.0), (10, 6.3)])
def test_the_modulus_is_that_of_many_draws(m: int, df: float) -> None:
    """200,000 draws place a probability of 5 % within 0.002, four of its standard errors."""
    generator = np.random.default_rng(0)
    largest = np.abs(generator.normal(size=(200_000, m))).max(axis=1) / np.sqrt(generator.chisquare(df, 200_000) / df)
    t = float(modulus_isf(0.05, m, df))
    assert np.mean(largest > t) == pytest.approx(0.05, abs=0.002)
    assert float(modulus_sf(t, m, df)) == pytest.approx(0.05, rel=1e-9)

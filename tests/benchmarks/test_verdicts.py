"""How often verdicts and intervals are right: a few cells at each run, all of them where there is time.

Every share has to lie within three binomial standard errors of what is wanted, as the benchmark says itself. Seeds are fixed,
so a test either passes always or never; a right procedure at its very limit would fail for one seed in 700.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from gensweep.benchmarks import verdicts
from gensweep.benchmarks.verdicts import LOGNORMAL, NORMAL, POWER, RATIOS, T2, T3, Law, Rate, Simulation, diverging

QUICK = Simulation(sweeps=250)


@pytest.mark.parametrize(
    ("law", "spreads"),
    [
        (NORMAL, (1.0, 1.0)),
        (NORMAL, (1.0,) * 6),
        (T3, (1.0,) * 3),
        (RATIOS, (1.0,) * 4),
        (LOGNORMAL, (1.0,) * 4),
        (NORMAL, (1.0, 1.0, 1.0, 3.0)),
        (diverging(NORMAL), (1.0, 1.0, 3.0, 3.0)),
    ],
    ids=lambda of: getattr(of, "name", str(of)),
)
def test_arms_that_are_alike_are_told_apart_in_one_sweep_of_twenty(law: Law, spreads: tuple[float, ...]) -> None:
    rate = QUICK.family_wise_error(law, 5, spreads)
    assert not rate.is_off, rate


@pytest.mark.parametrize("of", POWER, ids=lambda of: f"{of[0]:g} sd, {of[1][-1]}, {of[3].name}")
def test_an_arm_that_is_better_is_found_as_often_as_promised(of: tuple[float, tuple[str, ...], float, Law]) -> None:
    rate = QUICK.power(*of)
    assert not rate.is_off, rate


@pytest.mark.parametrize(
    "call",
    [
        lambda: QUICK.arm_interval(NORMAL, 4, "mean"),
        lambda: QUICK.arm_interval(T2, 8, "mean"),
        lambda: QUICK.arm_interval(RATIOS, 5, "geometric mean"),
        lambda: QUICK.arm_interval(diverging(T2), 4, "median"),
        lambda: QUICK.arm_interval(diverging(LOGNORMAL), 16, "median"),
        lambda: QUICK.effect_intervals(NORMAL, 5, 4),
        lambda: QUICK.effect_intervals(RATIOS, 8, 3),
        lambda: QUICK.probability(NORMAL, 4, 2.0),
        lambda: QUICK.probability(diverging(T2), 16, 1.0),
        lambda: QUICK.best(NORMAL, 16),
        lambda: QUICK.best(diverging(LOGNORMAL), 32),
        lambda: QUICK.best_told_apart(diverging(NORMAL), 6, 1.0),
        lambda: QUICK.best_told_apart(NORMAL, 6, 3.0),
    ],
)
def test_an_interval_holds_what_it_is_for(call: Callable[[], Rate]) -> None:
    rate = call()
    assert not rate.is_off, rate


@pytest.mark.slow
def test_all_of_the_table_is_as_wanted() -> None:
    """At 1,000 sweeps; of 220 shares at their very limit one in three tables would have one outside, and few are there."""
    off = [rate for rate in (call() for call in verdicts.cells(Simulation(1_000))) if rate.is_off]
    assert off == []


def test_a_share_is_off_beyond_three_standard_errors_of_what_is_wanted() -> None:
    wanted = (0.93, 0.99)
    assert [Rate("", "", share, 400, wanted).is_off for share in (0.88, 0.9, 0.95, 1.0)] == [True, False, False, False]
    assert Rate("", "", 1.0, 4_000, wanted).is_off
    assert not Rate("", "", 0.0, 400, (0.0, 0.05)).is_off
    assert Rate("", "", 0.2, 400, wanted).error == pytest.approx(0.02)


@pytest.mark.parametrize("law", [NORMAL, diverging(NORMAL), T2, diverging(LOGNORMAL, 0.4)], ids=lambda law: law.name)
def test_the_truth_is_that_of_many_draws(law: Law) -> None:
    """40,000 draws place a probability within 0.01, four of its standard errors."""
    generator = np.random.default_rng(0)
    a, b = law.draw(generator, 40_000, -1.0), law.draw(generator, 40_000)
    better = np.mean(a < b) + np.mean(a == b) / 2
    assert verdicts._probability_better(law, 1.0) == pytest.approx(better, abs=0.01)
    assert np.mean(b <= law.quantile(0.3)) == pytest.approx(0.3, abs=0.01)
    shift = verdicts._shift_of_equal_best(law, 3.0, 3)
    best, other = (law.draw(generator, 60_000, *of).reshape(-1, 3).min(axis=1) for of in ((0.0, 1.0), (shift, 3.0)))
    assert np.mean(best < other) + np.mean(best == other) / 2 == pytest.approx(0.5, abs=0.02)


def test_the_command_prints_a_line_for_every_rate(capsys: pytest.CaptureFixture[str]) -> None:
    verdicts.main(["--sweeps", "1", "--seed", "3"])
    head, *lines = (re.split(r" {2,}", line) for line in capsys.readouterr().out.splitlines())
    assert head[0] == "what"
    assert len(lines) == len(verdicts.cells(Simulation(1)))
    assert {line[0].partition(",")[0] for line in lines} >= {
        "any pair told apart", "called best", "called best or leads", "interval of the mean", "interval of the median",
        "interval of the geometric mean", "all intervals of differences", "interval of P(better)",
        "interval of the median best of k", "best of k told apart",
    }  # fmt: skip

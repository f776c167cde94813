from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from scipy import stats

import gensweep.comparison
from gensweep.comparison import ArmScore, PairResult, Verdict, bounded, judge
from gensweep.comparison.pairwise import holm

INF = math.inf
Arms = dict[str, list[float]]
CLEAR: Arms = {"wae": [2.1, 2.2, 2.0, 2.3, 2.1], "vae": [3.0, 3.3, 2.9, 3.1, 3.2], "gan": [5.0, 9.0, 4.0, 6.0, 7.0]}
CLOSE: Arms = {"wae": [2.1, 2.2, 2.0, 2.3, 2.1], "vae": [2.0, 2.3, 2.1, 2.15, 2.2], "gan": [5.0, 9.0, 4.0, 6.0, 7.0]}

# SPSS's Games-Howell test, as in scipy's own tests: a, b, mean of a less that of b, its interval, p
SAME_SIZE: Arms = {"0": [24, 23, 31, 51], "1": [34, 18, 18, 26], "2": [17, 68, 59, 7]}
SPSS_SAME = [
    ("0", "1", 8.25, -16.5492749527311, 33.0492749527311, 0.558733632413559),
    ("0", "2", -5.5, -63.6702454316458, 52.6702454316458, 0.941147750599221),
    ("1", "2", -13.75, -74.3174374251372, 46.8174374251372, 0.682983914946841),
]
UNLIKE: Arms = {
    "0": [30, 23, 51],
    "1": [-81, 71, -27, 63],
    "2": [42, 11, 29, 19, 50],
    "3": [23, 22, 20, 18, 9],
}
SPSS_UNLIKE = [
    ("0", "1", 28.16666667, -141.985416377670, 198.318749711003, 0.8727542747886180),
    ("0", "2", 4.466666667, -37.2830676783904, 46.2164010117237, 0.9752628408671710),
    ("0", "3", 16.26666667, -35.0933112382470, 67.6266445715803, 0.4262506151302880),
    ("1", "2", -23.7, -195.315617201249, 147.915617201249, 0.9148950609000590),
    ("1", "3", -11.9, -188.105478728519, 164.305478728519, 0.9861432250093960),
    ("2", "3", 11.8, -16.2894857524254, 39.8894857524254, 0.4755344436335670),
]


def drawn(seed: int, n_arms: int = 4, seeds: int = 5) -> Arms:
    generator = np.random.default_rng(seed)
    return {f"arm {i}": (4 + 0.6 * i + generator.normal(size=seeds)).tolist() for i in range(n_arms)}


def pair(verdict: Verdict, a: str, b: str) -> PairResult:
    return next(each for each in verdict.pairs if {each.a, each.b} == {a, b})


def arm(verdict: Verdict, name: str) -> ArmScore:
    return next(each for each in verdict.arms if each.name == name)


@pytest.mark.parametrize(("arms", "spss"), [(SAME_SIZE, SPSS_SAME), (UNLIKE, SPSS_UNLIKE)], ids=["same", "unlike"])
def test_all_pairs_are_those_of_spss(arms: Arms, spss: Sequence[tuple[str, str, float, float, float, float]]) -> None:
    verdict = judge(arms)
    assert verdict.test == "Games-Howell"
    for a, b, difference, low, high, p in spss:
        found = pair(verdict, a, b)
        assert found.p_adjusted == pytest.approx(p, abs=1e-8)
        assert found.effect is not None
        assert found.low is not None
        assert found.high is not None
        ends = (found.effect, found.low, found.high) if found.a == a else (-found.effect, -found.high, -found.low)
        assert ends == pytest.approx((difference, low, high), abs=2e-5)


def test_p_by_itself_is_welchs() -> None:
    verdict = judge(UNLIKE)
    for found in verdict.pairs:
        welch = stats.ttest_ind(UNLIKE[found.a], UNLIKE[found.b], equal_var=False)
        assert found.p == pytest.approx(welch.pvalue, rel=1e-9)
        assert found.p <= found.p_adjusted


def test_two_arms_need_no_correction() -> None:
    verdict = judge({"a": CLEAR["wae"], "b": CLEAR["vae"]})
    assert verdict.pairs[0].p_adjusted == pytest.approx(verdict.pairs[0].p, rel=1e-9)


def test_an_arm_has_students_interval() -> None:
    verdict = judge(CLEAR)
    scores = np.array(CLEAR["gan"])
    gan, error = arm(verdict, "gan"), scores.std(ddof=1) / math.sqrt(5)
    assert (gan.mean, gan.sd, gan.median) == pytest.approx((scores.mean(), scores.std(ddof=1), 6.0))
    assert (gan.low, gan.high) == pytest.approx(stats.t.interval(0.95, 4, scores.mean(), error))
    assert (gan.seeds, gan.diverged, gan.confidence, gan.ranked) == (5, 0, 0.95, True)


def test_on_the_log_scale_means_are_geometric_and_effects_ratios() -> None:
    verdict, logs = judge(CLEAR, scale="log"), {name: np.log(scores).tolist() for name, scores in CLEAR.items()}
    linear = judge(logs)
    assert verdict.statistic == "geometric mean"
    for ratio, difference in zip(verdict.pairs, linear.pairs, strict=True):
        assert (ratio.a, ratio.b, ratio.p_adjusted) == (difference.a, difference.b, difference.p_adjusted)
        assert (ratio.effect, ratio.low, ratio.high) == pytest.approx(
            tuple(math.exp(x) for x in (difference.effect or 0, difference.low or 0, difference.high or 0))
        )
    wae = arm(verdict, "wae")
    assert wae.mean == pytest.approx(stats.gmean(CLEAR["wae"]))
    assert wae.low is not None
    assert math.log(wae.low) == pytest.approx(arm(linear, "wae").low)
    assert wae.sd == pytest.approx(np.std(CLEAR["wae"], ddof=1))  # of the scores as they are


@pytest.mark.parametrize(
    ("arms", "more", "word", "first"),
    [
        (CLEAR, {}, "best", "wae"),
        (CLOSE, {}, "leads", "wae"),
        ({"a": [1, 2, 3], "b": [1.5, 2.5, 3.5]}, {}, "not distinguished", "a"),
        ({"a": CLOSE["wae"], "b": CLOSE["vae"]}, {"margin": 0.5}, "equal", "a"),
        ({"a": CLOSE["wae"], "b": CLOSE["vae"]}, {"margin": 0.05}, "not distinguished", "a"),
        ({"a": CLEAR["wae"], "b": CLEAR["vae"]}, {"margin": 5.0}, "equal", "a"),  # apart, by less than matters
        (CLOSE, {"margin": 0.5}, "leads", "wae"),
        (CLOSE, {"margin": 0.25, "scale": "log"}, "leads", "wae"),
        ({"a": [1.0]}, {}, "not confirmed", None),
        ({}, {}, "not confirmed", None),
        ({"a": [1, 2, 3]}, {}, "not distinguished", "a"),
        ({"a": [INF] * 5, "b": [INF] * 5}, {}, "not distinguished", None),
        ({"a": [1, 1, 1, 1, 1], "b": [INF] * 5}, {}, "best", "a"),
        ({**CLEAR, "flow": [0.1]}, {}, "leads", "wae"),  # of an arm with one seed nothing is known, so not best
        ({**{"a": CLOSE["wae"], "b": CLOSE["vae"]}, "flow": [2.1]}, {"margin": 0.5}, "not distinguished", "a"),
    ],
)
def test_the_word(arms: Arms, more: dict[str, Any], word: str, first: str | None) -> None:
    verdict = judge(arms, **more)
    assert (verdict.word, verdict.arm) == (word, first)
    assert verdict.sentence


def test_the_sentence_tells_the_nearest_rival_its_p_and_how_far_it_is() -> None:
    best, leads = judge(CLEAR, scale="log"), judge(CLOSE)
    p = pair(best, "wae", "gan").p_adjusted
    assert p > pair(best, "wae", "vae").p_adjusted
    assert best.sentence == (
        "wae is best of 3 arms of 5 seeds each: its geometric mean is 0.358 times that of gan, "
        f"adjusted p = {p:.3f}, Games-Howell."
    )
    assert leads.sentence == (
        "wae leads 3 arms of 5 seeds each: distinguished from gan (its mean is 4.06 below that of gan, adjusted p = 0.020, "
        "Games-Howell), not from vae (its mean is 0.01 below that of vae, adjusted p = 0.99, Games-Howell)."
    )
    up = judge({name: [-x for x in scores] for name, scores in CLOSE.items()}, "max").sentence
    assert "4.06 above that of gan" in up


def test_the_sentence_of_what_is_not_known() -> None:
    apart = judge({"a": [1, 2, 3], "b": [1.5, 2.5, 3.5], "c": [2.0], "d": []})
    assert apart.sentence == (
        "Not distinguished: of 2 arms of 3 seeds each, a is first, but its mean is 0.5 below that of b, adjusted p = 0.57, "
        "Games-Howell. Not confirmed, and so not ranked: c and d."
    )
    assert judge({"a": [1, 2], "b": [2, 3, 4]}).sentence.startswith("Not distinguished: of 2 arms of 2 to 3 seeds, ")
    assert "nothing to distinguish it from" in judge({"a": [1, 2, 3]}).sentence
    assert judge({"a": [INF] * 5, "b": [INF] * 5}).sentence == "Not distinguished: every seed of every arm diverged."
    equal = judge({"a": CLOSE["wae"], "b": CLOSE["vae"]}, margin=0.25, scale="log").sentence
    assert equal.startswith("a is equal to b within 25 %, by two one-sided tests")


def test_a_seed_that_diverged_is_the_worst_and_leaves_no_mean() -> None:
    verdict = judge({**CLEAR, "gan": [5.0, 9.0, INF, 6.0, 7.0]})
    gan = arm(verdict, "gan")
    assert (gan.mean, gan.median, gan.diverged, gan.seeds) == (None, 7.0, 1, 5)
    assert (gan.low, gan.high, gan.confidence) == (5.0, INF, 1 - 2 / 32)  # all five, which hold the median in 15 of 16
    assert gan.sd == pytest.approx(np.std([5, 9, 6, 7], ddof=1))
    assert (verdict.statistic, verdict.word, verdict.arm) == ("median", "best", "wae")
    assert all((found.low, found.high) == (None, None) for found in verdict.pairs)


def test_one_diverged_seed_leaves_the_pairs_of_the_other_arms_to_welch() -> None:
    arms = {**CLEAR, "gan": [5.0, 9.0, INF, 6.0, 7.0]}
    verdict = judge(arms)
    assert verdict.test == "Welch and exact Mann-Whitney with Holm"
    raw = [
        stats.ttest_ind(arms["wae"], arms["vae"], equal_var=False).pvalue,
        stats.mannwhitneyu(arms["wae"], arms["gan"], method="exact").pvalue,
        stats.mannwhitneyu(arms["vae"], arms["gan"], method="exact").pvalue,
    ]
    assert [found.p for found in verdict.pairs] == pytest.approx(raw)
    # Holm by hand: the smallest three times, the next twice, and none smaller than the one before
    assert [found.p_adjusted for found in verdict.pairs] == pytest.approx([3 * raw[0], 2 * raw[1], 2 * raw[1]])


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("arms", "word", "p"),
    [
        ({"a": [3.0] * 5, "b": [3.0] * 5}, "not distinguished", 1.0),
        ({"a": [3.0] * 5, "b": [4.0] * 5}, "best", 2 / 252),
        ({"a": [3.0] * 3, "b": [4.0] * 3}, "not distinguished", 2 / 20),  # no certainty from three equal seeds
        ({"a": [0.3] * 5, "b": [0.1 + 0.2] * 4 + [0.3]}, "not distinguished", None),
        ({"a": [3.0] * 5, "b": [3.1, 3.2, 3.3, 3.4, 3.5]}, "best", 2 / 252),
        ({"a": [0.0] * 5, "b": [0.0] * 5}, "not distinguished", 1.0),
    ],
)
def test_arms_whose_seeds_agree_are_compared_by_ranks(arms: Arms, word: str, p: float | None) -> None:
    verdict = judge(arms)
    assert verdict.word == word
    assert verdict.test == "exact Mann-Whitney with Holm"
    assert p is None or verdict.pairs[0].p_adjusted == pytest.approx(p)


def test_equal_arms_without_spread_are_equal_within_a_margin_from_enough_seeds_on() -> None:
    assert judge({"a": [3.0] * 5, "b": [3.0] * 5}, margin=0.5).word == "equal"
    assert judge({"a": [3.0] * 2, "b": [3.0] * 2}, margin=0.5).word == "not distinguished"
    assert judge({"a": [3.0] * 5, "b": [4.0] * 5}, margin=0.5).pairs[0].equal is False


def test_on_the_log_scale_a_margin_is_a_share() -> None:
    one = [1.0] * 5
    within = [judge({"a": one, "b": [x] * 5}, scale="log", margin=0.5).pairs[0].equal for x in (1.45, 1.55)]
    assert within == [True, False]
    assert judge({"a": one, "b": [1 / 1.55] * 5}, scale="log", margin=0.5).pairs[0].equal is False


def test_arms_whose_medians_diverged_are_ordered_by_their_ranks() -> None:
    arms: Arms = {"a": [INF, INF, INF, 9.0], "b": [INF, INF, INF, 1.0], "c": [INF] * 4, "d": [1.0, 2.0, 3.0, 4.0]}
    assert [each.name for each in judge(arms).arms] == ["d", "b", "a", "c"]


def test_an_arm_that_diverges_is_equal_to_none() -> None:
    almost = [*(2 + x / 1000 for x in range(29)), INF]
    verdict = judge({"a": [2 + x / 1000 for x in range(30)], "b": almost}, margin=1.0)
    assert verdict.pairs[0].equal is False


def test_equality_is_two_one_sided_welch_tests() -> None:
    a, b = CLOSE["wae"], CLOSE["vae"]
    shifted = [
        stats.ttest_ind([x + 0.2 for x in a], b, equal_var=False, alternative="greater").pvalue,
        stats.ttest_ind([x - 0.2 for x in a], b, equal_var=False, alternative="less").pvalue,
    ]
    level = max(shifted)
    assert judge({"a": a, "b": b}, margin=0.2, level=level * 1.001).pairs[0].equal is True
    assert judge({"a": a, "b": b}, margin=0.2, level=level * 0.999).pairs[0].equal is False
    third = {"a": a, "b": b, "c": CLEAR["gan"]}  # three pairs, of which this is the smallest: three times its p
    assert pair(judge(third, margin=0.2, level=level * 2.99), "a", "b").equal is False
    assert pair(judge(third, margin=0.2, level=level * 3.01), "a", "b").equal is True


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("worst", [4.5, INF])
def test_the_order_in_which_arms_and_seeds_are_given_changes_nothing(seed: int, worst: float) -> None:
    arms = {name: [*scores[:-1], worst] for name, scores in drawn(seed).items()}
    for names in list(permutations(arms))[:6]:
        assert judge({name: arms[name][::-1] for name in names}) == approximately(judge(arms))


@pytest.mark.parametrize("worst", [4.5, INF])
def test_more_is_better_is_the_mirror(worst: float) -> None:
    arms = {name: [*scores, worst] for name, scores in drawn(7).items()}
    down, up = judge(arms), judge({name: [-x for x in scores] for name, scores in arms.items()}, "max")
    assert (up.word, up.arm, up.test) == (down.word, down.arm, down.test)
    for one, other in zip(up.pairs, down.pairs, strict=True):
        assert (one.a, one.b, one.p, one.p_adjusted) == (other.a, other.b, other.p, other.p_adjusted)
        assert (one.effect, one.low) == (negative(other.effect), negative(other.high))
    for above, below in zip(up.arms, down.arms, strict=True):
        assert (above.name, above.mean, above.low) == (below.name, negative(below.mean), negative(below.high))
        assert (above.sd, above.diverged) == (below.sd, below.diverged)


def test_more_is_better_on_the_log_scale() -> None:
    inverse = {name: [1 / x for x in scores] for name, scores in CLEAR.items()}
    up, down = judge(inverse, "max", scale="log"), judge(CLEAR, scale="log")
    assert (up.word, up.arm) == ("best", "wae")
    assert up.pairs[0].p_adjusted == pytest.approx(down.pairs[0].p_adjusted)
    assert up.pairs[0].effect == pytest.approx(1 / (down.pairs[0].effect or 1))
    assert judge({**inverse, "gan": [-INF] * 5}, "max", scale="log").arms[-1].median == -INF


@pytest.mark.parametrize("unit", [1e-300, 1e-3, 1e6, 1e300])
def test_the_unit_of_the_score_does_not_matter(unit: float) -> None:
    arms = drawn(3)
    scaled = judge({name: [unit * x for x in scores] for name, scores in arms.items()})
    for one, other in zip(scaled.pairs, judge(arms).pairs, strict=True):
        assert (one.a, one.b) == (other.a, other.b)
        assert one.p_adjusted == pytest.approx(other.p_adjusted, rel=1e-6)
        assert one.effect == pytest.approx(unit * (other.effect or 0))


EXTREME: list[tuple[Arms, dict[str, Any]]] = [
    ({"a": [1e308, -1e308, 1e307], "b": [1e-320, 2e-320, 0.0], "c": [1, 2, 3]}, {"margin": 1e-300}),
    ({"a": [1e300, 1e-300, 1e307], "b": [1e-300, 2e-300, 1]}, {"scale": "log", "margin": 1.0}),
    ({"a": [1e9, 1e9 + 1e-6, 1e9], "b": [INF, 1, 1]}, {"margin": 1.0}),
    ({"a": [INF, INF, 1.0], "b": [INF, INF, 2.0], "c": [INF] * 3}, {}),
    ({"a": [-0.0, 0.0], "b": [0.0, 0.0]}, {"margin": 1.0}),
    ({f"arm {i:02}": [float(i), i + 1.0] for i in range(16)}, {}),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("arms", "more"), EXTREME)
def test_no_number_is_nan_and_nothing_is_warned_of(arms: Arms, more: dict[str, Any]) -> None:
    verdict = judge(arms, **more)
    assert all(0 <= found.p <= 1 and found.p <= found.p_adjusted + 1e-9 <= 1 + 1e-8 for found in verdict.pairs)
    text = json.dumps(verdict.as_dict(), allow_nan=False)
    assert "nan" not in text.lower()


def test_the_dictionary_holds_numbers() -> None:
    found = judge({**CLEAR, "flow": [0.5]}, scale="log", margin=0.05).as_dict()
    assert found["verdict"]["word"] == "leads"
    assert found["verdict"]["arm"] == "wae"
    assert found["verdict"]["sentence"].startswith("wae leads")
    assert [each["arm"] for each in found["arms"]] == ["wae", "vae", "gan", "flow"]
    assert set(found["arms"][0]["confirmed"]) >= {"mean", "low", "high", "sd", "seeds"}
    assert found["arms"][3]["ranked"] is False
    assert found["arms"][3]["confirmed"]["low"] is None
    assert set(found["pairs"][0]) >= {"a", "b", "p", "p_adjusted", "distinguished"}
    assert (found["test"], found["scale"], found["margin"]) == ("Games-Howell", "log", 0.05)


@pytest.mark.parametrize(
    ("arms", "more", "said"),
    [
        ({"wae": [1.0, math.nan]}, {}, ["arm 'wae'", "NaN", "inf", "failed is left out"]),
        ({"wae": [1.0, math.nan]}, {"mode": "max"}, ["diverged is -inf"]),
        ({"wae": [1.0, -INF]}, {}, ["'wae'", "-inf would be better", "diverged is inf"]),
        ({"wae": [1.0, INF]}, {"mode": "max"}, ["inf would be better", "diverged is -inf"]),
        ({"wae": [1.0, 0.0]}, {"scale": "log"}, ["'wae'", "0 has no logarithm", 'scale="linear"']),
        ({"wae": [1.0, -2.5], "vae": [math.nan]}, {"scale": "log"}, ["'wae'", "-2.5", "'vae'", "NaN"]),
        ({}, {"level": 1.0, "margin": -1.0}, ["level: 1.0", "0.05", "margin: -1.0", "leave it out"]),
        ({}, {"margin": math.nan}, ["margin: nan"]),
        ({}, {"mode": "least", "scale": "ln"}, ["'least'", "'min' nor 'max'", "'ln'", "'linear' nor 'log'"]),
    ],
)
def test_what_is_no_score_is_refused_with_the_cure(arms: Arms, more: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(ValueError) as raised:
        judge(arms, **more)
    assert all(part in str(raised.value) for part in said), raised.value


def test_missing_seeds_that_change_nothing() -> None:
    arms = {"a": [1.0 + x / 10 for x in range(8)], "b": [9.0 + x / 10 for x in range(8)]}
    bounds = bounded(arms, {"b": 1, "a": 0})
    assert bounds.hold
    assert {each.word for each in (bounds.as_worst, bounds.as_best, bounds.against)} == {"best"}
    assert (arm(bounds.as_worst, "b").diverged, arm(bounds.as_worst, "b").seeds) == (1, 9)


def test_missing_seeds_that_could_change_the_verdict() -> None:
    bounds = bounded({"a": CLEAR["wae"], "b": CLEAR["vae"][:2]}, {"b": 3})
    assert (bounds.as_worst.word, bounds.as_best.arm) == ("best", "b")
    assert not bounds.hold


def test_what_speaks_most_against_the_first_is_its_own_seeds_the_worst_and_those_of_others_the_best() -> None:
    """All as the worst, and all as the best, both leave a best; it takes the two at once."""
    arms = {"a": [1.0 + x / 10 for x in range(20)], "b": [9.0 + x / 10 for x in range(20)]}
    bounds = bounded(arms, {"a": 8, "b": 8})
    assert (bounds.as_worst.word, bounds.as_best.word, bounds.against.word) == ("best", "best", "not distinguished")
    assert not bounds.hold


def test_bounds_that_agree_on_less_than_the_verdict_without_them_do_not_hold() -> None:
    """Four seeds and one that is missing: by ranks nothing is distinguished, whatever it would have been."""
    arms = {"a": [1.0, 1.1, 1.2, 1.3], "b": [2.0, 2.1, 2.2, 2.3]}
    bounds = bounded(arms, {"a": 1, "b": 1})
    assert bounds.without == judge(arms)
    assert (bounds.without.word, bounds.against.word) == ("best", "not distinguished")
    assert not bounds.hold
    assert bounded(arms, {}).hold


def test_an_arm_without_any_seed_is_bounded_and_more_is_better_is_the_mirror() -> None:
    down = bounded(CLEAR, {"flow": 5})
    up = bounded({name: [-x for x in scores] for name, scores in CLEAR.items()}, {"flow": 5}, "max")
    for bounds in (down, up):
        assert (bounds.as_worst.arm, bounds.as_best.arm) == ("wae", "flow")
        assert arm(bounds.as_best, "flow").diverged == 0
    json.dumps(down.as_best.as_dict(), allow_nan=False)


def test_missing_seeds_are_counted() -> None:
    with pytest.raises(ValueError, match="'wae': -1"):
        bounded(CLEAR, {"wae": -1})


def test_the_package_offers_the_function_and_loads_numpy_with_its_first_call() -> None:
    assert gensweep.comparison.judge is judge
    code = "import sys, gensweep.comparison as c; assert callable(c.judge) and not {'numpy', 'scipy'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)


def negative(value: float | None) -> float | None:
    return None if value is None else -value


class approximately:  # noqa: N801 -- reads as a word
    """Equal verdicts, but for what the order of a sum makes of the last digits."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Verdict)
        return bool(_numbers(other.as_dict()) == pytest.approx(_numbers(self.verdict.as_dict()), rel=1e-9)) and (
            (other.word, other.arm, [a.name for a in other.arms])
            == (self.verdict.word, self.verdict.arm, [a.name for a in self.verdict.arms])
        )

    __hash__ = None  # type: ignore[assignment]


def _numbers(of: Any) -> list[float]:
    """All numbers of a nested dictionary, in its order."""
    if isinstance(of, Mapping):
        return [x for value in of.values() for x in _numbers(value)]
    if isinstance(of, list):
        return [x for value in of for x in _numbers(value)]
    return [float(of)] if isinstance(of, int | float) else []


def test_the_largest_scores_have_a_spread_on_the_log_scale_too() -> None:
    found = judge({"a": [1.7e308, 1.0, 2.0], "b": [1.0, 2.0, 3.0]}, scale="log")
    assert {arm.name: arm.sd is not None for arm in found.arms} == {"a": True, "b": True}

import json

import pytest
import torch
from pydantic import ValidationError

from gensweep.datasets.base import load
from gensweep.datasets.digits import Digits
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.errors import ConfigError
from gensweep.extractors.frozen import load_extractor
from gensweep.metrics._transport import wasserstein_distance
from gensweep.metrics.base import scorer
from gensweep.metrics.feature_wasserstein import FeatureWasserstein
from gensweep.metrics.sliced_wasserstein import SlicedWasserstein
from gensweep.metrics.wasserstein import Wasserstein

from .conftest import Drawn, normal

BOTH = [Wasserstein, SlicedWasserstein]


@pytest.fixture(params=BOTH)
def metric(request):
    return request.param


def test_the_reference_itself_scores_zero(metric):
    reference = load(Digits()).validation
    score = scorer(metric(), Digits(), "validation").score(Drawn(lambda n: reference[:n]))
    assert score.value == pytest.approx(0, abs=1e-6)  # the order of items does not count


def test_the_floor_is_what_training_items_score(metric):
    score = scorer(metric(), Digits(), "validation").score(Drawn(lambda n: load(Digits()).train[:n]))
    assert score.details["floor"] == pytest.approx(score.value, rel=0.1)


def test_a_shift_of_wide_apart_data_is_its_length():
    # 1-D mixture moved by 5: W_1 between a sample and another of the same law is small against it.
    mixture = GaussianMixture(n_validation=1000)
    moved = Drawn(lambda n: load(mixture).test[:n] + 5)
    assert scorer(Wasserstein(), mixture, "validation").score(moved).value == pytest.approx(5, abs=0.2)


def test_n_is_what_the_split_has_up_to_a_limit():
    assert scorer(Wasserstein(), Digits(), "validation").protocol.content["n_real"] == 397
    assert scorer(Wasserstein(), GaussianMixture(), "validation").protocol.content["n_real"] == 1000
    assert scorer(SlicedWasserstein(), Digits(), "test").protocol.content["n_real"] == 400


def test_replicates_are_disjoint_groups_and_their_spread_is_told():
    metric = Wasserstein(n=100, replicates=3)
    drawn = torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    bound = scorer(metric, Digits(), "validation")
    score = bound.score(Drawn(lambda n: drawn[:n]))
    values = torch.tensor(
        [wasserstein_distance(drawn[i : i + 100], bound.references[i // 100], 1) for i in (0, 100, 200)]
    )
    assert score.value == pytest.approx(float(values.mean()), rel=1e-6)
    assert score.details["sd"] == pytest.approx(float(values.std()), rel=1e-4)
    rows = {row.numpy().tobytes() for group in bound.references for row in group}
    assert len(rows) == 300


@pytest.mark.parametrize("wanted", [Wasserstein(n=398), Wasserstein(n=100, replicates=4), SlicedWasserstein(n=398)])
def test_more_items_than_the_split_has_is_an_error_with_the_cure(wanted):
    with pytest.raises(ConfigError, match=r"397 items of the validation split\. Lower n"):
        scorer(wanted, Digits(), "validation")


def test_there_is_no_floor_of_fewer_training_items(metric):
    score = scorer(metric(), GaussianMixture(n_train=50), "validation").score(Drawn(lambda n: torch.zeros(n, 1)))
    assert "floor" not in score.details


def test_projections_are_part_of_the_protocol():
    hashes = {
        scorer(SlicedWasserstein(**fields), Digits(), "validation").protocol.hash
        for fields in ({}, {"projections": 64}, {"p": 1}, {"seed": 1}, {"n": 100})
    }
    assert len(hashes) == 5


@pytest.mark.parametrize("metric", [Wasserstein, FeatureWasserstein, SlicedWasserstein])
def test_any_order_from_one_on_and_the_same_protocol_however_a_whole_one_is_written(metric):
    assert (
        scorer(metric(p=1), Digits(), "validation").protocol == scorer(metric(p=1.0), Digits(), "validation").protocol
    )
    assert json.dumps(metric(p=2.0).dump()["p"]) == "2"  # as before there were others
    hashes = {scorer(metric(p=p), Digits(), "validation").protocol.hash for p in (1, 1.5, 2)}
    assert len(hashes) == 3
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        metric(p=0.5)


class TestDebiased:
    @staticmethod
    def wide(d: int) -> GaussianMixture:
        return GaussianMixture(
            weights=(1.0,), means=((0.0,) * d if d > 1 else 0.0,), covariances=(1.0,), n_train=1400, n_validation=1400
        )

    @staticmethod
    def score(d: int, scale: float, shift: float) -> float:
        metric = Wasserstein(p=2, statistic="debiased_squared", n=700)
        drawn = scale * normal(1400, d, seed=3).float()
        drawn[:, 0] += shift
        return scorer(metric, TestDebiased.wide(d), "validation").score(Drawn(lambda n: drawn[:n])).value

    @pytest.mark.parametrize("d", [2, 8, 64])
    def test_a_translation_is_its_squared_length(self, d):
        # Its standard deviation at n = 700, measured: 0.1, 0.1 and 0.25. The squared distance itself has 80 at d = 64.
        assert self.score(d, 1.0, 1.0) == pytest.approx(1, abs={2: 0.4, 8: 0.4, 64: 1.0}[d])

    @pytest.mark.parametrize("d", [2, 8, 64])
    def test_equal_laws_are_near_zero(self, d):
        # Four standard deviations, measured: 0.01, 0.05 and 0.23.
        assert self.score(d, 1.0, 0.0) == pytest.approx(0, abs={2: 0.04, 8: 0.2, 64: 0.9}[d])

    def test_a_scale_shows_in_few_dimensions_only(self):
        assert self.score(8, 1.2, 0.0) == pytest.approx(8 * 0.2**2, abs=0.32)
        # The mean is about 1, with a standard deviation of 0.3; the truth is 2.56.
        assert self.score(64, 1.2, 0.0) < 2.2

    def test_the_protocol_calls_it_a_statistic(self):
        debiased = scorer(Wasserstein(p=2, statistic="debiased_squared"), Digits(), "validation").protocol
        assert "debiased" in debiased.content["estimator"]
        assert (debiased.content["n"], debiased.content["n_real"]) == (198, 396)
        assert debiased.hash != scorer(Wasserstein(p=2), Digits(), "validation").protocol.hash

    def test_there_is_none_of_the_first_order(self):
        with pytest.raises(ValidationError, match="needs p: 2"):
            Wasserstein(statistic="debiased_squared")


def test_the_distance_of_features_is_the_distance_in_them():
    features = load_extractor("digits").features
    drawn = torch.rand(397, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = scorer(FeatureWasserstein(), Digits(), "validation").score(Drawn(lambda n: drawn[:n]))
    expected = wasserstein_distance(features(load(Digits()).validation), features(drawn), 1)
    assert found.value == pytest.approx(expected, rel=1e-9)
    assert found.details["floor"] < found.value / 2

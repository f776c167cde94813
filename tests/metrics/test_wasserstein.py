import pytest
import torch

from gensweep.datasets.base import load
from gensweep.datasets.digits import Digits
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.errors import ConfigError
from gensweep.metrics._transport import wasserstein_distance
from gensweep.metrics.base import scorer
from gensweep.metrics.sliced_wasserstein import SlicedWasserstein
from gensweep.metrics.wasserstein import Wasserstein

from .conftest import Drawn

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

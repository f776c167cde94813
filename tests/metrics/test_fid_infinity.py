import pytest
import torch

from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.metrics import _samples
from gensweep.metrics.base import scorer
from gensweep.metrics.fid import FID
from gensweep.metrics.fid_infinity import FIDInfinity, _extrapolated

from .conftest import Drawn, normal

D = 16
WIDE = GaussianMixture(
    weights=(1.0,), means=((0.0,) * D,), covariances=(1.0,), n_train=100, n_validation=50_000, n_test=10
)


def test_a_line_in_one_over_n_is_found():
    sizes = [500, 1000, 3000, 5000]
    found = _extrapolated(sizes, [2 + 700 / n for n in sizes])
    assert found.value == pytest.approx(2, abs=1e-9)
    assert found.details["slope"] == pytest.approx(700)
    assert found.details["residual"] == pytest.approx(0, abs=1e-9)


def test_equal_laws_have_the_known_bias_and_no_intercept():
    found = scorer(FIDInfinity(n_fake=4000), WIDE, "validation").score(Drawn(lambda n: normal(n, D).float()))
    # E FID = (d + d(d + 1)/4) / n for each finite side.
    slope = D + D * (D + 1) / 4
    assert found.details["slope"] == pytest.approx(slope, rel=0.25)
    assert found.details["fid"] == pytest.approx(slope / 4000 + slope / 50_000, rel=0.35)
    assert abs(found.value) < found.details["fid"] / 4


def test_a_shift_is_its_squared_length():
    found = scorer(FIDInfinity(), WIDE, "validation").score(Drawn(lambda n: 1 + normal(n, D).float()))
    assert found.value == pytest.approx(D, rel=0.02)


@pytest.mark.parametrize("metric", [FID, FIDInfinity])
def test_fewer_items_than_dimensions_are_warned_of_once(metric, caplog):
    _samples._warn.cache_clear()
    few = GaussianMixture(weights=(1.0,), means=((0.0,) * 60,), covariances=(1.0,), n_train=200, n_validation=50)
    for _ in range(2):
        metric(n_fake=100).against(few, "validation")
    records = [record for record in caplog.records if record.name == "gensweep.metrics"]
    if metric is FIDInfinity:
        assert [record.args[1:] for record in records] == [(10, 60)]
    else:
        assert [record.args[1:] for record in records] == [(50, 60)]
        assert "no full rank" in records[0].getMessage()


def test_a_reference_of_few_items_is_warned_of_however_many_samples_there_are(caplog):
    _samples._warn.cache_clear()
    few = GaussianMixture(weights=(1.0,), means=((0.0,) * 60,), covariances=(1.0,), n_train=2000, n_validation=50)
    for metric in (FID(n_fake=1000), FIDInfinity(n_fake=1000)):
        metric.against(few, "validation")
    assert [record.args for record in caplog.records] == [("fid", 50, 60), ("fid_infinity", 50, 60)]


def test_enough_items_are_not_warned_of(caplog):
    _samples._warn.cache_clear()
    FID().against(WIDE, "validation")
    assert not caplog.records
    assert torch.is_tensor(WIDE.modes()[0])

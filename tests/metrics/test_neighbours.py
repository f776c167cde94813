import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from gensweep.datasets.base import load
from gensweep.datasets.digits import Digits
from gensweep.datasets.ring import Ring
from gensweep.errors import ConfigError
from gensweep.metrics._neighbours import balls_around, nearest, radii
from gensweep.metrics._sample_metric import Reference
from gensweep.metrics.base import scorer
from gensweep.metrics.density_coverage import DensityCoverage
from gensweep.metrics.fid import FID
from gensweep.metrics.nearest_neighbour import NearestNeighbour
from gensweep.metrics.precision_recall import PrecisionRecall

from .conftest import Drawn, normal


def score(metric, x, y):
    return metric.statistic(Reference(y, y))(x)


def test_radii_and_nearest_are_scikit_learns():
    x, y = normal(1300, 5), normal(700, 5, seed=1)
    # As a query of its own set each item finds itself first.
    distances, _ = NearestNeighbors(n_neighbors=4, algorithm="brute").fit(x.numpy()).kneighbors(x.numpy())
    assert np.allclose(radii(x, 3), distances[:, 3], atol=1e-6)
    distances, _ = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(x.numpy()).kneighbors(y.numpy())
    assert np.allclose(nearest(y, x), distances[:, 0], atol=1e-9)


def test_points_on_a_line_by_hand():
    real = torch.tensor([[0.0], [1.0], [3.0], [7.0]], dtype=torch.float64)
    assert radii(real, 1).tolist() == [1, 1, 2, 4]
    assert radii(real, 2).tolist() == [3, 2, 3, 6]
    counts, hit = balls_around(torch.tensor([[2.0], [20.0]], dtype=torch.float64), real, radii(real, 1))
    assert counts.tolist() == [2, 0]  # closed balls: |2 - 1| = 1 and |2 - 3| < 2
    assert hit.tolist() == [False, True, True, False]


def test_equal_laws_have_the_expected_density_and_coverage():
    n, k, values = 400, 5, []
    for i in range(30):
        found = score(DensityCoverage(k=k), normal(n, 3, seed=i), normal(n, 3, seed=100 + i))
        values.append((found.details["density"], found.value))
    means, errors = np.mean(values, 0), np.std(values, 0) / math.sqrt(len(values))
    coverage = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))
    assert coverage == pytest.approx(1 - 2**-k, abs=2e-3)
    assert np.all(np.abs(means - (1, coverage)) < 4.5 * errors)
    assert np.all(errors < (0.02, 0.004))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_all_four_are_the_authors_formulas(k):
    real, fake = normal(1200, 20).numpy(), 0.8 + 1.1 * normal(1200, 20, seed=1).numpy()
    real_radii, fake_radii = (np.partition(cdist(x, x), k, axis=1)[:, k] for x in (real, fake))
    between = cdist(real, fake)  # open balls here and closed ones in ours: no two distances are equal
    among_real = between < real_radii[:, None]
    found = score(PrecisionRecall(k=k), torch.from_numpy(fake), torch.from_numpy(real)).details
    assert found["precision"] == among_real.any(0).mean()
    assert found["recall"] == (between < fake_radii).any(1).mean()
    assert len({0, 1, found["precision"], found["recall"]}) == 4
    found = score(DensityCoverage(k=k), torch.from_numpy(fake), torch.from_numpy(real))
    assert found.value == (between.min(1) < real_radii).mean()
    assert found.details["density"] == pytest.approx(among_real.sum(0).mean() / k, rel=1e-12)


@pytest.mark.slow
def test_the_published_values_of_equal_laws_in_a_thousand_dimensions():
    """The one run in the README of clovaai/generative-evaluation-prdc: N(0, I), N = 10,000, k = 5.

    Its values move with the draw, as a few items of small norm are near to many. Eight draws of ours have the standard
    deviations 0.011, 0.014, 0.09 and 0.008, and the published run lies within one of them of their means. Two runs differ
    by less than 3 √2 of them.
    """
    x, y = normal(10_000, 1000), normal(10_000, 1000, seed=1)
    found = score(PrecisionRecall(k=5), x, y).details
    assert found["precision"] == pytest.approx(0.4772, abs=0.048)
    assert found["recall"] == pytest.approx(0.4705, abs=0.058)
    found = score(DensityCoverage(k=5), x, y)
    assert found.details["density"] == pytest.approx(1.0555, abs=0.38)
    assert found.value == pytest.approx(0.9735, abs=0.035)
    # The expectations are exact: 1 and 0.96877, which four standard deviations hold.
    assert found.details["density"] == pytest.approx(1, abs=0.36)
    assert found.value == pytest.approx(1 - math.prod((1e4 - i) / (2e4 - i) for i in range(1, 6)), abs=0.032)


def test_one_of_two_clusters_is_precise_and_half_recalled():
    left, right = normal(300, 2), 100 + normal(300, 2, seed=1)
    found = score(PrecisionRecall(), normal(600, 2, seed=2), torch.cat([left, right]))
    assert found.details["precision"] > 0.95
    assert found.details["recall"] == pytest.approx(0.5, abs=0.02)
    assert found.value == pytest.approx(
        2 * found.details["precision"] * found.details["recall"] / sum(found.details.values())
    )
    assert score(DensityCoverage(), normal(600, 2, seed=2), torch.cat([left, right])).value == pytest.approx(
        0.5, abs=0.03
    )


def test_far_away_samples_have_nothing():
    x, y = 1000 + normal(50, 2), normal(50, 2)
    assert score(PrecisionRecall(), x, y).value == 0
    assert score(DensityCoverage(), x, y).value == 0


class TestNearestNeighbour:
    BOUND = scorer(NearestNeighbour(), Digits(), "validation")

    def score(self, items):
        return self.BOUND.score(Drawn(lambda n: items[torch.arange(n) % len(items)]))

    def test_fresh_data_score_one_and_copies_zero(self):
        fresh, copied = self.score(load(Digits()).test), self.score(load(Digits()).train)
        assert fresh.value == pytest.approx(1, abs=0.05)
        assert copied.value == pytest.approx(0, abs=1e-3)
        assert copied.details["copies"] == 1
        assert fresh.details["copies"] < 0.05

    def test_copies_with_noise_lie_between_and_noise_alone_scores_near_one(self):
        train = load(Digits()).train
        noise = torch.rand(train.shape, generator=torch.Generator().manual_seed(0))
        values = [self.score(train + s * (noise - train)).value for s in (0.05, 0.3, 1)]
        assert 0 < values[0] < values[1] < values[2] < 1.2
        assert values[2] > 0.8

    def test_half_copies_are_seen(self):
        half = torch.cat([load(Digits()).train[:500], load(Digits()).test[:300], load(Digits()).test[:200]])
        assert self.score(half).details["copies"] == pytest.approx(0.5, abs=0.03)

    def test_training_items_are_no_held_out_ones(self):
        with pytest.raises(ConfigError, match="held-out"):
            NearestNeighbour().against(Digits(), "train")

    def test_copies_moved_by_a_pixel_are_seen_in_the_spectrum_alone(self):
        """Digits moved sideways, over columns without ink; held-out ones are no copies, moved or not."""
        seen = scorer(NearestNeighbour(extractor="spectrum"), Digits(), "validation")
        found = {}
        for name, items in (("copies", load(Digits()).train), ("fresh", load(Digits()).test)):
            moved = torch.cat([torch.zeros_like(items[..., :1]), items[..., :-1]], -1)
            for bound in (seen, scorer(NearestNeighbour(extractor="identity"), Digits(), "validation"), self.BOUND):
                space = bound.protocol.content["extractor"]
                of = Drawn(lambda n, moved=moved: moved[torch.arange(n) % len(moved)])
                found[space, name] = bound.score(of)
        assert found["spectrum", "copies"].value < 0.1
        assert found["spectrum", "copies"].details["copies"] > 0.9
        for space, name in found.keys() - {("spectrum", "copies")}:
            assert found[space, name].value == pytest.approx(1, abs=0.12), (space, name)
            assert found[space, name].details["copies"] < 0.05
        still = Drawn(lambda n: load(Digits()).test[torch.arange(n) % 400])
        assert seen.score(still).value == pytest.approx(1, abs=0.05)

    def test_vectors_have_no_spectrum(self):
        for metric in (NearestNeighbour(extractor="spectrum"), FID(extractor="spectrum")):
            reason = metric.misfit(Ring())
            assert reason is not None
            assert reason.startswith(f"metric {metric.name}: extractor spectrum takes images; ring has none. Choose")
            assert metric.misfit(Digits()) is None

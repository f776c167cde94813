"""What metrics know of the reference alone: the floor that training items score, and what is kept on disk."""

import math

import pytest

from gensweep import registry
from gensweep.component import build
from gensweep.datasets.base import load
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.metrics import fid, fid_infinity, nearest_neighbour
from gensweep.metrics.base import scorer, subset

from .conftest import Drawn, normal

PLANE = GaussianMixture(
    weights=(1.0,), means=((0.0, 0.0),), covariances=(1.0,), n_train=2500, n_validation=2500, n_test=2
)
FLOORED = {
    "c2st", "density_coverage", "feature_wasserstein", "fid", "fid_infinity", "kid", "max_sliced_wasserstein", "mmd",
    "precision_recall", "sinkhorn_divergence", "sliced_wasserstein", "wasserstein",
}  # fmt: skip
# Asked of items rather than samples; judged by a law that is known; or set against held-out items already.
WITHOUT = {
    "classification_accuracy_score", "critic_diagnostics", "gaussian_fit", "latent_gap", "linear_probe", "log_likelihood",
    "mode_coverage", "nearest_neighbour", "reconstruction",
}  # fmt: skip


def sized(name: str, n: int):
    known = registry.load("metrics", name).model_fields
    return build("metrics", {"name": name} | {field: n for field in ("n", "n_fake") if field in known})


def test_each_metric_has_a_floor_or_a_reason_for_none():
    assert set(registry.names("metrics")) == FLOORED | WITHOUT
    assert not FLOORED & WITHOUT


@pytest.mark.parametrize("name", sorted(FLOORED))
def test_the_floor_is_the_score_of_training_items(name):
    items = subset(load(PLANE).train, 300, 0, "floor")
    metric = sized(name, 300)
    bound = metric.against(PLANE, "validation")
    of_items, of_others = bound.score(Drawn(lambda n: items)), bound.score(Drawn(lambda n: 3 + normal(n, 2).float()))
    assert of_items.details["floor"] == of_items.value == of_others.details["floor"]
    assert of_items.value < of_others.value if metric.mode == "min" else of_items.value > of_others.value


@pytest.mark.parametrize("name", sorted(FLOORED))
def test_fewer_training_items_than_samples_give_no_floor(name):
    few = GaussianMixture(weights=(1.0,), means=((0.0, 0.0),), covariances=(1.0,), n_train=50, n_validation=300)
    score = scorer(sized(name, 200), few, "validation").score(Drawn(lambda n: normal(n, 2).float()))
    assert "floor" not in score.details
    assert math.isfinite(score.value)


@pytest.mark.parametrize(
    ("module", "name"), [(fid, "fid"), (fid_infinity, "fid_infinity"), (nearest_neighbour, "nearest_neighbour")]
)
def test_a_large_reference_is_read_from_disk_and_gives_the_same(module, name, own_cache, monkeypatch):
    def score():
        return sized(name, 300).against(PLANE, "validation").score(Drawn(lambda n: normal(n, 2).float()))

    first = score()
    assert len(list(own_cache.iterdir())) == 1
    monkeypatch.setattr(module._Scorer, "_prepare", lambda self: pytest.fail("was computed before"))
    assert score() == first

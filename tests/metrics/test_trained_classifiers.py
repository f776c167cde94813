"""Metrics that train a classifier: c2st, linear_probe and classification_accuracy_score."""

import math
from dataclasses import dataclass

import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from gensweep.datasets.base import load
from gensweep.datasets.digits import Digits
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.errors import ConfigError
from gensweep.metrics._classifiers import logistic_regression, nearest_neighbours
from gensweep.metrics.base import scorer, subset
from gensweep.metrics.c2st import C2ST, _scored
from gensweep.metrics.classification_accuracy_score import ClassificationAccuracyScore
from gensweep.metrics.linear_probe import LinearProbe

from .conftest import Drawn, normal

PLANE = GaussianMixture(
    weights=(1.0,), means=((0.0, 0.0),), covariances=(1.0,), n_train=2000, n_validation=2000, n_test=2
)
WIDE = GaussianMixture(weights=(1.0,), means=((0.0,) * 30,), covariances=(1.0,), n_train=100, n_validation=40, n_test=2)
CLASSIFIERS = pytest.mark.parametrize("classifier", ["knn", "neural"])


class TestC2ST:
    @staticmethod
    def of(classifier: str, x: torch.Tensor):
        return scorer(C2ST(n=2000, classifier=classifier), PLANE, "validation").score(Drawn(lambda n: x[:n].float()))

    @CLASSIFIERS
    def test_equal_laws_are_at_chance(self, classifier):
        found = self.of(classifier, normal(2000, 2, seed=3))
        assert found.details["accuracy"] == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(2000))
        assert found.value == pytest.approx(0.5 + abs(found.details["accuracy"] - 0.5), rel=1e-12)
        assert found.details["p_value"] > 1e-4
        assert found.details["floor"] < 0.55

    @CLASSIFIERS
    @pytest.mark.parametrize("shift", [1.0, 3.0])
    def test_a_shifted_normal_is_told_as_well_as_the_best_classifier_tells_it(self, classifier, shift):
        """Bayes: Phi(shift / 2). Its standard error is 0.011 at most, and what 2000 rows of training lack is below 0.02."""
        x = normal(2000, 2, seed=3)
        x[:, 0] += shift
        found = self.of(classifier, x)
        assert found.value == pytest.approx(norm.cdf(shift / 2), abs=0.05)
        assert found.details["p_value"] < 1e-6

    @CLASSIFIERS
    def test_a_ring_of_the_same_moments_is_no_normal(self, classifier):
        angle = 2 * math.pi * torch.rand(2000, generator=torch.Generator().manual_seed(5))
        ring = math.sqrt(2) * torch.stack([angle.cos(), angle.sin()], 1)
        assert self.of(classifier, ring).value > 0.7

    def test_copies_of_the_very_items_are_no_better_than_different_samples(self):
        """The one nearest row of the half that trains is a copy of the item asked about, or the original of the copy."""
        chosen = subset(load(WIDE).validation, 8, 0, "validation")
        copies = torch.cat([chosen[4:], chosen[:4]])
        found = scorer(C2ST(n=8), WIDE, "validation").score(Drawn(lambda n: copies[:n]))
        assert (found.details["accuracy"], found.value) == (0, 1)
        assert found.details["p_value"] > 0.99

    def test_the_p_value_and_the_error_are_those_of_the_normal_law(self):
        found = _scored(0.6, 100)
        assert found.details["p_value"] == pytest.approx(norm.sf(2))
        assert found.details["standard_error"] == pytest.approx(math.sqrt(0.24 / 100))
        below = _scored(0.3, 100)
        assert below.value == pytest.approx(0.7)
        assert below.details["p_value"] == pytest.approx(norm.sf(-4))

    def test_the_classifier_is_part_of_the_protocol(self):
        hashes = {scorer(C2ST(classifier=c), PLANE, "validation").protocol.hash for c in ("knn", "neural")}
        assert len(hashes) == 2


def test_the_nearest_vote_is_scikit_learns():
    from sklearn.neighbors import KNeighborsClassifier

    x, others = normal(100, 3), normal(40, 3, seed=1)
    labels = (x[:, 0] + 0.5 * normal(100, 1, seed=2)[:, 0] > 0).long()
    expected = KNeighborsClassifier(9).fit(x.numpy(), labels.numpy()).predict(others.numpy())
    assert nearest_neighbours(x, labels, others).tolist() == expected.tolist()


def test_the_regression_minimises_the_loss_that_it_says():
    """Two classes: the slope of mean softplus(-+(w z + b)) + penalty / 2 w^2 is 0, seen by the boundary that it predicts."""
    x = torch.cat([normal(300, 1), normal(300, 1, seed=1) + 2])
    labels = torch.cat([torch.zeros(300), torch.ones(300)]).long()
    grid = torch.linspace(-3, 5, 4001, dtype=torch.float64)[:, None]
    boundary = float(grid[logistic_regression(x, labels, grid, 1e-3).bool()].min())
    assert boundary == pytest.approx(1, abs=0.15)  # halfway, for equal widths and numbers
    assert logistic_regression(x, labels, grid, 1e6).unique().numel() <= 2


def classes_of(x: torch.Tensor) -> torch.Tensor:
    """Of digits, by their pixels."""
    known = {}
    for split in ("train", "validation"):
        for item, one in zip(load(Digits()).split(split), Digits().classes(split), strict=True):
            known[item.numpy().tobytes()] = int(one)
    return torch.tensor([known[item.numpy().tobytes()] for item in x])


@dataclass
class Coded:
    """An encoder whose code is a function of an item's class and of noise."""

    strength: float

    def codes(self, x: torch.Tensor) -> torch.Tensor:
        return self.strength * torch.nn.functional.one_hot(classes_of(x), 10) + normal(len(x), 10, seed=len(x))


class TestLinearProbe:
    BOUND = scorer(LinearProbe(), Digits(), "validation")

    @pytest.mark.parametrize("strength", [0.0, 2.0, 3.0])
    def test_codes_that_are_classes_and_noise_are_told_as_well_as_they_can_be(self, strength):
        """Ten orthogonal signals: the best accuracy is E Phi(strength + z)^9, 0.1 without a signal."""
        best = quad(lambda z: norm.pdf(z) * norm.cdf(strength + z) ** 9, -8, 8)[0]
        found = self.BOUND.score(Coded(strength))
        assert found.details["standard_error"] == pytest.approx(math.sqrt(found.value * (1 - found.value) / 397))
        assert found.value == pytest.approx(best, abs=0.08)  # four standard errors
        assert 0.05 < found.details["chance"] < 0.15

    def test_codes_that_hold_the_class_tell_it_always(self):
        assert self.BOUND.score(Coded(100.0)).value == 1

    def test_a_dimension_that_is_constant_is_no_harm(self):
        class Flat(Coded):
            def codes(self, x):
                return torch.cat([super().codes(x), torch.ones(len(x), 1)], 1)

        assert self.BOUND.score(Flat(100.0)).value == 1

    def test_a_model_without_an_encoder_has_no_number(self):
        found = self.BOUND.score(Drawn(lambda n: torch.zeros(n, 1, 8, 8)))
        assert math.isnan(found.value)
        assert not found.details

    def test_data_without_classes_are_refused(self):
        reason = LinearProbe().misfit(PLANE)
        assert "has no classes" in (reason or "")
        with pytest.raises(ConfigError, match="has no classes"):
            LinearProbe().against(PLANE, "validation")

    def test_the_protocol_says_how_many_trained_it_and_which_classes_there_were(self):
        content = self.BOUND.protocol.content
        assert (content["n_real"], content["n_train"], content["n_fake"]) == (397, len(load(Digits()).train), 0)
        assert len(content["classes"]) == 8


class Made:
    """A model whose reconstructions are a function of the items."""

    def __init__(self, make):
        self.reconstructions = make


class TestClassificationAccuracyScore:
    BOUND = scorer(ClassificationAccuracyScore(), Digits(), "validation")

    def score(self, make):
        return self.BOUND.score(Made(make))

    def test_copies_teach_what_the_items_teach(self):
        splits, dataset = load(Digits()), Digits()
        train, held = (splits.split(name).flatten(1).double() for name in ("train", "validation"))
        told = logistic_regression(train, dataset.classes("train"), held, 1e-3)
        of_items = float((told == dataset.classes("validation")).double().mean())
        assert self.score(lambda x: x).value == pytest.approx(of_items, abs=1e-12)
        assert of_items > 0.9

    def test_reconstructions_that_show_no_class_teach_none(self):
        """Noise that knows nothing of the originals: chance, within four standard errors."""
        found = self.score(lambda x: normal(len(x), 64, seed=3).reshape(-1, 1, 8, 8))
        assert found.value == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / 397))

    def test_reconstructions_of_the_wrong_class_teach_the_wrong_class(self):
        """Each item is made into one of the class after its own."""
        classes, items = Digits().classes("train"), load(Digits()).train
        first = torch.stack([items[classes == (k + 1) % 10].mean(0) for k in range(10)])
        found = self.score(lambda x: first[classes_of(x)] + 0.01 * normal(len(x), 64, seed=4).reshape(-1, 1, 8, 8))
        assert found.value < 0.1
        assert found.details["train_accuracy"] > 0.99

    def test_a_model_that_does_not_reconstruct_has_no_number(self):
        assert math.isnan(self.BOUND.score(Drawn(lambda n: torch.zeros(n, 1, 8, 8))).value)
        assert math.isnan(self.score(lambda x: torch.full_like(x, math.nan)).value)

    def test_data_without_classes_are_refused(self):
        with pytest.raises(ConfigError, match=r"metric classification_accuracy_score: .* has no classes"):
            ClassificationAccuracyScore().against(PLANE, "validation")

import pytest

from gensweep.datasets.base import load
from gensweep.datasets.fashion_mnist import FashionMNIST, labels

problem = FashionMNIST().problem()
pytestmark = pytest.mark.skipif(problem is not None, reason=f"run `make data` first: {problem}")


def test_the_pixels_have_the_published_mean_and_standard_deviation():
    # 0.2860 and 0.3530 over the 60,000 training images, the constants of every Fashion-MNIST tutorial.
    splits = load(FashionMNIST())
    parts = [splits.train.double(), splits.validation.double()]
    mean = sum(float(part.sum()) for part in parts) / (60_000 * 784)
    square = sum(float(part.square().sum()) for part in parts) / (60_000 * 784)
    assert mean == pytest.approx(0.2860, abs=5e-5)
    assert (square - mean**2) ** 0.5 == pytest.approx(0.3530, abs=5e-5)


def test_every_class_has_6000_training_and_1000_test_images():
    counts = labels("train").bincount() + labels("validation").bincount()
    assert counts.tolist() == [6000] * 10
    assert labels("test").bincount().tolist() == [1000] * 10

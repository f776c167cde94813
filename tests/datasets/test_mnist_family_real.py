import pytest

from gensweep.datasets._idx_images import IdxImages
from gensweep.datasets.base import load
from gensweep.datasets.fashion_mnist import FashionMNIST
from gensweep.datasets.mnist import MNIST

# Mean and standard deviation over the 60,000 training images: the constants of every tutorial on either.
PUBLISHED = {"fashion_mnist": (0.2860, 0.3530), "mnist": (0.1307, 0.3081)}
# Of the digits 0 to 9, as its page says; clothes come equally often.
TRAINING = {
    "fashion_mnist": [6000] * 10,
    "mnist": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
}
TEST = {"fashion_mnist": [1000] * 10, "mnist": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]}


@pytest.fixture(params=[FashionMNIST(), MNIST()], ids=lambda dataset: dataset.name)
def dataset(request: pytest.FixtureRequest) -> IdxImages:
    found: IdxImages = request.param
    if problem := found.problem():
        pytest.skip(f"run `make data` first: {problem}")
    return found


def test_the_pixels_have_the_published_mean_and_standard_deviation(dataset):
    splits = load(dataset)
    parts = [splits.train.double(), splits.validation.double()]
    mean = sum(float(part.sum()) for part in parts) / (60_000 * 784)
    square = sum(float(part.square().sum()) for part in parts) / (60_000 * 784)
    assert mean == pytest.approx(PUBLISHED[dataset.name][0], abs=5e-5)
    assert (square - mean**2) ** 0.5 == pytest.approx(PUBLISHED[dataset.name][1], abs=5e-5)


def test_every_class_occurs_as_often_as_is_published(dataset):
    counts = dataset.classes("train").bincount() + dataset.classes("validation").bincount()
    assert counts.tolist() == TRAINING[dataset.name]
    assert dataset.classes("test").bincount().tolist() == TEST[dataset.name]

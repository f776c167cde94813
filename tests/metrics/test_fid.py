import math
import shlex
import struct
from itertools import pairwise

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from gensweep.datasets.array import Array
from gensweep.datasets.base import load
from gensweep.datasets.digits import Digits
from gensweep.datasets.fashion_mnist import FashionMNIST
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.datasets.mnist import MNIST
from gensweep.errors import ConfigError
from gensweep.evaluation.words import dataset_of
from gensweep.extractors import frozen
from gensweep.mathematics.frechet import frechet_distance, moments
from gensweep.metrics.base import scorer
from gensweep.metrics.fid import FID

from .conftest import Drawn


def pca_gaussian(data: torch.Tensor, k: int):
    """Samples of the Gaussian with the data's mean and its covariance on its first k principal axes."""
    flat = data.flatten(1).double()
    mean = flat.mean(0)
    values, axes = torch.linalg.eigh(flat.T.cov())

    def draw(n: int) -> torch.Tensor:
        z = torch.randn(n, k, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        return (mean + (z * values[-k:].clamp(min=0).sqrt()) @ axes[:, -k:].T).float().reshape(n, *data.shape[1:])

    return draw


def noise(shape: tuple[int, ...]):
    return lambda n: torch.rand(n, *shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dataset", [Digits(), FashionMNIST(train_size=5000), MNIST(train_size=5000)])
def test_real_data_beat_a_gaussian_which_beats_noise_which_beats_one_image(dataset):
    if problem := dataset.problem():
        pytest.skip(problem)
    train, bound = load(dataset).train, scorer(FID(), dataset, "validation")
    draws = [
        lambda n: load(dataset).test[torch.arange(n) % len(load(dataset).test)],
        pca_gaussian(train, 32),
        noise(dataset.shape),
        lambda n: train[:1].expand(n, *dataset.shape),
    ]
    values = [bound.score(Drawn(draw)).value for draw in draws]
    assert values[0] < 2
    assert all(3 * better < worse for better, worse in pairwise(values[:-1]))
    assert values[-2] < values[-1]


def test_it_grows_with_corruption_and_sees_a_missing_class():
    train, bound = load(Digits()).train, scorer(FID(), Digits(), "validation")
    noise = torch.randn(train.shape, generator=torch.Generator().manual_seed(0))
    values = [bound.score(Drawn(lambda n, s=s: (train + s * noise).clamp(0, 1)[:n])).value for s in (0, 0.2, 0.4, 0.8)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(bound.score(Drawn(lambda n: train[:n])).details["floor"], rel=1e-6)
    nine = train[Digits().classes("train") != 0].repeat(2, 1, 1, 1)
    assert bound.score(Drawn(lambda n: nine[:n])).value > 5 * values[0]


def test_vectors_are_compared_as_they_are_and_the_protocol_says_so():
    mixture = GaussianMixture(n_validation=5000)
    bound = scorer(FID(), mixture, "validation")
    assert bound.protocol.content["extractor"] == "identity"
    real = load(mixture).validation.double()
    drawn = 3 + 2 * torch.randn(5000, 1, generator=torch.Generator().manual_seed(0))
    expected = (real.mean() - drawn.double().mean()) ** 2 + (real.std() - drawn.double().std()) ** 2
    assert bound.score(Drawn(lambda n: drawn[:n])).value == pytest.approx(float(expected), rel=1e-9)


def test_the_score_is_the_distance_of_the_features_moments():
    train, bound = load(Digits()).train, scorer(FID(n_fake=300), Digits(), "test")
    features = frozen.load_extractor("digits").batches
    a, b = moments(features(load(Digits()).test)), moments(features(train[:300]))
    expected = frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    assert bound.score(Drawn(lambda n: train[:n])).value == pytest.approx(expected, rel=1e-9)
    assert (bound.protocol.content["n_real"], bound.protocol.content["n_fake"]) == (400, 300)


@pytest.mark.parametrize("value", [0.0, 0.5, 1e3, 1e30, math.inf])
def test_constant_and_absurd_images_have_a_score_or_none(value):
    found = scorer(FID(), Digits(), "validation").score(Drawn(lambda n: torch.full((n, 1, 8, 8), value))).value
    assert found > 20 or math.isnan(found)
    assert math.isnan(found) or value < 1e30


class TestMisfit:
    def test_an_unknown_name_is_an_error_with_a_suggestion(self):
        with pytest.raises(ValidationError, match="Did you mean 'digits'"):
            FID(extractor="digit")

    def test_images_of_another_shape(self):
        reason = FID(extractor="fashion_mnist").misfit(Digits())
        assert "(1, 28, 28)" in reason
        assert "(1, 8, 8)" in reason

    def test_a_dataset_without_an_extractor(self):
        class Letters(Digits):
            name: str = "letters"

        reason = FID().misfit(Letters())
        assert "no feature extractor ships for dataset letters" in reason
        assert "extractor: identity" in reason
        assert "`gensweep train-extractor letters -o FILE.pt2`" in reason
        with pytest.raises(ConfigError, match="letters"):
            FID().against(Letters(), "validation")

    @pytest.mark.parametrize(
        ("path", "named"),
        [
            ("x.npy", "array,path={}/x.npy"), ("a b.npy", "'array,path={}/a b.npy'"),
            ("a,b.npy", "--of YOUR_FILE.yaml"), ("[1].npy", "--of YOUR_FILE.yaml"),
        ],
    )  # fmt: skip
    def test_the_command_that_makes_one_is_named_with_the_users_data(self, tmp_path, path, named):
        np.save(tmp_path / path, np.zeros((40, 6, 6), np.uint8))
        dataset = Array(path=str(tmp_path / path))
        assert f"`gensweep train-extractor {named.format(tmp_path)} -o FILE.pt2`" in FID().misfit(dataset)
        if "of" not in named:
            assert dataset_of(shlex.split(named.format(tmp_path))[0]) == dataset

    def test_identity_fits_everything(self):
        assert FID(extractor="identity").misfit(Digits()) is None
        assert FID(extractor="identity").against(Digits(), "test").protocol.content["weights"] == "identity"


class TestCache:
    MIXTURE = GaussianMixture(seed=9)

    def score(self) -> tuple[float, float]:
        found = FID().against(self.MIXTURE, "validation").score(Drawn(lambda n: torch.linspace(-1, 1, n)[:, None]))
        return found.value, found.details["floor"]

    @pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
    def test_a_damaged_entry_is_computed_again_and_replaced(self, own_cache, damage):
        first = self.score()
        (entry,) = own_cache.iterdir()
        data = bytearray(entry.read_bytes())
        if damage == "flipped":
            data[data.index(struct.pack("<d", first[1]))] ^= 255  # in the stored floor itself
        entry.write_bytes({"truncated": data[:-9], "flipped": data, "empty": b""}[damage])
        assert self.score() == first
        assert len(entry.read_bytes()) == len(data)

    def test_a_disk_that_cannot_be_written_costs_only_time(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "file"))
        assert math.isfinite(self.score()[0])

    def test_a_small_reference_is_not_worth_a_file(self, own_cache):
        FID().against(Digits(), "validation")
        assert not own_cache.exists()

"""The feature networks that ship."""

import importlib.util
import json

import pytest
import torch

from gensweep.component import build
from gensweep.datasets.base import load
from gensweep.datasets.digits import Digits
from gensweep.errors import ConfigError
from gensweep.extractors import frozen
from gensweep.extractors.training import Recipe, train
from gensweep.metrics.fid import FID


@pytest.mark.parametrize("name", frozen.names())
def test_all_features_are_alive_and_the_card_is_true(name):
    dataset, described = build("datasets", name), frozen.card(name)
    if problem := dataset.problem():
        pytest.skip(problem)
    test = load(dataset).test
    extractor = frozen.load_extractor(name)
    features = extractor.features(test).double()
    assert features.shape[1] == described["features"] == int(torch.linalg.matrix_rank(features.T.cov()))
    assert float(features.std(0).min()) > 0.5
    with torch.inference_mode():
        right = extractor.network.logits(test).argmax(1) == dataset.classes("test")
    # Ties apart, the card's accuracy is measured on the same images with the same weights.
    assert float(right.double().mean()) == pytest.approx(described["accuracy on test"], abs=2e-3)
    assert described["accuracy on test"] > 0.9
    assert importlib.util.find_spec(described["command"].split()[2])


def test_they_stay_small():
    assert sum(file.stat().st_size for file in frozen.FOLDER.iterdir()) < 2_000_000


@pytest.mark.parametrize("damage", ["flipped", "missing"])
def test_other_weights_are_refused(damage, tmp_path, monkeypatch):
    for file in frozen.FOLDER.glob("digits.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "digits.pt"
    if damage == "missing":
        weights.unlink()
    else:
        data = bytearray(weights.read_bytes())
        data[len(data) // 2] ^= 1
        weights.write_bytes(data)
    monkeypatch.setattr(frozen, "FOLDER", tmp_path)
    frozen.load_extractor.cache_clear()
    with pytest.raises(ConfigError, match=r"digits\.pt is (damaged or altered|missing).*could not be compared"):
        FID().against(Digits(), "validation")
    frozen.load_extractor.cache_clear()


def test_training_is_deterministic_and_writes_a_true_card(tmp_path):
    recipe = Recipe(n_features=16, epochs=2)
    cards = [train("digits", tmp_path / str(i), recipe) for i in (0, 1)]
    assert cards[0] == cards[1] == json.loads((tmp_path / "0" / "digits.json").read_text())
    assert (tmp_path / "0" / "digits.pt").read_bytes() == (tmp_path / "1" / "digits.pt").read_bytes()
    assert cards[0]["accuracy on test"] > 0.7


class TestSpectrum:
    X = torch.rand(5, 2, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    @pytest.mark.parametrize("width", [6, 7])
    def test_it_keeps_lengths_and_no_shift_changes_it(self, width):
        x = self.X[..., :width]
        spectrum = frozen.load_extractor("spectrum").features(x)
        assert spectrum.shape == (5, 2 * 6 * (width // 2 + 1))
        torch.testing.assert_close(spectrum.norm(dim=1), x.flatten(1).norm(dim=1))
        torch.testing.assert_close(frozen.load_extractor("spectrum").features(x.roll((2, 3), (-2, -1))), spectrum)

    def test_what_is_near_in_pixels_is_near_in_it(self):
        features = frozen.load_extractor("spectrum").features(self.X)
        inside, outside = torch.pdist(features), torch.pdist(self.X.flatten(1))
        assert bool((inside <= outside + 1e-12).all())
        assert float(inside.min()) > 0.1  # other images have other spectra

    def test_each_channel_counts_by_itself(self):
        swapped = frozen.load_extractor("spectrum").features(self.X.flip(1))
        assert not torch.allclose(swapped, frozen.load_extractor("spectrum").features(self.X))

    def test_a_protocol_names_it(self):
        described = frozen.load_extractor("spectrum").described
        assert (described["extractor"], described["weights"], described["resize"]) == ("spectrum", "spectrum", "none")

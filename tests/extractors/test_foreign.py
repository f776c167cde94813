"""Feature networks that do not ship, with small networks in the place of Inception."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torchmetrics.image.fid import FrechetInceptionDistance

from gensweep.datasets.base import load
from gensweep.datasets.digits import Digits
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.errors import ConfigError
from gensweep.extractors import foreign, frozen
from gensweep.extractors.trust import VARIABLE
from gensweep.metrics.base import scorer
from gensweep.metrics.fid import FID
from gensweep.metrics.kid import KID
from tests.metrics.conftest import Drawn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


class StandIn(torch.nn.Module):
    """What NVIDIA's file takes and gives: three channels from 0 to 255, and features where they are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 12, 3)
        self.dropout = torch.nn.Dropout(0.5)

    def forward(self, images: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        if not return_features:
            return torch.zeros(images.shape[0], 1008)
        features: torch.Tensor = self.dropout(self.convolution((images - 128) / 128).relu().mean([2, 3]))
        return features


class Plain(torch.nn.Module):
    """Any network: the features of its input, with dropout while it trains."""

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(channels, 6, 3)
        self.dropout = torch.nn.Dropout(0.5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.dropout(self.convolution(images).tanh().mean([2, 3]))
        return features


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    frozen.load_extractor.cache_clear()
    scorer.cache_clear()
    yield
    frozen.load_extractor.cache_clear()
    scorer.cache_clear()


@pytest.fixture
def inception(tmp_path, monkeypatch) -> Path:
    torch.manual_seed(0)
    file = tmp_path / "somewhere.pt"
    torch.jit.script(StandIn().train()).save(str(file))
    monkeypatch.setattr(foreign, "INCEPTION_SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    monkeypatch.setattr(foreign, "INCEPTION_ADDRESS", (tmp_path / "nothing").as_uri())
    monkeypatch.delenv("GENSWEEP_INCEPTION", raising=False)
    return file


def scripted(folder: Path, network: torch.nn.Module, **card: object) -> str:
    file = folder / "network.pt"
    torch.jit.script(network).save(str(file))
    os.environ[VARIABLE] = hashlib.sha256(file.read_bytes()).hexdigest()  # trusted
    if card:
        (folder / "network.json").write_text(json.dumps(card))
    return f"file:{file}"


def drawn(n: int) -> torch.Tensor:
    return load(Digits()).test[torch.arange(n) % 400]


class TestInception:
    def test_it_is_found_by_path_by_environment_and_in_the_cache(self, inception, own_cache, monkeypatch):
        by_path = FID(extractor=f"inception:{inception}").against(Digits(), "test").protocol
        monkeypatch.setenv("GENSWEEP_INCEPTION", str(inception))
        by_environment = FID(extractor="inception").against(Digits(), "test").protocol
        monkeypatch.delenv("GENSWEEP_INCEPTION")
        kept = own_cache.parent / "extractors" / "inception-2015-12-05.pt"
        kept.parent.mkdir(parents=True)
        kept.write_bytes(inception.read_bytes())
        frozen.load_extractor.cache_clear()
        by_cache = FID(extractor="inception").against(Digits(), "test").protocol
        assert by_path == by_environment == by_cache
        content = by_path.content
        assert (content["extractor"], content["weights"]) == ("inception", foreign.INCEPTION_SHA256[:8])
        assert "299" in content["resize"]
        assert content["input"] == [0, 255, "rounded"]
        assert str(inception) not in json.dumps(content)

    def test_kid_says_in_its_protocol_that_it_takes_the_features_as_they_are(self, inception):
        chosen = {
            name: KID(extractor=name).against(Digits(), "test").protocol for name in (f"inception:{inception}", "auto")
        }
        assert [one.content["standardise"] for one in chosen.values()] == [False, True]

    def test_it_is_downloaded_once_and_verified(self, inception, own_cache, monkeypatch):
        monkeypatch.setattr(foreign, "INCEPTION_ADDRESS", inception.as_uri())
        FID(extractor="inception").against(Digits(), "test")
        kept = own_cache.parent / "extractors" / "inception-2015-12-05.pt"
        assert kept.read_bytes() == inception.read_bytes()
        assert [file.name for file in kept.parent.iterdir()] == [kept.name]
        monkeypatch.setattr(foreign, "INCEPTION_ADDRESS", "file:///nowhere")
        frozen.load_extractor.cache_clear()
        FID(extractor="inception").against(Digits(), "test")

    def test_another_download_is_thrown_away(self, inception, own_cache, tmp_path, monkeypatch):
        (tmp_path / "other").write_bytes(b"<html>")
        monkeypatch.setattr(foreign, "INCEPTION_ADDRESS", (tmp_path / "other").as_uri())
        with pytest.raises(ConfigError, match=r"SHA-256.*GENSWEEP_INCEPTION=PATH"):
            FID(extractor="inception").against(Digits(), "test")
        assert not list((own_cache.parent / "extractors").iterdir())

    def test_nothing_anywhere_says_where_to_put_it(self, inception):
        with pytest.raises(ConfigError, match=r"inception-2015-12-05\.pt is not in .*extractor: inception:PATH"):
            FID(extractor="inception").against(Digits(), "test")

    def test_another_file_is_refused(self, inception):
        inception.write_bytes(inception.read_bytes() + b" ")
        with pytest.raises(ConfigError, match=r"somewhere\.pt has SHA-256 .* use another network as"):
            FID(extractor=f"inception:{inception}").against(Digits(), "test")

    def test_the_known_hash_is_the_published_files(self):
        # As k-diffusion and others record it; the file itself is not here.
        assert foreign.INCEPTION_SHA256.startswith("f58cb9b6ec323ed6")
        assert len(foreign.INCEPTION_SHA256) == 64

    def test_grey_images_are_tiled_and_mapped_to_bytes_and_the_score_is_torchmetrics(self, inception):
        bound = scorer(FID(extractor=f"inception:{inception}", n_fake=300), Digits(), "test")
        network = torch.jit.load(str(inception)).eval()

        class Features(torch.nn.Module):
            def forward(self, images):
                return network(images.float(), return_features=True)

        theirs = FrechetInceptionDistance(feature=Features(), input_img_size=(3, 8, 8)).set_dtype(torch.float64)
        for images, is_real in ((load(Digits()).test, True), (load(Digits()).train[:300], False)):
            theirs.update((images * 255).round().to(torch.uint8).expand(-1, 3, -1, -1), real=is_real)
        found = bound.score(Drawn(lambda n: load(Digits()).train[:n])).value
        assert found == pytest.approx(float(theirs.compute()), rel=1e-6)

    def test_it_is_in_evaluation_mode_whatever_the_caller_does(self, inception):
        extractor = frozen.load_extractor(f"inception:{inception}", (0.0, 1.0))
        first = extractor.features(drawn(50))
        extractor.network.train()
        assert torch.equal(extractor.features(drawn(50)), first)

    @pytest.mark.parametrize("factor", [255, -0.1, 1.01])
    def test_an_image_outside_its_range_is_an_error(self, inception, factor):
        bound = scorer(FID(extractor=f"inception:{inception}"), Digits(), "test")
        with pytest.raises(ConfigError, match=r"declared to lie in \[0, 1\] and these reach from"):
            bound.score(Drawn(lambda n: factor * drawn(n)))

    def test_vectors_do_not_fit(self):
        assert "images" in FID(extractor="inception").misfit(GaussianMixture())


class TestProblem:
    """What `gensweep check` asks: nothing is loaded, and nothing downloaded."""

    def test_inception_is_no_problem_where_it_is_or_can_be_fetched(self, inception, own_cache, tmp_path, monkeypatch):
        assert FID(extractor=f"inception:{inception}").problem() is None
        monkeypatch.setenv("GENSWEEP_INCEPTION", str(inception))
        assert FID(extractor="inception").problem() is None
        monkeypatch.delenv("GENSWEEP_INCEPTION")
        (tmp_path / "served").write_bytes(b"weights")
        monkeypatch.setattr(foreign, "INCEPTION_ADDRESS", (tmp_path / "served").as_uri())
        assert FID(extractor="inception").problem() is None
        kept = own_cache.parent / "extractors" / foreign.INCEPTION_FILE
        assert not kept.exists(), "asked for, and not fetched"
        monkeypatch.setattr(foreign, "INCEPTION_ADDRESS", (tmp_path / "away").as_uri())
        kept.parent.mkdir(parents=True)
        kept.write_bytes(inception.read_bytes())
        assert FID(extractor="inception").problem() is None

    def test_inception_that_cannot_be_had_is_a_problem_with_the_cures(self, inception, own_cache, monkeypatch):
        problem = FID(extractor="inception").problem()
        assert problem.startswith(f"metric fid: extractor inception: {foreign.INCEPTION_FILE} is not in ")
        assert "does not answer" in problem
        assert problem.endswith("name it: `extractor: inception:PATH` or GENSWEEP_INCEPTION=PATH.")
        monkeypatch.setenv("GENSWEEP_INCEPTION", "/nowhere.pt")
        assert "/nowhere.pt: no such file. Check GENSWEEP_INCEPTION, or" in FID(extractor="inception").problem()
        assert "/other.pt: no such file. Check the path, or" in KID(extractor="inception:/other.pt").problem()

    def test_a_file_is_there_and_holds_a_network_and_its_card_can_be_read(self, tmp_path):
        name = scripted(tmp_path, Plain(), range=[-1, 1])
        assert FID(extractor=name).problem() is None
        (tmp_path / "network.json").write_text("{")
        assert "network.json: no JSON" in FID(extractor=name).problem()
        (tmp_path / "network.pt").write_bytes(b"nothing")
        assert "holds no network, neither TorchScript nor torch.export" in FID(extractor=name).problem()
        (tmp_path / "network.pt").unlink()
        assert "no such file" in FID(extractor=name).problem()

    @pytest.mark.parametrize("name", ["auto", "identity", "digits"])
    def test_those_that_ship_have_none(self, name):
        assert FID(extractor=name).problem() is None


class TestFile:
    def test_torchscript_exported_and_another_card_have_protocols_of_their_own(self, tmp_path):
        torch.manual_seed(0)
        network = Plain()
        extractor = scripted(tmp_path, network)
        plain = scorer(FID(extractor=extractor), Digits(), "test")
        program = torch.export.export(
            network.eval(), (torch.zeros(4, 1, 8, 8),), dynamic_shapes={"images": {0: torch.export.Dim("n")}}
        )
        torch.export.save(program, tmp_path / "network.pt2")
        exported = scorer(FID(extractor=f"file:{tmp_path / 'network.pt2'}"), Digits(), "test")
        model = Drawn(drawn)
        assert exported.score(model).value == pytest.approx(plain.score(model).value, rel=1e-5, abs=1e-9)
        assert plain.protocol.content["extractor"] == exported.protocol.content["extractor"] == "file"
        assert plain.protocol.hash != exported.protocol.hash
        frozen.load_extractor.cache_clear()
        scripted(tmp_path, network, range=[-1, 1], size=16, resize="bicubic", antialias=True)
        resized = FID(extractor=extractor).against(Digits(), "test").protocol.content
        assert resized["resize"] == "bicubic to 16 × 16, antialias on"
        assert resized["input"] == [-1, 1, "exact"]

    def test_range_size_and_channels_are_prepared_as_the_card_says(self, tmp_path):
        torch.manual_seed(0)
        network = Plain(3)
        name = scripted(tmp_path, network, range=[-1, 1], size=12, channels=3)
        found = frozen.load_extractor(name, (0.0, 1.0)).features(drawn(20))
        images = torch.nn.functional.interpolate(
            (2 * drawn(20) - 1).expand(-1, 3, -1, -1), (12, 12), mode="bilinear", align_corners=False
        )
        with torch.no_grad():
            assert torch.allclose(found, network.eval()(images), atol=1e-6)

    def test_every_feature_metric_takes_it(self, tmp_path):
        found = scorer(KID(extractor=scripted(tmp_path, Plain())), Digits(), "test").score(Drawn(drawn))
        assert abs(found.value) < 1

    @pytest.mark.parametrize(
        ("card", "message"),
        [
            ({"sha256": "0" * 64}, r"network\.pt has SHA-256 .*, not 0000"),
            ({"sizes": 3}, r"network\.json: unknown \['sizes'\]\. A card may say"),
            ({"channels": 3}, r"cannot take items of shape"),
        ],
    )
    def test_a_wrong_card_is_an_error(self, tmp_path, card, message):
        with pytest.raises(ConfigError, match=message):
            FID(extractor=scripted(tmp_path, Plain(), **card)).against(Digits(), "test")

    def test_no_network_in_the_file_or_no_file(self, tmp_path):
        (tmp_path / "network.pt").write_bytes(b"nothing")
        with pytest.raises(ConfigError, match=r"network\.pt .* holds no network, neither TorchScript"):
            FID(extractor=f"file:{tmp_path / 'network.pt'}").against(Digits(), "test")
        with pytest.raises(ConfigError, match=r"missing\.pt cannot be read \(No such file"):
            FID(extractor=f"file:{tmp_path / 'missing.pt'}").against(Digits(), "test")

    def test_one_exported_in_training_mode_is_refused(self, tmp_path):
        program = torch.export.export(
            Plain().train(), (torch.zeros(4, 1, 8, 8),), dynamic_shapes={"images": {0: torch.export.Dim("n")}}
        )
        torch.export.save(program, tmp_path / "network.pt2")
        with pytest.raises(ConfigError, match="training mode"):
            FID(extractor=f"file:{tmp_path / 'network.pt2'}").against(Digits(), "test")

    @pytest.mark.parametrize("name", ["file:", "inception:", "files:x"])
    def test_half_a_name_is_an_error(self, name):
        with pytest.raises(ValidationError, match="unknown extractor"):
            FID(extractor=name)

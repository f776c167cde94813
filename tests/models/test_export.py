"""A model's files: the card, whose lines run, the weights by name, and what is refused; the numbers are a contract's."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from gensweep.configuration import TrialConfiguration
from gensweep.errors import CannotRun, ConfigError
from gensweep.losses import Nets, Noise
from gensweep.models import programs
from gensweep.models.card import card
from gensweep.models.export import NOTE, Exported, export
from gensweep.models.generative import GenerativeModel, load_model
from gensweep.trial import TrainedModel
from tests.without_gensweep import run_without


@pytest.fixture(scope="module")
def model(used: Path) -> GenerativeModel:
    logging.getLogger("torch.__trace").setLevel(
        logging.WARNING
    )  # pytest would keep all that torch notes of its tracing
    return load_model("used/vae", used)


@pytest.fixture(scope="module")
def exported(model: GenerativeModel) -> Exported:
    return export(model, "mine")


def test_the_lines_of_the_card_run_with_torch_alone(exported: Exported, model: GenerativeModel, tmp_path: Path) -> None:
    exported.write(tmp_path, "mine")
    loading = exported.card.partition("## How to load it")[2].partition("## Configuration")[0]
    blocks = re.findall(r"(?:^    .*\n)+", loading, re.MULTILINE)
    lines = [line.removeprefix("    ") for block in blocks for line in block.splitlines()]
    assert len(lines) == 8
    kept = "np.savez('found.npz', first=first, decoded=x, z=z)"
    lines[4:4] = ["import numpy as np", "first, z = x, torch.zeros(64, 3)"]
    run_without("\n".join([*lines, kept]), cwd=tmp_path)
    found = np.load(tmp_path / "found.npz")
    noise = {"latent": torch.randn(64, 3, generator=torch.Generator().manual_seed(0))}
    np.testing.assert_allclose(found["first"], model.trained.drawn(noise), atol=1e-6)
    np.testing.assert_allclose(found["decoded"], model.decode(np.zeros((64, 3))), atol=1e-6)
    assert found["z"].shape == (64, 3)


def test_the_card_says_what_the_model_is_and_what_it_scored(exported: Exported, model: GenerativeModel) -> None:
    text = exported.card
    number = f"{model.scores['sliced_wasserstein']:.4g}"
    digest = model.protocol["sliced_wasserstein"]["data"]
    for said in (
        "vae of digits", f"| {digest} |", f"| {exported.about['checkpoint']} |", f"| {number} |", "float32 [1, 8, 8]",
        "on 2 fresh seeds: sliced_wasserstein on the test split, geometric mean", "95% interval [", model.named.why[1:],
        '"projections": 128', "lr: 0.01" if model.configuration["training"]["optimizer"]["lr"] == 0.01 else "lr: 0.001",
        f"| torch | {torch.__version__} |", "## Licence", "`network.parameter`", "with zeros it is the mean",
    ):  # fmt: skip
        assert said in text, said


@pytest.mark.parametrize(("family", "keeps"), [("memoriser", True), ("parzen", True), ("vae", False)])
def test_a_card_says_where_the_model_holds_training_items(
    family: str, keeps: bool, model: GenerativeModel, exported: Exported
) -> None:
    of = dataclasses.replace(model, configuration={**model.configuration, "family": {"name": family}})
    assert ("| holds | items of its training split" in card(of, exported.about, "mine")) == keeps


def test_a_card_names_no_place_of_this_machine_and_holds_no_tag(model: GenerativeModel, exported: Exported) -> None:
    given = {**model.configuration, "dataset": {"name": "array", "path": "/home/me/secret/mine.npy"}}
    given["evaluation"] = {"metrics": [{"name": "fid", "extractor": "file:/home/me/secret/net.pt2"}, "~/secret/x"]}
    named = dataclasses.replace(model.named, why="<img src=x> | [a](javascript:b)")
    text = card(dataclasses.replace(model, configuration=given, named=named), exported.about, "mine")
    assert "secret" not in text
    assert "path: mine.npy" in text
    assert "extractor: net.pt2" in text
    assert "<img" not in text
    assert "[a](javascript" not in text


def test_weights_stand_under_their_names_with_what_they_are_of(
    exported: Exported, model: GenerativeModel, tmp_path: Path
) -> None:
    exported.write(tmp_path)
    wanted = {f"{n}.{k}": v for n, net in model.game.networks.items() for k, v in net.state_dict().items()}
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert set(file.keys()) == set(wanted)
        for name, value in wanted.items():
            torch.testing.assert_close(file.get_tensor(name), value, rtol=0, atol=0)
        told = file.metadata()
    assert model.named.sweep is not None
    identity = model.named.sweep.identity()
    assert told["family"] == "vae"
    assert told["trial"] == model.name
    assert told["sweep"] == (identity.sweep_id if identity else "")
    assert told["digest"] == json.loads((model.checkpoint / "manifest.json").read_text())["sha256"]


def test_the_archive_says_what_each_method_takes(exported: Exported) -> None:
    with zipfile.ZipFile(io.BytesIO(exported.archive)) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(NOTE)]
        told = json.loads(archive.read(name))
    assert told == exported.about
    assert told["methods"] == {
        "sample": {"latent": {"shape": [3], "law": "normal"}},
        "decode": {"z": {"shape": [3], "law": None}},
        "encode": {"x": {"shape": [1, 8, 8], "law": None}, "posterior": {"shape": [3], "law": "normal"}},
    }


def sampling(model: GenerativeModel, sample: object) -> GenerativeModel:
    """The model of another sampler, with no other methods."""
    game = dataclasses.replace(model.game, sample=sample, decode=None, encode=None, reconstruct=None)
    configuration = TrialConfiguration.model_validate(model.configuration)
    return dataclasses.replace(model, trained=TrainedModel(game, configuration, torch.device("cpu")))


def test_what_torch_cannot_trace_is_refused_with_the_reason(model: GenerativeModel) -> None:
    def sample(nets: Nets, noise: Noise) -> torch.Tensor:
        items = model.game.sample(nets, noise)
        return items if float(items.sum()) > 0 else -items

    with pytest.raises(
        ConfigError, match=r"used/\d+: torch.export cannot trace sample of vae .* gensweep sample used/\d+ -o"
    ):
        export(sampling(model, sample))


def test_a_program_with_other_numbers_is_not_handed_out(
    model: GenerativeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sample(nets: Nets, noise: Noise) -> torch.Tensor:
        return model.game.sample(nets, noise) + (1e-3 if torch.compiler.is_exporting() else 0)

    with pytest.raises(CannotRun, match="exported sample of vae does not give the model's own numbers"):
        export(sampling(model, sample))
    monkeypatch.setattr(programs, "_CLOSE", 1e-2)
    assert set(export(sampling(model, sample)).about["methods"]) == {"sample"}

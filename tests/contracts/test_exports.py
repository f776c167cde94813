"""What every family keeps that leaves gensweep, over the families found in the folder: torch alone gives the same numbers."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
import torch

from gensweep import registry
from gensweep.component import build
from gensweep.configuration import TrialConfiguration
from gensweep.families.base import Family
from gensweep.ledger.checkpoints import Checkpoints
from gensweep.losses import Draw
from gensweep.models.checkpoint import best_of
from gensweep.models.export import export
from gensweep.models.generative import GenerativeModel
from gensweep.models.naming import Named
from gensweep.trainers.streams import draw
from gensweep.trial import TrainedModel, build_game
from tests.without_gensweep import run_without

SMALL = {"hidden": (4,), "channels": 2, "layers": 2, "couplings": 2, "particles": 2}  # fields that make a family large
ROWS = (1, 7)  # a program is traced with other numbers
TORCH_ALONE = """
import json, sys
import numpy as np, torch
from torch.export.pt2_archive._package import load_pt2
found = {}
for path in sys.argv[1:]:
    programs = load_pt2(f"{path}/model.pt2").exported_programs
    first = torch.export.load(f"{path}/model.pt2")
    assert str(first.graph) == str(programs["model"].graph), "torch.export.load gives the program of sample"
    for name, program in programs.items():
        module = program.module()
        arrays = np.load(f"{path}/{'sample' if name == 'model' else name}.npz")
        for n in json.load(open(f"{path}/rows.json")):
            given = [torch.from_numpy(arrays[f"{n}.{i}"]) for i in range(len(arrays.files) // 2 - 1)]
            items = module(*given).numpy()
            found[f"{path} {name} {n}"] = [float(np.abs(items - arrays[f"{n}.wanted"]).max()), list(items.shape)]
print(json.dumps(found))
"""
DATA: dict[str, dict[str, Any]] = {
    "vectors": {"dataset": {"name": "ring", "n_train": 60, "n_validation": 20, "n_test": 20}},
    "images": {"dataset": "digits"},
}


def node_of(name: str) -> dict[str, Any]:
    fields = registry.load("families", name).model_fields
    return {"name": name, **{field: value for field, value in SMALL.items() if field in fields}}


def model_of(name: str, data: str, folder: Path, network: Mapping[str, Any]) -> GenerativeModel:
    """A model that was not trained."""
    configuration = TrialConfiguration.model_validate({
        "network": network, "latent_size": 3, "family": node_of(name), "seed": 0,
        "training": {"epochs": 1, "batch_size": 8}, "evaluation": {"metrics": ["sliced_wasserstein"]}, **DATA[data],
    })  # fmt: skip
    Checkpoints(folder / "checkpoints").save(1, {"state.pt": b""}, best=True)
    trained = TrainedModel(build_game(configuration), configuration, torch.device("cpu"))
    return GenerativeModel(Named(name, folder, best_of(folder), None), trained, configuration.dump(), {}, {})


def fits(name: str, data: str) -> bool:
    family = cast(Family, build("families", {"name": name}))
    return family.misfit((2,) if data == "vectors" else (1, 8, 8), None if data == "vectors" else (0.0, 1.0)) is None


CASES = [f"{name}-{data}" for name in registry.names("families") for data in DATA if fits(name, data)]
CONVOLUTIONS = "vae-convolutions"


def is_quick(case: str) -> bool:
    """On images, families on the trial's network differ from that on vectors by this network alone, and one case has it."""
    name, _, data = case.partition("-")
    return data != "images" or "network" in cast(type[Family], registry.load("families", name)).ignores


QUICK = [*filter(is_quick, CASES), CONVOLUTIONS]
SLOW = [case for case in CASES if not is_quick(case)]


def wanted(model: GenerativeModel, method: str, given: list[torch.Tensor], names: list[str]) -> np.ndarray[Any, Any]:
    """What the model itself makes of these tensors."""
    noise = dict(zip(names, given, strict=True))
    if method == "sample":
        return model.trained.drawn(noise).numpy()
    if method == "decode":
        return model.decode(given[0])
    assert model.game.encode is not None
    with torch.no_grad():
        return model.game.encode(model.game.networks, noise.pop("x"), noise).numpy()


def left(model: GenerativeModel, folder: Path) -> list[str]:
    """Export a model, and write what it makes of some tensors beside it; its methods."""
    found = export(model)
    found.write(folder)
    for method, inputs in found.about["methods"].items():
        arrays = {}
        for n in ROWS:
            given = [
                torch.from_numpy(model.sample(n)) if name == "x"
                else draw(Draw(tuple(one["shape"]), one["law"] or "normal"), 100 + i, n)
                for i, (name, one) in enumerate(inputs.items())
            ]  # fmt: skip
            arrays |= {f"{n}.{i}": values.numpy() for i, values in enumerate(given)}
            arrays[f"{n}.wanted"] = wanted(model, method, given, list(inputs))
        np.savez(folder / f"{method}.npz", **arrays)
    (folder / "rows.json").write_text(json.dumps(ROWS))
    game, methods = model.game, list(found.about["methods"])
    assert methods == ["sample", *["decode"] * (game.decode is not None), *["encode"] * (game.encode is not None)]
    return methods


class Left(NamedTuple):
    """Where each case was exported to, what torch alone found there, and the methods that each was exported with."""

    root: Path
    found: dict[str, Any]
    methods: dict[str, list[str]]


def all_left(root: Path, cases: list[str]) -> Left:
    logging.getLogger("torch.__trace").setLevel(
        logging.WARNING
    )  # pytest would keep all that torch notes of its tracing
    methods = {}
    for case in cases:
        (name, _, data), folder = case.partition("-"), root / case
        folder.mkdir()
        network = {"name": "conv", "channels": 2} if case == CONVOLUTIONS else {"name": "mlp", "hidden": [4]}
        methods[case] = left(model_of(name, "vectors" if data == "vectors" else "images", folder, network), folder)
    return Left(root, json.loads(run_without(TORCH_ALONE, *(str(root / case) for case in cases))), methods)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Left:
    return all_left(tmp_path_factory.mktemp("exports"), QUICK)


def check(exports: Left, case: str) -> None:
    shape = [2] if case.endswith("vectors") else [1, 8, 8]
    for method in exports.methods[case]:
        for n in ROWS:
            where = f"{exports.root / case} {'model' if method == 'sample' else method} {n}"
            difference, got = exports.found[where]
            assert difference <= 1e-6, where
            assert got == [n, *shape] or (method == "encode" and got[0] == n)


@pytest.mark.parametrize("case", QUICK)
def test_torch_alone_gives_the_numbers_of_the_model(quick: Left, case: str) -> None:
    check(quick, case)


@pytest.mark.slow  # a second of tracing for each
def test_torch_alone_gives_the_numbers_of_the_model_on_images(tmp_path: Path) -> None:
    exports = all_left(tmp_path, SLOW)
    assert SLOW
    for case in SLOW:
        check(exports, case)


def test_what_was_traced_tells_nothing_of_this_machine(quick: Left) -> None:
    here = str(Path(registry.__file__).parent).encode()
    for case in quick.methods:
        content = (quick.root / case / "model.pt2").read_bytes()
        assert not [word for word in (here, b"gensweep.families", b"gensweep.layers") if word in content]

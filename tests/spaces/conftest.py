"""A third party's members, installed as any distribution with entry points is, and a folder to write files in."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gensweep import registry

MEMBERS = """
from typing import Annotated, Any, ClassVar, Literal
from pydantic import Field
from gensweep.component import Component, Member
from gensweep.datasets.base import Dataset
from gensweep.divergences.base import Divergence
from gensweep.families.base import Family
from gensweep.metrics.base import Metric
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer

class Near(Divergence):
    name: Literal["near"] = "near"
    kernel: Literal["imq", "rbf"] = "imq"
    bandwidth: float = Field(1.0, gt=0)
    def penalty(self, x, y, nets, noise, knobs): return x.sum()

class Far(Divergence):
    name: Literal["far"] = "far"
    projections: int = Field(50, ge=1)
    def penalty(self, x, y, nets, noise, knobs): return x.sum()

class Coder(Family):
    name: Literal["coder"] = "coder"
    weight: float = Field(1.0, gt=0, alias="lambda")
    divergence: Annotated[Divergence, Member("divergences")] = Near()
    summary: ClassVar[str] = "for tests"
    paper: ClassVar[str] = "none"
    default_optimizer: ClassVar[dict[str, Any]] = {"name": "walk", "lr": 0.01}
    def game(self, setting): raise AssertionError

class Rival(Family):
    name: Literal["rival"] = "rival"
    moves: int = Field(1, ge=1)
    summary: ClassVar[str] = "for tests"
    paper: ClassVar[str] = "none"
    default_optimizer: ClassVar[dict[str, Any]] = {"name": "walk", "lr": 0.02}
    def game(self, setting): raise AssertionError
    def misfit(self, shape, bounds):
        return "rival needs pictures. Take another family" if len(shape) != 3 else None

class Plane(Dataset):
    name: Literal["plane"] = "plane"
    dimensions: int = Field(2, ge=1)
    @property
    def shape(self): return (self.dimensions,)
    @property
    def bounds(self): return None
    def problem(self): return "plane.bin is missing. Run `make plane`" if self.dimensions == 3 else None
    def read(self): raise AssertionError

class Picture(Dataset):
    name: Literal["picture"] = "picture"
    pixels: int = Field(8, ge=1)
    @property
    def shape(self): return (1, self.pixels, self.pixels)
    @property
    def bounds(self): return (0.0, 1.0)
    def read(self): raise AssertionError

class Layers(Network):
    name: Literal["layers"] = "layers"
    hidden: tuple[int, ...] = (8,)
    def decoder(self, latent_size, shape): raise AssertionError
    def encoder(self, shape, n_outputs): raise AssertionError

class Stride(Network):
    name: Literal["stride"] = "stride"
    channels: int = 8
    def decoder(self, latent_size, shape): raise AssertionError
    def encoder(self, shape, n_outputs): raise AssertionError
    def misfit(self, shape): return "stride takes pictures only" if len(shape) != 3 else None

class Gap(Metric):
    name: Literal["gap"] = "gap"
    mode: ClassVar[Literal["min", "max"]] = "min"
    def against(self, dataset, split): raise AssertionError

class Recall(Metric):
    name: Literal["recall"] = "recall"
    mode: ClassVar[Literal["min", "max"]] = "max"
    def against(self, dataset, split): raise AssertionError
    def misfit(self, dataset): return "recall needs pictures" if len(dataset.shape) != 3 else None

class Watch(Metric):
    name: Literal["watch"] = "watch"
    mode: ClassVar[Literal["min", "max"]] = "max"
    is_quality: ClassVar[bool] = False
    def against(self, dataset, split): raise AssertionError

class Walk(Optimizer):
    name: Literal["walk"] = "walk"
    def over(self, parameters, lr_ratio): raise AssertionError
"""
ENTRIES = {
    "families": ["coder", "rival"],
    "divergences": ["near", "far"],
    "datasets": ["plane", "picture"],
    "networks": ["layers", "stride"],
    "metrics": ["gap", "recall", "watch"],
    "optimizers": ["walk"],
}
STUDY = """\
defaults: [base, dataset: drawn, _self_]
name: study
objective: {metric: gap}
search: {sampler: random, samples: 5, seed: 1}
early_stopping: {name: asha, grace_period: 3}
trial:
  network: {name: layers, hidden: choice([8], [8, 8])}
  latent_size: choice(2, 4)
  family:
    one_of:
      - name: coder
        lambda: loguniform(0.1, 10)
        divergence:
          one_of:
            - {name: near, kernel: choice(imq, rbf)}
            - {name: far, projections: int(10, 50)}
      - {name: rival, moves: choice(1, 5)}
  training: {epochs: 10, optimizer: {lr: loguniform(1e-4, 1e-2)}}
  evaluation: {metrics: [gap]}
"""


@pytest.fixture(scope="session")
def _distribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site")
    (site / "toy_members.py").write_text(MEMBERS)
    info = site / "toy_members-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-members\nVersion: 1.0\n")
    groups = (
        f"[gensweep.{kind}]\n" + "".join(f"{name} = toy_members:{name.capitalize()}\n" for name in names)
        for kind, names in ENTRIES.items()
    )
    (info / "entry_points.txt").write_text("\n".join(groups))
    return site


@pytest.fixture
def third_party(_distribution: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a third party's members, installed for one test."""
    monkeypatch.syspath_prepend(str(_distribution))
    importlib.invalidate_caches()
    registry._plugins.cache_clear()
    yield _distribution
    registry._plugins.cache_clear()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a file into the working folder and gives its path as a user would type it."""
    monkeypatch.chdir(tmp_path)

    def _write(text: str, name: str = "study.yaml") -> Path:
        file = Path(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return _write


@pytest.fixture
def study(third_party: Path, write: Callable[..., Path]) -> Path:
    """A sweep over the third party's members, with a group of its own beside it: dataset=plane, dataset=drawn."""
    write("# @package trial.dataset\nname: picture\npixels: 16\n", "dataset/drawn.yaml")
    write("# @package trial.dataset\nname: plane\n", "dataset/plane.yaml")
    return write(STUDY)
